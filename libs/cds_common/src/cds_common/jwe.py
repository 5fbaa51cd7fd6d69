"""Encryption of answers to a client's public key: JWE in compact form (RFC 7516), written piece by piece so that a stream stays one."""

import base64
import os
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from cds_common import exact_json

MEDIA_TYPE = "application/jose"

_CURVES: Mapping[str, tuple[ec.EllipticCurve, int]] = {"P-256": (ec.SECP256R1(), 32), "P-384": (ec.SECP384R1(), 48)}
_CONTENT_KEY_BYTES = 32
_WRAPPING_BYTES = {"ECDH-ES+A128KW": 16, "ECDH-ES+A192KW": 24, "ECDH-ES+A256KW": 32}


class JweWriter:
    """One document for one key: `start()`, `update()` for each piece, `finish()`; their bytes joined are the JWE.

    Content is encrypted with A256GCM; the key is agreed by ECDH-ES (RFC 7518 §4.6) with a fresh key pair per document, and
    wrapped where the client's key asks for it by its `alg`.

    Args:
        key: an elliptic curve public JWK that `check_public_key` accepted.
        media_type: of the content; goes into `cty` (RFC 7515 §4.1.10).
    """

    def __init__(self, key: Mapping[str, Any], media_type: str) -> None:
        curve, size = _CURVES[key["crv"]]
        own = ec.generate_private_key(curve)
        algorithm = key.get("alg", "ECDH-ES")
        header = {"alg": algorithm, "enc": "A256GCM", "cty": media_type.removeprefix("application/"), "epk": _public(own, key["crv"], size)}
        if "kid" in key:
            header["kid"] = key["kid"]
        shared = own.exchange(ec.ECDH(), _peer(key, curve))
        if algorithm == "ECDH-ES":
            content_key, wrapped = _derived(shared, "A256GCM", _CONTENT_KEY_BYTES), b""
        else:
            content_key = os.urandom(_CONTENT_KEY_BYTES)
            wrapped = aes_key_wrap(_derived(shared, algorithm, _WRAPPING_BYTES[algorithm]), content_key)
        nonce = os.urandom(12)
        protected = _base64url(exact_json.encode(header))
        self._head = b".".join((protected, _base64url(wrapped), _base64url(nonce), b""))
        self._cipher = Cipher(algorithms.AES(content_key), modes.GCM(nonce)).encryptor()
        self._cipher.authenticate_additional_data(protected)
        self._rest = b""

    def start(self) -> bytes:
        """Header, encrypted key and nonce."""
        return self._head

    def update(self, piece: bytes) -> bytes:
        """The cipher text of the next piece; up to two of its bytes wait for the next call, since base64 goes by threes."""
        data = self._rest + self._cipher.update(piece)
        whole = len(data) - len(data) % 3
        self._rest = data[whole:]
        return base64.urlsafe_b64encode(data[:whole])

    def finish(self) -> bytes:
        """The rest of the cipher text and its tag."""
        last = _base64url(self._rest + self._cipher.finalize())
        return last + b"." + _base64url(self._cipher.tag)


def _peer(key: Mapping[str, Any], curve: ec.EllipticCurve) -> ec.EllipticCurvePublicKey:
    x, y = (int.from_bytes(_from_base64url(key[name]), "big") for name in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, curve).public_key()


def _public(own: ec.EllipticCurvePrivateKey, name: str, size: int) -> dict[str, str]:
    numbers = own.public_key().public_numbers()
    x, y = (_base64url(number.to_bytes(size, "big")).decode() for number in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": name, "x": x, "y": y}


def _derived(shared: bytes, algorithm: str, length: int) -> bytes:
    """Concat KDF as in RFC 7518 §4.6.2, without party information."""
    name = algorithm.encode()
    info = len(name).to_bytes(4, "big") + name + bytes(8) + (length * 8).to_bytes(4, "big")
    return ConcatKDFHash(hashes.SHA256(), length, info).derive(shared)


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
