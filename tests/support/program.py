# SPDX-License-Identifier: Apache-2.0
"""A running process of the binary, its log and its pages."""

import http.client
import json
import os
import re
import select
import signal
import subprocess
import threading
import time

BINARY = os.environ["KGS_TEST_BINARY"]
FAKE_NVML = os.environ["KGS_TEST_FAKE_NVML"]
FAKE_NVML_OLD = os.environ["KGS_TEST_FAKE_NVML_OLD"]
VERSION = os.environ["KGS_TEST_VERSION"]

# For what must happen but may be slow under sanitizers; conditions are met long before.
PATIENCE_S = 60
# The contract of SIGTERM.
STOP_DEADLINE_S = 5


def wait_until(condition, what="the condition", timeout=PATIENCE_S):
    """Polls until `condition()` is true, and returns what it returned."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout} s; at last {result!r}")
        time.sleep(0.02)


def _environment(extra):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("KGS_")}
    for name in list(kept):
        if name.lower() in ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy"):
            del kept[name]
    return {**kept, **extra}


def run(*arguments, env=None):
    """Runs the binary to its end: for what does not serve."""
    return subprocess.run(
        [BINARY, *arguments],
        env=_environment(env or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


class _Log:
    """What a process writes to a pipe. What it has written is there at once: a line that it logged
    before it answered is never later than the answer."""

    def __init__(self, pipe):
        self._pipe = pipe
        self._fd = pipe.fileno()
        os.set_blocking(self._fd, False)
        self._lock = threading.Lock()
        self._lines = []
        self._rest = b""
        self._over = False
        # So that the process never waits for whoever looks.
        self._reader = threading.Thread(target=self._follow, daemon=True)
        self._reader.start()

    def lines(self):
        """All of them so far."""
        self._take()
        with self._lock:
            return list(self._lines)

    def wait_end(self):
        """For when the process has ended."""
        self._reader.join(timeout=PATIENCE_S)

    def _follow(self):
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        while not self._over:
            poll.poll()
            self._take()

    def _take(self):
        with self._lock:
            while not self._over:
                try:
                    data = os.read(self._fd, 1 << 16)
                except BlockingIOError:
                    return
                *lines, self._rest = (self._rest + data).split(b"\n")
                if not data:
                    self._over = True
                    lines += [self._rest] if self._rest else []
                self._lines += [line.decode(errors="backslashreplace") for line in lines]


class Program:
    """One running process, from the line "serving" on. Use as a context manager."""

    # All that ran during the present test, for conftest.py.
    of_this_test = []
    # The ports that the line "serving" tells, by attribute.
    ports = ("metrics_port", "probe_port")
    # Where its pages are.
    address = "127.0.0.1"

    def __init__(self, command, env=None):
        self.process = subprocess.Popen(
            command,
            env=_environment(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self._log = _Log(self.process.stderr)
        Program.of_this_test.append(self)

    def __enter__(self):
        try:
            serving = wait_until(lambda: self.logged("serving") or self.ended(), "serving")
            assert serving is not True, f"ended with status {self.process.returncode}"
            for key in self.ports:
                port = serving[0][key]
                setattr(self, key, None if port == "disabled" else int(port))
            self._connect()
        except BaseException:
            self.process.kill()
            self._end()
            raise
        return self

    def _connect(self):
        """For what must be there before the process is used."""

    def _disconnect(self):
        """The other way round."""

    def __exit__(self, kind, error, traceback):
        try:
            self._disconnect()
            if not self.ended():
                assert self.stop() == 0
        finally:
            self.process.kill()
            self._end()
        not_json = [line for line in self.lines if not is_log_line(line)]
        assert not not_json, not_json

    def _end(self):
        self.process.wait()
        self._log.wait_end()
        self._disconnect()

    def ended(self):
        return self.process.poll() is not None

    def stop(self, number=signal.SIGTERM):
        """Sends the signal. Returns the exit status, which must come in time."""
        self.process.send_signal(number)
        return self.process.wait(timeout=STOP_DEADLINE_S)

    def pause(self):
        """Stops all threads of the process, until resume()."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    # The log.

    @property
    def lines(self):
        """Every line that has been written so far."""
        return self._log.lines()

    def log(self):
        """Those that are JSON, as objects."""
        return [json.loads(line) for line in self.lines if is_log_line(line)]

    def logged(self, message, **fields):
        """The log lines of that message, and of those fields."""
        return [line for line in self.log()
                if line["message"] == message and fields.items() <= line.items()]

    # The pages.

    def get(self, port, path, address=None):
        """Status and body."""
        connection = http.client.HTTPConnection(address or self.address, port, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def probe(self, path):
        """Status and body, as JSON, of a page on the probe port."""
        status, body = self.get(self.probe_port, path)
        return status, json.loads(body)

    def thread(self, name):
        """A thread as /healthz shows it."""
        return {row["name"]: row for row in self.probe("/healthz")[1]["threads"]}[name]

    def series(self, name, **labels):
        """The values on /metrics of the series of that name that have these labels."""
        status, body = self.get(self.metrics_port, "/metrics")
        assert status == 200
        return [value for series, found, value in parse_metrics(body)
                if series == "keda_gpu_scaler_" + name and labels.items() <= found.items()]

    def gauge(self, name, **labels):
        """The one such value, or None where there is no series."""
        values = self.series(name, **labels)
        assert len(values) <= 1, values
        return values[0] if values else None


def is_log_line(line):
    try:
        parsed = json.loads(line)
    except ValueError:
        return False
    return (isinstance(parsed, dict) and {"time", "level", "message"} <= parsed.keys()
            and all(isinstance(value, str) for value in parsed.values()))


def parse_metrics(text):
    """Prometheus' text format: (name, labels, value) of every series."""
    for line in text.splitlines():
        if line.startswith("#") or not line:
            continue
        match = re.fullmatch(r'(\w+)(?:\{(.*)\})? (\S+)', line)
        assert match, line
        labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or ""))
        yield match[1], labels, float(match[3])
