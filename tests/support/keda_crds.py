# SPDX-License-Identifier: Apache-2.0
"""KEDA's custom resource definitions, out of its Go module, patched as its kustomization does.

The version is that of tests/e2e/keda/go.mod. Needs Go, to fetch the module, and python3-yaml.
"""

import json
import pathlib
import re
import subprocess
import tempfile

import yaml

_MODULE = "github.com/kedacore/keda/v2"
_GO_MOD = pathlib.Path(__file__).resolve().parent.parent / "e2e" / "keda" / "go.mod"
_PATCHES = {"scaledobjects.keda.sh": "scaledobject_patch.yaml",
            "scaledjobs.keda.sh": "scaledjob_patch.yaml"}


def keda_crds():
    """All definitions of KEDA, ready to be created."""
    version = re.search(rf"^\s+{re.escape(_MODULE)} (v\S+)", _GO_MOD.read_text(), re.MULTILINE)[1]
    folder = module_folder(_MODULE, version) / "config" / "crd"
    result = []
    for path in sorted((folder / "bases").glob("*.yaml")):
        definition = _load(path)
        patch = _PATCHES.get(definition["metadata"]["name"])
        for operation in _load(folder / "patches" / patch) if patch else ():
            _apply(definition, operation)
        result.append(definition)
    return result


def scalable_crd(kind):
    """A definition of our own for a custom kind: any fields, the subresources status and scale."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    subresources = {"status": {}}
    if kind.scale:
        subresources["scale"] = {"specReplicasPath": ".spec.replicas",
                                 "statusReplicasPath": ".status.replicas",
                                 "labelSelectorPath": "." + ".".join(kind.scale)}
    version = {"name": kind.version, "served": True, "storage": True, "subresources": subresources,
               "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                   "spec": anything, "status": anything}}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.resource}.{kind.group}",
                     # Names under k8s.io are protected and ask for the word of a review.
                     "annotations": {"api-approved.kubernetes.io": "unapproved, a test's copy"}},
        "spec": {"group": kind.group, "scope": "Namespaced" if kind.namespaced else "Cluster",
                 "names": {"plural": kind.resource, "singular": kind.name.lower(),
                           "kind": kind.name, "listKind": f"{kind.name}List"},
                 "versions": [version]},
    }


def module_folder(module, version):
    """Where a Go module's files are; it is fetched where it is missing."""
    # Away from any go.mod, which might want another Go.
    with tempfile.TemporaryDirectory() as elsewhere:
        answer = subprocess.run(["go", "mod", "download", "-json", f"{module}@{version}"],
                                cwd=elsewhere, stdout=subprocess.PIPE, text=True, check=True)
    return pathlib.Path(json.loads(answer.stdout)["Dir"])


def _load(path):
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, Loader=yaml.CSafeLoader)


def _apply(document, operation):
    """One operation of a JSON patch (RFC 6902): `add` or `remove`, all that KEDA's patches use."""
    *parents, last = operation["path"].lstrip("/").split("/")
    place = document
    for step in parents:
        place = place[int(step) if isinstance(place, list) else step]
    if operation["op"] == "remove":
        del place[last]
    elif isinstance(place, list):
        assert last == "-", operation
        place.append(operation["value"])
    else:
        place[last] = operation["value"]
