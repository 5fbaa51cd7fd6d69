"""Keys of the pages: what must be readable again is encrypted, what is only compared gets a keyed hash."""

from cryptography.fernet import Fernet, MultiFernet

from cds_auth.settings import Settings
from cds_common.keys import derive_key


class PageSecrets:
    """Made once per process. Old encryption keys still decrypt, so that they can be changed."""

    def __init__(self, settings: Settings) -> None:
        keys = settings.encryption_keys.get_secret_value().split(",")
        self._fernet = MultiFernet([Fernet(key.strip()) for key in keys])
        self.csrf_key = derive_key(settings.internal_key, "auth page forms")
        self.pepper = derive_key(settings.internal_key, "auth login failures")

    def encrypt(self, text: str) -> bytes:
        """Encrypt with the newest key."""
        return self._fernet.encrypt(text.encode())

    def decrypt(self, sealed: bytes) -> str:
        """Read what any of the keys encrypted."""
        return self._fernet.decrypt(sealed).decode()
