"""The few calls between services: authenticated by short-lived signed tokens, bounded in time, traced."""

import asyncio
import re
import ssl
import time
from collections.abc import Callable, Coroutine
from functools import cache
from typing import Annotated, Any
from uuid import uuid4

import httpx
from fastapi import Depends
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from opentelemetry import propagate
from starlette.requests import Request

from cds_common import exact_json
from cds_common.errors import TransientError
from cds_common.keys import derive_key
from cds_common.oauth_errors import InvalidToken, MissingToken
from cds_common.settings import CommonSettings

LIFETIME_SECONDS = 60
LEEWAY_SECONDS = 5
_PAUSES = (0.05, 0.2)
_RETRIED = frozenset({502, 503, 504})
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})


def _key(settings: CommonSettings) -> OctKey:
    return OctKey.import_key(derive_key(settings.internal_key, "internal-calls"))


def sign_call(settings: CommonSettings, *, audience: str) -> str:
    """A token with which `settings.service` may call the internal API of `audience` for one minute."""
    now = int(time.time())
    claims = {"iss": settings.service, "aud": audience, "iat": now, "exp": now + LIFETIME_SECONDS, "jti": uuid4().hex}
    return jwt.encode({"alg": "HS256"}, claims, _key(settings), algorithms=["HS256"])


def verify_call(settings: CommonSettings, token: str) -> str:
    """Check a token of `sign_call` and return the calling service.

    Raises:
        InvalidToken: forged, expired, or made for another service.
    """
    try:
        claims = jwt.decode(token, _key(settings), algorithms=["HS256"]).claims
    except (JoseError, ValueError) as error:
        raise InvalidToken("The internal token is not valid") from error
    now, issued, expires, caller = time.time(), claims.get("iat"), claims.get("exp"), claims.get("iss")
    if not isinstance(issued, int) or not isinstance(expires, int) or not isinstance(caller, str):
        raise InvalidToken("The internal token is not valid")
    if claims.get("aud") != settings.service or expires - issued > LIFETIME_SECONDS:
        raise InvalidToken("The internal token is for another service")
    if not issued - LEEWAY_SECONDS <= now <= expires + LEEWAY_SECONDS:
        raise InvalidToken("The internal token has expired")
    return caller


def internal_caller(*allowed: str) -> Callable[[Request], Coroutine[Any, Any, str]]:
    """Dependency that lets in calls of the `allowed` services only; gives the caller's name."""

    async def check(request: Request) -> str:
        value = request.headers.get("authorization", "")
        found = re.fullmatch(r"Bearer ([A-Za-z0-9\-._]{1,2000})", value)
        if found is None:
            raise MissingToken("An internal token is required")
        caller = verify_call(request.state.settings, found[1])
        if caller not in allowed:
            raise InvalidToken("This service may not call here")
        return caller

    return check


def caller_of(*allowed: str) -> Any:
    """`Caller = caller_of("auth")`: the annotated parameter type of an internal endpoint."""
    return Annotated[str, Depends(internal_caller(*allowed))]


class InternalClient:
    """HTTP client for one peer. Answers of 4xx are the caller's business; everything transient is tried three times, then raised."""

    def __init__(self, settings: CommonSettings, *, service: str, base_url: str, http: httpx.AsyncClient) -> None:
        self._settings, self._service, self._base_url, self._http = settings, service, base_url, http

    async def request(self, method: str, path: str, *, json: Any = None, params: dict[str, str] | None = None) -> httpx.Response:
        """Call `path` (`/internal/...`) of the peer; decimals in `json` keep their digits.

        What cannot have had an effect is tried again: refused connections always, lost answers and 502-504 for idempotent methods.

        Raises:
            TransientError: the peer is not reachable or keeps failing.
        """
        cause: Exception | None = None
        for pause in (*_PAUSES, None):
            try:
                answer = await self._once(method, path, json, params)
            except httpx.TransportError as error:
                cause, again = error, method in _IDEMPOTENT or isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            else:
                if answer.status_code < 500:
                    return answer
                cause, again = None, method in _IDEMPOTENT and answer.status_code in _RETRIED
            if not again or pause is None:
                break
            await asyncio.sleep(pause)
        raise TransientError(f"{self._service} is not reachable") from cause

    async def _once(self, method: str, path: str, json: Any, params: dict[str, str] | None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {sign_call(self._settings, audience=self._service)}"}
        content = None
        if json is not None:
            content, headers["Content-Type"] = exact_json.encode(json), "application/json"
        return await self._http.request(method, self._base_url + path, content=content, params=params, headers=headers)


async def _name_trace(request: httpx.Request) -> None:
    """Name the trace also where nothing is recorded and the instrumentation keeps still, so that the peer records nothing either."""
    named: dict[str, str] = {}
    propagate.inject(named)
    request.headers.update(named)


@cache
def _authorities() -> ssl.SSLContext:
    """Whom https trusts; reading them takes longer than everything else that starts a process's client."""
    return httpx.create_ssl_context(trust_env=False)


def build_http(*, total_seconds: float = 2.0) -> httpx.AsyncClient:
    """The process's client for internal calls: one second to connect, two for everything, no redirects, no proxy of the environment."""
    return httpx.AsyncClient(
        timeout=httpx.Timeout(total_seconds, connect=1.0),
        limits=httpx.Limits(max_connections=50, max_keepalive_connections=20),
        follow_redirects=False,
        trust_env=False,
        verify=_authorities(),
        event_hooks={"request": [_name_trace]},
    )
