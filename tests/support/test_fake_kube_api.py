# SPDX-License-Identifier: Apache-2.0
"""FakeKubeApi answers what was recorded of a real server (tests/fixtures/kube)."""

import json
import re
import threading

import kube_example
import pytest
from fake_kube_api import FakeKubeApi
from fake_kube_store import RECORDINGS

INDEX = json.loads((RECORDINGS / "index.json").read_text(encoding="utf-8"))

# What no two servers say alike; that it is there is compared.
_VARYING = {"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "continue", "time",
            "fieldsV1"}
# The words of Go's parsers are not copied.
_OF_GO = re.compile(r"(unable to parse requirement|continue key is not valid): .*")


def normal(value, key=None):
    """The JSON without what varies, its objects as lists of pairs, so that their order counts."""
    if isinstance(value, dict):
        if key in _VARYING:
            return "varies"
        return [(name, normal(part, name)) for name, part in value.items()]
    if isinstance(value, list):
        # Of one second, they are in the order of their managers; a test may see two.
        parts = sorted(value, key=lambda one: one["manager"]) if key == "managedFields" else value
        return [normal(part) for part in parts]
    if key in _VARYING and value:
        return "varies"
    if key == "message" and isinstance(value, str):
        return re.sub(r"current: \d+|version: \d+ \(\d+\)", "version", _OF_GO.sub(r"\1", value))
    return value


def assert_as_recorded(name, answer):
    recorded = INDEX[name]
    body = (RECORDINGS / name).read_bytes()
    assert answer.status == recorded["status"]
    headers = {key.lower(): value for key, value in recorded["headers"]}
    for header in ("content-type", "cache-control", "retry-after"):
        assert answer.header(header) == headers.get(header)
    if name.endswith(".txt"):
        assert answer.body == body
    else:
        assert normal(answer.json()) == normal(json.loads(body))
        assert answer.body.endswith(b"\n") == body.endswith(b"\n")


@pytest.fixture(scope="module")
def api():
    with FakeKubeApi() as server:
        kube_example.populate(server)
        yield server


@pytest.fixture
def fresh():
    with FakeKubeApi() as server:
        yield server


@pytest.mark.parametrize("name", kube_example.REQUESTS)
def test_request(api, name):
    user, path, query = kube_example.REQUESTS[name]
    assert_as_recorded(name, api.client(user).request("GET", path, **query))


@pytest.mark.parametrize("files, path, query", kube_example.PAGES)
def test_pages(api, files, path, query):
    token = None
    for name in files:
        answer = api.client().request("GET", path, **query, **{"continue": token})
        assert_as_recorded(name, answer)
        token = answer.json()["metadata"].get("continue")
    assert not token


def events_of(lines):
    """The events, two bookmarks in a row as one: how many come is a matter of time."""
    events = []
    for line in lines:
        event = json.loads(line)
        if not (events and event["type"] == events[-1]["type"] == "BOOKMARK"):
            events.append(event)
    return events


@pytest.mark.parametrize("name", kube_example.WATCHES)
def test_watch(api, name):
    path, query, act = kube_example.WATCHES[name]
    recorded = (RECORDINGS / name).read_bytes().splitlines()
    query = {"resourceVersion": str(api.revision()), **query}
    lines = []
    with api.client().watch(path, **query) as stream:
        act(api)
        # Asked for rather than waited for.
        api.send_bookmarks()
        while len(events_of(lines)) < len(events_of(recorded)):
            lines.append(stream.readline())
    assert normal(events_of(lines)) == normal(events_of(recorded))


def test_versions_of_a_watch_rise(api):
    pod = {"namespace": kube_example.NAMESPACE, "name": "rising"}
    with api.client().watch("/api/v1/pods", resourceVersion=str(api.revision())) as stream:
        for ready in (False, True, False):
            api.set_pod(**pod, node="gpu-node-a", ready=ready)
        api.delete("Pod", **pod)
        versions = [int(json.loads(stream.readline())["object"]["metadata"]["resourceVersion"])
                    for _ in range(6)]
    assert versions == sorted(set(versions))
    assert versions[-1] == api.revision()


def test_what_is_compacted_is_gone(fresh):
    for name in "abc":
        fresh.set_pod("default", name, node="gpu-node-a")
    client = fresh.client()
    page = client.get("/api/v1/pods", limit=1)["metadata"]
    old = page["resourceVersion"]
    fresh.delete("Pod", "default", "b")
    assert [pod["metadata"]["name"] for pod in client.get(
        "/api/v1/pods", limit=5, **{"continue": page["continue"]})["items"]] == ["b", "c"]
    fresh.compact()
    answer = client.request("GET", "/api/v1/pods", limit=1, **{"continue": page["continue"]})
    assert_as_recorded("status_410_continue.json", answer)
    rest = client.get("/api/v1/pods", limit=5,
                      **{"continue": answer.json()["metadata"]["continue"]})
    assert [pod["metadata"]["name"] for pod in rest["items"]] == ["c"]
    assert_as_recorded("status_410_list.json", client.request(
        "GET", "/api/v1/pods", resourceVersion=old, resourceVersionMatch="Exact"))
    with client.watch("/api/v1/pods", resourceVersion=old) as stream:
        recorded = json.loads((RECORDINGS / "watch_expired.jsonl").read_bytes())
        assert [normal(json.loads(line)) for line in stream] == [normal(recorded)]
    fresh.expired_watch_status = 410
    assert client.request("GET", "/api/v1/pods", watch="true", resourceVersion=old).status == 410


def test_failures_follow_each_other(fresh):
    fresh.fail_next(429, path="/pods")
    fresh.fail_next(504, path="/pods")
    fresh.fail_next(503, count=2, retry_after=7, watch=True)
    client = fresh.client()
    assert client.request("GET", "/apis/apps/v1/deployments").status == 200
    assert_as_recorded("status_429.txt", client.request("GET", "/api/v1/pods"))
    assert_as_recorded("status_504_etcd.json", client.request("GET", "/api/v1/pods"))
    assert client.request("GET", "/api/v1/pods").status == 200
    for _ in range(2):
        answer = client.request("GET", "/apis/apps/v1/deployments", watch="true")
        assert (answer.status, answer.header("Retry-After")) == (503, "7")
    with client.watch("/apis/apps/v1/deployments", timeoutSeconds=0.1) as stream:
        assert stream.read() == b""


def test_every_recording_is_checked():
    """A file that no test compares would prove nothing."""
    elsewhere = {"status_410_continue.json", "status_410_list.json", "status_429.txt",
                 "status_504_etcd.json", "watch_expired.jsonl"}
    pages = {name for files, _, _ in kube_example.PAGES for name in files}
    templates = {name for name in INDEX if name.startswith("created_")}
    assert set(INDEX) == {*kube_example.REQUESTS, *kube_example.WATCHES, *pages, *elsewhere,
                          *templates}


def test_all_watches_see_one_change(fresh):
    path, query = "/api/v1/pods", {"resourceVersion": str(fresh.revision()), "timeoutSeconds": 60}
    seen = []

    def follow():
        with fresh.client().watch(path, **query) as stream:
            seen.append(stream.readline())

    followers = [threading.Thread(target=follow) for _ in range(20)]
    for follower in followers:
        follower.start()
    fresh.set_pod("default", "a")
    for follower in followers:
        follower.join(60)
    assert len(seen) == 20 and len(set(seen)) == 1
