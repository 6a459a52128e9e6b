# SPDX-License-Identifier: Apache-2.0
"""The dashboard and the rules of deploy/, as tests read them."""

import json
import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "keda-gpu-scaler.json"
RULES = ROOT / "deploy" / "prometheus" / "rules.yaml"
RULES_TEST = ROOT / "deploy" / "prometheus" / "rules_test.yaml"
SCRAPE = ROOT / "deploy" / "prometheus" / "scrape.yaml"

_NAME = re.compile(r"\bkeda_gpu_scaler_\w+")


def dashboard():
    return json.loads(DASHBOARD.read_text(encoding="utf-8"))


def panels():
    """Those that show something; rows do not."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def panel_queries():
    """By panel and letter, each query of the dashboard as it stands there."""
    return {f"{panel['title']}, {target['refId']}": target["expr"]
            for panel in panels() for target in panel["targets"]}


def variables():
    """The dashboard's variables by name."""
    return {one["name"]: one for one in dashboard()["templating"]["list"]}


def filled(text, **chosen):
    """`text` with the variables that are chosen; the others are All, and a rate is of 30 s."""
    for name, variable in variables().items():
        text = text.replace("$" + name, chosen.get(name, variable.get("allValue", "")))
    return text.replace("$__rate_interval", "30s")


def rules():
    """Every rule, in the order of the file."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts():
    """The alerts by name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def recorded():
    """The expressions of the recording rules by name."""
    return {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}


def names(expression):
    """The scaler's metrics in it; of a histogram the name that docs/metrics.md has."""
    for name in recorded():
        expression = expression.replace(name, "")
    return {re.sub("_seconds_(bucket|sum|count)$", "_seconds", name)
            for name in _NAME.findall(expression)}


def documented():
    """The names of docs/metrics.md."""
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `(keda_gpu_scaler_\w+)`", text, re.MULTILINE))
