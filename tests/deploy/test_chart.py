# SPDX-License-Identifier: Apache-2.0
"""What the chart renders. Needs helm."""

import base64
import concurrent.futures
import json

import pytest
import yaml
from chart import (CASES, CHART, NAMESPACE, RELEASE, ROOT, containers, find, refusal, render,
                   run_helm)
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

KUBERNETES = [f"1.{minor}.0" for minor in range(24, 35)]
# Those that are tried with each of them; the others with the first and the last.
DOCUMENTED = ("default", "node", "gke", "oke", "tls")
# What Kubernetes 1.24 serves, and what is asked for by a value.
CORE = {"v1", "apps/v1", "policy/v1", "networking.k8s.io/v1", "rbac.authorization.k8s.io/v1"}
CUSTOM = {"keda.sh/v1alpha1", "monitoring.coreos.com/v1", "cert-manager.io/v1"}
CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding", "ClusterTriggerAuthentication"}


def pod(workload):
    return workload["spec"]["template"]["spec"]


def agent_of(*arguments):
    return pod(find(render(*arguments), "DaemonSet"))


@pytest.mark.parametrize("case", CASES)
def test_every_version_of_kubernetes(case):
    """Lint and template, and for each version the same objects, which 1.24 has too."""
    def one(version):
        lint = run_helm("lint", "--strict", CHART, "--kube-version", version, *CASES[case])
        assert lint.returncode == 0, f"{version}: {lint.stdout}{lint.stderr}"
        return render("--kube-version", version, *CASES[case])
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        versions = KUBERNETES if case in DOCUMENTED else KUBERNETES[::len(KUBERNETES) - 1]
        rendered = list(pool.map(one, versions))
    for objects in rendered:
        assert {one["apiVersion"] for one in objects} <= CORE | CUSTOM
        # Certificates are new at each.
        kinds = [[one for one in some if one["kind"] not in ("Secret", "ConfigMap")]
                 for some in (objects, rendered[0])]
        assert kinds[0] == kinds[1]


def test_older_kubernetes_is_refused():
    assert "incompatible with Kubernetes v1.23" in refusal("--kube-version", "1.23.0")


