# SPDX-License-Identifier: Apache-2.0
"""What a real kube-apiserver makes of the chart, the manifests and the examples.

Needs helm, Go and the programs of tests/e2e/kubernetes/build.
"""

import base64
import copy
import json
import shlex
import subprocess

import keda_crds
import pytest
import yaml
from chart import CASES, CHART, NAMESPACE, RELEASE, ROOT, load, load_file, render, run_helm
from kube_client import ApiError
from real_kube_api import RealKubeApi

# Of whose objects the chart makes some: module, version, and where its definitions are.
OPERATORS = [
    ("github.com/cert-manager/cert-manager", "v1.21.2",
     "deploy/crds/cert-manager.io_certificates.yaml"),
    ("github.com/prometheus-operator/prometheus-operator", "v0.85.0",
     "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"),
]
NAMESPACES = (NAMESPACE, "keda-system", "team-a", "team-b", "inference", "training", "batch")
COMMAND = ("helm install keda-gpu-scaler deploy/helm/keda-gpu-scaler --namespace keda "
           r'--set nodeSelector."nvidia\.com/gpu\.present"=true')
EXAMPLES = sorted((ROOT / "deploy" / "examples").glob("*.yaml"))


class Cluster(RealKubeApi):
    """A server that says of any object whether it would be accepted."""

    def _server_flags(self):
        # As every cluster has; without it no policy of a namespace is asked.
        return ("--allow-privileged=true",)

    def __enter__(self):
        super().__enter__()
        self._paths = {}
        for module, version, path in OPERATORS:
            text = (keda_crds.module_folder(module, version) / path).read_text(encoding="utf-8")
            definition = yaml.load(text, Loader=yaml.CSafeLoader)
            self.admin.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
                            definition)
            names = definition["spec"]["names"]
            group = definition["spec"]["group"]
            where = f"/apis/{group}/v1/{names['plural']}"
            self.wait(lambda where=where: self.admin.request("GET", where).status == 200, where)
        for name in NAMESPACES:
            self.admin.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        self.admin.call("POST", "/apis/node.k8s.io/v1/runtimeclasses",
                        {"metadata": {"name": "nvidia"}, "handler": "nvidia"})
        return self

    def path(self, one):
        """The collection that the object is created in."""
        version, kind = one["apiVersion"], one["kind"]
        prefix = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if prefix not in self._paths:
            found = self.admin.get(prefix)["resources"]
            self._paths[prefix] = {row["kind"]: row for row in found if "/" not in row["name"]}
        row = self._paths[prefix][kind]
        if not row["namespaced"]:
            return f"{prefix}/{row['name']}"
        return f"{prefix}/namespaces/{one['metadata']['namespace']}/{row['name']}"

    def try_out(self, one, path=None):
        """A server-side dry run that refuses unknown and repeated fields."""
        body = json.dumps(one).encode()
        return self.admin.call("POST", path or self.path(one), body, dryRun="All",
                               fieldValidation="Strict")


@pytest.fixture(scope="module")
def cluster():
    with Cluster() as one:
        yield one


@pytest.mark.parametrize("case", CASES)
def test_every_object_is_accepted(cluster, case):
    for one in render(*CASES[case]):
        cluster.try_out(one)


def test_the_manifests_are_accepted(cluster):
    made = subprocess.run([ROOT / "scripts" / "agent-certificates"], stdout=subprocess.PIPE,
                          text=True, check=True).stdout
    for one in load_file(ROOT / "deploy" / "manifests.yaml") + load(made):
        cluster.try_out(one)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_accepted(cluster, path):
    for one in load_file(path):
        cluster.try_out(one)


def test_what_is_wrong_is_refused(cluster):
    """Or the tests above would say nothing."""
    daemonset = next(one for one in render() if one["kind"] == "DaemonSet")
    wrong = copy.deepcopy(daemonset)
    wrong["spec"]["template"]["spec"]["nodeSelektor"] = {}
    with pytest.raises(ApiError, match="unknown field"):
        cluster.try_out(wrong)
    wrong = copy.deepcopy(daemonset)
    wrong["spec"]["template"]["spec"]["nodeSelector"] = {"nvidia.com/gpu.present": True}
    with pytest.raises(ApiError, match="nodeSelector"):
        cluster.try_out(wrong)
    monitor = next(one for one in render(*CASES["all"]) if one["kind"] == "ServiceMonitor")
    monitor["spec"]["endpoints"][0]["honourLabels"] = True
    with pytest.raises(ApiError, match="unknown field"):
        cluster.try_out(monitor)


def pod_of(workload):
    template = workload["spec"]["template"]
    return {"apiVersion": "v1", "kind": "Pod", "spec": template["spec"],
            "metadata": {"name": "pod", "labels": template["metadata"]["labels"]}}


