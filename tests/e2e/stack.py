# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes control plane with KEDA as plain processes on loopback: no kubelet, no containers.

etcd, kube-apiserver and kube-controller-manager, KEDA's operator and its metrics adapter, as
kubernetes/build and keda/build make them. Who plays the kubelet: kubelet.py.
"""

import base64

from kube_credentials import write_kubeconfig
from mirror import Mirror
from ports import free_ports
from private_hosts import PrivateHosts
from real_kube_api import RealKubeApi, program
from security import AGENTS, AUDIENCE

# The HPA's clocks, scaled down from 15 s and 5 minutes. KEDA's polling goes with them.
HPA_SYNC_S = 2
DOWNSCALE_STABILIZATION_S = 10

# Both hub replicas of any fleet, for those who see the stack's /etc/hosts.
HUBS = "hubs.test"
HUB_ADDRESSES = ("127.0.0.1", "127.0.0.2")

_CONTROLLERS = ("deployment-controller", "replicaset-controller", "statefulset-controller",
                "job-controller", "garbage-collector-controller",
                "horizontal-pod-autoscaler-controller")
_NAMES = ("keda-operator.keda.svc", "keda-metrics-apiserver.keda.svc")
_MIRRORED = {
    "pods": "/api/v1/pods",
    "events": "/api/v1/events",
    "deployments": "/apis/apps/v1/deployments",
    "statefulsets": "/apis/apps/v1/statefulsets",
    "rollouts": "/apis/argoproj.io/v1alpha1/rollouts",
    "scaledobjects": "/apis/keda.sh/v1alpha1/scaledobjects",
    "hpas": "/apis/autoscaling/v2/horizontalpodautoscalers",
}


class Stack(RealKubeApi):
    """All of it, running. Use as a context manager. Members are named as in `_MIRRORED`."""

    def __init__(self, folder, logs):
        super().__init__(folder, logs)
        self._programs = {
            "kube-controller-manager": program("kube-controller-manager"),
            "keda": program("keda", "keda"), "keda-adapter": program("keda-adapter", "keda")}
        self._processes = {}
        self.hosts = PrivateHosts(self.folder / "hosts", HUBS, HUB_ADDRESSES)

    def __enter__(self):
        super().__enter__()
        try:
            for name, path in _MIRRORED.items():
                setattr(self, name, Mirror(self.admin, path))
            self._start_controllers()
            self._start_keda()
        except BaseException:
            self.close()
            raise
        return self

    def close(self):
        for name in _MIRRORED:
            if hasattr(self, name):
                getattr(self, name).stop()
        # At once: nothing of it is to be kept, and a server waits long for those who watch it.
        for process in (*self._processes.values(), self._server, self._etcd):
            if process:
                process.kill()
        super().close()

    # Who is who.

    def agent_token(self, node, account=AGENTS[1], audience=AUDIENCE, **options):
        """Bound to a pod of that account on that node; `options` as of `account_token`."""
        namespace = AGENTS[0]
        pod = f"{account}-{node}"
        self.set_pod(namespace, pod, node=node, labels={"app": account},
                     spec={"serviceAccountName": account})
        return self.account_token(namespace, account, audience, pod=pod, **options)

    def authenticate_keda(self, namespace, name, security):
        """A TriggerAuthentication by which KEDA trusts the hubs and shows them its certificate."""
        client = security.client()
        files = {"caCert": client.ca, "tlsClientCert": client.certificate,
                 "tlsClientKey": client.key}
        self._need_namespace(namespace)
        self.admin.call("POST", f"/api/v1/namespaces/{namespace}/secrets", {
            "metadata": {"name": name},
            "stringData": {key: path.read_text() for key, path in files.items()}})
        self.admin.call(
            "POST", f"/apis/keda.sh/v1alpha1/namespaces/{namespace}/triggerauthentications", {
                "apiVersion": "keda.sh/v1alpha1", "kind": "TriggerAuthentication",
                "metadata": {"name": name},
                "spec": {"secretTargetRef": [
                    {"parameter": key, "name": name, "key": key} for key in files]}})

    def check(self):
        """Raises where one of the programs has ended."""
        for name, process in self._processes.items():
            self._check(name, process)

    # How it comes up.

    def _make_credentials(self):
        super()._make_credentials()
        folder = self.folder / "pki"
        self._aggregator = self._front.issue("front", "front-proxy-client")
        # Its folder is what KEDA takes for its certificates.
        self._keda_folder = folder / "keda"
        self._keda_folder.mkdir()
        self.authority.issue("keda/tls", "keda", server=True, names=_NAMES)
        (self._keda_folder / "ca.crt").write_bytes(self.authority.certificate.read_bytes())
        certificate, key = self._certificates["admin"]
        self._admin_config = write_kubeconfig(
            self.folder / "admin.kubeconfig", self.server, self.ca(),
            {"client-certificate": certificate, "client-key": key})

    def _server_flags(self):
        certificate, key = self._aggregator
        return ("--requestheader-allowed-names=front-proxy-client",
                "--requestheader-username-headers=X-Remote-User",
                "--requestheader-group-headers=X-Remote-Group",
                "--requestheader-extra-headers-prefix=X-Remote-Extra-",
                f"--proxy-client-cert-file={certificate}", f"--proxy-client-key-file={key}")

    def _start_controllers(self):
        self._processes["kube-controller-manager"] = self._start("kube-controller-manager", [
            self._programs["kube-controller-manager"], f"--kubeconfig={self._admin_config}",
            "--leader-elect=false", "--secure-port=0", f"--controllers={','.join(_CONTROLLERS)}",
            f"--horizontal-pod-autoscaler-sync-period={HPA_SYNC_S}s",
            "--horizontal-pod-autoscaler-downscale-stabilization="
            f"{DOWNSCALE_STABILIZATION_S}s"])

    def _start_keda(self):
        service, metrics, probes, adapter, adapter_metrics = free_ports(5)
        self.admin.call("POST", "/api/v1/namespaces", {"metadata": {"name": "keda"}})
        config = self._admin_config
        self._processes["keda"] = self._start("keda", self._in_keda_pod(
            self._programs["keda"], f"--kubeconfig={config}", f"--cert-dir={self._keda_folder}",
            "--enable-cert-rotation=false", f"--metrics-service-bind-address=127.0.0.1:{service}",
            f"--metrics-bind-address=127.0.0.1:{metrics}",
            f"--health-probe-bind-address=127.0.0.1:{probes}"))
        tls = self._keda_folder / "tls"
        self._processes["keda-adapter"] = self._start("keda-adapter", self._in_keda_pod(
            self._programs["keda-adapter"], f"--kubeconfig={config}",
            f"--lister-kubeconfig={config}", f"--authentication-kubeconfig={config}",
            f"--authorization-kubeconfig={config}", "--bind-address=127.0.0.1",
            f"--secure-port={adapter}", f"--port={adapter_metrics}",
            f"--client-ca-file={self.authority.certificate}", f"--tls-cert-file={tls}.crt",
            f"--tls-private-key-file={tls}.key", f"--cert-dir={self._keda_folder}",
            f"--metrics-service-address=127.0.0.1:{service}"))
        self._register(adapter)

    def _in_keda_pod(self, *command):
        """With the environment of KEDA's pods, and the hubs' name."""
        # With a short polling interval its own calls to Kubernetes have little time otherwise.
        environment = ("WATCH_NAMESPACE=", "POD_NAMESPACE=keda",
                       "KEDA_CLUSTER_OBJECT_NAMESPACE=keda", "KEDA_KUBERNETES_API_TIMEOUT=10s")
        return self.hosts.command("env", *environment, *map(str, command))

    def _register(self, port):
        """Makes the API server ask the adapter for external metrics."""
        # By an ExternalName: a loopback endpoint would be refused, a cluster IP goes nowhere.
        self.admin.call("POST", "/api/v1/namespaces/keda/services", {
            "metadata": {"name": "keda-metrics-apiserver"},
            "spec": {"type": "ExternalName", "externalName": "localhost"}})
        bundle = base64.b64encode(self.authority.certificate.read_bytes()).decode()
        services = "/apis/apiregistration.k8s.io/v1/apiservices"
        name = "v1beta1.external.metrics.k8s.io"
        self.admin.call("POST", services, {"metadata": {"name": name}, "spec": {
            "group": "external.metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100,
            "versionPriority": 100, "caBundle": bundle,
            "service": {"name": "keda-metrics-apiserver", "namespace": "keda", "port": port}}})

        def available():
            self.check()
            status = self.admin.get(f"{services}/{name}").get("status", {})
            return any(one["type"] == "Available" and one["status"] == "True"
                       for one in status.get("conditions", ()))
        self.wait(available, "asking KEDA for metrics")
