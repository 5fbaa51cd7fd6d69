"""Limits of auth's own endpoints, per process (`cds_common.token_buckets`; CDS-WG1-02 §11.3)."""

from cds_common.oauth_errors import OAuthError
from cds_common.token_buckets import TokenBuckets, retry_after


class TooManyRequests(OAuthError):
    """The caller must slow down (RFC 6585 §4)."""

    error, status = "temporarily_unavailable", 429

    def __init__(self, wait: float) -> None:
        super().__init__("Too many requests", headers=retry_after(wait))


class RateLimiter:
    """Refuses where a bucket is empty."""

    def __init__(self, *, per_second: float, burst: float) -> None:
        self._buckets = TokenBuckets(per_second, burst)

    def check(self, key: str) -> None:
        """Raise when the bucket of `key` is empty; take nothing.

        Raises:
            TooManyRequests: with the time until the next drop.
        """
        self._demand(key, 0.0)

    def take(self, key: str) -> None:
        """Take one drop.

        Raises:
            TooManyRequests: there is none.
        """
        self._demand(key, 1.0)

    def _demand(self, key: str, cost: float) -> None:
        wait = self._buckets.wait_for(key, cost)
        if wait > 0:
            raise TooManyRequests(wait)


class AuthenticationLimits:
    """Failed authentications, counted for a Client from one address and for the address alone.

    Both matter: guessing one Client's secret from everywhere is hopeless at 256 bits, while a limit on the Client alone
    would let anybody lock it out.
    """

    def __init__(self, per_minute: int) -> None:
        self._pair = RateLimiter(per_second=per_minute / 60, burst=per_minute)
        self._address = RateLimiter(per_second=per_minute / 6, burst=per_minute * 10)

    def check(self, client_id: str, address: str) -> None:
        """Refuse even a right secret while too many wrong ones came from there.

        Raises:
            TooManyRequests: with the time to wait.
        """
        self._address.check(address)
        self._pair.check(f"{client_id}\x1f{address}")

    def failed(self, client_id: str, address: str) -> None:
        """Count a failure."""
        for limiter, key in ((self._address, address), (self._pair, f"{client_id}\x1f{address}")):
            try:
                limiter.take(key)
            except TooManyRequests:
                continue
