# SPDX-License-Identifier: Apache-2.0
"""The chart, and helm, which renders it."""

import os
import pathlib
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CHART = ROOT / "deploy" / "helm" / "keda-gpu-scaler"
VALUES = ROOT / "deploy" / "helm" / "values"
RELEASE, NAMESPACE = "keda-gpu-scaler", "keda"

# Every way of deploying that is documented, by the arguments of helm.
CASES = {
    "default": [],
    "node": ["-f", VALUES / "node.yaml"],
    "gke": ["-f", VALUES / "gke.yaml"],
    "oke": ["-f", VALUES / "oke.yaml"],
    "tls": ["-f", VALUES / "tls.yaml"],
    "all": ["--set", "kedaTls.enabled=true,mig.monitor=true,perProcess=true",
            "--set", "serviceMonitor.enabled=true,networkPolicy.hubEgress[0].ports[0].port=53",
            "--set", "hub.namespaces={team-a,team-b},hub.namedEndpointsSecret=endpoints",
            "--set", "serviceNames={scaler.example.com,gpu},keda.namespace=keda-system",
            "--set", "agent.alwaysRead={pcie_tx_kbps,pcie_rx_kbps}",
            "--set", "agent.extraArgs={--sampling-interval=1s},hub.extraArgs={--stream-max-age=1m}",
            "--set", "agent.securityContext.seLinuxOptions.type=spc_t",
            "--set", "service.headless=false"],
    "node-guarded": ["--set", "mode=node,networkPolicy.enabled=true,serviceMonitor.enabled=true"],
    "cert-manager": ["--set", "agentTls.source=certManager,agentTls.issuerRef.name=fleet",
                     "--set", "agentTls.issuerRef.kind=ClusterIssuer,agentTls.caConfigMap=fleet-ca",
                     "--set", "kedaTls.enabled=true,kedaTls.source=certManager",
                     "--set", "kedaTls.issuerRef.name=keda"],
    "own-secrets": ["--set", "agentTls.source=secret,agentTls.secretName=hub",
                    "--set", "agentTls.caConfigMap=hub-ca,kedaTls.enabled=true",
                    "--set", "kedaTls.source=secret,kedaTls.secretName=hub-keda",
                    "--set", "kedaTls.clientSecretName=keda-client"],
    "insecure": ["--set", "agentTls.source=insecure"],
}


def helm_program():
    """The path of helm, as tests/deploy/helm/build makes it, or None."""
    cache = pathlib.Path(os.environ.get("E2E_CACHE", "~/.cache/keda-gpu-scaler/e2e")).expanduser()
    path = cache / "bin" / "helm"
    return path if path.exists() else None


def run_helm(*arguments, env=None):
    """Runs helm to its end, with no cluster but that of `env`."""
    program = helm_program()
    assert program, "no helm: run tests/deploy/helm/build"
    kept = {key: value for key, value in os.environ.items()
            if key != "KUBECONFIG" and not key.startswith("HELM_")}
    return subprocess.run([program, *map(str, arguments)], cwd=ROOT, env={**kept, **(env or {})},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120,
                          check=False)


def render(*arguments, namespace=NAMESPACE, release=RELEASE):
    """The objects of `helm template`."""
    done = run_helm("template", release, CHART, "--namespace", namespace, *arguments)
    assert done.returncode == 0, done.stderr
    return load(done.stdout)


def refusal(*arguments):
    """What `helm template` says where it must refuse."""
    done = run_helm("template", RELEASE, CHART, "--namespace", NAMESPACE, *arguments)
    assert done.returncode != 0, done.stdout
    return done.stderr


def load(text):
    return [one for one in yaml.load_all(text, Loader=yaml.CSafeLoader) if one]


def load_file(path):
    return load(path.read_text(encoding="utf-8"))


def find(objects, kind, name=None):
    """The one object of that kind and name, as of `RELEASE`-`name`."""
    full = f"{RELEASE}-{name}" if name else None
    found = [one for one in objects if one["kind"] == kind
             and full in (None, one["metadata"]["name"])]
    assert len(found) == 1, f"{kind} {full}: {[one['metadata']['name'] for one in found]}"
    return found[0]


def containers(objects):
    """Every container of the rendered workloads."""
    return [container for one in objects if one["kind"] in ("Deployment", "DaemonSet")
            for container in one["spec"]["template"]["spec"]["containers"]]
