# SPDX-License-Identifier: Apache-2.0
"""A real kube-apiserver over etcd on loopback, with the custom resources of the tests.

It has no controllers and no kubelet: a test writes the pods and every status by hand. Programs:
etcd and kube-apiserver as tests/e2e/kubernetes/build makes them in $E2E_CACHE/bin (default
~/.cache/keda-gpu-scaler/e2e/bin). Debian 12's etcd is too old for a watch to behave as in a
cluster: without its RequestWatchProgress the server refuses what starts from "now".
"""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import urllib.request

import keda_crds
import kube_tokens
from kube_access import KubeAccess
from kube_client import PATIENCE_S, ApiError
from kube_credentials import READER, TOKENS, Authority, signing_key
from kube_kinds import (KINDS, UNRECORDED, Kind, apply_fields, manifest, pod_fields, status_writer,
                        writer)
from ports import free_ports

# Of TokenRequest.
_SHORTEST_TOKEN_S = 600


def _rule(group, resources, verbs=("list", "watch")):
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


# What a hub needs: the chart's ClusterRole, which tests/deploy/test_access.py compares with these.
READER_RULES = [
    _rule("keda.sh", ["scaledobjects", "scaledjobs"]),
    _rule("", ["pods", "services"]),
    _rule("apps", ["deployments", "statefulsets", "replicasets"]),
    _rule("resource.k8s.io", ["resourceslices"]),
    _rule("*", ["*/scale"], ["get"]),
    _rule("authentication.k8s.io", ["tokenreviews"], ["create"]),
]


def program(name, module="kubernetes"):
    """The path of a program that tests/e2e/MODULE/build makes; FileNotFoundError says how."""
    cache = pathlib.Path(os.environ.get("E2E_CACHE", "~/.cache/keda-gpu-scaler/e2e")).expanduser()
    path = cache / "bin" / name
    if not path.exists():
        raise FileNotFoundError(f"no {path}: run tests/e2e/{module}/build {name}")
    return path


