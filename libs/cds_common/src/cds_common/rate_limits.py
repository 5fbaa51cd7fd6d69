"""Limits of the APIs behind an access token, per Client, per token and per network address (CDS-WG1-02 §11.3, CDS-WG3-01 §12.1).

They hold per process (`token_buckets`). No request is ever answered with a test for humans.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from cds_common.problems import ProblemError, generic
from cds_common.settings import CommonSettings
from cds_common.token_buckets import TokenBuckets, retry_after


@dataclass(frozen=True, slots=True)
class ApiLimits:
    """The buckets of one process."""

    clients: TokenBuckets
    tokens: TokenBuckets
    failures: TokenBuckets

    @classmethod
    def of(cls, settings: CommonSettings, clock: Callable[[], float] = time.monotonic) -> "ApiLimits":
        """As configured; a bucket holds two seconds' worth, that of failures a minute's."""
        client, token = settings.client_requests_per_second, settings.token_requests_per_second
        failures = settings.failed_tokens_per_minute
        return cls(
            TokenBuckets(client, 2 * client, clock), TokenBuckets(token, 2 * token, clock), TokenBuckets(failures / 60, failures, clock)
        )  # fmt: skip

    def count_request(self, client_id: str, token_id: str) -> None:
        """Count a request with a good token.

        Raises:
            ProblemError: 429, too many.
        """
        _refuse("Too many requests of this Client", max(self.clients.wait_for(client_id), self.tokens.wait_for(token_id)))

    def count_failure(self, address: str) -> None:
        """Count a refused token. Good tokens from the same address are not touched: a signature cannot be guessed.

        Raises:
            ProblemError: 429, too many.
        """
        _refuse("Too many requests without a valid access token from this address", self.failures.wait_for(address))


def limits_of(request: Request) -> ApiLimits | None:
    """The limits of this process; None in one that has none of its own."""
    return getattr(request.state, "api_limits", None)


def address_of(request: Request) -> str:
    """The network address of the caller; the server in front of us names it (uvicorn's trusted proxies)."""
    return request.client.host if request.client else "unknown"


def _refuse(detail: str, wait: float) -> None:
    if wait > 0:
        raise ProblemError(generic(429), detail, headers=retry_after(wait))
