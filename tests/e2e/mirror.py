# SPDX-License-Identifier: Apache-2.0
"""A copy of the objects of one kind that keeps up with the API server."""

import http.client
import json
import threading

from kube_client import PATIENCE_S, ApiError


class Mirror:
    """The objects behind a path, of all namespaces, by a list and a watch on a thread of its own."""

    def __init__(self, client, path):
        self._client, self._path = client, path
        self._lock = threading.Lock()
        self._objects = {}
        self._listeners = []
        self._over = threading.Event()
        self._listed = threading.Event()
        threading.Thread(target=self._follow, daemon=True).start()
        if not self._listed.wait(PATIENCE_S):
            raise TimeoutError(f"{path}: not listed within {PATIENCE_S} s")

    def get(self, namespace, name):
        """The object, or None. Not to be changed."""
        with self._lock:
            return self._objects.get((namespace, name))

    def of(self, namespace):
        """All objects of a namespace, by name."""
        with self._lock:
            return {name: found for (where, name), found in self._objects.items()
                    if where == namespace}

    def listen(self, namespace, name, listener):
        """Calls `listener` with each new state of that object, from now on, on the mirror's thread;
        None is a state too."""
        with self._lock:
            self._listeners.append(((namespace, name), listener))

    def stop(self):
        self._over.set()

    def _follow(self):
        version = None
        while not self._over.is_set():
            try:
                version = self._watch(version) if version else self._list()
            except (OSError, ApiError, http.client.HTTPException, ValueError):
                version = None
                self._over.wait(0.2)

    def _list(self):
        answer = self._client.get(self._path)
        with self._lock:
            gone = set(self._objects)
        for found in answer["items"]:
            gone.discard(self._set(found))
        for key in gone:
            self._tell(key, None)
        self._listed.set()
        return answer["metadata"]["resourceVersion"]

    def _watch(self, version):
        """Follows until the server ends it, and returns where to go on; None for a new list."""
        with self._client.watch(self._path, resourceVersion=version, timeoutSeconds=60,
                                allowWatchBookmarks="true") as stream:
            for line in stream:
                event = json.loads(line)
                if event["type"] == "ERROR" or self._over.is_set():
                    return None
                found = event["object"]
                version = found["metadata"]["resourceVersion"]
                if event["type"] == "DELETED":
                    self._tell(_key(found), None)
                elif event["type"] != "BOOKMARK":
                    self._set(found)
        return version

    def _set(self, found):
        self._tell(_key(found), found)
        return _key(found)

    def _tell(self, key, found):
        with self._lock:
            if found is None:
                self._objects.pop(key, None)
            else:
                self._objects[key] = found
            listeners = [listener for of, listener in self._listeners if of == key]
        for listener in listeners:
            listener(found)


def _key(found):
    return found["metadata"]["namespace"], found["metadata"]["name"]
