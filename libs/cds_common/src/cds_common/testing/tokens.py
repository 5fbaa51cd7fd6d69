"""Access tokens for tests: a key pair of its own and a key document that the verifier can fetch."""

import time
from typing import Any
from uuid import uuid4

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from cds_common.settings import CommonSettings
from cds_common.tokens import TokenVerifier


class TokenMaker:
    """Signs tokens as auth does. Hand `verifier` to `application(..., state={"tokens": maker.verifier})`."""

    def __init__(self, settings: CommonSettings, *, kid: str = "test-1") -> None:
        self._settings = settings
        self.key = ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"})
        self.fetches = 0
        self.keys = KeySet([self.key])
        transport = httpx.MockTransport(self._answer)
        self.verifier = TokenVerifier(settings, httpx.AsyncClient(transport=transport))

    def _answer(self, _request: httpx.Request) -> httpx.Response:
        self.fetches += 1
        return httpx.Response(200, json=self.keys.as_dict(private=False))

    def token(self, *, header: dict[str, Any] | None = None, key: ECKey | None = None, **claims: Any) -> str:
        """A token with the given claims over valid ones; a claim given as None is left out."""
        now = int(time.time())
        public_url = self._settings.public_url
        values: dict[str, Any] = {
            "iss": public_url, "aud": public_url, "sub": "customer-1", "client_id": "client-1", "registration_id": "registration-1",
            "environment": "sandbox", "scope": "", "cds_grant_ids": [], "jti": uuid4().hex, "iat": now, "exp": now + 600,
        } | claims  # fmt: skip
        values = {name: value for name, value in values.items() if value is not None}
        signing = key or self.key
        protected = {"alg": "ES256", "typ": "at+jwt", "kid": signing.kid, **(header or {})}
        return jwt.encode(protected, values, signing, algorithms=[str(protected["alg"])])

    def headers(self, **claims: Any) -> dict[str, str]:
        """The Authorization header with such a token."""
        return {"Authorization": f"Bearer {self.token(**claims)}"}
