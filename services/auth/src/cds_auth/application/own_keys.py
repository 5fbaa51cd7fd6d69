"""Checks this service's own tokens with its own keys, without a call to itself."""

import time

import httpx
from joserfc.jwk import KeySet

from cds_auth.application.signing_keys import KeyRing
from cds_common.settings import CommonSettings
from cds_common.tokens import TokenVerifier


class OwnKeysVerifier(TokenVerifier):
    """The common check, with the key ring in place of the published key set."""

    def __init__(self, settings: CommonSettings, http: httpx.AsyncClient, keys: KeyRing) -> None:
        super().__init__(settings, http)
        self._ring = keys

    async def _fetch(self) -> None:
        self._keys = KeySet.import_key_set(await self._ring.public_jwks())  # pyright: ignore[reportArgumentType]
        self._verified.clear()
        self._fetched_at = time.monotonic()
