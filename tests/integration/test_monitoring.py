# SPDX-License-Identifier: Apache-2.0
"""The files of the dashboard and the rules: whether they hold together. Whether their queries find
anything in what the scaler exports is for test_prometheus.py."""

import collections
import itertools
import json
import re

import monitoring
import pytest
import yaml
from prometheus import promtool

QUERIES = monitoring.panel_queries()
ALERTS = monitoring.alerts()


def cells(panel):
    place = panel["gridPos"]
    assert place["x"] + place["w"] <= 24
    return itertools.product(range(place["x"], place["x"] + place["w"]),
                             range(place["y"], place["y"] + place["h"]))


def test_no_two_panels_have_one_place_or_id():
    everything = monitoring.dashboard()["panels"]
    ids = collections.Counter(panel["id"] for panel in everything)
    taken = collections.Counter(cell for panel in everything for cell in cells(panel))
    assert max(ids.values()) == max(taken.values()) == 1


def test_titles_tell_panels_apart():
    titles = collections.Counter(panel["title"] for panel in monitoring.panels())
    assert max(titles.values()) == 1, titles.most_common(1)


@pytest.mark.parametrize("panel", monitoring.panels(), ids=lambda panel: panel["title"])
def test_a_panel_asks_the_chosen_prometheus(panel):
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert panel["datasource"] == chosen
    assert panel["targets"]
    assert all(target["datasource"] == chosen for target in panel["targets"])


@pytest.mark.parametrize("query", QUERIES.values(), ids=list(QUERIES))
def test_a_query_of_the_dashboard(query):
    """It is of the chosen clusters, of variables that there are, and of metrics that there are."""
    selectors = re.findall(r"keda_gpu_scaler_\w+(\{[^}]*\})?", query)
    assert selectors and all('cluster=~"$cluster"' in one for one in selectors), query
    used = set(re.findall(r"\$(\w+)", query))
    assert used <= {*monitoring.variables(), "__rate_interval"}
    assert monitoring.names(query) <= monitoring.documented()
    assert "rate(" not in query or "[$__rate_interval]" in query


def test_a_table_names_each_column():
    for panel in monitoring.panels():
        if panel["type"] != "table":
            continue
        organized = panel["transformations"][-1]["options"]["renameByName"]
        assert set(organized) == {f"Value #{target['refId']}" for target in panel["targets"]}
        units = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
        assert units == set(organized.values())


@pytest.mark.parametrize("rule", monitoring.rules(),
                         ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_is_of_metrics_that_there_are(rule):
    assert monitoring.names(rule["expr"]) <= monitoring.documented()
    assert monitoring.names(rule["expr"]) or any(
        name in rule["expr"] for name in monitoring.recorded())


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_and_how_bad(name):
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in ("critical", "warning", "info")
    assert alert["annotations"].keys() == {"summary", "description"}


def test_rules_pass_their_tests():
    status, output = promtool("test", "rules", monitoring.RULES_TEST)
    assert status == 0, output


def test_every_rule_is_tested():
    """Each alert fires in one of the tests, and in one it does not; each record has a value."""
    fires, is_quiet, has_value = set(), set(), set()
    for case in yaml.safe_load(monitoring.RULES_TEST.read_text(encoding="utf-8"))["tests"]:
        for check in case.get("alert_rule_test", []):
            (fires if check["exp_alerts"] else is_quiet).add(check["alertname"])
        has_value |= {check["expr"] for check in case.get("promql_expr_test", [])
                      if check["exp_samples"]}
    assert fires == is_quiet == set(ALERTS)
    assert has_value == set(monitoring.recorded())


def test_the_scrape_configuration(tmp_path):
    """Debian's Prometheus knows no Kubernetes: that part is left out."""
    configuration = yaml.safe_load(monitoring.SCRAPE.read_text(encoding="utf-8"))
    job, = configuration["scrape_configs"]
    assert job.pop("kubernetes_sd_configs") == [{"role": "pod"}]
    file = tmp_path / "prometheus.yml"
    file.write_text(json.dumps(configuration), encoding="utf-8")
    status, output = promtool("check", "config", file)
    assert status == 0, output
