"""Keys for single purposes, derived from one shared secret, so that no signature is good for a second purpose."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr


def derive_key(secret: SecretStr, purpose: str) -> bytes:
    """32 bytes for `purpose` (HKDF-SHA256, RFC 5869)."""
    hkdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=b"cds-server", info=purpose.encode())
    return hkdf.derive(secret.get_secret_value().encode())
