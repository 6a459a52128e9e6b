# SPDX-License-Identifier: Apache-2.0
"""Certificates of scalers and of KEDA, in files as a pod has them."""

import dataclasses
import pathlib

import grpc
from kube_credentials import Authority
from secret_volume import SecretVolume

# Namespace and name of the agents' ServiceAccount, and what their tokens are for.
AGENTS = ("keda", "keda-gpu-scaler-agent")
AUDIENCE = "keda-gpu-scaler"


@dataclasses.dataclass
class Client:
    """What a client of KEDA's port trusts and shows, as PEM files; nothing for plaintext."""

    ca: pathlib.Path
    certificate: pathlib.Path = None
    key: pathlib.Path = None

    def credentials(self):
        own = self.certificate and (self.key.read_bytes(), self.certificate.read_bytes())
        return grpc.ssl_channel_credentials(self.ca.read_bytes(), *(own or ()))

    def flags(self):
        """For `keda-gpu-scaler ask`."""
        own = ["--cert-file", self.certificate, "--key-file", self.key] if self.certificate else []
        return [str(one) for one in ("--ca-file", self.ca, *own)]


class Security:
    """An authority, a scaler's certificate of it, and the one of KEDA."""

    def __init__(self, folder, names=()):
        """The scaler's is for loopback and `names`."""
        self._folder = pathlib.Path(folder)
        self._names = names
        self.authority = Authority(self._folder / "pki")
        self.clients = self.authority
        self.volume = SecretVolume(self._folder / "tls", **self._files())

    def _files(self):
        certificate, key = self.authority.issue("scaler", "scaler", server=True, names=self._names)
        return {"tls_crt": certificate.read_bytes(), "tls_key": key.read_bytes(),
                "ca_crt": self.clients.certificate.read_bytes()}

    def renew(self, **files):
        """A new certificate and key in the scaler's files, and `files` (SecretVolume.write)."""
        self.volume.write(**{**self._files(), **files})

    def tls(self, mutual=True):
        """Flags of KEDA's port."""
        flags = ["--tls-cert", self.volume.path("tls.crt"), "--tls-key", self.volume.path("tls.key")]
        if mutual:
            flags += ["--tls-client-ca", self.volume.path("ca.crt")]
        return [str(flag) for flag in flags]

    def hub_flags(self):
        """mTLS on KEDA's port, the same certificate and proof by tokens on the agents'."""
        return [*self.tls(), "--agent-service-account", "/".join(AGENTS)]

    def token_file(self, node):
        """Of the agent on that node."""
        folder = self._folder / "tokens" / node
        folder.mkdir(parents=True, exist_ok=True)
        return folder / "token"

    def agent_flags(self, node):
        return ["--hub-ca", str(self.authority.certificate),
                "--hub-token", str(self.token_file(node))]

    def client(self, name="keda"):
        """One that the scaler accepts."""
        return Client(self.authority.certificate, *self.clients.issue(name, name))

    def nameless_client(self):
        """One without a certificate."""
        return Client(self.authority.certificate)
