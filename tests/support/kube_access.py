# SPDX-License-Identifier: Apache-2.0
"""What clients of an API server of these tests get, whichever of the two it is."""

from kube_client import KubeClient
from kube_credentials import TOKENS, write_kubeconfig, write_service_account


class KubeAccess:
    """For a class with `server`, `authority`, `token`, `folder` and `_certificates`."""

    def ca(self):
        """The certificate that clients verify with, or None for a server without TLS."""
        return self.authority.certificate if self.server.startswith("https:") else None

    def client(self, user="cert"):
        """A client of the reader by "cert" or "token", of "admin", of a user of TOKENS, of one
        whose token is "invalid", or of "anonymous"."""
        return KubeClient(self.server, self.authority.certificate, self._certificates.get(user),
                          {**TOKENS, "token": self.token, "invalid": "not-a-token"}.get(user))

    def kubeconfig(self, path, user="cert"):
        """Writes a kubeconfig of the reader (`user`: cert, token, token-file), or of "admin" where
        there is one, and returns path."""
        if user in self._certificates:
            certificate, key = self._certificates[user]
            entry = {"client-certificate": certificate, "client-key": key}
        elif user == "token":
            entry = {"token": self.token}
        else:
            token_file = self.folder / "reader.token"
            token_file.write_text(self.token, encoding="utf-8")
            entry = {"tokenFile": token_file}
        return write_kubeconfig(path, self.server, self.ca(), entry)

    def service_account(self, folder):
        """Writes the files of an in-cluster client, and again where the token has become another."""
        return write_service_account(folder, self.authority.certificate, self.token)
