# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes API server for tests, that answers as tests/fixtures/kube records of a real one.

    with FakeKubeApi() as api:
        api.put("Deployment", "default", "llama", spec={"replicas": 2})
        api.set_pod("default", "llama-0", node="gpu-node-a", labels={"app": "llama"})
        config = api.kubeconfig(tmp_path / "config")

It serves the kinds of kube_kinds.KINDS and UNRECORDED and those that `add_kind` adds, to who may
only read: get, list (limit, continue, selectors), watch (bookmarks, initial events), /scale and
discovery; and it reviews tokens. What it does not do: HTTP/2, other writes over the API, aggregated
discovery, answers other than JSON. A client certificate of another authority ends the handshake;
the real server answers 401.

real_kube_api.RealKubeApi has the same methods as far as a real server can do them.
"""

import pathlib
import tempfile

import fake_kube_answers as answers
import fake_kube_routes as routes
import kube_tokens
from fake_kube_http import Handler, Listener, server_context
from fake_kube_store import Store
from fake_kube_tokens import REVIEWS, TARGET, Tokens, extra_of
from fake_kube_watch import BOOKMARK_SECONDS, Watch
from kube_access import KubeAccess
from kube_credentials import READER, TOKENS, Authority
from kube_kinds import KINDS, UNRECORDED, Kind, pod_fields

_ANONYMOUS = "system:anonymous"
# Of the reader, where they are not those of reading.
_VERBS = {"tokenreviews": ("create",)}


class FakeKubeApi(KubeAccess):
    """One server; use as a context manager. Its methods may be called from any thread."""

    def __init__(self, folder=None, tls=True):
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="fake-kube-")
        self.folder = pathlib.Path(folder or self._temporary.name)
        self.kinds = {**KINDS, **UNRECORDED}
        self.store = Store(self.kinds)
        self.token = TOKENS[READER]
        self.bookmark_seconds = BOOKMARK_SECONDS
        self.expired_watch_status = 200
        self.requests = []
        self._changed = self.store.changed
        self._tokens = {token: user for user, token in TOKENS.items()}
        self._account_tokens = Tokens()
        self._absent_groups = set()
        self._forbidden = set()
        self._failures = []
        self._watches = {}
        self._stalled = False
        self.authority = Authority(self.folder / "pki")
        self._certificates = {
            "admin": self.authority.issue("admin", "admin", "system:masters"),
            "cert": self.authority.issue("reader", READER),
        }
        self._context = server_context(self.authority) if tls else None
        self._listener = Listener(self._serve)

    def __enter__(self):
        self._listener.open()
        return self

    def __exit__(self, *_):
        self.resume()
        self.down()
        self._listener.release()
        if self._temporary:
            self._temporary.cleanup()

    # The objects.

    def put(self, kind, namespace, name, **fields):
        """Creates or changes an object and returns it.

        A new one is the recorded object of its kind under this name, with pods labelled app=NAME;
        then `fields` are put over it: labels, annotations, ownerReferences, and single keys of
        spec and status (kube_kinds.apply_fields). `uid` chooses the uid of a new object.
        """
        return self.store.put(kind, namespace, name, **fields)

    def set_pod(self, namespace, name, node=None, labels=None, phase="Running",
                start_time="2026-01-01T00:00:00Z", ready=True, uid=None, **fields):
        """Creates or changes a pod (kube_kinds.pod_fields). Without a node it keeps the one it has,
        or is pending."""
        old = self.store.get("Pod", namespace, name)
        node = node or (old and old["spec"].get("nodeName"))
        return self.put("Pod", namespace, name, uid=uid,
                        **pod_fields(node, labels, phase, start_time, ready, **fields))

    def delete(self, kind, namespace, name, grace_seconds=0):
        """Deletes an object; with a grace period a pod with a node stays, marked as terminating,
        until it is deleted without."""
        self.store.delete(kind, namespace, name, grace_seconds)

    def add_kind(self, name, group, version, resource, namespaced=True, scale=None):
        """Makes a custom kind known; `scale` is the path of its selector, as in kube_kinds.Kind."""
        kind = Kind(name, group, version, resource, namespaced, custom=True, scale=scale)
        self.kinds[name] = kind
        return kind

    def revision(self):
        """The newest resourceVersion."""
        return self.store.version

    def advance(self, count=1):
        """Lets the resourceVersion rise, as by changes of kinds that nobody watches here."""
        self.store.advance(count)

    # The tokens of ServiceAccounts.

    def account_token(self, namespace, service_account, audience, pod=None, seconds=3600,
                      names_node=True):
        """Makes a token that ends `seconds` from now. It is bound to the pod of that name, and
        names its node unless told not to, as before Kubernetes 1.30."""
        bound = pod and self.store.get("Pod", namespace, pod)
        if pod and not bound:
            raise ValueError(f"no pod {namespace}/{pod} to bind a token to")
        token = kube_tokens.jwt(kube_tokens.claims(namespace, service_account, [audience], seconds,
                                                   pod=bound, names_node=names_node))
        named = kube_tokens.claims_of(token)["kubernetes.io"]
        self.add_token(token, namespace, service_account, [audience],
                       node=named.get("node", {}).get("name"), pod=pod,
                       pod_uid=named.get("pod", {}).get("uid"))
        return token

    def add_token(self, token, namespace, service_account, audiences, node=None, pod=None,
                  pod_uid=None, extra=None):
        """Makes a JWT known, until its claim exp: a TokenReview for one of `audiences` (None: for
        any, as of a server that does not look at them) says that it is of this account, and of this
        node and pod. `extra` is what else it says, or says otherwise, by key: a list of texts, or
        None for nothing. Unlike the real server this one does not ask whether the account and the
        pod exist."""
        self._account_tokens.add(token, namespace, service_account, audiences,
                                 {**extra_of(token, node, pod, pod_uid), **(extra or {})})

    def remove_token(self, token):
        """No TokenReview accepts it any more."""
        self._account_tokens.remove(token)

    # What clients get.

    @property
    def server(self):
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self._listener.port}"

    def rotate_token(self):
        """The reader's token becomes another; the one before is worth nothing from now on."""
        with self._changed:
            del self._tokens[self.token]
            self.token += "-next"
            self._tokens[self.token] = READER

    # What it was asked.

    def requests_to(self, path="", watch=None):
        """The requests so far whose path contains `path`; only watches or only others, if said."""
        with self._changed:
            return [request for request in self.requests
                    if path in request.path and watch in (None, request.is_watch)]

    def watching(self, path=""):
        """The requests of the watches that run now."""
        with self._changed:
            return [request for request in self._watches.values() if path in request.path]

    @property
    def connections(self):
        """How many connections are open."""
        return self._listener.connections

    # How it misbehaves.

    def down(self):
        """Closes every connection and refuses new ones. The port stays reserved."""
        self._listener.close()
        with self._changed:
            self._changed.notify_all()

    def up(self):
        self._listener.open()

    def stall(self):
        """Accepts connections and requests and answers nothing; watches fall silent."""
        with self._changed:
            self._stalled = True

    def resume(self):
        """Answers what has waited, and goes on."""
        with self._changed:
            self._stalled = False
            self._changed.notify_all()

    def fail_next(self, status, count=1, retry_after=None, path="", watch=None):
        """The next `count` requests whose path contains `path` (only watches or only others, if
        said) get an error of this HTTP status. Those of several calls follow each other."""
        with self._changed:
            self._failures.append([count, status, retry_after, path, watch])

    def forbid(self, *resources):
        """All that the reader may not read, e.g. "pods" or "deployments/scale", or create, which is
        "tokenreviews"."""
        with self._changed:
            self._forbidden = set(resources)

    def remove_group(self, group):
        """The group, e.g. resource.k8s.io, is not served, as on a cluster that lacks it."""
        self._absent_groups.add(group)

    def restore_group(self, group):
        self._absent_groups.discard(group)

    def compact(self, version=None):
        """Forgets what was before `version` (default: now). Lists and watches from before get 410:
        a watch as an event, or as the HTTP status if `expired_watch_status` is 410."""
        self.store.compact(version)

    def expire_watches(self):
        """Ends every watch with the event 410, and forgets what was before now."""
        with self._changed:
            self.store.version += 1
            self._tell_watches("expire")
            self.store.compact()

    def drop_watches(self):
        """Resets every watch's connection in the middle of an event."""
        self._tell_watches("drop")

    def end_watches(self):
        """Ends every watch well, as at its timeoutSeconds."""
        self._tell_watches("end")

    def send_bookmarks(self):
        """Sends every watch that takes them a bookmark of now; `bookmark_seconds` (None: never) is
        the pace of those that come by themselves, for watches that start from now on."""
        self._tell_watches("bookmark")

    def _tell_watches(self, wish):
        with self._changed:
            for watch in self._watches:
                setattr(watch, wish, True)
            self._changed.notify_all()

    # Serving.

    def _serve(self, connection):
        self._wait_while_stalled(connection)
        if self._context:
            connection.secure(self._context)
        Handler(self, connection)

    def _wait_while_stalled(self, connection):
        with self._changed:
            self._changed.wait_for(lambda: not self._stalled or not connection.open)
        if not connection.open:
            raise ConnectionAbortedError

    def handle(self, handler):
        """Answers one request (fake_kube_http.Handler)."""
        request = routes.Request(handler.command, handler.path, handler.query, None)
        with self._changed:
            self.requests.append(request)
        self._wait_while_stalled(handler.link)
        try:
            request.user = self._user(handler)
            self._fail_if_told(request)
            answer = self._answer(request, handler)
        except answers.Answer as early:
            answer = early
        if answer is not None:
            request.status = answer.status
            handler.answer(answer)

    def _user(self, handler):
        scheme, _, token = handler.headers.get("Authorization", "").partition(" ")
        name = handler.certificate_name()
        if name:
            return name
        if scheme != "Bearer":
            return _ANONYMOUS
        with self._changed:
            user = self._tokens.get(token.strip())
        if user is None:
            raise answers.unauthorized()
        return user

    def _fail_if_told(self, request):
        with self._changed:
            for failure in self._failures:
                count, status, retry_after, path, watch = failure
                if path in request.path and watch in (None, request.is_watch):
                    failure[0] -= 1
                    if count <= 1:
                        self._failures.remove(failure)
                    raise answers.failure(status, retry_after)

    def _answer(self, request, handler):
        if request.path in routes.HEALTH:
            return answers.Answer(200, b"ok", "text/plain; charset=utf-8")
        if request.path == REVIEWS:
            self._authorize(request, TARGET)
            return self._account_tokens.review(request, handler.body)
        target = routes.find(request.path, self.kinds, self._absent_groups)
        self._authorize(request, target)
        if target is None:
            return (answers.discover(request.path, self.kinds, self._absent_groups)
                    or routes.nothing_at(request.path, self.kinds, self._absent_groups))
        if request.method != "GET":
            return answers.not_allowed()
        if target.subresource == "scale":
            return answers.get_scale(self.store, target)
        if target.name:
            return answers.get_object(self.store, target)
        if request.is_watch:
            return self._watch(request, target, handler)
        return answers.list_objects(self.store, target, request.query)

    def _authorize(self, request, target):
        verb = routes.verb(request, target)
        if target is None:
            if request.user == _ANONYMOUS and request.path not in routes.PUBLIC:
                raise answers.forbidden_path(request.user, request.path, verb)
            return
        resource = "/".join(filter(None, (target.resource, target.subresource)))
        with self._changed:
            may = (request.user in (READER, "busy") and resource not in self._forbidden
                   and verb in _VERBS.get(resource, ("get", "list", "watch")))
        if request.user != "admin" and not may:
            raise answers.forbidden(request.user, verb, target)

    def _watch(self, request, target, handler):
        def send(line):
            self._wait_while_stalled(handler.link)
            handler.send_chunk(line)

        watch = Watch(self.store, target, request.query, send, lambda: not handler.link.left(),
                      self.bookmark_seconds)
        if self.expired_watch_status == 410 and watch.too_old():
            return answers.failure(410)
        with self._changed:
            self._watches[watch] = request
        request.status = 200
        try:
            handler.start_stream()
            watch.run()
            handler.end_stream()
        except ConnectionAbortedError:
            if handler.link.open:
                handler.send_part_of_chunk(b'{"type":"MODIFIED","object":{"kind":')
                handler.link.close(reset=True)
            raise
        finally:
            with self._changed:
                del self._watches[watch]
        return None
