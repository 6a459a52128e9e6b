# SPDX-License-Identifier: Apache-2.0
"""One watch of the fake API server, from its first event to its end."""

import json
import time

from fake_kube_answers import dump, expired_object, requested_version, selection, status
from fake_kube_store import RECORDINGS
from kube_kinds import KINDS

# The server's own: a bookmark about every minute, and one this long before the end of a watch.
BOOKMARK_SECONDS = 60
_BOOKMARK_BEFORE_END_SECONDS = 2
_DEFAULT_TIMEOUT_SECONDS = 1800
# How soon it is seen that a client has gone.
_LOOK_SECONDS = 0.2


class Watch:
    """Follows the store until its time is over, its client has gone or the test wants it ended.

    The test's wishes (`bookmark`, `end`, `drop`, `expire`) are set under the store's lock. `send`
    writes one line of the stream, in bytes; `alive` says whether there is still somebody to write
    to.
    """

    def __init__(self, store, target, query, send, alive, bookmark_seconds):
        self.target, self.query = target, query
        self.bookmark = self.end = self.drop = self.expire = False
        self._store, self._send, self._alive = store, send, alive
        self._custom = target.kind.custom
        self._selected = selection(target, query)
        self._wants_bookmarks = query.get("allowWatchBookmarks") in ("true", "1")
        self._initial = _wants_initial_events(query)
        self.version = requested_version(query) or 0
        self._ends_at = time.monotonic() + float(
            query.get("timeoutSeconds") or _DEFAULT_TIMEOUT_SECONDS)
        self._bookmark_seconds = bookmark_seconds
        self._set_next_bookmark()

    def too_old(self):
        """The object of the error 410 if the watch starts before what is kept, else None."""
        with self._store.changed:
            if not self._initial and self.version < self._store.compacted:
                return expired_object(self.version, self._store.compacted)
        return None

    def run(self):
        """Returns where the stream is to end well; raises ConnectionError where it is to break."""
        error = self.too_old()
        if error:
            self._send_line("ERROR", error)
            return
        if self._initial:
            self._send_initial_events()
        while self._alive():
            with self._store.changed:
                self._store.changed.wait_for(self._something_to_do, self._wait_seconds())
                events = self._store.events_after(self.target.kind.name, self.version)
                bookmark = self._take_bookmark()
                present = max(self.version, self._store.version)
                drop, end, expire = self.drop, self.end, self.expire
            if drop or not self._alive():
                raise ConnectionAbortedError
            if expire:
                self._send_line("ERROR", expired_object(self.version, present))
                return
            for event in events:
                self._send_event(event)
                self.version = event.version
            if bookmark:
                self.version = present
                self._send_bookmark()
            if end or time.monotonic() >= self._ends_at:
                return

    def _something_to_do(self):
        return (self.drop or self.end or self.expire or self.bookmark or not self._alive()
                or self._store.events_after(self.target.kind.name, self.version))

    def _wait_seconds(self):
        until = min(self._ends_at, self._next_bookmark) - time.monotonic()
        return max(0, min(until, _LOOK_SECONDS))

    def _set_next_bookmark(self):
        now = time.monotonic()
        before_end = self._ends_at - _BOOKMARK_BEFORE_END_SECONDS
        self._next_bookmark = float("inf")
        if self._wants_bookmarks and self._bookmark_seconds is not None:
            self._next_bookmark = now + self._bookmark_seconds
            if now < before_end:
                self._next_bookmark = min(self._next_bookmark, before_end)

    def _take_bookmark(self):
        due = self.bookmark or time.monotonic() >= self._next_bookmark
        self.bookmark = False
        if due:
            self._set_next_bookmark()
        return due and self._wants_bookmarks

    def _send_initial_events(self):
        with self._store.changed:
            objects = self._store.list(self.target.kind.name, self.target.namespace)
            self.version = self._store.version
        for obj in objects:
            if self._selected(obj):
                self._send_line("ADDED", obj)
        if self._wants_bookmarks:
            self._send_bookmark({"k8s.io/initial-events-end": "true"})

    def _send_event(self, event):
        """The event as this watch's selectors show it: what leaves the selection is deleted."""
        if self.target.namespace not in (None, event.key[0]):
            return
        was = event.old is not None and self._selected(event.old)
        is_now = event.new is not None and self._selected(event.new)
        if is_now:
            self._send_line("MODIFIED" if was else "ADDED", event.new)
        elif was:
            last = event.last
            if last is None:
                # The old labels, and the version of the change.
                metadata = {**event.old["metadata"], "resourceVersion": str(event.version)}
                last = {**event.old, "metadata": metadata}
            self._send_line("DELETED", last)

    def _send_bookmark(self, annotations=None):
        obj = _bookmark_template(self.target.kind)
        obj["metadata"] = {"resourceVersion": str(self.version)}
        if annotations:
            obj["metadata"]["annotations"] = annotations
        self._send_line("BOOKMARK", obj)

    def _send_line(self, kind, obj):
        custom = self._custom and kind != "ERROR"
        self._send(b'{"type":"' + kind.encode() + b'","object":' + dump(obj, custom) + b"}\n")


def _wants_initial_events(query):
    """Whether what exists is sent first, or the Answer 422 raised."""
    wish = query.get("sendInitialEvents")
    if wish is not None and query.get("resourceVersionMatch") != "NotOlderThan":
        message = ("Forbidden: sendInitialEvents requires setting resourceVersionMatch to "
                   "NotOlderThan")
        raise status(
            422, "Invalid",
            f'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: {message}',
            {"group": "meta.k8s.io", "kind": "ListOptions",
             "causes": [{"reason": "FieldValueForbidden", "message": message,
                         "field": "resourceVersionMatch"}]})
    if wish is not None:
        return wish in ("true", "1")
    return not requested_version(query)


def _bookmark_template(kind):
    """An empty object of the kind, as its recorded bookmark has it."""
    if kind.custom or kind.name not in KINDS:
        return {"apiVersion": kind.api_version, "kind": kind.name}
    path = RECORDINGS / f"watch_{kind.resource}_initial.jsonl"
    return json.loads(path.read_bytes().splitlines()[-1])["object"]


