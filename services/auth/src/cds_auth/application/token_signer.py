"""Signs access tokens with one ES256 key (RFC 7515, RFC 7518 §3.4).

The general library spends most of its time on finding out what the header asks for; here it never changes.
"""

import base64
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cds_common import exact_json

_ES256 = ec.ECDSA(hashes.SHA256())


class TokenSigner:
    """One private key and the fixed header of its tokens (`typ` at+jwt, RFC 9068 §2.1)."""

    def __init__(self, kid: str, pem: bytes) -> None:
        key = load_pem_private_key(pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise TypeError("the signing key is not a P-256 key")
        self.kid = kid
        self._key = key
        self._header = _base64url(exact_json.encode({"alg": "ES256", "typ": "at+jwt", "kid": kid}))

    def sign(self, claims: Mapping[str, Any]) -> str:
        """The compact form of a token with `claims`."""
        signed = self._header + b"." + _base64url(exact_json.encode(claims))
        r, s = decode_dss_signature(self._key.sign(signed, _ES256))
        return (signed + b"." + _base64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))).decode()


def _base64url(value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=")
