# SPDX-License-Identifier: Apache-2.0
"""A client of HTTP/2 that opens gRPC streams and takes in nothing of what they say."""

import contextlib
import socket
import struct
import threading

_DATA, _HEADERS, _SETTINGS, _PING = 0, 1, 4, 6
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4
_INITIAL_WINDOW_SIZE = 4
_HEAD_BYTES = 9


def _frame(kind, flags, stream, body):
    return len(body).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + body


def _header(name, value):
    """A literal, in no table (RFC 7541, 6.2.2)."""
    name, value = name.encode(), value.encode()
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


class DeafClient:
    """Use as a context manager. It answers pings and settings, so that it seems well."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._lock = threading.Lock()
        self._next_stream = 1
        self._thread = threading.Thread(target=self._answer, daemon=True)

    def __enter__(self):
        # No byte of data may be sent to it.
        settings = struct.pack(">HI", _INITIAL_WINDOW_SIZE, 0)
        self._send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(_SETTINGS, 0, 0, settings))
        self._thread.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def call(self, method, request):
        """Begins a call with that message, its only one."""
        body = request.SerializeToString()
        headers = b"".join(_header(*one) for one in (
            (":method", "POST"), (":scheme", "http"), (":path", method),
            (":authority", "localhost"), ("te", "trailers"), ("content-type", "application/grpc")))
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        self._send(_frame(_HEADERS, _END_HEADERS, stream, headers)
                   + _frame(_DATA, _END_STREAM, stream, struct.pack(">BI", 0, len(body)) + body))

    def _send(self, data):
        with self._lock:
            self._socket.sendall(data)

    def _answer(self):
        with contextlib.suppress(OSError), self._socket.makefile("rb") as stream:
            while head := stream.read(_HEAD_BYTES):
                kind, flags = head[3], head[4]
                body = stream.read(int.from_bytes(head[:3], "big"))
                if flags & _ACK or kind not in (_SETTINGS, _PING):
                    continue
                self._send(_frame(kind, _ACK, 0, body if kind == _PING else b""))
