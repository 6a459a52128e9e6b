# SPDX-License-Identifier: Apache-2.0
"""Tokens and their reviews: of the fake API server, or with KGS_TEST_REAL_KUBE_API=1 of a real one.
The second half is what only the fake can do."""

import time

import kube_api
import kube_tokens
import pytest
from fake_kube_api import FakeKubeApi
from kube_client import ApiError

REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
AUDIENCE = "keda-gpu-scaler"
ISSUER = "https://kubernetes.default.svc"
CLAIM = "authentication.kubernetes.io"
only_fake = pytest.mark.skipif(kube_api.REAL, reason="what no real server does on request")


@pytest.fixture(scope="module")
def api():
    with kube_api.new_kube_api() as server:
        server.set_pod("gpu", "agent-a", node="gpu-node-a", spec={"serviceAccountName": "agent"})
        server.set_pod("gpu", "pending", spec={"serviceAccountName": "agent"})
        yield server


@pytest.fixture
def fake():
    with FakeKubeApi() as server:
        yield server


def review_of(api, token, *audiences, user="cert"):
    spec = {"token": token, **({"audiences": list(audiences)} if audiences else {})}
    answer = api.client(user).request("POST", REVIEWS, {
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec})
    assert answer.status == 201, answer.body
    review = answer.json()
    assert (review["apiVersion"], review["kind"]) == ("authentication.k8s.io/v1", "TokenReview")
    assert review["spec"] == spec
    return review["status"]


def extra_of(status):
    """What is said of the token beside its account, without its identity."""
    extra = dict(status["user"]["extra"])
    assert extra.pop(f"{CLAIM}/credential-id")[0].startswith("JTI=")
    return extra


def pod_uid(api, name):
    return api.client("admin").get(f"/api/v1/namespaces/gpu/pods/{name}")["metadata"]["uid"]


def of_pod(api, name):
    return {f"{CLAIM}/pod-name": [name], f"{CLAIM}/pod-uid": [pod_uid(api, name)]}


# Both servers.


def test_a_token_names_its_account_pod_and_node(api):
    status = review_of(api, api.account_token("gpu", "agent", AUDIENCE, pod="agent-a"), AUDIENCE)
    assert list(status) == ["authenticated", "user", "audiences"]
    assert status["authenticated"] is True
    assert status["audiences"] == [AUDIENCE]
    assert list(status["user"]) == ["username", "uid", "groups", "extra"]
    assert status["user"]["username"] == "system:serviceaccount:gpu:agent"
    assert status["user"]["groups"] == ["system:serviceaccounts", "system:serviceaccounts:gpu",
                                        "system:authenticated"]
    assert extra_of(status) == {f"{CLAIM}/node-name": ["gpu-node-a"], **of_pod(api, "agent-a")}


def test_a_token_of_before_kubernetes_1_30_names_no_node(api):
    token = api.account_token("gpu", "agent", AUDIENCE, pod="agent-a", names_node=False)
    assert extra_of(review_of(api, token, AUDIENCE)) == of_pod(api, "agent-a")


def test_a_pod_without_a_node_has_none_to_name(api):
    token = api.account_token("gpu", "agent", AUDIENCE, pod="pending")
    assert extra_of(review_of(api, token, AUDIENCE)) == of_pod(api, "pending")


def test_a_token_that_is_bound_to_nothing(api):
    status = review_of(api, api.account_token("gpu", "other", AUDIENCE), AUDIENCE)
    assert status["user"]["username"] == "system:serviceaccount:gpu:other"
    assert extra_of(status) == {}


def test_a_token_is_bound_to_a_pod_that_is_there(api):
    with pytest.raises((ValueError, ApiError)):
        api.account_token("gpu", "agent", AUDIENCE, pod="no-such-pod")


@pytest.mark.parametrize("wanted", [("other",), ("other", "others")])
def test_another_audience_is_refused(api, wanted):
    token = api.account_token("gpu", "agent", AUDIENCE, pod="agent-a")
    quoted = " ".join(f'"{one}"' for one in wanted)
    assert review_of(api, token, *wanted) == {"user": {}, "error": (
        f'[invalid bearer token, token audiences ["{AUDIENCE}"] is invalid for the target '
        f"audiences [{quoted}]]")}


def test_one_audience_of_several_will_do(api):
    token = api.account_token("gpu", "agent", AUDIENCE, pod="agent-a")
    assert review_of(api, token, "other", AUDIENCE)["audiences"] == [AUDIENCE]


def test_without_an_audience_it_is_the_servers_own(api):
    assert review_of(api, api.account_token("gpu", "agent", ISSUER))["audiences"] == [ISSUER]
    assert "authenticated" not in review_of(api, api.account_token("gpu", "agent", AUDIENCE))


