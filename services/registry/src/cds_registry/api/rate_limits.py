"""Token buckets per network address and per Client, in the memory of each process (CDS-WG1-01 §8.2, CDS-WG1-02 §11.3).

Limits therefore hold per process: N api processes allow up to N times as much. Only guesses of invite codes are counted in the
database, for all processes together and over restarts: every other secret of this service has 144 random bits or more.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cds_common.db import Sessions
from cds_common.problems import ProblemError, generic, problem_response
from cds_common.rate_limits import address_of
from cds_common.token_buckets import TokenBuckets, retry_after
from cds_registry.application.offer import Offer
from cds_registry.persistence.refused_invites import count_refused, free_again
from cds_registry.settings import Settings

_OTHERWISE_LIMITED = (
    "/cds/v1/clients", "/cds/v1/credentials", "/cds/v1/messages", "/cds/v1/files", "/internal/", "/health/", "/metrics",
)  # fmt: skip
"""Behind an access token `cds_common.rate_limits` counts: refused tokens of an address close it to refused tokens only."""


@dataclass(frozen=True, slots=True)
class Limits:
    """All buckets of one process."""

    registrations: TokenBuckets
    reads: TokenBuckets
    failures: TokenBuckets
    calls: TokenBuckets

    @classmethod
    def of(cls, settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> "Limits":
        """As configured."""

        def buckets(per_second: float, burst: float) -> TokenBuckets:
            return TokenBuckets(per_second, burst, clock)

        return cls(
            registrations=buckets(settings.registrations_per_minute / 60, settings.registrations_per_minute),
            reads=buckets(settings.public_reads_per_second, settings.public_reads_per_second * 5),
            failures=buckets(settings.failed_authentications_per_minute / 60, settings.failed_authentications_per_minute),
            calls=buckets(settings.api_calls_per_second, settings.api_calls_per_second * 5),
        )


def limit_calls(request: Request, client_id: str) -> None:
    """Count a call of an authenticated Client.

    Raises:
        ProblemError: 429, too many.
    """
    limits: Limits = request.state.limits
    if seconds := limits.calls.wait_for(client_id):
        raise ProblemError(generic(429), "Too many requests of this Client", headers=retry_after(seconds))


async def limit_invites(tx: AsyncSession, request: Request, offer: Offer, now: datetime) -> None:
    """Hold back an address that has guessed invite codes too often.

    Raises:
        ProblemError: 429, too many wrong codes.
    """
    again = await free_again(tx, address_of(request), limit=offer.utility.settings.invite_attempts_per_hour, now=now)
    if again is not None:
        wait = (again - now).total_seconds()
        raise ProblemError(generic(429), "Too many wrong invite codes from this address", headers=retry_after(wait))
    request.state.invite_tried = now


async def note_wrong_invite(request: Request) -> None:
    """Count a wrong invite code, in a transaction of its own: the one of the request is undone."""
    sessions: Sessions = request.state.sessions
    async with sessions.begin() as tx:
        await count_refused(tx, address_of(request), request.state.invite_tried)


class RateLimit:
    """Middleware: counts unauthenticated requests, and an operator's refused keys and logins, per network address."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 429 with Retry-After when the bucket is empty."""
        if scope["type"] != "http" or "limits" not in scope.get("state", {}):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        limits: Limits = request.state.limits
        address = address_of(request)
        path, posts = request.url.path, request.method == "POST"
        if "\x00" in path or b"%00" in scope["query_string"]:
            # No id, filter or name holds NUL, and the database could not even compare it.
            await problem_response(request, generic(404 if "\x00" in path else 400), "")(scope, receive, send)
            return
        if posts and path in {"/oauth/register", "/registration"}:
            wait = limits.registrations.wait_for(address)
        elif path.startswith("/operator"):
            wait = limits.failures.wait_for(address, cost=0)
        else:
            wait = 0 if path.startswith(_OTHERWISE_LIMITED) else limits.reads.wait_for(address)
        if wait:
            answer = problem_response(request, generic(429), "Too many requests from this address", headers=retry_after(wait))
            await answer(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 401 and path.startswith("/operator"):
                limits.failures.wait_for(address)
            await send(message)

        await self._app(scope, receive, counted)
