# SPDX-License-Identifier: Apache-2.0
"""The helm commands of README and docs/, and the values files that they show. Needs helm."""

import documents
import pytest
from chart import CHART, ROOT, run_helm


def values_files():
    """What documents call values.yaml: (document, text)."""
    return [(block.file, block.text) for block in documents.blocks("yaml")
            if block.text.startswith("# values.yaml\n")]


def commands():
    """Every command that installs or upgrades the chart: (document, words)."""
    return [(block.file, words) for block in documents.blocks("sh")
            for words in documents.commands(block)
            if words[0] == "helm" and str(CHART.relative_to(ROOT)) in words]


def render(words, folder, values=""):
    """What helm says of it where it cannot render the chart so. `values` is for -f values.yaml."""
    file = folder / "values.yaml"
    file.write_text(values, encoding="utf-8")
    words = [str(file) if word == "values.yaml" else word for word in words]
    done = run_helm("template", *[word for word in words if word != "--install"])
    return done.stderr if done.returncode else None


def name(case):
    return getattr(case, "stem", None)


def test_there_are_some():
    assert list(commands()) and values_files()


@pytest.mark.parametrize("path, words", commands(), ids=name)
def test_commands_render(path, words, tmp_path):
    shown = [text for where, text in values_files() if where == path]
    assert "values.yaml" not in words or shown
    for values in shown or [""]:
        assert render(words[2:], tmp_path, values) is None


@pytest.mark.parametrize("path, text", values_files(), ids=name)
def test_values_files_render(path, text, tmp_path):
    assert render(["keda-gpu-scaler", CHART, "-f", "values.yaml"], tmp_path, text) is None
