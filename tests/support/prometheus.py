# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus that scrapes processes of a test."""

import json
import os
import pathlib
import re
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request

import pytest
from program import wait_until

_GET = pathlib.Path(__file__).with_name("get-prometheus")


def programs():
    """The folder of prometheus and promtool; skips the test where they cannot be had."""
    done = subprocess.run([_GET, os.environ["KGS_TEST_PROMETHEUS"]], stdout=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode == 77:
        pytest.skip(f"get-prometheus: {done.stdout.strip()}")
    assert done.returncode == 0, done.stdout
    return pathlib.Path(done.stdout.strip())


def promtool(*arguments):
    """Status and output of promtool."""
    done = subprocess.run([programs() / "promtool", *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


class Prometheus:
    """One server with a configuration, as an object. Use as a context manager."""

    def __init__(self, folder, configuration):
        file = folder / "prometheus.yml"
        # JSON is YAML.
        file.write_text(json.dumps(configuration), encoding="utf-8")
        self._command = [programs() / "prometheus", "--config.file", file, "--log.format", "json",
                         "--storage.tsdb.path", folder / "data",
                         "--web.listen-address", "127.0.0.1:0"]
        self._lines = []
        self._process = None
        self._url = None

    def __enter__(self):
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL,
                                         stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._read_log, daemon=True).start()
        try:
            self._url = "http://" + wait_until(self._address, "Prometheus")
            wait_until(self._is_ready, "Prometheus")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    def query(self, expression):
        """The samples of an instant query: (labels, value)."""
        data = self._get("query", query=expression)
        assert data["resultType"] == "vector", data
        return [(sample["metric"], float(sample["value"][1])) for sample in data["result"]]

    def rules(self):
        """Every rule that it evaluates, as its API shows it."""
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def label_values(self, label, selector):
        """The values that the series of the selector have of the label."""
        return self._get(f"label/{label}/values", **{"match[]": selector})

    def targets(self):
        """Those that it scrapes, as its API shows them."""
        return self._get("targets", state="active")["activeTargets"]

    def _get(self, what, **parameters):
        url = f"{self._url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            with _OPENER.open(url, timeout=10) as answer:
                body = json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None
        assert body["status"] == "success", body
        return body["data"]

    def _read_log(self):
        for line in self._process.stderr:
            self._lines.append(line)

    def _address(self):
        assert self._process.poll() is None, "".join(self._lines)
        listening = re.search(r'"address":"([^"]+)".*"Listening on"', "".join(self._lines))
        return listening and listening[1]

    def _is_ready(self):
        assert self._process.poll() is None, "".join(self._lines)
        try:
            with _OPENER.open(f"{self._url}/-/ready", timeout=10) as answer:
                return answer.status == 200
        except urllib.error.URLError:
            return False


# Whatever the environment says of proxies.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
