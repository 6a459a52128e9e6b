# SPDX-License-Identifier: Apache-2.0
"""What the documents show is right: YAML, metadata, commands, flags, links, words of ours."""

import os
import pathlib
import re
import subprocess

import documents
import monitoring
import pytest
import yaml
from fleet_processes import Hub
from harness import Scaler, run, scaled_object, wait_until

YAML = documents.blocks("yaml")
SHELL = documents.blocks("sh", "console")
# Flags of others that the documents name.
OTHERS_FLAGS = {"--gpu-driver", "--gpu-instance-profile", "--set"}


def of_place(blocks):
    return pytest.mark.parametrize("block", blocks, ids=[str(block) for block in blocks])


def flags_of(*command):
    done = run(*command, "--help")
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", done.stdout + done.stderr))


@pytest.fixture(scope="module")
def flags():
    """By role or command, the flags that it knows."""
    return {role: flags_of(*([role] if role else [])) for role in ("", "agent", "hub", "engine",
                                                                   "ask")}


def test_every_block_says_what_it_is():
    assert {block.language for block in documents.blocks()} <= {"yaml", "sh", "console", "text",
                                                                "json", "promql", ""}
    # Without a language: drawings.
    assert {block.file.name for block in documents.blocks("")} <= {"ARCHITECTURE.md", "README.md"}


@of_place(YAML)
def test_yaml(block):
    assert documents.load_yaml(block.text)


@of_place([block for block in YAML if "scalerAddress" in block.text])
def test_metadata_of_a_trigger(block, hub):
    """As KEDA would ask for it, the metadata is good and needs no other key. KEDA takes text only,
    and what comes from the environment by its value."""
    found = [metadata for document in documents.load_yaml(block.text)
             for metadata in documents.triggers_metadata(document)]
    assert found
    for metadata in found:
        assert all(isinstance(value, str) for value in metadata.values()), metadata
        sent = {key: "60" if key.endswith("FromEnv") else value
                for key, value in metadata.items()}
        answer = hub.keda.GetMetricSpec(scaled_object(sent), timeout=5)
        assert len(answer.metricSpecs) >= 1
    assert not hub.logged("trigger metadata")


@of_place([block for block in YAML if block.text.startswith("gpus:")])
def test_simulated_gpus(block, tmp_path):
    file = tmp_path / "gpus.yaml"
    file.write_text(block.text, encoding="utf-8")
    with Scaler("--gpu-backend", "simulated", "--simulated-gpus", str(file)) as scaler:
        wait_until(lambda: scaler.gauge("gpu_device_count"), "the GPUs")


@of_place([block for block in YAML if block.text.startswith("endpoints:")])
def test_named_endpoints(block, api, kubeconfig, tmp_path):
    text = block.text
    for name in set(re.findall(r"File: ([^ }\n]+)", text)):
        file = tmp_path / name.replace("/", "_")
        if name.endswith(".crt"):
            file.write_bytes(pathlib.Path(api.authority.certificate).read_bytes())
        else:
            file.write_text("secret", encoding="utf-8")
        text = text.replace(name, str(file))
    named = tmp_path / "named.yaml"
    named.write_text(text, encoding="utf-8")
    with Hub(kubeconfig, "--named-endpoints", str(named)):
        pass


def values():
    return yaml.safe_load((documents.CHART / "values.yaml").read_text(encoding="utf-8"))


def assert_is_value(path, of):
    """The chart has such a value. Below an empty map, or among labels, everything may stand."""
    here = of
    for number, key in enumerate(path):
        among_labels = number > 0 and path[number - 1] == "nodeSelector"
        if here == {} or not isinstance(here, dict) or among_labels:
            return
        assert key in here, f"the chart has no value {'.'.join(path[:number + 1])}"
        here = here[key]


def paths(value, before=()):
    if not isinstance(value, dict) or not value:
        yield before
        return
    for key, below in value.items():
        yield from paths(below, (*before, key))


@of_place([block for block in YAML if block.text.startswith("# values")])
def test_values_of_the_chart(block):
    for document in documents.load_yaml(block.text):
        for path in paths(document):
            assert_is_value(path, values())


