# SPDX-License-Identifier: Apache-2.0
"""keda-gpu-scaler engine URL, over real HTTP servers with real pages."""

import itertools
import json
import signal
import socket
import subprocess

import pytest
from fake_engine import FakeEngine, real_page
from ports import free_port
from private_hosts import PrivateHosts
from program import BINARY, PATIENCE_S, run, wait_until

# A page of each engine, and what some of its metrics are read as: a value, or why there is none.
PAGES = {
    "vllm": ("vllm", {"vllm_queue_depth": 1, "vllm_running": 3, "vllm_demand": 4,
                      "vllm_kv_cache_usage": "absent"}),
    "vllm-v0": ("vllm", {"vllm_demand": 0, "vllm_kv_cache_usage": 0}),
    "sglang": ("sglang", {"sglang_queue_depth": 2826, "sglang_running": 162,
                          "sglang_kv_cache_usage": pytest.approx(28),
                          "sglang_ttft_p95_ms": "nothing happened"}),
    "tgi": ("tgi", {"tgi_queue_depth": 3, "tgi_running": 5, "tgi_demand": 8}),
    "triton": ("triton", {"triton_pending": 0, "triton_request_rate": 0,
                          "triton_queue_wait_ms": "nothing happened", "triton_demand": "absent"}),
    "trtllm": ("trtllm", {"trtllm_demand": 4, "trtllm_kv_cache_usage": 42,
                          "trtllm_ttft_p95_ms": "unknown"}),
    "dynamo-frontend": ("dynamo", {"dynamo_queue_depth": "absent", "dynamo_demand": 0}),
    "llamacpp": ("llamacpp", {"llamacpp_demand": 0}),
}


def url(engine, host="127.0.0.1"):
    return f"http://{host}:{engine.port}/metrics"


def ask(*arguments):
    return run("engine", *arguments, "--interval", "50ms")


def ask_json(*arguments, status=0):
    """The pages, by address."""
    done = ask(*arguments, "--format", "json")
    assert done.returncode == status, done.stderr
    return {page["address"]: page for page in json.loads(done.stdout)["pages"]}


def said(page):
    """By metric: its value, or the reason why there is none."""
    return {row["name"]: row["reason"] if row["value"] is None else row["value"]
            for row in page["metrics"]}


def refuses(page, **fields):
    """What is printed of a page that cannot be read."""
    with FakeEngine(page) as engine:
        for name, value in fields.items():
            setattr(engine, name, value)
        done = ask(url(engine))
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("name", PAGES)
def test_a_real_page_of_each_engine(name):
    dialect, expected = PAGES[name]
    with FakeEngine(real_page(name)) as engine:
        page = ask_json(url(engine))["127.0.0.1"]
    assert page["engine"] == dialect
    assert {metric: said(page)[metric] for metric in expected} == expected


def test_a_counter_that_moves_is_a_rate():
    requests = itertools.count(100, 10)

    def page():
        number = next(requests)
        return (f"nv_inference_request_success {number}\n"
                f"nv_inference_queue_duration_us {number * 2000}\n")

    with FakeEngine(page) as engine:
        page = ask_json(url(engine))["127.0.0.1"]
    seconds = page["compared_over_seconds"]
    assert 0.05 <= seconds < PATIENCE_S
    assert said(page)["triton_request_rate"] == pytest.approx(10 / seconds)
    assert said(page)["triton_queue_wait_ms"] == pytest.approx(2)


def test_text_has_the_url_the_engine_and_each_metric():
    with FakeEngine(real_page("vllm")) as engine:
        done = ask(url(engine))
        assert done.returncode == 0
        lines = done.stdout.splitlines()
        assert lines[0] == url(engine)
        assert lines[1].startswith("vLLM (vllm), 11 samples, growth over ")
        assert "vllm_running         3 requests  from sum of 2: vllm:num_requests_running" in lines
        assert "--disable-log-stats takes the gauges away" in done.stdout
        assert engine.asked() == 2


def test_every_address_of_a_name(tmp_path, private_names):
    addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    port = free_port(addresses)
    with FakeEngine(real_page("tgi"), address=addresses[0], port=port) as first, \
            FakeEngine(real_page("sglang"), address=addresses[1], port=port):
        hosts = PrivateHosts(tmp_path / "hosts", "engine.test", addresses)
        address = url(first, "engine.test")
        done = subprocess.run(
            hosts.command(BINARY, "engine", address, "--interval", "0s"),
            capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 1
    assert f"{address} at 127.0.0.1\nTGI (tgi)" in done.stdout
    assert f"\n\n{address} at 127.0.0.2\nSGLang (sglang)" in done.stdout
    assert done.stderr == f"keda-gpu-scaler: {address} at 127.0.0.3: Connection refused\n"


def test_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no IPv6: {error}")
    with FakeEngine(real_page("tgi"), address="::1") as engine:
        assert said(ask_json(url(engine, "[::1]"))["::1"])["tgi_demand"] == 8


def test_what_else_answers_says_where_pages_are():
    error = refuses("gone", status=404)
    assert "answered HTTP 404\nLooked for:\n" in error
    assert "sglang: sglang:..., port 30000/metrics; --enable-metrics" in error
    assert "not a metrics page\nLooked for:" in refuses("[]", content_type="application/json")
    assert "no name of a known engine\nLooked for:" in refuses("process_cpu_seconds_total 1\n")


def test_other_failures():
    assert "redirects are not followed\n" in refuses("", status=302)
    assert "8388608 bytes" in refuses("\n" * (9 << 20))
    assert "--bearer-token-file" in refuses("", status=401)
    done = ask(f"http://127.0.0.1:{free_port()}/metrics")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("/metrics: Connection refused\n")
    done = ask("http://no-such-name.invalid/metrics")
    assert done.returncode == 1
    assert "no-such-name.invalid cannot be resolved" in done.stderr


def test_a_token_is_sent(tmp_path):
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    with FakeEngine(real_page("tgi")) as engine:
        assert ask(url(engine), "--bearer-token-file", str(token)).returncode == 0
        assert engine.headers["authorization"] == "Bearer s3cret"


def test_a_server_that_hangs_is_not_waited_for():
    with FakeEngine() as engine:
        engine.hangs = True
        done = ask(url(engine), "--timeout", "100ms")
        assert done.returncode == 1
        assert done.stderr.endswith(": no answer within 100ms\n")


def test_control_c_ends_it():
    with FakeEngine() as engine:
        engine.hangs = True
        with subprocess.Popen([BINARY, "engine", url(engine), "--timeout", "1m"]) as process:
            wait_until(engine.asked, "the page is asked for")
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=PATIENCE_S / 2) == -signal.SIGINT


def test_wrong_arguments():
    done = run("engine", "http://127.0.0.1/metrics", "--interval", "soon")
    assert done.returncode == 2
    assert "--interval \"soon\": must be a duration from 0s to 1m" in done.stderr
    assert run("engine", "--help").stdout.startswith("usage: keda-gpu-scaler engine URL|FILE")
