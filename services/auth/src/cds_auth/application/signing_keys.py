"""ES256 keys of the access tokens: made here, kept encrypted, published ahead of use, changed without a gap."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from cryptography.fernet import Fernet, MultiFernet
from joserfc.jwk import ECKey
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.token_signer import TokenSigner
from cds_auth.persistence.signing_keys import SigningKeys, StoredKey
from cds_auth.settings import Settings
from cds_common.db import Sessions
from cds_common.faults import DATABASE_FAULTS

log = structlog.get_logger(__name__)

_RELOAD_SECONDS = 30.0


class KeyRing:
    """The keys as this process knows them; read again every half minute, which is far less than a new key's waiting time.

    Once there are keys, nobody waits for a reload: a request that waited inside its transaction would hold a connection that
    the reload may need.
    """

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self._fernet = MultiFernet([Fernet(key.strip()) for key in settings.encryption_keys.get_secret_value().split(",")])
        self._settings, self._sessions = settings, sessions
        self._signers: list[tuple[datetime, TokenSigner]] = []
        self._public: list[Mapping[str, Any]] = []
        self._loaded_at = float("-inf")
        self._lock = asyncio.Lock()
        self._reload: asyncio.Task[None] | None = None

    async def warm(self) -> None:
        """Have keys, or begin to read them again; call it before a transaction is open."""
        if not self._signers:
            async with self._lock:
                if not self._signers:
                    await self._load()
        elif time.monotonic() - self._loaded_at > _RELOAD_SECONDS and (self._reload is None or self._reload.done()):
            self._reload = asyncio.create_task(self._load_again(), name="signing-keys")

    async def signer(self, now: datetime) -> TokenSigner:
        """The key that signs now: the newest that has waited long enough."""
        await self.warm()
        ready = [signer for signs_from, signer in self._signers if signs_from <= now]
        return ready[-1] if ready else self._signers[0][1]

    async def public_jwks(self) -> dict[str, Any]:
        """The key set (RFC 7517 §5): keys in use, keys about to be used, and keys whose last tokens still run."""
        await self.warm()
        return {"keys": list(self._public)}

    async def _load_again(self) -> None:
        try:
            await self._load()
        except DATABASE_FAULTS as error:
            log.warning("signing_keys_not_reloaded", error_type=type(error).__name__)

    async def _load(self) -> None:
        now = datetime.now(UTC)
        async with self._sessions.begin() as tx:
            stored = await SigningKeys(tx).list_published(now)
            if not any(key.published_until is None for key in stored):
                stored = await self._first_key(tx, now)
        # Decryption and key parsing take a millisecond; they happen once per key set, not per token.
        self._signers = [(key.signs_from, self._open(key)) for key in stored]
        self._public = [key.public_jwk for key in stored]
        self._loaded_at = time.monotonic()

    async def _first_key(self, tx: AsyncSession, now: datetime) -> list[StoredKey]:
        await SigningKeys(tx).lock()
        stored = await SigningKeys(tx).list_published(now)
        if not any(key.published_until is None for key in stored):
            await SigningKeys(tx).add(self._new_key(now), now)
            stored = await SigningKeys(tx).list_published(now)
        return stored

    def _new_key(self, signs_from: datetime) -> StoredKey:
        key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, private=True, auto_kid=True)
        kid = str(key.kid)
        public = dict(key.as_dict(private=False)) | {"kid": kid, "use": "sig", "alg": "ES256"}
        return StoredKey(kid, self._fernet.encrypt(key.as_pem(private=True)), public, signs_from, None)

    def _open(self, stored: StoredKey) -> TokenSigner:
        return TokenSigner(stored.kid, self._fernet.decrypt(stored.private_key))

    async def rotate(self, tx: AsyncSession, now: datetime, *, at_once: bool = False) -> str:
        """Make a new key that signs after the overlap (or at once, when the old one is compromised); returns its `kid`.

        The keys before it stay published until their last token has run out; compromised ones leave the key set now.
        """
        keys = SigningKeys(tx)
        await keys.lock()
        before = [key for key in await keys.list_published(now) if key.published_until is None]
        signs_from = now if at_once else now + self._settings.signing_key_overlap
        new = self._new_key(signs_from)
        await keys.add(new, now)
        last_token = now if at_once else signs_from + self._settings.access_token_lifetime + timedelta(minutes=5)
        await keys.retire([key.kid for key in before], last_token)
        self._signers = []
        return new.kid

    async def reencrypt(self, tx: AsyncSession, now: datetime) -> int:
        """Bring all keys under the first encryption key, so that the others can be taken out of the settings; returns how many."""
        keys = SigningKeys(tx)
        await keys.lock()
        stored = await keys.list_published(now)
        for key in stored:
            await keys.reencrypt(key.kid, self._fernet.rotate(key.private_key))
        return len(stored)
