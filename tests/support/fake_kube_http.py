# SPDX-License-Identifier: Apache-2.0
"""The connections of the fake API server: HTTP/1.1 over TLS with a thread a connection."""

import contextlib
import email.utils
import gzip
import http.server
import select
import socket
import ssl
import struct
import threading
import urllib.parse
import uuid

# From this size on the server compresses for a client that takes gzip; never a watch.
_GZIP_FROM_BYTES = 128 * 1024


class Listener:
    """Accepts connections on one port of 127.0.0.1, which stays ours while it is closed.

    `serve(connection)` runs in a thread a connection.
    """

    def __init__(self, serve):
        self._serve = serve
        # Bound but not listening: connections are refused, and nobody else gets the port.
        self._holder = _bound(0)
        self.port = self._holder.getsockname()[1]
        self._listening = None
        self._lock = threading.Lock()
        self._connections = set()

    def open(self):
        self._listening = _bound(self.port)
        self._listening.listen(128)
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def close(self):
        """Refuses new connections and closes all there are."""
        if self._listening:
            with contextlib.suppress(OSError):
                self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            self._listening = None
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.close()

    def release(self):
        self.close()
        self._holder.close()

    @property
    def connections(self):
        with self._lock:
            return len(self._connections)

    def _accept(self, listening):
        while True:
            try:
                raw, _ = listening.accept()
            except OSError:
                return
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(raw)
            with self._lock:
                self._connections.add(connection)
            if listening is not self._listening:
                connection.close()
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection):
        try:
            self._serve(connection)
        except OSError:
            pass  # The client went, or the test closed the connection.
        finally:
            connection.open = False
            connection.socket.close()
            with self._lock:
                self._connections.discard(connection)


class Connection:
    """A client's connection. `socket` is TCP's, later TLS's; `open` is false from its end on."""

    def __init__(self, raw):
        self.socket = raw
        self.open = True

    def close(self, reset=False):
        """Ends it from any thread: what its own thread waits for fails. With `reset` the client
        gets an RST in place of an orderly end."""
        self.open = False
        with contextlib.suppress(OSError):
            if reset:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       struct.pack("ii", 1, 0))
            else:
                # Past TLS, whose own end would have to wait for the client.
                socket.socket.shutdown(self.socket, socket.SHUT_RDWR)

    def secure(self, context):
        """The server's side of TLS."""
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def left(self):
        """Whether the client has gone. Only for while it has nothing to say."""
        if not self.open:
            return True
        try:
            return bool(select.select([self.socket], [], [], 0)[0])
        except (OSError, ValueError):
            return True


def _bound(port):
    result = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    result.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    result.bind(("127.0.0.1", port))
    return result


def server_context(authority, folder_name="apiserver"):
    """TLS that asks for a client certificate of the authority, and lets in who has none."""
    certificate, key = authority.issue(folder_name, "kube-apiserver", server=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(authority.certificate)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["http/1.1"])
    return context


class Handler(http.server.BaseHTTPRequestHandler):
    """The requests of one connection, handed to `api.handle(handler)` one after the other."""

    protocol_version = "HTTP/1.1"
    # Written at once, with what follows.
    wbufsize = -1

    def __init__(self, api, connection):
        self.api = api
        self.link = connection
        super().__init__(connection.socket, None, None)

    def setup(self):
        super().setup()
        self.query = {}
        self.body = b""

    def handle_one_request(self):
        self.requestline = ""
        line = self.rfile.readline(65537)
        self.raw_requestline = line
        if not line or not self.link.open or not self.parse_request():
            self.close_connection = True
            return
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urllib.parse.urlsplit(self.path)
        self.path = url.path
        self.query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        self.api.handle(self)
        self.wfile.flush()

    def certificate_name(self):
        """The common name of the client's certificate, or None."""
        if not isinstance(self.link.socket, ssl.SSLSocket):
            return None
        certificate = self.link.socket.getpeercert() or {}
        names = dict(pair for part in certificate.get("subject", ()) for pair in part)
        return names.get("commonName")

    def answer(self, answer):
        """Writes a whole Answer."""
        body = answer.body
        headers = {name.replace("_", "-"): value for name, value in answer.headers.items()}
        if "gzip" in self.headers.get("Accept-Encoding", "") and len(body) >= _GZIP_FROM_BYTES:
            body = gzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
            headers["Vary"] = "Accept-Encoding"
        self._head(answer.status, answer.content_type, {**headers, "Content-Length": len(body)})
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def start_stream(self):
        self._head(200, "application/json", {"Transfer-Encoding": "chunked"})
        self.wfile.flush()

    def send_chunk(self, chunk):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        self.wfile.flush()

    def send_part_of_chunk(self, chunk):
        """Half of a chunk, for a stream that is about to break."""
        self.wfile.write(b"%x\r\n%s" % (len(chunk), chunk[:len(chunk) // 2]))
        self.wfile.flush()

    def end_stream(self):
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _head(self, status, content_type, headers):
        self.send_response_only(status)
        self.send_header("Audit-Id", str(uuid.uuid4()))
        self.send_header("Cache-Control", "no-cache, private")
        self.send_header("Content-Type", content_type)
        self.send_header("Date", email.utils.formatdate(usegmt=True))
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass

    def finish(self):
        with contextlib.suppress(OSError):
            super().finish()
