# SPDX-License-Identifier: Apache-2.0
"""Inference engines for tests: HTTP servers with metrics pages."""

import http.server
import pathlib
import socket
import threading

# What lets agents and hubs ask engines and endpoints on loopback.
ALLOW = ("--engine-endpoint-allow", "127.0.0.0/8")
PAGES = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "exposition"


def real_page(name):
    """A page of tests/fixtures/exposition: "vllm"."""
    return (PAGES / f"{name}.prom").read_text()


class FakeEngine:
    """Serves `page` under every path. Use as a context manager.

    `status` and `content_type` go along; with `hangs` set it takes requests and never answers.
    `address` may be of IPv6.
    """

    def __init__(self, page="", content_type="text/plain; version=0.0.4", address="127.0.0.1",
                 port=0):
        self.page = page
        self.content_type = content_type
        self.status = 200
        self.hangs = False
        # By path.
        self.requests = {}
        self.headers = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        engine = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                engine._answer(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

        self._server = Server((address, port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def asked(self, path="/metrics"):
        """How often that page was asked for."""
        with self._lock:
            return self.requests.get(path, 0)

    def _answer(self, handler):
        if self._over.is_set():
            # A connection of before, which a process that has ended would not have.
            handler.close_connection = True
            return
        with self._lock:
            self.requests[handler.path] = self.requests.get(handler.path, 0) + 1
            self.headers = {name.lower(): value for name, value in handler.headers.items()}
        if self.hangs:
            self._over.wait()
            handler.close_connection = True
            return
        body = (self.page() if callable(self.page) else self.page).encode()
        handler.send_response(self.status)
        if self.content_type:
            handler.send_header("Content-Type", self.content_type)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
