# SPDX-License-Identifier: Apache-2.0
"""Certificates of a test's API server, and the files that clients read them from.

Needs python3-cryptography.
"""

import datetime
import ipaddress
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# The user that may read what a hub needs.
READER = "keda-gpu-scaler"
# Who has which token: "nobody" may read nothing, "busy" is for the recorder's throttling.
TOKENS = {READER: "token-of-the-reader", "nobody": "token-of-nobody", "busy": "token-of-the-busy"}


class Authority:
    """A certificate authority whose files stand in `folder`: NAME.crt and, of what it issues,
    NAME.key."""

    def __init__(self, folder, name="ca"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} of the tests")])
        self._certificate = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_ca_usage(), critical=True)
            .sign(self._key, hashes.SHA256()))
        self.certificate = self._write(f"{name}.crt", _pem(self._certificate))

    def issue(self, name, common_name, organization=None, server=False, valid=True, names=()):
        """Writes NAME.crt and NAME.key and returns their paths.

        A server's certificate is for 127.0.0.1, localhost and `names`, and with those it is a
        client's too. With `valid=False` it has expired.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
        if organization:
            attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
        usages = [ExtendedKeyUsageOID.SERVER_AUTH] if server else []
        if names or not server:
            usages.append(ExtendedKeyUsageOID.CLIENT_AUTH)
        builder = (self._builder(x509.Name(attributes), key, valid)
                   .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                   .add_extension(x509.ExtendedKeyUsage(usages), critical=False))
        if server:
            names = [x509.DNSName(one) for one in ("localhost", "kubernetes.default.svc", *names)]
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                    serialization.NoEncryption())
        return self._write(f"{name}.crt", _pem(certificate)), self._write(f"{name}.key", private)

    def _builder(self, subject, key, valid=True):
        now = datetime.datetime.utcnow()
        hour = datetime.timedelta(hours=1)
        return (x509.CertificateBuilder()
                .subject_name(subject).issuer_name(self._name)
                .public_key(key.public_key()).serial_number(x509.random_serial_number())
                .not_valid_before(now - 24 * hour)
                .not_valid_after(now + 24 * hour if valid else now - hour))

    def _write(self, name, content):
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_bytes(content)
        return path


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def _ca_usage():
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False)


def signing_key(folder):
    """Makes the key pair that signs service account tokens: the paths of its two files."""
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = pathlib.Path(folder) / "sa.key", pathlib.Path(folder) / "sa.pub"
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM,
                                          serialization.PrivateFormat.TraditionalOpenSSL,
                                          serialization.NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    return private, public


def write_kubeconfig(path, server, ca, user):
    """Writes a kubeconfig. `user` is the mapping of the file's user, e.g. {"token": ...}."""
    lines = [
        "apiVersion: v1",
        "kind: Config",
        "current-context: test",
        "contexts:",
        "- name: test",
        "  context: {cluster: test, user: test}",
        "clusters:",
        "- name: test",
        "  cluster:",
        f"    server: {server}",
        *([f"    certificate-authority: {ca}"] if ca else []),
        "users:",
        "- name: test",
        "  user:",
        *(f"    {key}: {value}" for key, value in user.items()),
    ]
    path = pathlib.Path(path)
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_service_account(folder, ca, token, namespace="keda"):
    """Writes the files that a pod finds in /var/run/secrets/kubernetes.io/serviceaccount."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ca.crt").write_bytes(pathlib.Path(ca).read_bytes())
    (folder / "token").write_text(token, encoding="utf-8")
    (folder / "namespace").write_text(namespace, encoding="utf-8")
    return folder