@pytest.mark.parametrize("names_node", [True, False])
def test_a_token_ends_a_minute_after_its_time(api, names_node):
    ended, late = (api.account_token("gpu", "agent", AUDIENCE, "agent-a", seconds, names_node)
                   for seconds in (-60, -10))
    assert review_of(api, ended, AUDIENCE) == {
        "user": {}, "error": "[invalid bearer token, service account token has expired]"}
    assert review_of(api, late, AUDIENCE)["authenticated"]


@pytest.mark.parametrize("seconds", [5, 600, 7200])
def test_the_claims(api, seconds):
    before = int(time.time())
    claims = kube_tokens.claims_of(api.account_token("gpu", "agent", AUDIENCE, "agent-a", seconds))
    assert before + seconds <= claims["exp"] <= time.time() + seconds
    assert claims["iat"] <= time.time()
    assert (claims["aud"], claims["iss"]) == ([AUDIENCE], ISSUER)
    assert claims["sub"] == "system:serviceaccount:gpu:agent"
    bound = claims["kubernetes.io"]
    assert (bound["namespace"], bound["node"]["name"]) == ("gpu", "gpu-node-a")
    assert bound["pod"] == {"name": "agent-a", "uid": pod_uid(api, "agent-a")}
    assert bound["serviceaccount"]["name"] == "agent"


@pytest.mark.parametrize("token", ["garbage", "a.b.c", "token-of-nobody"])
def test_what_nobody_made_is_refused(api, token):
    assert review_of(api, token, AUDIENCE) == {"user": {}, "error": "invalid bearer token"}


def test_what_nobody_signed_is_refused(api):
    token = kube_tokens.jwt(kube_tokens.claims("gpu", "agent", [AUDIENCE]))
    status = review_of(api, token, AUDIENCE)
    assert list(status) == ["user", "error"] and "invalid bearer token" in status["error"]


def test_who_may_review(api):
    review = {"spec": {"token": "garbage", "audiences": [AUDIENCE]}}
    for user, status in (("cert", 201), ("token", 201), ("admin", 201), ("nobody", 403),
                         ("anonymous", 403), ("invalid", 401)):
        assert api.client(user).request("POST", REVIEWS, review).status == status, user
    answer = api.client("nobody").request("POST", REVIEWS, review).json()
    assert answer["message"] == (
        'tokenreviews.authentication.k8s.io is forbidden: User "nobody" cannot create resource '
        '"tokenreviews" in API group "authentication.k8s.io" at the cluster scope')
    # The reader creates reviews and nothing else, and reads none.
    assert api.client().request("GET", REVIEWS).status == 403
    assert api.client("admin").request("GET", REVIEWS).status == 405
    assert api.client().request("POST", "/api/v1/namespaces/gpu/pods", {}).status == 403


@pytest.mark.parametrize("spec", [{}, {"token": ""}, {"audiences": [AUDIENCE]}])
def test_a_review_without_a_token(api, spec):
    answer = api.client().request("POST", REVIEWS, {"spec": spec})
    assert (answer.status, answer.json()["message"]) == (
        400, "token is required for TokenReview in authentication")


# The fake one alone.


@only_fake
def test_an_added_token_says_what_it_is_told_to(fake):
    token = kube_tokens.jwt({"exp": time.time() + 60})
    fake.add_token(token, "gpu", "agent", ["a", "b"], node="node-x", pod="p", pod_uid="u",
                   extra={f"{CLAIM}/node-name": ["node-y", "node-z"], f"{CLAIM}/pod-uid": None,
                          "more": ["1"]})
    status = review_of(fake, token, "b", "c", "a")
    assert status["audiences"] == ["a", "b"]
    assert status["user"]["extra"] == {f"{CLAIM}/node-name": ["node-y", "node-z"],
                                       f"{CLAIM}/pod-name": ["p"], "more": ["1"]}


@only_fake
def test_a_removed_token(fake):
    token = fake.account_token("gpu", "agent", AUDIENCE)
    assert review_of(fake, token, AUDIENCE)["authenticated"]
    fake.remove_token(token)
    assert "authenticated" not in review_of(fake, token, AUDIENCE)


@only_fake
def test_a_server_that_does_not_look_at_audiences_names_none(fake):
    token = kube_tokens.jwt({"exp": time.time() + 60})
    fake.add_token(token, "gpu", "agent", None)
    assert list(review_of(fake, token, AUDIENCE)) == ["authenticated", "user"]


@only_fake
def test_how_it_fails(fake):
    fake.forbid("tokenreviews")
    assert fake.client().request("POST", REVIEWS, {"spec": {"token": "x"}}).status == 403
    fake.forbid()
    fake.fail_next(429, path="tokenreviews")
    assert fake.client().request("POST", REVIEWS, {"spec": {"token": "x"}}).status == 429
    assert len(fake.requests_to("tokenreviews")) == 2
    review_of(fake, "x", AUDIENCE)
