# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy that stops to forward, forwards slowly what has waited, or cuts connections."""

import contextlib
import socket
import threading

_PIECE_BYTES = 64 << 10
_SLOW_PIECE_BYTES = 200
_SLOW_PAUSE_S = 0.05


class StallingProxy:
    """Between clients of (address, port) and a server at (target, port). A context manager."""

    def __init__(self, address, target, port):
        self._place, self._target = (address, port), (target, port)
        self._lock = threading.Condition()
        self._stalled = self._slow = self._closed = False
        self._sockets = set()
        self._threads = []
        # Bytes that came since the last stall() and could not go on.
        self.waiting = 0
        # Now, and since the start.
        self.connections = self.accepted = 0

    def __enter__(self):
        self._listener = socket.create_server(self._place)
        self._spawn(self._accept)
        return self

    def __exit__(self, *_):
        with self._lock:
            self._closed = True
            self._stalled = False
            self._lock.notify_all()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join()

    def stall(self):
        """Connections stay, new ones are taken, nothing goes through."""
        with self._lock:
            self._stalled, self.waiting = True, 0

    def resume(self, slowly=False):
        """What has waited goes through, and all that follows: at once, or as over a thin line
        until the next `resume`."""
        with self._lock:
            self._stalled, self._slow = False, slowly
            self._lock.notify_all()

    def cut(self):
        """Ends every connection."""
        with self._lock:
            sockets, self._sockets = self._sockets, set()
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _spawn(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._spawn(self._serve, client)

    def _serve(self, client):
        try:
            server = socket.create_connection(self._target)
        except OSError:
            client.close()
            return
        with self._lock:
            self._sockets |= {client, server}
            self.connections += 1
            self.accepted += 1
        back = threading.Thread(target=self._forward, args=(server, client), daemon=True)
        back.start()
        self._forward(client, server)
        back.join()
        with self._lock:
            self._sockets -= {client, server}
            self.connections -= 1
        client.close()
        server.close()

    def _forward(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(_PIECE_BYTES):
                self._wait(len(data))
                while data:
                    piece = _SLOW_PIECE_BYTES if self._slow else len(data)
                    sink.sendall(data[:piece])
                    data = data[piece:]
                    if data:
                        with self._lock:
                            self._lock.wait(_SLOW_PAUSE_S)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _wait(self, size):
        with self._lock:
            if self._stalled:
                self.waiting += size
            self._lock.wait_for(lambda: not self._stalled or self._closed)
