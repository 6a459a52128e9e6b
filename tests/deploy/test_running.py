# SPDX-License-Identifier: Apache-2.0
"""What helm installs, run as plain processes at a real kube-apiserver: the arguments, certificates,
accounts and roles of the chart, from an agent's GPU to KEDA's call.

Needs helm and the programs of tests/e2e/kubernetes/build.
"""

import base64
import contextlib
import copy

import externalscaler_pb2_grpc
import grpc
import pytest
from chart import CHART, NAMESPACE, RELEASE, run_helm
from fake_driver import FakeNvml, Gpu
from fake_kubelet import FakeKubelet
from fleet_processes import Hub
from harness import BINARY, FAKE_NVML, PATIENCE_S, Answering, Program, refusal, wait_until
from kube_credentials import write_kubeconfig
from real_kube_api import RealKubeApi

NODE = "node-a"
METADATA = {"scalerAddress": f"{RELEASE}.{NAMESPACE}.svc:6000", "profile": "triton-inference"}
RBAC = "/apis/rbac.authorization.k8s.io/v1"
ROLE = f"{RBAC}/clusterroles/{RELEASE}-hub"
TOKENS_ROLE = f"{RBAC}/namespaces/{NAMESPACE}/roles/{RELEASE}-hub-agents"


class Api(RealKubeApi):
    def _server_flags(self):
        return ("--allow-privileged=true",)


@pytest.fixture(scope="module")
def api():
    """An API server with a workload, whose one pod has a GPU of NODE."""
    with Api() as one:
        one.put("Deployment", "team", "web", spec={"replicas": 1})
        one.set_pod("team", "web-0", node=NODE, labels={"app": "web"})
        one.put("ScaledObject", "team", "web", spec={
            "scaleTargetRef": {"kind": "Deployment", "name": "web"},
            "triggers": [{"type": "external", "metricType": "Value", "metadata": METADATA}]})
        one.admin.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        one.admin.call("POST", "/apis/node.k8s.io/v1/runtimeclasses",
                       {"metadata": {"name": "nvidia"}, "handler": "nvidia"})
        yield one


@pytest.fixture(scope="module")
def release(api, tmp_path_factory):
    config = api.kubeconfig(tmp_path_factory.mktemp("helm") / "config", user="admin")
    done = run_helm("install", RELEASE, CHART, "--namespace", NAMESPACE, "--set",
                    "kedaTls.enabled=true", env={"KUBECONFIG": str(config)})
    assert done.returncode == 0, done.stderr


def workload(api, kind, name):
    where = f"/apis/apps/v1/namespaces/{NAMESPACE}/{kind}/{RELEASE}-{name}"
    return api.admin.get(where)["spec"]["template"]


def token(api, account, **spec):
    where = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{account}/token"
    return api.admin.call("POST", where, {"spec": spec})["status"]["token"]


def data_of(api, kind, name):
    """The files of a Secret or ConfigMap."""
    found = api.admin.get(f"/api/v1/namespaces/{NAMESPACE}/{kind}/{name}")["data"]
    if kind == "secrets":
        return {key: base64.b64decode(value) for key, value in found.items()}
    return {key: value.encode() for key, value in found.items()}


def mount(api, pod, folder):
    """Writes what the kubelet would mount: by each path in the container, the folder with it."""
    spec = pod["spec"]
    places = {}
    for volume in spec["volumes"]:
        place = folder / volume["name"]
        place.mkdir(parents=True)
        if "secret" in volume:
            files = data_of(api, "secrets", volume["secret"]["secretName"])
            items = volume["secret"].get("items")
        elif "configMap" in volume:
            files = data_of(api, "configmaps", volume["configMap"]["name"])
            items = volume["configMap"].get("items")
        elif "projected" in volume:
            wanted = volume["projected"]["sources"][0]["serviceAccountToken"]
            bound = {"apiVersion": "v1", "kind": "Pod", "name": pod["metadata"]["name"],
                     "uid": pod["metadata"]["uid"]}
            made = token(api, spec["serviceAccountName"], audiences=[wanted["audience"]],
                         expirationSeconds=wanted["expirationSeconds"], boundObjectRef=bound)
            files, items = {wanted["path"]: made.encode()}, None
        else:
            continue
        for item in items or [{"key": key, "path": key} for key in files]:
            (place / item["path"]).write_bytes(files[item["key"]])
        places[volume["name"]] = place
    return {one["mountPath"]: places[one["name"]]
            for one in spec["containers"][0]["volumeMounts"] if one["name"] in places}


def arguments(pod, mounts):
    """The container's, with its paths as they are here."""
    result = []
    for argument in pod["spec"]["containers"][0]["args"]:
        for path, place in mounts.items():
            argument = argument.replace(path, str(place))
        result.append(argument)
    return result


