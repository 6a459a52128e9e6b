# SPDX-License-Identifier: Apache-2.0
"""What tests rely on in their API server: of the fake one, or with KGS_TEST_REAL_KUBE_API=1 of a
real one. The second half is what only the fake can do."""

import gzip
import http.client
import json
import ssl
import threading
import time

import kube_api
import pytest
from fake_kube_api import FakeKubeApi
from kube_client import PATIENCE_S, ApiError, KubeClient

PODS = "/api/v1/pods"
only_fake = pytest.mark.skipif(kube_api.REAL, reason="what no real server does on request")


@pytest.fixture
def fake():
    with FakeKubeApi() as server:
        yield server


@pytest.fixture(scope="module")
def shared():
    with kube_api.new_kube_api() as server:
        yield server


@pytest.fixture
def api(shared):
    yield shared
    for path, kind in ((PODS, "Pod"), ("/apis/apps/v1/deployments", "Deployment")):
        for found in shared.client().get(path)["items"]:
            metadata = found["metadata"]
            shared.delete(kind, metadata["namespace"], metadata["name"])


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.01)


def next_event(stream):
    return json.loads(stream.readline())


def end_of_pod(stream):
    """Reads the two events of a pod that is deleted at once, and returns its name."""
    ending, deleted = next_event(stream), next_event(stream)
    assert [ending["type"], deleted["type"]] == ["MODIFIED", "DELETED"]
    assert ending["object"]["metadata"]["deletionGracePeriodSeconds"] == 0
    return deleted["object"]["metadata"]["name"]


def names(answer):
    return [item["metadata"]["name"] for item in answer["items"]]


# Both servers.


def test_a_pod_comes_without_status_and_gets_it(api):
    with api.client().watch(PODS, resourceVersion=str(api.revision())) as stream:
        api.set_pod("default", "a", node="gpu-node-a", labels={"app": "a"},
                    start_time="2026-02-03T04:05:06Z")
        added, modified = next_event(stream), next_event(stream)
    assert (added["type"], added["object"]["status"]["phase"]) == ("ADDED", "Pending")
    assert added["object"]["spec"]["nodeName"] == "gpu-node-a"
    assert (modified["type"], modified["object"]["status"]["phase"]) == ("MODIFIED", "Running")
    assert modified["object"]["status"]["startTime"] == "2026-02-03T04:05:06Z"
    assert modified["object"]["metadata"]["labels"] == {"app": "a"}


def test_nothing_changed_is_no_event(api):
    for _ in range(2):
        pod = api.set_pod("default", "a", node="gpu-node-a", ready=True)
    assert pod == api.set_pod("default", "a", ready=True)
    changed = api.set_pod("default", "a", ready=False)
    assert changed["metadata"]["resourceVersion"] != pod["metadata"]["resourceVersion"]


def test_a_pod_never_moves(api):
    api.set_pod("default", "a", node="gpu-node-a")
    with pytest.raises((ValueError, ApiError)):
        api.set_pod("default", "a", node="gpu-node-b")


def test_a_name_that_returns_is_another_object(api):
    first = api.set_pod("default", "sts-0", node="gpu-node-a")
    api.delete("Pod", "default", "sts-0", grace_seconds=30)
    ending = api.client("admin").get("/api/v1/namespaces/default/pods/sts-0")
    assert ending["metadata"]["deletionGracePeriodSeconds"] == 30
    assert ending["metadata"]["deletionTimestamp"] > first["metadata"]["creationTimestamp"]
    api.delete("Pod", "default", "sts-0")
    second = api.set_pod("default", "sts-0", node="gpu-node-b")
    assert first["metadata"]["uid"] != second["metadata"]["uid"]
    assert int(first["metadata"]["resourceVersion"]) < int(second["metadata"]["resourceVersion"])


def test_fields_replace_keys(api):
    api.put("Deployment", "default", "a", spec={"replicas": 2, "minReadySeconds": 5})
    changed = api.put("Deployment", "default", "a", labels={"x": "y"}, spec={"replicas": 3})
    assert changed["spec"]["replicas"] == 3
    assert changed["spec"]["minReadySeconds"] == 5
    assert changed["metadata"]["labels"] == {"x": "y"}
    assert changed["metadata"]["generation"] == 2
    with pytest.raises(TypeError):
        api.put("Deployment", "default", "a", label={"x": "y"})


def test_a_selector_takes_the_template_along(api):
    put = api.put("Deployment", "default", "a", spec={
        "selector": {"matchLabels": {"app": "b"}, "matchExpressions": [
            {"key": "aim", "operator": "NotIn", "values": ["z", "y"]}]}})
    assert put["spec"]["template"]["metadata"]["labels"]["app"] == "b"
    scale = api.client().get("/apis/apps/v1/namespaces/default/deployments/a/scale")
    assert scale["status"]["selector"] == "aim notin (y,z),app=b"


