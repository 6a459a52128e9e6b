# SPDX-License-Identifier: Apache-2.0
"""The binary takes the arguments of every container that the chart makes. Needs helm."""

import re

import pytest
from chart import CASES, ROOT, containers, load_file, render
from harness import run

# Wrong on purpose, and last: the binary lists all that is wrong with its flags before it starts.
WRONG = "--log-level=unheard-of"


def refusal(arguments):
    done = run(*arguments, WRONG, env={"NODE_NAME": "node-a"})
    assert done.returncode == 2, done.stderr
    return done.stderr.strip()


def known(role):
    """The flags of a role, as --help lists them."""
    done = run(*([role] if role else []), "--help")
    assert done.returncode == 0
    return set(re.findall(r"--[a-z][a-z-]+", done.stdout))


def check(arguments):
    role = arguments[0] if not arguments[0].startswith("-") else None
    assert role in (None, "agent", "hub")
    flags = {one.split("=")[0] for one in arguments if one.startswith("--")}
    assert flags <= known(role)
    lines = refusal(arguments).splitlines()
    assert len(lines) == 1 and "--log-level" in lines[0], lines


@pytest.mark.parametrize("case", CASES)
def test_the_binary_takes_the_charts_arguments(case):
    for container in containers(render(*CASES[case])):
        check(container["args"])


def test_the_binary_takes_the_manifests_arguments():
    for container in containers(load_file(ROOT / "deploy" / "manifests.yaml")):
        check(container["args"])


def test_a_wrong_argument_shows():
    """Or the tests above would say nothing."""
    assert len(refusal(["agent", "--hub=nowhere"]).splitlines()) > 1
    assert "--service-name" not in known("hub")
