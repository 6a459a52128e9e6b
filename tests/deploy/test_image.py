# SPDX-License-Identifier: Apache-2.0
"""What builds the image, with a docker that only writes down what it is told, and the workflow.

The image itself: `make image-check`, and the workflow for both architectures.
"""

import json
import os
import re
import subprocess

import pytest
import yaml
from chart import ROOT

VERSION = "v" + (ROOT / "VERSION").read_text(encoding="utf-8").strip()
COMMIT = 40 * "c"
DIGEST = "sha256:" + 64 * "d"


@pytest.fixture
def docker(tmp_path):
    """An environment with a docker that keeps its arguments in a file and "pushes" DIGEST, and with
    a git in which all is committed unless there is a file `changed`."""
    for name, body in {
            "docker": f'''printf '%s\\n' "$@" >{tmp_path}/calls
while [ $# -gt 0 ]; do
  [ "$1" != --metadata-file ] || echo '{json.dumps({"containerimage.digest": DIGEST})}' >"$2"
  shift
done''',
            "git": f'''case "$1" in
  rev-parse) echo {COMMIT} ;;
  status) [ ! -e {tmp_path}/changed ] || echo " M README.md" ;;
esac'''}.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        program.chmod(0o755)
    return {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}


def script(name, *arguments, env, status=0):
    done = subprocess.run([ROOT / "scripts" / name, *arguments], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr


def calls(tmp_path):
    return (tmp_path / "calls").read_text(encoding="utf-8").splitlines()


def test_building(docker, tmp_path):
    script("docker-build", env=docker)
    told = calls(tmp_path)
    assert told[0] == "build" and told[-1] == "."
    assert {f"VERSION={VERSION}", f"REVISION={COMMIT}", f"keda-gpu-scaler:{VERSION}"} <= set(told)


def test_releasing(docker, tmp_path):
    folder = tmp_path / "image"
    answer = script("docker-release", VERSION, "registry.example/team", folder, env=docker)
    told = calls(tmp_path)
    image = f"registry.example/team/keda-gpu-scaler:{VERSION}"
    assert {"linux/amd64,linux/arm64", image, "--push", f"REVISION={COMMIT}"} <= set(told)
    assert f"{image} is {DIGEST}" in answer
    written = folder / f"keda-gpu-scaler-{VERSION}.digest"
    assert written.read_text(encoding="utf-8").strip() == DIGEST


@pytest.mark.parametrize("arguments, status, words", [
    ((), 2, "the file VERSION says"),
    (("v9.9.9", "registry.example"), 2, "the file VERSION says"),
    ((VERSION,), 2, "which registry"),
    ((VERSION, "registry.example; ls"), 2, "which registry"),
])
def test_a_release_that_is_not_clear_is_refused(docker, tmp_path, arguments, status, words):
    assert words in script("docker-release", *arguments, env=docker, status=status)
    assert not (tmp_path / "calls").exists()


def test_only_commits_are_released(docker, tmp_path):
    (tmp_path / "changed").touch()
    assert "in no commit" in script("docker-release", VERSION, "registry.example", env=docker,
                                    status=1)
    assert not (tmp_path / "calls").exists()


def test_the_workflow_makes_what_there_is():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    path = ROOT / ".github" / "workflows" / "ci.yml"
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    made = set(jobs["test"]["strategy"]["matrix"]["target"])
    for job in jobs.values():
        for step in job["steps"]:
            made.update(re.findall(r"\bmake ([\w-]+)", step.get("run", "")))
    made.discard("git")  # apt-get install make git
    assert made <= targets
    assert {"test", "lint", "e2e", "docker-build"} <= made
    assert {one["architecture"] for one in jobs["image"]["strategy"]["matrix"]["include"]} == {
        "amd64", "arm64"}


def test_the_image_check_and_the_image_are_of_the_same_packages():
    """Both read the group `runtime` of scripts/packages."""
    for name in ("Dockerfile", "scripts/image-check"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "sed -n 's/^runtime: //p'" in text
    packages = (ROOT / "scripts" / "packages").read_text(encoding="utf-8")
    runtime = " ".join(re.findall(r"^runtime: (.*)$", packages, re.MULTILINE)).split()
    assert not [name for name in runtime if name.endswith("-dev") or name.startswith("g++")]