def test_selectors(api):
    for name, labels in (("a", {"x": "1"}), ("b", {"x": "2", "y": "1"}), ("c", {})):
        api.set_pod("default", name, node=f"node-{name}", labels=labels)
    for selector, expected in (("x=1", "a"), ("x==1", "a"), ("x!=1", "bc"), ("x", "ab"),
                               ("!x", "c"), ("x in (1, 2),!y", "a"), ("x notin (1)", "bc"),
                               ("x=1,y=1", ""), ("", "abc")):
        found = names(api.client().get(PODS, labelSelector=selector))
        assert "".join(found) == expected, selector
    for selector, expected in (("metadata.name=b", "b"), ("spec.nodeName!=node-b", "ac"),
                               ("metadata.namespace=other", ""), ("status.phase=Running", "abc")):
        found = names(api.client().get(PODS, fieldSelector=selector))
        assert "".join(found) == expected, selector


def test_namespaces_are_apart(api):
    api.set_pod("one", "a")
    api.set_pod("two", "b")
    with api.client().watch("/api/v1/namespaces/two/pods", resourceVersion="0") as stream:
        assert next_event(stream)["object"]["metadata"]["name"] == "b"
        api.delete("Pod", "one", "a")
        api.delete("Pod", "two", "b")
        assert end_of_pod(stream) == "b"
    assert names(api.client().get("/api/v1/namespaces/one/pods")) == []


def test_a_watch_from_the_future_waits(api):
    """A server that was restored from a backup is such a one: it says nothing at all."""
    future = str(api.revision() + 1000)
    with api.client().watch(PODS, resourceVersion=future, timeoutSeconds=1) as stream:
        api.set_pod("default", "a")
        assert stream.read() == b""


def test_an_added_kind(api):
    kind = api.add_kind("InferenceService", "serving.kserve.io", "v1beta1", "inferenceservices",
                        scale=("status", "selector"))
    api.put(kind.name, "default", "llama", spec={"replicas": 2},
            status={"replicas": 1, "selector": "app=llama"})
    assert api.client().get(kind.path("default", "llama", "scale"))["status"] == {
        "replicas": 1, "selector": "app=llama"}
    resources = api.client().get(kind.prefix)["resources"]
    assert {one["name"]: one["kind"] for one in resources} == {
        "inferenceservices": "InferenceService", "inferenceservices/scale": "Scale",
        "inferenceservices/status": "InferenceService"}
    assert names(api.client("admin").get(kind.path())) == ["llama"]


def test_down_and_up(api):
    api.set_pod("default", "a")
    client = api.client()
    with client.watch(PODS, resourceVersion="0") as stream:
        assert next_event(stream)["type"] == "ADDED"
        api.down()
        with pytest.raises((http.client.HTTPException, OSError)):
            # A real server ends the stream well where it can.
            if stream.readline() == b"":
                raise ConnectionResetError
    with pytest.raises(ConnectionRefusedError):
        client.get(PODS)
    api.up()
    assert names(client.get(PODS)) == ["a"]


def test_stall_and_resume(api):
    api.set_pod("default", "a")
    answered = []
    with api.client().watch(PODS, resourceVersion=str(api.revision())) as stream:
        api.stall()
        asker = threading.Thread(target=lambda: answered.append(api.client().get(PODS)))
        asker.start()
        if not kube_api.REAL:
            wait_until(lambda: api.connections == 2, "connected")
        assert not answered
        api.resume()
        asker.join(PATIENCE_S)
        assert names(answered[0]) == ["a"]
        api.delete("Pod", "default", "a")
        assert end_of_pod(stream) == "a"


@pytest.mark.parametrize("user", ["cert", "token"])
def test_who_may_read(api, user):
    assert api.client(user).get(PODS)["kind"] == "PodList"
    assert api.client("invalid").request("GET", PODS).status == 401
    assert api.client("nobody").request("GET", PODS).status == 403
    assert api.client(user).request("POST", "/api/v1/namespaces/default/pods", {}).status == 403


# The fake one alone.


def kubeconfig_client(path):
    """A client of a kubeconfig as write_kubeconfig writes it."""
    words = dict(line.split(": ", 1) for line in path.read_text(encoding="utf-8").splitlines()
                 if ": " in line and "{" not in line)
    words = {key.strip(): value for key, value in words.items()}
    certificate = None
    if "client-key" in words:
        certificate = (words["client-certificate"], words["client-key"])
    token = words.get("token")
    if "tokenFile" in words:
        with open(words["tokenFile"], encoding="utf-8") as file:
            token = file.read()
    return KubeClient(words["server"], words.get("certificate-authority"), certificate, token)


@only_fake
@pytest.mark.parametrize("user", ["cert", "token", "token-file"])
def test_kubeconfig(fake, tmp_path, user):
    path = fake.kubeconfig(tmp_path / "config", user=user)
    assert kubeconfig_client(path).get(PODS)["items"] == []
    assert fake.requests[-1].user == "keda-gpu-scaler"


@only_fake
def test_without_tls(tmp_path):
    with FakeKubeApi(tls=False) as api:
        path = api.kubeconfig(tmp_path / "config", user="token")
        assert kubeconfig_client(path).get(PODS)["items"] == []


