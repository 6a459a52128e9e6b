# SPDX-License-Identifier: Apache-2.0
"""Label and field selectors, as a query of the Kubernetes API writes them."""

import re

_SET = re.compile(r"^(?P<key>[^\s!=,()]+)\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUALITY = re.compile(r"^(?P<key>[^\s!=,()]+)\s*(?P<operator>!=|==?)\s*(?P<value>[^\s!=,()]*)$")
_EXISTENCE = re.compile(r"^(?P<absent>!?)\s*(?P<key>[^\s!=,()]+)$")


def label_selector(text):
    """A predicate over a mapping of labels; ValueError where `text` is no selector."""
    requirements = [_requirement(part) for part in re.split(r",(?![^()]*\))", text) if part.strip()]
    return lambda labels: all(requirement(labels) for requirement in requirements)


def _requirement(text):
    text = text.strip()
    match = _SET.match(text)
    if match:
        values = {value.strip() for value in match["values"].split(",")}
        if match["operator"] == "in":
            return lambda labels: labels.get(match["key"]) in values
        return lambda labels: labels.get(match["key"]) not in values
    match = _EQUALITY.match(text)
    if match:
        if match["operator"] == "!=":
            return lambda labels: labels.get(match["key"]) != match["value"]
        return lambda labels: labels.get(match["key"]) == match["value"]
    match = _EXISTENCE.match(text)
    if match:
        return lambda labels: (match["key"] in labels) != bool(match["absent"])
    raise ValueError(f"unable to parse requirement: {text}")


_ANY_KIND = {"metadata.name", "metadata.namespace"}
_POD = _ANY_KIND | {"spec.nodeName", "status.phase", "spec.restartPolicy", "status.podIP"}
_RESOURCE_SLICE = _ANY_KIND | {"spec.nodeName", "spec.driver"}
_KNOWN = {"Pod": _POD, "ResourceSlice": _RESOURCE_SLICE}


def field_selector(kind, text):
    """A predicate over objects of the kind; ValueError where it cannot select by a field."""
    requirements = []
    for part in filter(None, text.split(",")):
        match = _EQUALITY.match(part.strip())
        if not match:
            raise ValueError(f"invalid selector: {part!r}")
        if match["key"] not in _KNOWN.get(kind, _ANY_KIND):
            raise ValueError(f"field label not supported: {match['key']}")
        requirements.append((match["key"].split("."), match["operator"] != "!=", match["value"]))
    return lambda obj: all((field(obj, path, "") == value) == wanted
                           for path, wanted, value in requirements)


def field(obj, path, default=None):
    """The value at `path` (a list of keys), or the default where a key is missing."""
    for key in path:
        if not isinstance(obj, dict) or key not in obj:
            return default
        obj = obj[key]
    return obj


def selector_string(selector):
    """A workload's spec.selector as its /scale shows it: in the order of the keys."""
    parts = [(key, f"{key}={value}") for key, value in selector.get("matchLabels", {}).items()]
    for expression in selector.get("matchExpressions", []):
        key, values = expression["key"], ",".join(sorted(expression.get("values", [])))
        parts.append((key, {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})",
                            "Exists": key, "DoesNotExist": f"!{key}"}[expression["operator"]]))
    return ",".join(text for _, text in sorted(parts))