class RealKubeApi(KubeAccess):
    """One running server, with methods as of FakeKubeApi; use as a context manager."""

    def __init__(self, folder=None, logs=None):
        """Logs are kept in `logs` (default: with all the rest)."""
        self._etcd_program, self._server_program = program("etcd"), program("kube-apiserver")
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="kube-api-")
        self.folder = pathlib.Path(folder or self._temporary.name)
        self.logs = pathlib.Path(logs or self.folder)
        self.kinds = {**KINDS, **UNRECORDED}
        self._etcd = self._server = None

    def __enter__(self):
        try:
            self._make_credentials()
            self._start_etcd()
            self.up()
            self._install()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for process in (self._server, self._etcd):
            end(process)
        if self._temporary:
            self._temporary.cleanup()

    # What a test does to the objects.

    def put(self, kind, namespace, name, **fields):
        """Creates or changes an object and returns it (kube_kinds.apply_fields says what `fields`
        are)."""
        where = self.kinds[kind]
        status = fields.pop("status", None)
        found = self.admin.request("GET", where.path(namespace, name))
        if found.status == 404:
            body = apply_fields(manifest(kind, namespace, name, self.kinds), fields)
            if where.namespaced:
                self._need_namespace(namespace)
            result = self.admin.call("POST", where.path(namespace), body,
                                     fieldManager=writer(kind))
        else:
            result = found.json()
            if fields:
                result = self.admin.call("PUT", where.path(namespace, name),
                                         apply_fields(result, fields),
                                         fieldManager=writer(kind))
        if status:
            result = self.admin.call("PUT", where.path(namespace, name, "status"),
                                     apply_fields(result, {"status": status}),
                                     fieldManager=status_writer(kind))
        return result

    def set_pod(self, namespace, name, node=None, labels=None, phase="Running",
                start_time="2026-01-01T00:00:00Z", ready=True, **fields):
        """Creates or changes a pod (kube_kinds.pod_fields). The server chooses the uid, gives a pod
        a node only once, at its creation, and never moves it."""
        node = node or self._node(namespace, name)
        return self.put("Pod", namespace, name,
                        **pod_fields(node, labels, phase, start_time, ready, **fields))

    def delete(self, kind, namespace, name, grace_seconds=0):
        """Deletes an object; with a grace period a pod with a node stays, marked as terminating."""
        self.admin.call("DELETE", self.kinds[kind].path(namespace, name),
                        gracePeriodSeconds=grace_seconds, propagationPolicy="Background")

    def add_kind(self, name, group, version, resource, namespaced=True, scale=None):
        """Makes a custom kind known; `scale` is the path of its selector, as in kube_kinds.Kind."""
        kind = Kind(name, group, version, resource, namespaced, custom=True, scale=scale)
        self._create_definition(keda_crds.scalable_crd(kind))
        self._wait_served(kind)
        self.kinds[name] = kind
        return kind

    def account_token(self, namespace, service_account, audience, pod=None, seconds=3600,
                      names_node=True):
        """Makes a token that ends `seconds` from now. It is bound to the pod of that name, which
        has to run as the account (spec serviceAccountName), and names its node unless told not to,
        as before Kubernetes 1.30. What TokenRequest does not make is signed with the server's key.

        The server takes a token for a minute after its time, and goes on with one that it has taken
        for up to 10 s whatever becomes of it, its account and its pod."""
        account = self._account(namespace, service_account)
        bound = pod and self.admin.get(self.kinds["Pod"].path(namespace, pod))
        if not names_node:
            self._let_reader_get_pods(namespace)
        if seconds < _SHORTEST_TOKEN_S or not names_node:
            return kube_tokens.jwt(kube_tokens.claims(
                namespace, service_account, [audience], seconds, account["metadata"]["uid"], bound,
                names_node), self._signing[0])
        spec = {"audiences": [audience], "expirationSeconds": seconds}
        if bound:
            spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Pod", "name": pod,
                                      "uid": bound["metadata"]["uid"]}
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token"
        return self.admin.call("POST", path, request)["status"]["token"]

    # What a test does to the server.

    def up(self):
        """Starts the server, on the same port as before, and waits until it is ready."""
        self._start_server()

    def down(self):
        """Ends the server, and with it every connection; what is stored stays."""
        end(self._server)
        self._server = None

    def stall(self):
        """The server keeps its connections and answers nothing."""
        os.kill(self._server.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self._server.pid, signal.SIGCONT)

    def compact(self, revision=None):
        """Forgets in etcd what was before `revision` (default: now); the server may know it yet."""
        revision = revision or self.revision()
        body = json.dumps({"revision": str(revision), "physical": True}).encode()
        url = f"http://127.0.0.1:{self._etcd_port}/v3/kv/compaction"
        with urllib.request.urlopen(url, body, timeout=PATIENCE_S) as answer:
            answer.read()

    def stop_etcd(self):
        """Takes the server's storage away, for good."""
        end(self._etcd)

    def revision(self):
        """The newest resourceVersion."""
        return int(self.admin.get("/api/v1/namespaces")["metadata"]["resourceVersion"])

    # What clients get.

    @property
    def server(self):
        return f"https://127.0.0.1:{self._port}"

    # How it comes up.

    def _make_credentials(self):
        self.token = TOKENS[READER]
        self.authority = Authority(self.folder / "pki")
        self._front = Authority(self.folder / "pki", "front-ca")
        self._tls = self.authority.issue("apiserver", "kube-apiserver", server=True)
        self._certificates = {
            "admin": self.authority.issue("admin", "admin", "system:masters"),
            "cert": self.authority.issue("reader", READER),
        }
        rows = (f"{token},{user},{user}\n" for user, token in TOKENS.items())
        (self.folder / "tokens.csv").write_text("".join(rows), encoding="utf-8")
        self._signing = signing_key(self.folder / "pki")
        self._etcd_port, peer, self._port = free_ports(3)
        self._peer = f"http://127.0.0.1:{peer}"
        self.admin = self.client("admin")

    def _start_etcd(self):
        client = f"http://127.0.0.1:{self._etcd_port}"
        self._etcd = self._start("etcd", [
            self._etcd_program, f"--data-dir={self.folder}/etcd", "--unsafe-no-fsync",
            f"--listen-client-urls={client}", f"--advertise-client-urls={client}",
            f"--listen-peer-urls={self._peer}", f"--initial-advertise-peer-urls={self._peer}",
            f"--initial-cluster=default={self._peer}"])

    def _start_server(self):
        private, public = self._signing
        certificate, key = self._tls
        self._server = self._start("kube-apiserver", [
            self._server_program, f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
            f"--secure-port={self._port}", "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.96.0.0/16", "--authorization-mode=RBAC",
            # No controller makes the accounts that this plugin asks for.
            "--disable-admission-plugins=ServiceAccount",
            f"--token-auth-file={self.folder}/tokens.csv", f"--cert-dir={self.folder}/apiserver",
            f"--tls-cert-file={certificate}", f"--tls-private-key-file={key}",
            f"--client-ca-file={self.authority.certificate}",
            f"--requestheader-client-ca-file={self._front.certificate}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={public}",
            f"--service-account-signing-key-file={private}", *self._server_flags()])
        self.wait(self._ready, "ready")

    def _server_flags(self):
        """Further ones, of those who derive from this."""
        return ()

    def _start(self, name, command):
        with open(self.logs / f"{name}.log", "ab") as log:
            return subprocess.Popen([*map(str, command)], stdin=subprocess.DEVNULL, stdout=log,
                                    stderr=log)

    def _ready(self):
        self._check("etcd", self._etcd)
        self._check("kube-apiserver", self._server)
        return self.admin.request("GET", "/readyz").status == 200

    def _check(self, name, process):
        """Raises RuntimeError with the end of its log where a process has ended."""
        if process.poll() is not None:
            log = (self.logs / f"{name}.log").read_text(errors="replace")
            raise RuntimeError(f"{name} ended with status {process.returncode}:\n{log[-3000:]}")

    def wait(self, condition, what):
        """Polls until `condition()` is true; a server that cannot be reached is not yet true."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                if condition():
                    return
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise TimeoutError(f"kube-apiserver: not {what} within {PATIENCE_S} s")
            time.sleep(0.1)

    def _install(self):
        for definition in keda_crds.keda_crds():
            self._create_definition(definition)
        for kind in KINDS.values():
            if kind.custom and kind.group != "keda.sh":
                self._create_definition(keda_crds.scalable_crd(kind))
        for kind in KINDS.values():
            self._wait_served(kind)
        rbac = "/apis/rbac.authorization.k8s.io/v1"
        self.admin.call("POST", f"{rbac}/clusterroles",
                        {"metadata": {"name": READER}, "rules": READER_RULES})
        self.admin.call("POST", f"{rbac}/clusterrolebindings",
                        {"metadata": {"name": READER}, **_binding("ClusterRole")})
        self.wait(lambda: self.client("cert").request("GET", "/api/v1/pods").status == 200,
                   "letting the reader in")

    def _create_definition(self, definition):
        self.admin.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
                        definition)

    def _wait_served(self, kind):
        self.wait(lambda: self.admin.request("GET", kind.path()).status == 200,
                   f"serving {kind.resource}")

    def _need_namespace(self, namespace):
        self._need("/api/v1/namespaces", namespace)

    def _account(self, namespace, name):
        """The ServiceAccount, made where it is not there."""
        accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        self._need_namespace(namespace)
        self._need(accounts, name)
        return self.admin.get(f"{accounts}/{name}")

    def _let_reader_get_pods(self, namespace):
        """The chart's Role in the agents' namespace."""
        where = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
        self._need(f"{where}/roles", READER, rules=[_rule("", ["pods"], ["get"])])
        self._need(f"{where}/rolebindings", READER, **_binding("Role"))

    def _need(self, path, name, **fields):
        """Creates an object unless it is there."""
        answer = self.admin.request("POST", path, {"metadata": {"name": name}, **fields})
        if answer.status not in (201, 409):
            raise ApiError("POST", path, answer)

    def _node(self, namespace, name):
        answer = self.admin.request("GET", self.kinds["Pod"].path(namespace, name))
        return answer.json()["spec"].get("nodeName") if answer.status == 200 else None


def _binding(kind):
    """The fields of a binding that gives readers the role."""
    group = "rbac.authorization.k8s.io"
    return {"roleRef": {"apiGroup": group, "kind": kind, "name": READER},
            "subjects": [{"kind": "User", "name": user, "apiGroup": group}
                         for user in (READER, "busy")]}


def end(process):
    """Ends a process that may be stopped, or none at all."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGCONT)
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
