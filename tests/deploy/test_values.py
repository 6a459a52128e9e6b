# SPDX-License-Identifier: Apache-2.0
"""docs/deploying.md lists every value of the chart, with its default, in values.yaml's order."""

import json
import re

import yaml
from chart import CHART, ROOT

TEXT = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")


def leaves(values, schema, path=""):
    """Every value that can be set by itself. What is inside of a selector, say, is the user's."""
    if schema.get("additionalProperties") is False and "name" not in schema["properties"] \
            and isinstance(values, dict) and not path.endswith("resources"):
        for key, value in values.items():
            yield from leaves(value, schema["properties"][key], f"{path}.{key}" if path else key)
    else:
        yield path, values


def shown(value):
    if value in ("", [], {}):
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    return f"`{text}`" if len(text) <= 60 else "see `values.yaml`"


def test_every_value_is_described():
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    section = TEXT.split("\n## Values\n")[1]
    rows = re.findall(r"^\| `([\w.]+)` \| (.*?) ?\| (.+) \|$", section, re.MULTILINE)
    documented = [(name, default) for name, default, _ in rows]
    assert documented == [(name, shown(value)) for name, value in leaves(values, schema)]
    assert all(meaning.strip() for _, _, meaning in rows)


def test_files_that_it_names_are_there():
    named = re.findall(r"`((?:deploy|scripts|tests|docs)/[\w./-]+)`", TEXT)
    named += ["docs/" + one for one in re.findall(r"\]\(([\w./-]+\.md)", TEXT)]
    assert len(named) > 5
    assert [one for one in named if not (ROOT / one).exists()] == []
