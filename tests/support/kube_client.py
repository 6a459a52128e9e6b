# SPDX-License-Identifier: Apache-2.0
"""The smallest client of a Kubernetes API server, for the tests' own use: one connection a call."""

import contextlib
import http.client
import json
import ssl
import urllib.parse

# More than the minute that the server gives a request.
PATIENCE_S = 90


class Answer:
    """An answer: `status`, `headers` (a list of pairs) and `body` in bytes."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.getheaders()
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    def header(self, name):
        return dict((key.lower(), value) for key, value in self.headers).get(name.lower())


class ApiError(Exception):
    """A call that had to succeed and did not."""

    def __init__(self, method, path, answer):
        super().__init__(f"{method} {path}: {answer.status} {answer.body[:500]!r}")
        self.answer = answer


class KubeClient:
    """Asks one server as one user, by certificate (a pair of paths) or token, or as nobody."""

    def __init__(self, server, ca=None, certificate=None, token=None, user_agent="kubectl/v1.34.4"):
        url = urllib.parse.urlsplit(server)
        self._host, self._port = url.hostname, url.port
        self._context = None
        if url.scheme == "https":
            self._context = ssl.create_default_context(cafile=str(ca))
            if certificate:
                self._context.load_cert_chain(*map(str, certificate))
        self._headers = {"Accept": "application/json", "User-Agent": user_agent}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def request(self, method, path, body=None, content_type="application/json", **query):
        """Sends one request and returns its Answer, whatever the status. None is no parameter."""
        with self._connect() as connection:
            self._send(connection, method, path, body, content_type, query)
            return Answer(connection.getresponse())

    def call(self, method, path, body=None, content_type="application/json", **query):
        """As `request`, but returns the JSON and raises ApiError where the status is not 2xx."""
        answer = self.request(method, path, body, content_type, **query)
        if answer.status // 100 != 2:
            raise ApiError(method, path, answer)
        return answer.json()

    def get(self, path, **query):
        return self.call("GET", path, **query)

    @contextlib.contextmanager
    def watch(self, path, **query):
        """A context whose value gives the lines of a watch, in bytes, until the server ends it."""
        with self._connect() as connection:
            self._send(connection, "GET", path, None, None, {"watch": "true", **query})
            response = connection.getresponse()
            if response.status != 200:
                raise ApiError("GET", path, Answer(response))
            yield response

    @contextlib.contextmanager
    def _connect(self):
        if self._context:
            connection = http.client.HTTPSConnection(
                self._host, self._port, context=self._context, timeout=PATIENCE_S)
        else:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            yield connection

    def _send(self, connection, method, path, body, content_type, query):
        query = {key: value for key, value in query.items() if value is not None}
        if query:
            path += "?" + urllib.parse.urlencode(query)
        headers = dict(self._headers)
        if body is not None:
            headers["Content-Type"] = content_type
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, body=body, headers=headers)
