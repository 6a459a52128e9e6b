# SPDX-License-Identifier: Apache-2.0
"""What a request to the fake API server asks for, read from its method, path and query."""

import dataclasses

import fake_kube_answers as answers
from kube_kinds import Kind

HEALTH = ("/readyz", "/livez", "/healthz")
# What needs no credentials.
PUBLIC = (*HEALTH, "/version")


@dataclasses.dataclass
class Request:
    """One request as the server got it. `status` is None while it is not answered."""

    method: str
    path: str
    query: dict
    user: str
    status: int = None

    @property
    def is_watch(self):
        return self.query.get("watch") in ("true", "1")


@dataclasses.dataclass
class Target:
    """The collection, object or subresource that a path names."""

    kind: Kind
    resource: str
    group: str
    namespace: str = None
    name: str = None
    subresource: str = None


def find(path, kinds, absent_groups):
    """The Target of a path, or None where that is no resource that is served."""
    parts = path.strip("/").split("/")
    head = 2 if parts[0] == "api" else 3
    prefix, rest = "/" + "/".join(parts[:head]), parts[head:]
    namespace = None
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    for kind in list(kinds.values()):
        if kind.prefix == prefix and rest and rest[0] == kind.resource:
            if kind.group in absent_groups or len(rest) > 3 or rest[2:] not in ([], ["scale"]):
                return None
            return Target(kind, kind.resource, kind.group, namespace, *rest[1:])
    return None


def verb(request, target):
    """The verb that RBAC knows this request by."""
    if request.method != "GET":
        return {"POST": "create", "PUT": "update"}.get(request.method, request.method.lower())
    if target is None or target.name:
        return "get"
    return "watch" if request.is_watch else "list"


def nothing_at(path, kinds, absent_groups):
    """The 404 of a path that is not served: text where a whole group, or anything of a custom
    kind's group, is missing."""
    parts = path.split("/")
    group = parts[2] if parts[1] == "apis" and len(parts) > 2 else ""
    built_in = {kind.group for kind in kinds.values() if not kind.custom}
    if group in built_in and group not in absent_groups:
        return answers.no_such_resource()
    return answers.no_such_page()
