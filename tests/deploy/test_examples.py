# SPDX-License-Identifier: Apache-2.0
"""deploy/examples: every trigger is accepted by the binary, and fits what it reads."""

import json
import re

import pytest
from chart import ROOT, load_file
from fake_kube_api import FakeKubeApi
from fleet_processes import Hub
from harness import RPC_DEADLINE_S, scaled_object, wait_until

FILES = sorted((ROOT / "deploy" / "examples").glob("*.yaml"))
NAMES = {"three-triggers", "vllm", "sglang", "triton", "tgi", "training", "batch", "wake-from-zero",
         "push-mtls", "scaledjob", "mig", "amd"}


def objects():
    return [one for path in FILES for one in load_file(path)]


def triggers():
    return [pytest.param(one, place, id=f"{one['metadata']['name']}-{place}")
            for one in objects() for place in range(len(one["spec"]["triggers"]))]


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A hub that knows every example's object, and no agent."""
    with FakeKubeApi() as api:
        for one in objects():
            api.put(one["kind"], one["metadata"]["namespace"], one["metadata"]["name"],
                    spec=one["spec"])
        kubeconfig = api.kubeconfig(tmp_path_factory.mktemp("hub") / "config")
        with Hub(kubeconfig, "--service-names", "keda-gpu-scaler") as hub:
            wanted = sum(len(one["spec"]["triggers"]) for one in objects())
            wait_until(lambda: hub.gauge("tracked_triggers") == wanted, "every trigger is known")
            yield hub


def test_there_is_one_for_each_use():
    assert {path.stem for path in FILES} == NAMES
    found = [(one["kind"], one["metadata"]["namespace"], one["metadata"]["name"])
             for one in objects()]
    assert len(found) == len(set(found))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_says_why(path):
    text = path.read_text(encoding="utf-8")
    assert re.match(r"# SPDX-License-Identifier: Apache-2.0\n# \w", text)


@pytest.mark.parametrize("one, place", triggers())
def test_the_binary_takes_it(hub, one, place):
    metadata = one["spec"]["triggers"][place]["metadata"]
    where = one["metadata"]
    answer = hub.keda.GetMetricSpec(scaled_object(metadata, where["namespace"], where["name"]),
                                    timeout=RPC_DEADLINE_S)
    assert answer.metricSpecs
    assert all(spec.targetSizeFloat > 0 for spec in answer.metricSpecs)


def kinds():
    """By metric, whether it is a level or a demand, as the documents' tables say."""
    rows = {}
    for name in ("metrics.md", "engines.md"):
        text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        rows.update(re.findall(r"^\| `(\w+)` \| [\w ]+ \| (level|demand) \|", text, re.MULTILINE))
    assert rows["gpu_utilization"] == "level" and rows["vllm_demand"] == "demand"
    return rows


def metrics_of(hub, one, place):
    """What the trigger reads, as its decisions say."""
    where = one["metadata"]
    status, body = hub.get(hub.debug_port, "/debug/decisions")
    assert status == 200, body
    return [row["metric"] for row in json.loads(body)["triggers"]
            if (row["kind"], row["namespace"], row["name"], row["trigger"])
            == (one["kind"], where["namespace"], where["name"], place)]


@pytest.mark.parametrize("one, place", triggers())
def test_its_metric_type_fits_what_it_reads(hub, one, place):
    if one["kind"] == "ScaledJob":
        assert "metricType" not in one["spec"]["triggers"][place]
        return
    read = wait_until(lambda: metrics_of(hub, one, place), "a decision")
    # Of a demand and a level, as profile llm has, the demand is what sizes the fleet.
    demand = "demand" in {kinds()[metric] for metric in read}
    expected = "AverageValue" if demand else "Value"
    assert one["spec"]["triggers"][place]["metricType"] == expected, read


@pytest.mark.parametrize("one", objects(), ids=lambda one: one["metadata"]["name"])
def test_from_zero_something_wakes_it(one):
    """Without replicas neither GPU nor engine tells of demand."""
    spec = one["spec"]
    if one["kind"] == "ScaledJob" or spec["minReplicaCount"] > 0:
        return
    assert any("wakeEndpoint" in trigger["metadata"] for trigger in spec["triggers"])