def test_the_pod_security_standards(cluster):
    """Hubs pass `restricted`, and so does mode node. Agents need the kubelet's socket, and nothing
    else that `baseline` forbids."""
    for level in ("restricted", "baseline"):
        cluster.admin.call("POST", "/api/v1/namespaces", {"metadata": {
            "name": level, "labels": {"pod-security.kubernetes.io/enforce": level}}})
    for case in ("default", "tls"):
        objects = render(*CASES[case])
        hub = next(one for one in objects if one["kind"] == "Deployment")
        cluster.try_out(pod_of(hub), "/api/v1/namespaces/restricted/pods")
        agent = next(one for one in objects if one["kind"] == "DaemonSet")
        with pytest.raises(ApiError) as refusal:
            cluster.try_out(pod_of(agent), "/api/v1/namespaces/baseline/pods")
        message = refusal.value.answer.json()["message"]
        assert message.count("hostPath volumes") == 1 and ", " not in message.split("latest\": ")[1]
    node = next(one for one in render(*CASES["node"]) if one["kind"] == "DaemonSet")
    cluster.try_out(pod_of(node), "/api/v1/namespaces/restricted/pods")


# The release in a cluster.


@pytest.fixture(scope="module")
def helm(cluster, tmp_path_factory):
    """Runs helm against the cluster."""
    config = cluster.kubeconfig(tmp_path_factory.mktemp("helm") / "config", user="admin")

    def run(*arguments):
        done = run_helm(*arguments, "--namespace", NAMESPACE, env={"KUBECONFIG": str(config)})
        assert done.returncode == 0, done.stderr
        return done.stdout
    return run


def secret(cluster, name, namespace=NAMESPACE):
    found = cluster.admin.get(f"/api/v1/namespaces/{namespace}/secrets/{RELEASE}-{name}")
    return found["data"]


def test_the_release(cluster, helm):
    """The shortest command as it is, upgrades that keep what must be kept, and the end."""
    notes = helm(*shlex.split(COMMAND)[1:])
    assert "keda-gpu-scaler.keda.svc:6000" in notes
    assert "has no RuntimeClass nvidia" not in notes
    daemonset = cluster.admin.get(
        f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets/{RELEASE}-agent")
    assert daemonset["spec"]["template"]["spec"]["nodeSelector"] == {
        "nvidia.com/gpu.present": "true"}
    authority, agents = secret(cluster, "agents-ca"), secret(cluster, "agents-tls")

    # Nothing changes of certificates where nothing needs to.
    notes = helm("upgrade", RELEASE, CHART, "--set", "kedaTls.enabled=true,runtimeClassName=other")
    assert "has no RuntimeClass other" in notes and "authenticationRef" in notes
    assert secret(cluster, "agents-ca") == authority
    assert secret(cluster, "agents-tls") == agents
    keda, client = secret(cluster, "keda-tls"), secret(cluster, "keda-client")

    # Another name: another certificate of the same CA.
    helm("upgrade", RELEASE, CHART, "--set",
         "kedaTls.enabled=true,serviceNames={gpu.example.com}")
    renewed = secret(cluster, "keda-tls")
    assert renewed["tls.crt"] != keda["tls.crt"] and renewed["ca.crt"] == keda["ca.crt"]
    assert secret(cluster, "keda-client") == client
    assert secret(cluster, "agents-tls") == agents

    # Past half of its time: the same.
    where = f"/api/v1/namespaces/{NAMESPACE}/secrets/{RELEASE}-agents-tls"
    cluster.admin.call("PATCH", where, {"metadata": {"annotations": {
        "keda-gpu-scaler/issued": "1000000000"}}}, content_type="application/merge-patch+json")
    helm("upgrade", RELEASE, CHART)
    renewed = secret(cluster, "agents-tls")
    assert renewed["tls.crt"] != agents["tls.crt"] and renewed["ca.crt"] == agents["ca.crt"]
    found = cluster.admin.get(
        f"/api/v1/namespaces/{NAMESPACE}/configmaps/{RELEASE}-agents-ca")
    assert found["data"]["ca.crt"].encode() == base64.b64decode(agents["ca.crt"])

    helm("uninstall", RELEASE)
    left = cluster.admin.request("GET", where)
    assert left.status == 404
    assert cluster.admin.request("GET", f"/api/v1/namespaces/{NAMESPACE}").status == 200


def test_a_cluster_without_the_runtime_class_is_warned_of(helm):
    notes = helm("install", "other", CHART, "--set", "runtimeClassName=absent", "--dry-run=server")
    assert "has no RuntimeClass absent" in notes


def test_a_keda_elsewhere_is_warned_of(cluster, helm):
    """The NetworkPolicy would keep it out, and nothing else would say so."""
    def warned(*arguments):
        return "no Deployment keda-operator in namespace" in helm(
            "install", "other", CHART, "--dry-run=server", *arguments)
    assert warned()
    labels = {"app": "keda-operator"}
    cluster.admin.call("POST", "/apis/apps/v1/namespaces/keda-system/deployments", {
        "metadata": {"name": "keda-operator"}, "spec": {
            "selector": {"matchLabels": labels}, "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "keda-operator", "image": "keda"}]}}}})
    assert warned() and not warned("--set", "keda.namespace=keda-system")


def test_a_damaged_ca_is_said(cluster, helm):
    """Rather than a new CA that no agent knows."""
    helm("install", RELEASE, CHART)
    where = f"/api/v1/namespaces/{NAMESPACE}/secrets/{RELEASE}-agents-ca"
    cluster.admin.call("PATCH", where, {"data": {"ca.key": None}},
                       content_type="application/merge-patch+json")
    with pytest.raises(AssertionError, match="has no ca.crt or no ca.key"):
        helm("upgrade", RELEASE, CHART)
    helm("uninstall", RELEASE)
