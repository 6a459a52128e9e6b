# SPDX-License-Identifier: Apache-2.0
"""The ServiceAccount tokens of the fake API server, and what it says of them: TokenReviews."""

import dataclasses
import json
import threading
import time
import uuid

import fake_kube_answers as answers
import fake_kube_routes as routes
import kube_tokens

REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
# As a target of RBAC.
TARGET = routes.Target(None, "tokenreviews", "authentication.k8s.io")
# So long after its end the real server still takes a token, for clocks that differ.
LEEWAY_S = 60

_PREFIX = "authentication.kubernetes.io"
_UNKNOWN = "invalid bearer token"


@dataclasses.dataclass
class _Account:
    """Whose a token is. `audiences` is None where nobody looked at them."""

    user: dict
    audiences: list


class Tokens:
    """Any thread."""

    def __init__(self):
        self._lock = threading.Lock()
        self._accounts = {}

    def add(self, token, namespace, service_account, audiences, extra):
        """Makes a token known; those of `extra` that are None it does not have."""
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}",
                  "system:authenticated"]
        user = {"username": kube_tokens.user_name(namespace, service_account),
                "uid": str(uuid.uuid4()), "groups": groups,
                "extra": {key: value for key, value in extra.items() if value is not None}}
        with self._lock:
            self._accounts[token] = _Account(user, audiences)

    def remove(self, token):
        with self._lock:
            del self._accounts[token]

    def review(self, request, body):
        """Answers a request to REVIEWS."""
        if request.method != "POST":
            return answers.not_allowed()
        try:
            spec = json.loads(body)["spec"]
            token, wanted = spec["token"], spec.get("audiences") or [kube_tokens.ISSUER]
        except (ValueError, TypeError, KeyError):
            token = None
        if not token or not isinstance(token, str):
            return answers.status(400, "BadRequest",
                                  "token is required for TokenReview in authentication")
        review = {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "metadata": {},
                  "spec": spec, "status": self._status(token, wanted)}
        return answers.Answer(201, answers.dump(review) + b"\n")

    def _status(self, token, wanted):
        with self._lock:
            account = self._accounts.get(token)
        if account is None:
            return _refused(_UNKNOWN)
        if _end(token) + LEEWAY_S <= time.time():
            return _refused(f"[{_UNKNOWN}, service account token has expired]")
        accepted = {"authenticated": True, "user": account.user}
        if account.audiences is None:
            return accepted
        common = [one for one in account.audiences if one in wanted]
        if not common:
            return _refused(f"[{_UNKNOWN}, token audiences {_quoted(account.audiences)} is invalid "
                            f"for the target audiences {_quoted(wanted)}]")
        return {**accepted, "audiences": common}


def extra_of(token, node, pod, pod_uid):
    """What the server tells of a token beside its account."""
    identity = kube_tokens.claims_of(token).get("jti")
    return {f"{_PREFIX}/credential-id": identity and [f"JTI={identity}"],
            f"{_PREFIX}/node-name": node and [node],
            f"{_PREFIX}/pod-name": pod and [pod],
            f"{_PREFIX}/pod-uid": pod_uid and [pod_uid]}


def _end(token):
    return kube_tokens.claims_of(token).get("exp", float("inf"))


def _refused(error):
    return {"user": {}, "error": error}


def _quoted(words):
    """A list as Go prints it with %q."""
    return "[" + " ".join(json.dumps(word) for word in words) + "]"