def test_the_plain_command():
    """--set KEY=true is a boolean, and the selector's values are text."""
    selector = agent_of("--set", r"nodeSelector.nvidia\.com/gpu\.present=true")["nodeSelector"]
    assert selector == {"nvidia.com/gpu.present": "true"}
    assert agent_of("--set", "nodeSelector.gpus=8")["nodeSelector"]["gpus"] == "8"
    assert agent_of()["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    without = agent_of("--set", r"nodeSelector.nvidia\.com/gpu\.present=null")
    assert "nodeSelector" not in without


@pytest.mark.parametrize("wrong, named", [
    ("nodeSelector=gpu", "/nodeSelector"),
    ("nodeSelector.gpu.present=true", "/nodeSelector/gpu"),
    ("hub.replica=3", "replica"),
    ("mode=fleet", "/mode"),
    ("kedaTls.source=insecure", "/kedaTls/source"),
    ("hub.extraArgs={log-level}", "/hub/extraArgs"),
    ("tollerations=x", "tollerations"),
    ("agentTls.source=secret", "set agentTls.secretName"),
    ("agentTls.source=certManager,agentTls.caConfigMap=a", "set agentTls.issuerRef.name"),
    ("agentTls.source=certManager,agentTls.issuerRef.name=a", "set agentTls.caConfigMap"),
    ("kedaTls.enabled=true,kedaTls.source=secret", "set kedaTls."),
    # Rather than a port that is plaintext all the same.
    ("mode=node,kedaTls.enabled=true", "kedaTls.enabled is for mode hub"),
    ("hub.drainSeconds=26", "hub.terminationGracePeriodSeconds is 30"),
])
def test_a_wrong_value_is_refused_by_name(wrong, named):
    assert named in refusal("--set", wrong)


def test_null_takes_a_value_away():
    empty = ("affinity", "tolerations", "nodeSelector", "commonLabels", "serviceNames",
             "imagePullSecrets", "agent.securityContext", "agent.resources", "agent.extraArgs",
             "agent.updateStrategy", "hub.affinity", "hub.namespaces", "hub.resources", "rbac.scale",
             "networkPolicy.metricsFrom", "networkPolicy.hubEgress")
    assert render("--set", ",".join(f"{name}=null" for name in empty))


def test_the_default_values_are_what_the_schema_allows_and_no_more():
    """Each value is in the schema, and the schema knows no other."""
    def compare(values, schema, path=""):
        if schema.get("additionalProperties") is False and isinstance(values, dict):
            known = set(schema["properties"]) - {"global"}
            optional = {"claims"} if path.endswith(".resources") else set()
            assert set(values) <= known, path
            if path not in (".agentTls.issuerRef", ".kedaTls.issuerRef") and \
                    not path.endswith("rollingUpdate"):
                assert known - optional == set(values), path
            for key, value in values.items():
                compare(value, schema["properties"][key], f"{path}.{key}")
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    compare(values, schema)


@pytest.mark.parametrize("case", CASES)
def test_every_object_is_in_the_namespace(case):
    for one in render(*CASES[case]):
        if one["kind"] in CLUSTER_WIDE:
            assert "namespace" not in one["metadata"]
        else:
            assert one["metadata"]["namespace"] in (
                {NAMESPACE, "team-a", "team-b", "keda-system"} if case == "all" else {NAMESPACE})
        assert one["metadata"]["labels"]["app.kubernetes.io/part-of"] == "keda-gpu-scaler"
        assert one["kind"] != "Namespace"


def test_mode_node_is_a_daemonset_and_a_service():
    objects = render("--set", "mode=node")
    assert sorted(one["kind"] for one in objects) == ["DaemonSet", "Service"]
    assert "clusterIP" not in find(objects, "Service")["spec"]
    assert find(objects, "Service")["metadata"]["name"] == "keda-gpu-scaler"
    spec = pod(find(objects, "DaemonSet"))
    assert spec["containers"][0]["args"][0] == "--kubeconfig=none"
    assert spec["automountServiceAccountToken"] is False and "serviceAccountName" not in spec
    # Nobody asks the kubelet, so that nothing takes root.
    assert not spec["volumes"]
    assert spec["containers"][0]["securityContext"]["runAsUser"] == 65532
    mig = agent_of("--set", "mode=node,mig.monitor=true")["containers"][0]["securityContext"]
    assert mig["runAsUser"] == 0


@pytest.mark.parametrize("case", CASES)
def test_selectors_find_their_pods(case):
    """Each Service, policy and budget has pods, each target port is a port of theirs, and each
    scaler's selector is of its own pods alone."""
    objects = render(*CASES[case])
    pods = [one["spec"]["template"] for one in objects
            if one["kind"] in ("Deployment", "DaemonSet")]

    def selected(selector):
        return [one for one in pods if selector.items() <= one["metadata"]["labels"].items()]

    for one in objects:
        spec = one.get("spec", {})
        if one["kind"] == "Service":
            found = selected(spec["selector"])
            assert len(found) == 1
            names = {port["name"] for port in found[0]["spec"]["containers"][0]["ports"]}
            assert {port["targetPort"] for port in spec["ports"]} <= names
        elif one["kind"] in ("Deployment", "DaemonSet", "PodDisruptionBudget"):
            assert len(selected(spec["selector"]["matchLabels"])) == 1
        elif one["kind"] == "NetworkPolicy":
            assert len(selected(spec["podSelector"]["matchLabels"])) == 1


def test_the_services_of_hubs_are_headless():
    objects = render()
    keda = next(one for one in objects if one["metadata"]["name"] == RELEASE)
    agents = find(objects, "Service", "agents")
    assert keda["spec"]["clusterIP"] == agents["spec"]["clusterIP"] == "None"
    assert [port["port"] for port in keda["spec"]["ports"]][0] == 6000
    # A hub is warm before it answers, and no KEDA is sent to one that is not ready.
    assert agents["spec"]["publishNotReadyAddresses"] is True
    assert "publishNotReadyAddresses" not in keda["spec"]


def test_agents_are_given_little():
    spec = agent_of()
    assert spec["automountServiceAccountToken"] is False and "hostPID" not in spec
    assert not spec.get("hostNetwork") and spec["runtimeClassName"] == "nvidia"
    container, = spec["containers"]
    assert container["securityContext"] == {
        "runAsUser": 0, "runAsGroup": 0, "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"}}
    assert all(mount["readOnly"] for mount in container["volumeMounts"])
    assert [one["hostPath"]["path"] for one in spec["volumes"] if "hostPath" in one] == [
        "/var/lib/kubelet/pod-resources"]
    assert {"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"} in container["env"]
    # Of the CA nothing but its certificate, and no Secret.
    assert not any("secret" in one for one in spec["volumes"])
    token = next(one for one in spec["volumes"] if one["name"] == "token")
    assert token["projected"]["sources"][0]["serviceAccountToken"]["audience"] == "keda-gpu-scaler"


