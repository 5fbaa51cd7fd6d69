"""What a token's id says, and which ids are dead."""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class GrantType(StrEnum):
    """`grant_type` values of the token endpoint."""

    CLIENT_CREDENTIALS = "client_credentials"
    AUTHORIZATION_CODE = "authorization_code"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105  # a protocol word


NO_FAMILY = "-"


@dataclass(frozen=True, slots=True)
class Caller:
    """A Client that proved itself, and by which Credential. `tag` stands for the Credential inside token ids."""

    client_id: str
    credential_id: str

    @property
    def tag(self) -> str:
        """Short form without a dot."""
        return credential_tag(self.credential_id)


def credential_tag(credential_id: str) -> str:
    """72 bits of a hash: a Credential's id may have any characters, a part of a token id may not."""
    return base64.urlsafe_b64encode(hashlib.sha256(credential_id.encode()).digest()[:9]).decode()


def new_token_id(credential: str, family_id: str | None) -> str:
    """`<credential>.<family>.<serial>`: revoking one part ends all tokens that have it."""
    return f"{credential}.{family_id or NO_FAMILY}.{secrets.token_urlsafe(12)}"


def new_secret() -> str:
    """256 random bits for a code, a refresh token or a request_uri."""
    return secrets.token_urlsafe(32)


def secret_hash(secret: str) -> bytes:
    """SHA-256: enough for a secret of 256 random bits, which nobody can guess ahead."""
    return hashlib.sha256(secret.encode()).digest()


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token as stored."""

    token_hash: bytes
    family_id: str
    credential: str
    expires: datetime
    used: datetime | None


@dataclass(frozen=True, slots=True)
class TokenFamily:
    """All tokens of one authorization."""

    family_id: str
    client_id: str
    grant_id: str
    subject: str
    revoked: datetime | None
    created: datetime
    """When the customer's code was redeemed: the absolute end of all refresh tokens counts from here."""
