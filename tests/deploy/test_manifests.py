# SPDX-License-Identifier: Apache-2.0
"""deploy/manifests.yaml and what deploys it, with a kubectl that writes down what it is told."""

import base64
import os
import subprocess

import pytest
from chart import CHART, ROOT, VALUES, containers, find, helm_program, load, load_file
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID

MANIFESTS = ROOT / "deploy" / "manifests.yaml"
VERSION = (ROOT / "VERSION").read_text(encoding="utf-8").strip()


def script(name, *arguments, env=None, status=0):
    done = subprocess.run([ROOT / "scripts" / name, *arguments], env={**os.environ, **(env or {})},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120,
                          check=False)
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr


def test_the_chart_is_of_this_version():
    chart, = load_file(CHART / "Chart.yaml")
    assert (chart["version"], chart["appVersion"]) == (VERSION, VERSION)


@pytest.mark.parametrize("path", [CHART / "values.yaml", *sorted(VALUES.glob("*.yaml"))],
                         ids=lambda path: path.stem)
def test_values_are_yaml(path):
    assert len(load_file(path)) == 1


def test_manifests_are_up_to_date():
    if helm_program() is None:
        pytest.skip("no helm: run tests/deploy/helm/build")
    assert script("manifests", "-") == MANIFESTS.read_text(encoding="utf-8"), "run make manifests"


def test_deleting_them_deletes_no_keda():
    objects = load_file(MANIFESTS)
    assert len(objects) > 8
    for one in objects:
        assert one["kind"] != "Namespace"
        if one["kind"] not in ("ClusterRole", "ClusterRoleBinding"):
            assert one["metadata"]["namespace"] == "keda"


def test_they_have_no_key_of_anybody():
    assert not [one for one in load_file(MANIFESTS) if one["kind"] == "Secret"]
    assert "PRIVATE KEY" not in MANIFESTS.read_text(encoding="utf-8")


def test_the_certificates_are_what_they_mount():
    secret, authority = load(script("agent-certificates"))
    ca = x509.load_pem_x509_certificate(authority["data"]["ca.crt"].encode())
    leaf = x509.load_pem_x509_certificate(base64.b64decode(secret["data"]["tls.crt"]))
    ca.public_key().verify(leaf.signature, leaf.tbs_certificate_bytes,
                           ec.ECDSA(leaf.signature_hash_algorithm))
    key = serialization.load_pem_private_key(base64.b64decode(secret["data"]["tls.key"]), None)
    assert key.public_key().public_numbers() == leaf.public_key().public_numbers()

    objects = load_file(MANIFESTS)
    hub, agent = (find(objects, kind)["spec"]["template"]["spec"]
                  for kind in ("Deployment", "DaemonSet"))
    assert [one["secret"]["secretName"] for one in hub["volumes"]] == [secret["metadata"]["name"]]
    assert authority["metadata"]["name"] in [
        one["configMap"]["name"] for one in agent["volumes"] if "configMap" in one]
    flags = dict(one.split("=", 1) for one in agent["containers"][0]["args"][1:])
    names = leaf.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    assert flags["--hub-server-name"] in names.get_values_for_type(x509.DNSName)


@pytest.fixture
def kubectl(tmp_path):
    """An environment with a kubectl that keeps what it applies in files, and finds the certificates
    that the file `found` lists; with "unreachable" in it, none can be asked for."""
    program = tmp_path / "kubectl"
    program.write_text(f"""#!/bin/sh
cd {tmp_path}
echo "$*" >>calls
case "$*" in
  *secret/*) if grep -qs unreachable found; then exit 1; elif test -e found; then cat found; fi ;;
  apply*) n=$(ls | grep -c applied); cat >applied-$n.yaml ;;
esac
""", encoding="utf-8")
    program.chmod(0o755)
    return {"PATH": f"{tmp_path}:{os.environ['PATH']}"}


def test_deploying_makes_certificates_and_takes_the_image(kubectl, tmp_path):
    image = "registry.example/team/keda-gpu-scaler:v0.1.0-rc.1"
    script("deploy", image, env=kubectl)
    made, deployed = (load_file(tmp_path / f"applied-{number}.yaml") for number in (0, 1))
    assert [one["kind"] for one in made] == ["Secret", "ConfigMap"]
    assert [one["image"] for one in containers(deployed)] == [image, image]
    assert len(deployed) == len(load_file(MANIFESTS))


CERTIFICATES = ["secret/keda-gpu-scaler-agents-tls", "configmap/keda-gpu-scaler-agents-ca"]


def test_deploying_again_keeps_certificates(kubectl, tmp_path):
    (tmp_path / "found").write_text("\n".join(CERTIFICATES), encoding="utf-8")
    script("deploy", "registry.example/keda-gpu-scaler@sha256:" + 64 * "a", env=kubectl)
    assert find(load_file(tmp_path / "applied-0.yaml"), "Deployment")
    assert not (tmp_path / "applied-1.yaml").exists()


@pytest.mark.parametrize("found", CERTIFICATES)
def test_half_of_the_certificates_is_none(kubectl, tmp_path, found):
    """The other half is of no use: the CA's key is gone."""
    (tmp_path / "found").write_text(found, encoding="utf-8")
    script("deploy", "registry.example/keda-gpu-scaler:v1", env=kubectl)
    made = load_file(tmp_path / "applied-0.yaml")
    assert [one["kind"] for one in made] == ["Secret", "ConfigMap"]


def test_no_new_certificates_where_the_old_cannot_be_asked_for(kubectl, tmp_path):
    (tmp_path / "found").write_text("unreachable", encoding="utf-8")
    script("deploy", "registry.example/keda-gpu-scaler:v1", env=kubectl, status=1)
    assert not (tmp_path / "applied-0.yaml").exists()


@pytest.mark.parametrize("arguments", [(), ("keda-gpu-scaler",), ("a|b:c",)])
def test_deploying_wants_an_image(kubectl, tmp_path, arguments):
    assert "which image" in script("deploy", *arguments, env=kubectl, status=2)
    assert not (tmp_path / "calls").exists()
