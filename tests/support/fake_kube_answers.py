# SPDX-License-Identifier: Apache-2.0
"""The answers of the fake API server that need no connection: lists, objects, scales, discovery and
every Status, each in the words and the order of keys of the recorded ones."""

import base64
import binascii
import json
import re

from fake_kube_store import RECORDINGS, Expired
from kube_selectors import field, field_selector, label_selector, selector_string


class Answer(Exception):
    """An answer with its body in bytes; raised where it ends a request early."""

    def __init__(self, status, body, content_type="application/json", **headers):
        super().__init__(f"{status}")
        self.status, self.body = status, body
        self.content_type, self.headers = content_type, headers


def dump(obj, custom=False):
    """JSON as the server writes it: a custom kind's keys are sorted."""
    return json.dumps(obj, separators=(",", ":"), sort_keys=custom, ensure_ascii=False).encode()


def status_object(code, reason, message, details=None, metadata=None):
    result = {"kind": "Status", "apiVersion": "v1", "metadata": metadata or {},
              "status": "Failure", "message": message, "reason": reason}
    if details is not None:
        result["details"] = details
    return {**result, "code": code}


def status(code, reason, message, details=None, metadata=None, **headers):
    body = dump(status_object(code, reason, message, details, metadata)) + b"\n"
    return Answer(code, body, **headers)


def _details(resource, group, name=None):
    parts = {"name": name, "group": group, "kind": resource}
    return {key: value for key, value in parts.items() if value}


def _qualified(resource, group):
    return f"{resource}.{group}" if group else resource


def unauthorized():
    return status(401, "Unauthorized", "Unauthorized")


def forbidden_path(user, path, verb="get"):
    return status(403, "Forbidden", f'forbidden: User "{user}" cannot {verb} path "{path}"', {})


def forbidden(user, verb, target):
    what = _qualified(target.resource, target.group)
    if target.name:
        what += f' "{target.name}"'
    resource = "/".join(filter(None, (target.resource, target.subresource)))
    scope = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
    return status(403, "Forbidden",
                  f'{what} is forbidden: User "{user}" cannot {verb} resource "{resource}" '
                  f'in API group "{target.group}" {scope}',
                  _details(target.resource, target.group, target.name))


def not_found(target):
    name = _qualified(target.resource, target.group)
    return status(404, "NotFound", f'{name} "{target.name}" not found',
                  _details(target.resource, target.group, target.name))


def not_allowed():
    return status(405, "MethodNotAllowed",
                  "the server does not allow this method on the requested resource", {})


def no_such_resource():
    return status(404, "NotFound", "the server could not find the requested resource", {})


def no_such_page():
    return Answer(404, b"404 page not found\n", "text/plain; charset=utf-8")


def expired_object(version, oldest):
    return status_object(410, "Expired", f"too old resource version: {version} ({oldest})")


def failure(code, retry_after=None):
    """The answer of a server in trouble: recorded where one could be provoked (README.md there)."""
    headers = {"Retry_After": str(retry_after)} if retry_after is not None else {}
    if code == 429:
        headers.setdefault("Retry_After", "1")
        return Answer(429, (RECORDINGS / "status_429.txt").read_bytes(),
                      "text/plain; charset=utf-8", **headers)
    if code == 504:
        return Answer(504, (RECORDINGS / "status_504_etcd.json").read_bytes(),
                      "text/plain; charset=utf-8", **headers)
    reason, message = {
        401: ("Unauthorized", "Unauthorized"),
        403: ("Forbidden", "forbidden"),
        410: ("Expired", "The resourceVersion for the provided list is too old."),
        500: ("InternalError", "Internal error occurred: etcdserver: request timed out"),
        503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    }.get(code, ("Unknown", f"the server answers {code} as the test wants"))
    return status(code, reason, message, **headers)


def selection(target, query):
    """The predicate of a query's selectors, or the Answer 400 raised."""
    try:
        of_labels = label_selector(query.get("labelSelector", ""))
        of_fields = field_selector(target.kind.name, query.get("fieldSelector", ""))
    except ValueError as error:
        raise status(400, "BadRequest", str(error)) from error
    return lambda obj: of_labels(obj["metadata"].get("labels", {})) and of_fields(obj)