def test_what_takes_more_is_asked_for():
    mig = agent_of("--set", "mig.monitor=true")["containers"][0]
    assert mig["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["SYS_ADMIN"]}
    assert {"name": "NVIDIA_MIG_MONITOR_DEVICES", "value": "all"} in mig["env"]
    by_process = agent_of("--set", "perProcess=true")
    assert by_process["hostPID"] is True
    assert "--per-process" in by_process["containers"][0]["args"]
    assert "--per-process" not in agent_of()["containers"][0]["args"]
    gke = agent_of("--set", "platform=gke")
    assert gke["containers"][0]["securityContext"]["privileged"] is True
    assert "runtimeClassName" not in gke and "nodeSelector" not in gke
    assert "/home/kubernetes/bin/nvidia" in [one["hostPath"]["path"] for one in gke["volumes"]
                                             if "hostPath" in one]
    assert "gke-accelerator" in json.dumps(gke["affinity"])
    term = "podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]"
    both = agent_of("--set", f"platform=gke,affinity.{term}.topologyKey=zone")["affinity"]
    assert both["nodeAffinity"] == gke["affinity"]["nodeAffinity"] and "podAntiAffinity" in both


def test_hubs_are_no_root_and_have_their_token_and_certificates_alone():
    objects = render("--set", "kedaTls.enabled=true")
    spec = pod(find(objects, "Deployment"))
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert [one["secret"]["secretName"] for one in spec["volumes"]] == [
        "keda-gpu-scaler-agents-tls", "keda-gpu-scaler-keda-tls"]
    container, = spec["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "5"]
    assert find(objects, "Deployment")["spec"]["replicas"] == 2
    assert {one["topologyKey"] for one in spec["topologySpreadConstraints"]} == {
        "kubernetes.io/hostname", "topology.kubernetes.io/zone"}
    assert find(objects, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def rules(role):
    return {(group, resource): set(rule["verbs"]) for rule in role["rules"]
            for group in rule["apiGroups"] for resource in rule["resources"]}


def of_tokens(objects):
    """What the hub may in the agents' namespace."""
    return rules(find(objects, "Role", "hub-agents"))


def test_hubs_may_read_what_they_need_and_write_nothing():
    read = {"list", "watch"}
    expected = {("keda.sh", "scaledobjects"): read, ("keda.sh", "scaledjobs"): read,
                ("", "pods"): read, ("", "services"): read,
                ("apps", "deployments"): read, ("apps", "statefulsets"): read,
                ("apps", "replicasets"): read, ("resource.k8s.io", "resourceslices"): read,
                ("*", "*/scale"): {"get"},
                ("authentication.k8s.io", "tokenreviews"): {"create"}}
    assert rules(find(render(), "ClusterRole")) == expected
    binding = find(render(), "ClusterRoleBinding")
    assert [one["name"] for one in binding["subjects"]] == ["keda-gpu-scaler-hub"]
    assert of_tokens(render()) == {("", "pods"): {"get"}}
    insecure = rules(find(render("--set", "agentTls.source=insecure"), "ClusterRole"))
    assert ("authentication.k8s.io", "tokenreviews") not in insecure


def test_hubs_of_some_namespaces_may_read_in_those_alone():
    objects = render("--set", "hub.namespaces={team-a,team-b}")
    assert set(rules(find(objects, "ClusterRole"))) == {
        ("", "services"), ("resource.k8s.io", "resourceslices"),
        ("authentication.k8s.io", "tokenreviews")}
    roles = {one["metadata"]["namespace"]: rules(one) for one in objects if one["kind"] == "Role"}
    assert set(roles) == {"team-a", "team-b", NAMESPACE}
    assert roles[NAMESPACE] == {("", "pods"): {"get"}}
    assert ("keda.sh", "scaledobjects") in roles["team-a"]
    assert "--namespaces=team-a,team-b" in pod(find(objects, "Deployment"))["containers"][0]["args"]
    bound = {(one["metadata"]["namespace"], one["roleRef"]["name"])
             for one in objects if one["kind"] == "RoleBinding"}
    assert bound == {(one["metadata"]["namespace"], one["metadata"]["name"])
                     for one in objects if one["kind"] == "Role"}


def sources(policy, port):
    """Who may reach the port; None where nobody may."""
    found = [rule["from"] for rule in policy["spec"]["ingress"]
             if port in [one["port"] for one in rule["ports"]]]
    assert len(found) <= 1
    return found[0] if found else None


def test_who_reaches_what():
    objects = render("--set", "keda.namespace=keda-system",
                     "--set-json", "networkPolicy.metricsFrom=[]")
    hub = find(objects, "NetworkPolicy", "hub")
    assert sources(hub, 6000) == [{"namespaceSelector": {
        "matchLabels": {"kubernetes.io/metadata.name": "keda-system"}}}]
    agents = sources(hub, 6001)[0]["podSelector"]["matchLabels"]
    daemonset = find(objects, "DaemonSet")["spec"]["template"]["metadata"]["labels"]
    assert agents.items() <= daemonset.items()
    assert len(hub["spec"]["ingress"]) == 2 and hub["spec"]["policyTypes"] == ["Ingress"]
    assert find(objects, "NetworkPolicy", "agent")["spec"]["ingress"] == []
    # By default others may read the metrics, but no hub those of another.
    hub = find(render(), "NetworkPolicy", "hub")
    expression, = sources(hub, 9090)[0]["podSelector"]["matchExpressions"]
    labels = find(render(), "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert expression["operator"] == "NotIn" and labels[expression["key"]] in expression["values"]


def test_every_container_is_named_by_the_image():
    for container in containers(render("--set", "image.repository=registry.example/kgs")):
        version = (ROOT / "VERSION").read_text(encoding="utf-8").strip()
        assert container["image"] == f"registry.example/kgs:v{version}"
    digest = "sha256:" + 64 * "a"
    for container in containers(render("--set", f"image.digest={digest}")):
        assert container["image"] == f"keda-gpu-scaler@{digest}"


def certificate(data):
    return x509.load_pem_x509_certificate(base64.b64decode(data))


def is_issued_by(leaf, authority):
    authority.public_key().verify(leaf.signature, leaf.tbs_certificate_bytes,
                                  ec.ECDSA(leaf.signature_hash_algorithm))
    return leaf.issuer == authority.subject


def dns_names(leaf):
    extension = leaf.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    return extension.value.get_values_for_type(x509.DNSName)


def test_the_charts_certificates():
    objects = render("--set", "kedaTls.enabled=true,serviceNames={scaler.example.com}")
    hub = pod(find(objects, "Deployment"))
    agents, keda = (find(objects, "Secret", one)["data"] for one in ("agents-tls", "keda-tls"))
    client = find(objects, "Secret", "keda-client")["data"]
    for secret in (agents, keda, client):
        leaf = certificate(secret["tls.crt"])
        assert is_issued_by(leaf, certificate(secret["ca.crt"]))
        key = serialization.load_pem_private_key(base64.b64decode(secret["tls.key"]), None)
        assert key.public_key().public_numbers() == leaf.public_key().public_numbers()
        usages = leaf.extensions.get_extension_for_oid(ExtensionOID.EXTENDED_KEY_USAGE).value
        assert {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH} >= set(usages)
    # Agents find the name that they want.
    flags = dict(one.split("=", 1) for one in agent_of()["containers"][0]["args"][1:])
    assert flags["--hub-server-name"] in dns_names(certificate(agents["tls.crt"]))
    service = find(objects, "Service", "agents")["metadata"]["name"]
    assert flags["--hub"] == f"{service}:6001"
    # KEDA finds any name by which triggers are this hub's.
    names = next(one for one in hub["containers"][0]["args"] if one.startswith("--service-names="))
    for name in names.removeprefix("--service-names=").split(","):
        assert name in dns_names(certificate(keda["tls.crt"]))
    assert "keda-gpu-scaler.keda.svc" in dns_names(certificate(keda["tls.crt"]))
    # An agents' certificate is nobody to KEDA's port, and its CA's key is nowhere mounted.
    assert agents["ca.crt"] != keda["ca.crt"] == client["ca.crt"]
    assert find(objects, "ConfigMap")["data"]["ca.crt"].encode() == base64.b64decode(
        agents["ca.crt"])
    for workload in (hub, pod(find(objects, "DaemonSet"))):
        assert "-ca" not in json.dumps([one.get("secret") for one in workload["volumes"]])


def test_certificates_end_long_before_their_ca():
    """Which is kept over upgrades, while they are made anew."""
    objects = render("--set", "agentTls.validityDays=30,kedaTls.enabled=true")
    for name, days in (("agents-tls", 30), ("keda-tls", 3650), ("keda-client", 3650)):
        secret = find(objects, "Secret", name)["data"]
        leaf, authority = certificate(secret["tls.crt"]), certificate(secret["ca.crt"])
        assert (leaf.not_valid_after - leaf.not_valid_before).days == days
        assert (authority.not_valid_after - leaf.not_valid_after).days > 50 * 365
    assert "/agentTls/validityDays" in refusal("--set", "agentTls.validityDays=3651")


def test_keda_is_given_its_certificate():
    objects = render("--set", "kedaTls.enabled=true,keda.namespace=keda-system")
    secret = find(objects, "Secret", "keda-client")
    assert secret["metadata"]["namespace"] == "keda-system"
    asked = find(objects, "ClusterTriggerAuthentication")["spec"]["secretTargetRef"]
    assert {one["parameter"] for one in asked} == {"caCert", "tlsClientCert", "tlsClientKey"}
    assert all(one["name"] == secret["metadata"]["name"] and one["key"] in secret["data"]
               for one in asked)
