"""Client secrets: made, encrypted so that they can be shown again, and hashed so that auth can check them."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr


class SecretUnreadable(RuntimeError):
    """A stored secret cannot be decrypted: its key has been taken out of the configuration."""


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A fresh client secret in its three forms."""

    plain: str
    encrypted: bytes
    verifier: str


class SecretBox:
    """Holds the keys; the first encryption key encrypts, every one decrypts."""

    def __init__(self, encryption_keys: SecretStr, credential_key: SecretStr) -> None:
        keys = [key.strip() for key in encryption_keys.get_secret_value().split(",") if key.strip()]
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._key = credential_key.get_secret_value().encode()

    def make(self) -> NewSecret:
        """A secret of 256 random bits."""
        plain = secrets.token_urlsafe(32)
        verifier = hmac.new(self._key, plain.encode(), hashlib.sha256).hexdigest()
        return NewSecret(plain, self._fernet.encrypt(plain.encode()), verifier)

    def open(self, encrypted: bytes) -> str:
        """The secret in plain text.

        Raises:
            SecretUnreadable: no configured key decrypts it.
        """
        try:
            return self._fernet.decrypt(encrypted).decode()
        except InvalidToken as error:
            raise SecretUnreadable("no configured key decrypts this client secret") from error

    def renew(self, encrypted: bytes) -> bytes:
        """The same secret under the first key."""
        return self._fernet.rotate(encrypted)