class InstalledHub(Hub):
    """The hub of the release, asked as KEDA asks."""

    def __init__(self, api, folder):  # pylint: disable=super-init-not-called
        template = workload(api, "deployments", "hub")
        self._keda = data_of(api, "secrets", f"{RELEASE}-keda-client")
        account = template["spec"]["serviceAccountName"]
        config = write_kubeconfig(folder / "config", api.server, api.ca(),
                                  {"token": token(api, account)})
        flags = arguments(template, mount(api, template, folder / "hub"))
        Answering.__init__(self, [
            BINARY, *flags, "--kubeconfig", str(config), "--bind-address", self.address,
            "--port", "auto", "--agent-port", "auto", "--metrics-port", "auto",
            "--probe-port", "auto", "--debug-port", "auto"])

    def _connect(self):
        keda = self._keda
        self.channel = self.channel_with(grpc.ssl_channel_credentials(
            keda["ca.crt"], keda["tls.key"], keda["tls.crt"]))
        grpc.channel_ready_future(self.channel).result(timeout=PATIENCE_S)
        self.keda = externalscaler_pb2_grpc.ExternalScalerStub(self.channel)

    def channel_with(self, credentials):
        host = METADATA["scalerAddress"].split(":", maxsplit=1)[0]
        return grpc.secure_channel(f"{self.address}:{self.port}", credentials, [
            ("grpc.ssl_target_name_override", host), ("grpc.use_local_subchannel_pool", 1)])

    def stranger(self):
        """One who knows the CA, and has no certificate of it."""
        return self.channel_with(grpc.ssl_channel_credentials(self._keda["ca.crt"]))


@contextlib.contextmanager
def installed_agent(api, hub, folder, names_node=True):
    """The agent of the release, in a pod on NODE, whose one GPU is at 92 %. Its token names the node,
    or does not, as before Kubernetes 1.30."""
    template = workload(api, "daemonsets", "agent")
    pod = {"metadata": {"name": "agent-a", "labels": template["metadata"]["labels"]},
           "spec": {**copy.deepcopy(template["spec"]), "nodeName": NODE}}
    api.admin.request("DELETE", f"/api/v1/namespaces/{NAMESPACE}/pods/agent-a",
                      gracePeriodSeconds=0)
    pod = api.admin.call("POST", f"/api/v1/namespaces/{NAMESPACE}/pods", pod)
    mounts = mount(api, pod, folder / "agent")
    if not names_node:
        (mounts["/var/run/secrets/keda-gpu-scaler"] / "token").write_text(api.account_token(
            NAMESPACE, pod["spec"]["serviceAccountName"], "keda-gpu-scaler", "agent-a",
            names_node=False), encoding="utf-8")
    flags = arguments(pod, mounts)
    gpu = Gpu(0, gpu_util=92, memory_total_mib=81920, memory_used_mib=1024, power_mw=100000)
    driver = FakeNvml(folder, [gpu])
    with FakeKubelet(folder) as kubelet:
        kubelet.pods = {("team", "web-0"): {"nvidia.com/gpu": [gpu.uuid]}}
        with Program(
                [BINARY, *flags, f"--hub={hub.address}:{hub.agent_port}",
                 "--pod-resources-socket", str(kubelet.socket), "--nvml-library", FAKE_NVML,
                 "--bind-address", "127.0.0.1",
                 "--metrics-port", "auto", "--probe-port", "auto", "--sampling-interval", "100ms"],
                {"NODE_NAME": NODE, **driver.environment()}) as agent:
            yield agent


@pytest.mark.usefixtures("release")
def test_from_the_gpu_to_keda(api, tmp_path):
    with InstalledHub(api, tmp_path) as hub, installed_agent(api, hub, tmp_path):
        hub.asked_by("team", "web").wait_value(92, **METADATA)
        assert hub.asked_by("team", "web").is_active(**METADATA)
        # Nobody else may ask.
        with hub.stranger() as channel:
            keda = externalscaler_pb2_grpc.ExternalScalerStub(channel)
            stranger = type(hub.asked_by("team", "web"))(keda, "team", "web")
            assert refusal(grpc.StatusCode.UNAVAILABLE, stranger.value, **METADATA)


@pytest.mark.usefixtures("release")
def test_a_token_that_names_no_node_is_that_of_its_pods(api, tmp_path):
    with InstalledHub(api, tmp_path) as hub, installed_agent(api, hub, tmp_path, names_node=False):
        hub.asked_by("team", "web").wait_value(92, **METADATA)


# The rights that test_access.py does not take away: where, of what, and whether the token names its
# node.
@pytest.mark.parametrize("role, resource, names_node", [
    (ROLE, "tokenreviews", True), (TOKENS_ROLE, "pods", False)], ids=["reviews", "pods"])
@pytest.mark.usefixtures("release")
def test_without_the_right_no_agent_is_believed(api, tmp_path, role, resource, names_node):
    rules = api.admin.get(role)["rules"]
    kept = [rule for rule in rules if rule["resources"] != [resource]]
    assert len(kept) == len(rules) - 1

    def set_rules(value):
        api.admin.call("PATCH", role, {"rules": value}, content_type="application/merge-patch+json")
    set_rules(kept)
    try:
        with InstalledHub(api, tmp_path) as hub, \
                installed_agent(api, hub, tmp_path, names_node) as agent:
            said = wait_until(lambda: agent.logged("no stream to a hub"), "a refusal")
            assert any(resource in str(line) and "RBAC does not allow it" in str(line)
                       for line in said + hub.log()), said
            assert hub.gauge("agents_connected") == 0
    finally:
        set_rules(rules)