def requested_version(query):
    """The number of query's resourceVersion, None without one, or the Answer 400 raised."""
    text = query.get("resourceVersion", "")
    if text and not re.fullmatch("[0-9]+", text):
        raise status(400, "BadRequest", "invalid resource version: resourceVersion: Invalid value: "
                     f'"{text}": strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text) if text else None


def list_objects(store, target, query):
    """A list, whole or a page."""
    selected = selection(target, query)
    with store.changed:
        version, start = _list_version(store, query)
        try:
            present = version in (-1, store.version)
            objects = store.list(target.kind.name, target.namespace, None if present else version)
        except Expired:
            raise _expired_list(start) from None
        version = store.version if version == -1 else version
    objects = [obj for obj in objects if selected(obj) and _key(obj) >= start]
    limit = int(query.get("limit", 0))
    # A list from the cache of the server is never cut.
    if query.get("resourceVersion") == "0":
        limit = 0
    metadata = {"resourceVersion": str(version)}
    if target.kind.custom:
        metadata["continue"] = ""
    if 0 < limit < len(objects):
        metadata["continue"] = _continue(version, _key(objects[limit - 1]) + "\0")
        if not query.get("labelSelector") and not query.get("fieldSelector"):
            metadata["remainingItemCount"] = len(objects) - limit
        objects = objects[:limit]
    return Answer(200, _list_body(target.kind, metadata, objects))


def _list_version(store, query):
    """The version to list at (-1: whichever is present) and the key to start from."""
    if query.get("continue"):
        return _parse_continue(query["continue"])
    version = requested_version(query)
    if version is not None and version > store.version:
        raise status(
            504, "Timeout",
            f"Timeout: Too large resource version: {version}, current: {store.version}",
            {"causes": [{"reason": "ResourceVersionTooLarge",
                         "message": "Too large resource version"}], "retryAfterSeconds": 1},
            Retry_After="1")
    if version is not None and query.get("resourceVersionMatch") == "Exact":
        return version, ""
    return store.version, ""


def _expired_list(start):
    if not start:
        return status(410, "Expired", "The resourceVersion for the provided list is too old.")
    return status(
        410, "Expired",
        "The provided continue parameter is too old to display a consistent list result. You can "
        "start a new list without the continue parameter, or use the continue token in this "
        "response to retrieve the remainder of the results. Continuing with the provided token "
        "results in an inconsistent list - objects that were created, modified, or deleted between "
        "the time the first chunk was returned and now may show up in the list.",
        metadata={"continue": _continue(-1, start)})


def _key(obj):
    return f"/{obj['metadata'].get('namespace', '')}/{obj['metadata']['name']}"


def _continue(version, start):
    token = dump({"v": "meta.k8s.io/v1", "rv": version, "start": start})
    return base64.urlsafe_b64encode(token).decode().rstrip("=")


def _parse_continue(token):
    try:
        parsed = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return parsed["rv"], parsed["start"]
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise status(400, "BadRequest",
                     f"invalid continue token: continue key is not valid: {error}") from error


def _list_body(kind, metadata, objects):
    if kind.custom:
        head = dump({"apiVersion": kind.api_version})[:-1] + b',"items":['
        tail = b"]," + dump({"kind": f"{kind.name}List", "metadata": metadata}, True)[1:] + b"\n"
    else:
        head = dump({"kind": f"{kind.name}List", "apiVersion": kind.api_version,
                     "metadata": metadata})[:-1] + b',"items":['
        tail = b"]}\n"
        # The items of a built-in kind's list do not name it.
        objects = [{key: value for key, value in obj.items() if key not in ("kind", "apiVersion")}
                   for obj in objects]
    return head + b",".join(dump(obj, kind.custom) for obj in objects) + tail


def get_object(store, target):
    obj = store.get(target.kind.name, target.namespace, target.name)
    if obj is None:
        return not_found(target)
    return Answer(200, dump(obj, target.kind.custom) + b"\n")


def get_scale(store, target):
    if not target.kind.scale:
        return not_found(target) if target.kind.custom else no_such_resource()
    obj = store.get(target.kind.name, target.namespace, target.name)
    if obj is None:
        return not_found(target)
    shared = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    metadata = {key: obj["metadata"][key] for key in shared if key in obj["metadata"]}
    selector = field(obj, target.kind.scale, "")
    shown = {"replicas": field(obj, ("status", "replicas"), 0)}
    if selector:
        shown["selector"] = selector if isinstance(selector, str) else selector_string(selector)
    spec = {"replicas": obj["spec"]["replicas"]} if obj["spec"].get("replicas") else {}
    return Answer(200, dump({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
                             "spec": spec, "status": shown}) + b"\n")


_DISCOVERY = {
    "/version": "version.json",
    "/api/v1": "api_v1.json",
    "/apis": "apis.json",
    "/apis/apps/v1": "apis_apps_v1.json",
    "/apis/keda.sh": "apis_keda.json",
    "/apis/keda.sh/v1alpha1": "apis_keda_v1alpha1.json",
    "/apis/resource.k8s.io": "apis_resource.json",
    "/apis/resource.k8s.io/v1": "apis_resource_v1.json",
    "/apis/leaderworkerset.x-k8s.io/v1": "apis_leaderworkerset_v1.json",
    "/apis/argoproj.io/v1alpha1": "apis_argoproj_v1alpha1.json",
}


def discover(path, kinds, absent_groups):
    """The answer of a discovery path, or None where `path` is none that is served."""
    if path.split("/")[2:3] and path.split("/")[2] in absent_groups:
        return None
    if path == "/apis":
        body = json.loads((RECORDINGS / _DISCOVERY[path]).read_bytes())
        body["groups"] = [group for group in body["groups"] if group["name"] not in absent_groups]
        return Answer(200, dump(body) + b"\n")
    if path in _DISCOVERY:
        return Answer(200, (RECORDINGS / _DISCOVERY[path]).read_bytes())
    added = [kind for kind in kinds.values() if path == kind.prefix]
    if added:
        resources = [resource for kind in added for resource in _resources(kind)]
        return Answer(200, dump({"kind": "APIResourceList", "apiVersion": "v1",
                                 "groupVersion": added[0].api_version,
                                 "resources": resources}) + b"\n")
    return None


def _resources(kind):
    """The discovery of a kind that a test added, as of one with a definition."""
    verbs = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]
    yield {"name": kind.resource, "singularName": kind.name.lower(), "namespaced": kind.namespaced,
           "kind": kind.name, "verbs": verbs, "storageVersionHash": "AAAAAAAAAAA="}
    yield {"name": f"{kind.resource}/status", "singularName": "", "namespaced": kind.namespaced,
           "kind": kind.name, "verbs": ["get", "patch", "update"]}
    if kind.scale:
        yield {"name": f"{kind.resource}/scale", "singularName": "", "namespaced": kind.namespaced,
               "group": "autoscaling", "version": "v1", "kind": "Scale",
               "verbs": ["get", "patch", "update"]}
