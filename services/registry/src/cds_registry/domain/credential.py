"""Credentials: shared secrets of a Client Object (CDS-WG1-02 §7)."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cds_registry.domain.errors import InvalidCredentialRequest

_LATEST = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())
_UNDER_WAY_SECONDS = 10
"""How long a request may take to arrive: "now" by the clock of a Client that reports a leak has passed when it is read."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A Credential; `secret_encrypted` can be shown again, `secret_hmac` is what auth compares."""

    credential_id: str
    client_id: str
    registration_id: str
    created: datetime
    modified: datetime
    secret_encrypted: bytes
    secret_hmac: str
    expires_at: datetime | None = None

    def has_ended(self, now: datetime) -> bool:
        """Whether the secret no longer works."""
        return self.expires_at is not None and self.expires_at <= now

    def expiring(self, value: object, now: datetime) -> "Credential":
        """With client_secret_expires_at = `value`: from now up to the present value; 0 only while it is 0 (CDS-WG1-02 §7.6).

        A value of the current second, or of the few before it, counts as now.

        Raises:
            InvalidCredentialRequest: any other value.
        """
        current = 0 if self.expires_at is None else int(self.expires_at.timestamp())
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LATEST:
            raise InvalidCredentialRequest("client_secret_expires_at must be an integer number of seconds since 1970, or 0")
        if value == current:
            return self
        if value == 0:
            raise InvalidCredentialRequest("client_secret_expires_at cannot be moved back to 0")
        if value < int(now.timestamp()) - _UNDER_WAY_SECONDS:
            raise InvalidCredentialRequest("client_secret_expires_at must not lie in the past")
        if current and value > current:
            raise InvalidCredentialRequest("client_secret_expires_at can only be moved forward to an earlier time")
        return self.ended(datetime.fromtimestamp(value, UTC), now)

    def ended(self, at: datetime, now: datetime) -> "Credential":
        """With this end, unless it ends earlier already; within the running second it ends at once."""
        end = min(at, now) if int(at.timestamp()) == int(now.timestamp()) else at
        if self.expires_at is not None and self.expires_at <= end:
            return self
        return replace(self, expires_at=end, modified=max(now, self.modified))