@of_place(SHELL)
def test_shell(block):
    done = subprocess.run(["bash", "-n"], input=documents.shell_text(block), text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert documents.commands(block)


@of_place(SHELL)
def test_commands_are_ours_as_they_are(block, flags):
    for words in documents.commands(block):
        program = os.path.basename(words[0])
        if program == "keda-gpu-scaler":
            role = words[1] if len(words) > 1 and words[1] in flags else ""
            given = {word.partition("=")[0] for word in words if word.startswith("--")}
            assert given <= flags[role] | {"--help", "--version"}, words
        elif program == "make":
            makefile = (documents.ROOT / "Makefile").read_text(encoding="utf-8")
            for target in words[1:]:
                assert "=" in target or re.search(rf"^{target}:", makefile, re.MULTILINE), words
        for word in words:
            path = word.rpartition("=")[2]
            if re.match(r"(\./)?(scripts|tests|docs)/|deploy/(grafana|prometheus)/", path):
                assert (documents.ROOT / path).exists(), words


@of_place([block for block in SHELL if re.search(r"^\W*helm ", block.text, re.MULTILINE)])
def test_helm_commands(block):
    for words in documents.commands(block):
        if words[0] != "helm":
            continue
        for before, word in zip(words, words[1:]):
            if before in ("--set", "--set-string"):
                path = re.split(r"(?<!\\)\.", word.partition("=")[0])
                assert_is_value([re.sub(r"\\(.)|\[\d+\]", r"\1", key) for key in path], values())
            elif before in ("-f", "--values") and word.startswith("deploy/"):
                assert (documents.ROOT / word).exists(), words


@pytest.mark.parametrize("file", documents.FILES, ids=lambda file: file.name)
def test_flags_in_the_text(file, flags):
    known = set().union(*flags.values(), OTHERS_FLAGS)
    scripts = documents.ROOT / "scripts"
    for script in [*scripts.iterdir(), *scripts.glob("*/*.py")]:
        if script.is_file():
            known |= set(re.findall(r"--[a-z][a-z-]*", script.read_text(encoding="utf-8")))
    named = set(re.findall(r"`(--[a-z][a-z-]*)", documents.prose(file)))
    assert named <= known


@pytest.mark.parametrize("file", documents.FILES, ids=lambda file: file.name)
def test_links(file):
    for target, anchor in documents.links(file):
        assert target.exists(), target
        assert not anchor or anchor in documents.anchors(target), f"{target}#{anchor}"


@pytest.mark.parametrize("file", documents.FILES, ids=lambda file: file.name)
def test_metrics_in_the_text(file):
    """They are in docs/metrics.md, or recorded by a rule."""
    text = file.read_text(encoding="utf-8")
    assert monitoring.names(text) <= monitoring.documented()


# README repeats some of what others say.

README = documents.ROOT / "README.md"


def test_profiles_of_the_readme():
    def rows(file):
        return documents.table(file, "Profile")
    shown = rows(README)
    assert shown == [row[:3] for row in rows(documents.ROOT / "docs" / "configuration.md")]


def test_figures_of_the_readme():
    """They are those of docs/benchmarks.md."""
    measured = (documents.ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    rows = documents.table(README, "What")
    figures = re.findall(r"\d+\.\d+", " ".join(" ".join(row[1:3]) for row in rows))
    assert len(figures) >= len(rows)
    for figure in figures:
        assert re.search(rf"(?<![\d.]){re.escape(figure)}(?![\d.])", measured), figure


# Troubleshooting.

TROUBLE = documents.ROOT / "docs" / "troubleshooting.md"


def words_of_ours():
    """Every message that docs/troubleshooting.md quotes: what stands in code in its quotations."""
    text = TROUBLE.read_text(encoding="utf-8")
    return [message for line in re.findall(r"^> (.*)$", text, re.MULTILINE)
            for message in re.findall(r"`([^`]+)`", line)]


def texts_of(source):
    """The texts in a file of C++, those that follow each other or are added joined."""
    joined, end = [], None
    for literal in re.finditer(r'"((?:[^"\\\n]|\\.)*)"', source):
        between = None if end is None else source[end:literal.start()]
        if between is not None and re.fullmatch(r"\s*\+?\s*", between):
            joined[-1] += literal[1]
        else:
            joined.append(literal[1])
        end = literal.end()
    return [text.replace('\\"', '"') for text in joined]


@pytest.fixture(scope="module")
def literals():
    """Every text that the program has."""
    return "\n".join(text for file in (documents.ROOT / "src").glob("**/*.cc")
                     if not file.name.endswith("_test.cc")
                     for text in texts_of(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize("message", words_of_ours())
def test_a_message_is_the_programs(message, literals):
    """`...` stands for what differs."""
    parts = [part.strip(" :;,()") for part in message.split("...")]
    assert any(len(part) >= 7 for part in parts), "nothing to know it by"
    for part in parts:
        assert part in literals, part


def test_every_alert_is_explained():
    text = TROUBLE.read_text(encoding="utf-8")
    explained = re.findall(r"^\| `(KedaGpuScaler\w+)` \|", text, re.MULTILINE)
    assert explained == list(monitoring.alerts())
