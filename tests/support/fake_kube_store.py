# SPDX-License-Identifier: Apache-2.0
"""What the fake API server holds: objects shaped like recorded ones, and their history."""

import copy
import datetime
import functools
import json
import pathlib
import threading
import uuid

import kube_kinds

RECORDINGS = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "kube"

# What record.py calls the objects that serve as templates.
_TEMPLATE_NAME = "template-name"
_TEMPLATE_NAMESPACE = "template-namespace"

# The order in which the server writes the metadata of a built-in kind.
_METADATA_ORDER = (
    "name", "generateName", "namespace", "uid", "resourceVersion", "generation",
    "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "labels",
    "annotations", "ownerReferences", "finalizers", "managedFields")


class Expired(Exception):
    """What was asked for is older than what is kept."""


class Event:
    """One change: `old` is None where an object came, `new` is None where it went.

    `last` is the object that went, with the resourceVersion of its end.
    """

    def __init__(self, version, key, old, new, last=None):
        self.version, self.key, self.old, self.new, self.last = version, key, old, new, last


class Store:
    """Objects by kind, and every change since the last compaction. Stored objects never change.

    `changed` is the lock of it all, and is notified at every change.
    """

    def __init__(self, kinds):
        self.changed = threading.Condition(threading.RLock())
        self.kinds = kinds
        self.version = 1000
        self.compacted = 0
        self._objects = {}
        self._history = {}

    def put(self, kind, namespace, name, uid=None, **fields):
        """Creates or changes an object as FakeKubeApi.put says: an event for what is the user's,
        one for the status, none where nothing changes."""
        key = self._key(kind, namespace, name)
        status = fields.pop("status", None)
        with self.changed:
            old = self.get(kind, namespace, name)
            if old is None:
                new = kube_kinds.apply_fields(self._template(kind, namespace, name), fields)
                new["metadata"]["uid"] = uid or str(uuid.uuid4())
                new["metadata"]["creationTimestamp"] = _now()
                for entry in new["metadata"]["managedFields"]:
                    entry["time"] = new["metadata"]["creationTimestamp"]
                self._commit(kind, key, new)
            else:
                self._refuse_what_cannot_change(old, uid, fields)
                new = kube_kinds.apply_fields(old, fields)
                if new != old:
                    if new.get("spec") != old.get("spec"):
                        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
                    self._commit(kind, key, new)
            if status:
                old = self.get(kind, namespace, name)
                new = kube_kinds.apply_fields(old, {"status": status})
                if new != old:
                    _note_status_writer(self.kinds[kind], new)
                    self._commit(kind, key, new)
            return copy.deepcopy(self.get(kind, namespace, name))

    def delete(self, kind, namespace, name, grace_seconds=0):
        """Deletes an object; a pod with a node is only marked while its grace period lasts."""
        key = self._key(kind, namespace, name)
        with self.changed:
            if kind == "Pod":
                grace_seconds = self._mark_as_ending(key, grace_seconds)
                if grace_seconds:
                    return
            old = self._objects[kind][key]
            last = copy.deepcopy(old)
            self.version += 1
            last["metadata"]["resourceVersion"] = str(self.version)
            del self._objects[kind][key]
            self._remember(kind, Event(self.version, key, old, None, last))

    def _mark_as_ending(self, key, grace_seconds):
        """Gives the pod its deletionTimestamp, even if it goes at once; returns its grace."""
        new = copy.deepcopy(self._objects["Pod"][key])
        if "nodeName" not in new["spec"]:
            grace_seconds = 0
        if "deletionTimestamp" not in new["metadata"]:
            new["metadata"]["generation"] = new["metadata"].get("generation", 0) + 1
        new["metadata"]["deletionTimestamp"] = _now(grace_seconds)
        new["metadata"]["deletionGracePeriodSeconds"] = grace_seconds
        self._commit("Pod", key, new)
        return grace_seconds

    def get(self, kind, namespace, name):
        with self.changed:
            return self._objects.get(kind, {}).get(self._key(kind, namespace, name))

    def list(self, kind, namespace=None, version=None):
        """The objects in the order of their keys, at present or as of an older version."""
        with self.changed:
            state = dict(self._objects.get(kind, {}))
            if version is not None:
                if version < self.compacted:
                    raise Expired
                for event in reversed(self._history.get(kind, [])):
                    if event.version <= version:
                        break
                    state.pop(event.key, None)
                    if event.old is not None:
                        state[event.key] = event.old
        return [state[key] for key in sorted(state) if namespace in (None, key[0])]

    def events_after(self, kind, version):
        with self.changed:
            result = []
            for event in reversed(self._history.get(kind, [])):
                if event.version <= version:
                    break
                result.append(event)
            return result[::-1]

    def compact(self, version=None):
        """Forgets what was before `version`, by default before the present one."""
        with self.changed:
            self.compacted = self.version if version is None else version
            for kind, events in self._history.items():
                self._history[kind] = [e for e in events if e.version > self.compacted]
            self.changed.notify_all()

    def advance(self, count=1):
        """Lets changes of kinds that nobody here watches go by."""
        with self.changed:
            self.version += count
            self.changed.notify_all()

    def _key(self, kind, namespace, name):
        return (namespace if self.kinds[kind].namespaced else "", name)

    def _template(self, kind, namespace, name):
        where = self.kinds[kind]
        path = RECORDINGS / f"created_{kind.lower()}.json"
        if kind in kube_kinds.KINDS:
            text = path.read_text(encoding="utf-8").replace(_TEMPLATE_NAMESPACE, namespace or "")
            return json.loads(text.replace(_TEMPLATE_NAME, name))
        body = kube_kinds.manifest(kind, namespace, name, self.kinds)
        body["metadata"]["generation"] = 1
        body["metadata"]["managedFields"] = [
            _managed(where, kube_kinds.writer(kind), {"f:spec": {}})]
        return body

    def _refuse_what_cannot_change(self, old, uid, fields):
        if uid is not None and uid != old["metadata"]["uid"]:
            raise ValueError(f"{old['metadata']['name']}: the uid of an object never changes")
        node = (fields.get("spec") or {}).get("nodeName")
        if old["kind"] == "Pod" and node and old["spec"].get("nodeName", node) != node:
            raise ValueError(f"{old['metadata']['name']}: a pod never moves to another node")

    def _commit(self, kind, key, new):
        objects = self._objects.setdefault(kind, {})
        self.version += 1
        new["metadata"]["resourceVersion"] = str(self.version)
        _put_in_order(self.kinds[kind], new)
        old = objects.get(key)
        objects[key] = new
        self._remember(kind, Event(self.version, key, old, new))

    def _remember(self, kind, event):
        self._history.setdefault(kind, []).append(event)
        self.changed.notify_all()


