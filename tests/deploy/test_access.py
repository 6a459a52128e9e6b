# SPDX-License-Identifier: Apache-2.0
"""A hub under exactly the chart's roles: it sees all that it needs, and without any one of them a
check that is named here fails.

Needs helm and the programs of tests/e2e/kubernetes/build.
"""

import contextlib
import copy

import pytest
from chart import NAMESPACE, render
from fleet_processes import Hub
from harness import wait_until
from kube_credentials import write_kubeconfig
from real_kube_api import READER_RULES, RealKubeApi

RBAC = "/apis/rbac.authorization.k8s.io/v1"
TEAM = "team-a"
SCALER = "keda-gpu-scaler.keda.svc:6000"
# Who scales what, so that the hub reads every kind: by the object's name, the target.
TARGETS = {"web": ("apps/v1", "Deployment"), "sts": ("apps/v1", "StatefulSet"),
           "rs": ("apps/v1", "ReplicaSet"), "ro": ("argoproj.io/v1alpha1", "Rollout")}
# By what the hub may read, the check that fails without.
CHECKS = {
    ("keda.sh", "scaledobjects"): "ScaledObjects",
    ("keda.sh", "scaledjobs"): "ScaledJobs",
    ("", "pods"): f"pods in {TEAM}",
    ("apps", "deployments"): f"deployments in {TEAM}",
    ("apps", "statefulsets"): f"statefulsets in {TEAM}",
    ("apps", "replicasets"): f"replicasets in {TEAM}",
    ("", "services"): "Services",
    ("resource.k8s.io", "resourceslices"): "ResourceSlices",
    ("*", "*/scale"): f"scale of Rollout {TEAM}/ro",
}
WATCHES = {name for name in CHECKS.values() if not name.startswith("scale ")}


@pytest.fixture(scope="module")
def api():
    """An API server with an object of each kind, and the accounts of the chart."""
    with RealKubeApi() as one:
        trigger = {"type": "external",
                   "metadata": {"scalerAddress": SCALER, "profile": "triton-inference"}}
        for name, (version, kind) in TARGETS.items():
            one.put(kind, TEAM, name)
            one.put("ScaledObject", TEAM, name, spec={
                "scaleTargetRef": {"apiVersion": version, "kind": kind, "name": name},
                "triggers": [trigger]})
        one.put("Rollout", TEAM, "ro", status={"selector": "app=ro"})
        one.admin.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        for account in ("hub", "agent"):
            one.admin.call("POST", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts",
                           {"metadata": {"name": f"keda-gpu-scaler-{account}"}})
        yield one


def access(objects):
    """The chart's roles and bindings, each with where it is made."""
    for one in objects:
        if one["apiVersion"] == "rbac.authorization.k8s.io/v1":
            namespace = one["metadata"].get("namespace")
            where = f"/namespaces/{namespace}" if namespace else ""
            yield f"{RBAC}{where}/{one['kind'].lower()}s", one


def without(objects, group, resource):
    """The same without the right to that."""
    result = copy.deepcopy(objects)
    found = 0
    for one in result:
        for rule in one.get("rules", []):
            if group in rule["apiGroups"] and resource in rule["resources"]:
                rule["resources"].remove(resource)
                found += 1
        if "rules" in one:
            one["rules"] = [rule for rule in one["rules"] if rule["resources"]]
    assert found
    return result


@contextlib.contextmanager
def hub_under(api, objects, folder, *arguments):
    """A hub as the chart's account, which may do what `objects` say and no more."""
    made = list(access(objects))
    for where, one in made:
        api.admin.call("POST", where, one)
    try:
        account = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/keda-gpu-scaler-hub/token"
        token = api.admin.call("POST", account, {"spec": {}})["status"]["token"]
        config = write_kubeconfig(folder / "config", api.server, api.ca(), {"token": token})
        with Hub(config, *arguments) as hub:
            yield hub
    finally:
        for where, one in made:
            api.admin.call("DELETE", f"{where}/{one['metadata']['name']}")


def watches(hub):
    """Those that are open."""
    return {name for name in WATCHES if hub.gauge("watch_up", watch=name) == 1}


def scale_error(hub):
    row = hub.debug("decisions").get(("ScaledObject", TEAM, "ro", 0), {})
    return row.get("now", {"error": "not known"})["error"]


def refused(hub, check):
    """Why the check fails: the API server's word; None where it does not."""
    if check in WATCHES:
        texts = [line["problem"] for line in hub.logged("watch failed", watch=check)]
    else:
        texts = [scale_error(hub)]
    return next((text for text in texts if "HTTP 403" in text), None)


def rights(rules):
    """The verbs by what they are for."""
    found = {}
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                found.setdefault((group, resource), set()).update(rule["verbs"])
    return found


def test_every_right_has_its_check():
    role = next(one for one in render() if one["kind"] == "ClusterRole")
    # That of tokenreviews is test_running.py's, and that of the agents' pods.
    assert set(rights(role["rules"])) - {("authentication.k8s.io", "tokenreviews")} == set(CHECKS)


def test_the_hubs_of_the_other_tests_have_the_same_rights():
    """Those of tests/e2e too: what they show, they show of a hub that may do this and no more."""
    role = next(one for one in render() if one["kind"] == "ClusterRole")
    assert rights(role["rules"]) == rights(READER_RULES)


@pytest.mark.parametrize("arguments, flags", [
    ((), ()),
    (("--set", f"hub.namespaces={{{TEAM}}}"), ("--namespaces", TEAM)),
], ids=["all", "one-namespace"])
def test_all_is_seen(api, tmp_path, arguments, flags):
    with hub_under(api, render(*arguments), tmp_path, *flags) as hub:
        expected = {name + (f" in {TEAM}" if flags and name.startswith("Scaled") else "")
                    for name in WATCHES}
        wait_until(lambda: {name for name in expected
                            if hub.gauge("watch_up", watch=name) == 1} == expected, "every watch")
        wait_until(lambda: scale_error(hub) == "", "the scale of a custom resource")
        assert not [line for line in hub.log() if "HTTP 403" in str(line)]


@pytest.mark.parametrize("right", CHECKS, ids=lambda right: right[1].replace("*/", ""))
def test_without_a_right_its_check_fails(api, tmp_path, right):
    with hub_under(api, without(render(), *right), tmp_path) as hub:
        check = CHECKS[right]
        reason = wait_until(lambda: refused(hub, check), check)
        assert right[1].removeprefix("*/") in reason
        assert check not in watches(hub)
