# SPDX-License-Identifier: Apache-2.0
"""ServiceAccount tokens as an API server makes them, for what it makes none of: such as end within
seconds (TokenRequest's shortest are of 10 minutes), and such as Kubernetes before 1.30 made.

Needs python3-cryptography to sign.
"""

import base64
import json
import time
import uuid

ISSUER = "https://kubernetes.default.svc"


def claims(namespace, service_account, audiences, seconds=3600, account_uid=None, pod=None,
           names_node=True):
    """The claims of a token that ends `seconds` from now.

    `pod` is the object that it is bound to, whose node it names; before Kubernetes 1.30
    (`names_node=False`) it did not.
    """
    now = int(time.time())
    bound = {"namespace": namespace}
    if pod is not None:
        node = pod["spec"].get("nodeName")
        if names_node and node:
            bound["node"] = {"name": node}
        bound["pod"] = {key: pod["metadata"][key] for key in ("name", "uid")}
    bound["serviceaccount"] = {"name": service_account, "uid": account_uid or str(uuid.uuid4())}
    # One that has ended was made before it ended.
    made = min(now, now + seconds) - 1
    return {"aud": list(audiences), "exp": now + seconds, "iat": made, "iss": ISSUER,
            "jti": str(uuid.uuid4()), "kubernetes.io": bound, "nbf": made,
            "sub": user_name(namespace, service_account)}


def user_name(namespace, service_account):
    """Whom the server knows the account as."""
    return f"system:serviceaccount:{namespace}:{service_account}"


def jwt(content, key_file=None):
    """A JWT of these claims, signed with the P-256 key of a PEM file
    (kube_credentials.signing_key), or by nobody."""
    head = {"alg": "ES256"}
    text = ".".join(_encode(json.dumps(part).encode()) for part in (head, content))
    signature = _sign(text.encode(), key_file) if key_file else uuid.uuid4().bytes * 4
    return f"{text}.{_encode(signature)}"


def claims_of(token):
    """The claims of a JWT, whoever made it."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def _encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _sign(text, key_file):
    # Only then: the fake API server takes what nobody has signed.
    # pylint: disable=import-outside-toplevel
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
    with open(key_file, "rb") as file:
        key = serialization.load_pem_private_key(file.read(), None)
    r, s = decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")