def _put_in_order(kind, obj):
    """Puts keys where the server would: those of a map sorted, those of a struct as recorded."""
    metadata = obj["metadata"]
    for name in ("labels", "annotations"):
        if name in metadata:
            metadata[name] = dict(sorted(metadata[name].items()))
    obj["metadata"] = {name: metadata[name]
                       for name in sorted(metadata, key=_METADATA_ORDER.index)}
    for section, order in _recorded_order(kind).items():
        if section in obj:
            places = {name: place for place, name in enumerate(order)}
            names = sorted(obj[section], key=lambda name: places.get(name, len(places)))
            obj[section] = {name: obj[section][name] for name in names}


@functools.lru_cache(maxsize=None)
def _recorded_order(kind):
    """The keys of spec and status of a built-in kind, from its fullest recorded object."""
    if kind.custom or kind.name not in kube_kinds.KINDS:
        return {}
    items = json.loads((RECORDINGS / f"list_{kind.resource}.json").read_bytes())["items"]
    return {section: max((list(item[section]) for item in items if section in item), key=len)
            for section in ("spec", "status") if section in items[0]}


def _now(later_seconds=0):
    time = datetime.datetime.utcnow() + datetime.timedelta(seconds=later_seconds)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _managed(kind, manager, fields, **more):
    return {"manager": manager, "operation": "Update", "apiVersion": kind.api_version,
            "time": _now(), "fieldsType": "FieldsV1", "fieldsV1": fields, **more}


def _note_status_writer(kind, obj):
    """Adds whom the status is from to managedFields, as the server does."""
    entries = [entry for entry in obj["metadata"]["managedFields"]
               if entry.get("subresource") != "status"]
    fields = {"f:status": {f"f:{name}": {} for name in obj["status"]}}
    entries.append(_managed(kind, kube_kinds.status_writer(kind.name), fields,
                            subresource="status"))
    entries.sort(key=lambda entry: (entry["time"], entry["manager"]))
    obj["metadata"]["managedFields"] = entries
