"""Access tokens as a resource server sees them: signed JWTs of auth (RFC 9068), checked locally."""

import asyncio
import base64
import hashlib
import re
import time
from collections import OrderedDict
from typing import Annotated, Any, Literal

import httpx
import structlog
from fastapi import Depends
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from cds_common.errors import TransientError
from cds_common.oauth_errors import InvalidToken, MissingToken
from cds_common.rate_limits import address_of, limits_of
from cds_common.settings import CommonSettings

log = structlog.get_logger(__name__)

LEEWAY_SECONDS = 5
MAX_TOKEN_LENGTH = 8192
_CACHE_SIZE = 10_000
_REFETCH_PAUSE_SECONDS = 10.0
_KEYS_LIFETIME_SECONDS = 600.0


class AccessToken(BaseModel):
    """The claims that the services rely on; the Grant's status is checked besides (a token alone is never trusted)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sub: str
    client_id: str
    registration_id: str
    environment: Literal["sandbox", "production"]
    scope: str = ""
    cds_grant_ids: tuple[str, ...] = ()
    cds_opens_grant_ids: tuple[str, ...] = ()
    """Grant Admin tokens: the Grants whose data they open (CDS-WG1-02 §3.3.2); their own Grant is in `cds_grant_ids`."""
    jti: str
    iat: int
    exp: int

    @property
    def scopes(self) -> frozenset[str]:
        """The scope tokens (RFC 6749 §3.3)."""
        return frozenset(self.scope.split())


class _Header(BaseModel):
    alg: Literal["ES256"]
    typ: str = Field(pattern=r"(?i)^(application/)?at\+jwt$")
    kid: str = Field(min_length=1, max_length=200)


class TokenVerifier:
    """Checks signature, type, issuer, audience and expiry; keys come from auth and are kept for ten minutes."""

    def __init__(self, settings: CommonSettings, http: httpx.AsyncClient) -> None:
        self._issuer = settings.public_url
        self._keys_url = f"{settings.auth_internal_url}/oauth/jwks.json"
        self._http = http
        self._keys: KeySet | None = None
        self._fetched_at = float("-inf")
        self._lock = asyncio.Lock()
        self._verified: OrderedDict[bytes, AccessToken] = OrderedDict()

    async def verify(self, token: str) -> AccessToken:
        """Check `token` and return its claims.

        Raises:
            InvalidToken: the token is not one of ours, or no longer valid.
            TransientError: its key is needed and auth cannot be reached.
        """
        if len(token) > MAX_TOKEN_LENGTH:
            raise InvalidToken("The access token is too long")
        digest = hashlib.sha256(token.encode()).digest()
        known = self._verified.get(digest)
        now = time.time()
        if known is None:
            known = await self._check(token)
            self._verified[digest] = known
            if len(self._verified) > _CACHE_SIZE:
                self._verified.popitem(last=False)
        else:
            self._verified.move_to_end(digest)
        if now > known.exp + LEEWAY_SECONDS:
            self._verified.pop(digest, None)
            raise InvalidToken("The access token has expired")
        if known.iat > now + LEEWAY_SECONDS:
            raise InvalidToken("The access token is not valid yet")
        return known

    async def _check(self, token: str) -> AccessToken:
        header = _read_header(token)
        keys = await self._keys_with(header.kid)
        try:
            decoded = jwt.decode(token, keys, algorithms=["ES256"])
            claims = decoded.claims
            audience = claims.get("aud")
            audiences: list[Any] = audience if isinstance(audience, list) else [audience]
            if claims.get("iss") != self._issuer or self._issuer not in audiences:
                raise InvalidToken("The access token was issued for another server")
            return AccessToken.model_validate(claims)
        except (JoseError, ValidationError, ValueError) as error:
            raise InvalidToken("The access token is not valid") from error

    async def _keys_with(self, kid: str) -> KeySet:
        """The key set, fetched anew when it is old or does not hold `kid`; never more often than every ten seconds."""
        async with self._lock:
            age = time.monotonic() - self._fetched_at
            fresh = self._keys is not None and age < _KEYS_LIFETIME_SECONDS
            if not (fresh and _holds(self._keys, kid)) and (self._keys is None or age > _REFETCH_PAUSE_SECONDS):
                await self._fetch()
            keys = self._keys
        if keys is None:
            raise TransientError("the keys of auth are not known yet")
        if not _holds(keys, kid):
            raise InvalidToken("The access token is signed with an unknown key")
        return keys

    async def _fetch(self) -> None:
        try:
            answer = await self._http.get(self._keys_url, timeout=2.0)
            answer.raise_for_status()
            self._keys = KeySet.import_key_set(answer.json())
            self._verified.clear()  # a key that auth has withdrawn must not live on in verified tokens
        except (httpx.HTTPError, ValueError, JoseError) as error:
            log.warning("keys_not_fetched", error_type=type(error).__name__)
            if self._keys is None:
                raise TransientError("the keys of auth cannot be fetched") from error
        self._fetched_at = time.monotonic()


def bearer_value(request: Request) -> str:
    """The token of the Authorization header, the only place where we accept one.

    Raises:
        MissingToken: there is none.
        InvalidToken: the header is malformed or repeated.
    """
    values = request.headers.getlist("authorization")
    if not values:
        raise MissingToken("An access token is required")
    found = re.fullmatch(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9\-._~+/]+=*)", values[0])
    if len(values) > 1 or found is None:
        if found is None and len(values) == 1 and not values[0].lower().startswith("bearer"):
            raise MissingToken("An access token is required")
        raise InvalidToken("The Authorization header is malformed")
    return found[1]


async def bearer_token(request: Request) -> AccessToken:
    """Dependency: the verified token of this request, counted against the limits of its Client."""
    verifier: TokenVerifier = request.state.tokens
    limits = limits_of(request)
    try:
        token = await verifier.verify(bearer_value(request))
    except (InvalidToken, MissingToken):
        if limits is not None:
            limits.count_failure(address_of(request))
        raise
    if limits is not None:
        limits.count_request(token.client_id, token.jti)
    return token


Bearer = Annotated[AccessToken, Depends(bearer_token)]


def _holds(keys: KeySet | None, kid: str) -> bool:
    return keys is not None and any(key.kid == kid for key in keys.keys)


def _read_header(token: str) -> _Header:
    try:
        first = token.split(".", 1)[0]
        protected = base64.urlsafe_b64decode(first + "=" * (-len(first) % 4))
        return _Header.model_validate_json(protected)
    except (ValueError, ValidationError) as error:
        raise InvalidToken("The access token is not valid") from error