@only_fake
def test_a_rotated_token(fake, tmp_path):
    folder = fake.service_account(tmp_path)
    old = (folder / "token").read_text(encoding="utf-8")
    fake.rotate_token()
    fake.service_account(folder)
    new = (folder / "token").read_text(encoding="utf-8")
    for token, status in ((old, 401), (new, 200)):
        client = KubeClient(fake.server, folder / "ca.crt", token=token)
        assert client.request("GET", PODS).status == status


@only_fake
def test_an_expired_certificate_is_refused(fake):
    certificate = fake.authority.issue("expired", "keda-gpu-scaler", valid=False)
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
        KubeClient(fake.server, fake.authority.certificate, certificate).get(PODS)


@only_fake
def test_forbidden_resources(fake):
    fake.put("Deployment", "default", "a")
    scale = "/apis/apps/v1/namespaces/default/deployments/a/scale"
    fake.forbid("deployments/scale")
    assert fake.client().request("GET", scale).status == 403
    assert fake.client().request("GET", "/apis/apps/v1/deployments").status == 200
    fake.forbid()
    assert fake.client().request("GET", scale).status == 200


@only_fake
def test_a_group_that_is_not_served(fake):
    fake.remove_group("resource.k8s.io")
    for path in ("/apis/resource.k8s.io", "/apis/resource.k8s.io/v1",
                 "/apis/resource.k8s.io/v1/resourceslices"):
        answer = fake.client().request("GET", path)
        assert (answer.status, answer.body) == (404, b"404 page not found\n")
    assert "resource.k8s.io" not in str(fake.client().get("/apis"))
    fake.restore_group("resource.k8s.io")
    assert fake.client().request("GET", "/apis/resource.k8s.io/v1").status == 200


@only_fake
def test_the_wishes_of_a_test_reach_watches(fake):
    fake.set_pod("default", "a")
    client = fake.client()
    query = {"resourceVersion": str(fake.revision()), "allowWatchBookmarks": "true"}
    with client.watch(PODS, **query) as stream:
        fake.advance(5)
        fake.send_bookmarks()
        bookmark = next_event(stream)
        assert bookmark["object"]["metadata"]["resourceVersion"] == str(fake.revision())
        fake.end_watches()
        assert stream.read() == b""
    with client.watch(PODS, **query) as stream:
        fake.expire_watches()
        assert [json.loads(line)["object"]["code"] for line in stream] == [410]
    query["resourceVersion"] = str(fake.revision())
    with client.watch(PODS, **query) as stream:
        fake.drop_watches()
        with pytest.raises((http.client.HTTPException, OSError)):
            stream.read()
    wait_until(lambda: not fake.watching(), "no watch left")


@only_fake
def test_bookmarks_come_by_themselves(fake):
    fake.bookmark_seconds = 0.05
    with fake.client().watch(PODS, allowWatchBookmarks="true",
                             resourceVersion=str(fake.revision())) as stream:
        assert [next_event(stream)["type"] for _ in range(3)] == 3 * ["BOOKMARK"]
        assert len(fake.watching("/pods")) == 1


@only_fake
def test_who_leaves_is_noticed(fake):
    with fake.client().watch(PODS, resourceVersion="0"):
        assert len(fake.watching()) == 1
    wait_until(lambda: not fake.watching() and fake.connections == 0, "the watch has gone")


@only_fake
def test_down_in_a_stall_lets_nobody_wait(fake):
    fake.stall()
    failed = []

    def ask():
        try:
            fake.client().get(PODS)
        except (http.client.HTTPException, OSError) as error:
            failed.append(error)

    asker = threading.Thread(target=ask)
    asker.start()
    wait_until(lambda: fake.connections == 1, "connected")
    fake.down()
    asker.join(PATIENCE_S)
    assert failed
    wait_until(lambda: fake.connections == 0, "disconnected")


@only_fake
def test_the_log_and_one_connection_for_all(fake):
    client = fake.client()
    with client._connect() as connection:  # pylint: disable=protected-access
        for path in ("/apis/apps/v1", PODS + "?limit=1", "/version"):
            connection.request("GET", path)
            assert connection.getresponse().read()
        assert fake.connections == 1
    assert [(one.path, one.query, one.status) for one in fake.requests] == [
        ("/apis/apps/v1", {}, 200), (PODS, {"limit": "1"}, 200), ("/version", {}, 200)]
    assert fake.requests_to("/pods", watch=False) == [fake.requests[1]]
    assert fake.requests_to("/pods", watch=True) == []


@only_fake
def test_large_lists_are_compressed_for_who_asks(fake):
    for index in range(80):
        fake.set_pod("default", f"pod-{index:03}", node="gpu-node-a")
    plain = fake.client().request("GET", PODS)
    assert plain.header("Content-Encoding") is None
    with fake.client()._connect() as connection:  # pylint: disable=protected-access
        connection.request("GET", PODS, headers={"Accept-Encoding": "gzip",
                                                 "Authorization": f"Bearer {fake.token}"})
        answer = connection.getresponse()
        assert answer.getheader("Content-Encoding") == "gzip"
        assert gzip.decompress(answer.read()) == plain.body
