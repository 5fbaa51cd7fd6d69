"""A browser's session: how long it lives, and whom it speaks for (CDS-WG3-01 §9.1.2)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from cds_common.ids import Environment

MIN_IDLE = timedelta(minutes=10)
"""A customer who comes back within ten minutes need not log in again; only a regulator may set less."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """`idle` since the last activity, `absolute` since the login."""

    idle: timedelta
    absolute: timedelta


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """One browser; without a customer it only holds requests that wait for a login."""

    session_id: str
    session_hash: bytes
    created: datetime
    last_seen: datetime
    environment: Environment | None = None
    customer_id: UUID | None = None
    login_name: str | None = None
    authenticated_at: datetime | None = None

    def is_live(self, now: datetime, limits: SessionLimits) -> bool:
        """Whether the browser may still be known; its requests wait longer than a login lasts."""
        return now < (self.authenticated_at or self.created) + limits.absolute

    def is_active(self, now: datetime, limits: SessionLimits) -> bool:
        """Whether the login still counts."""
        return now < self.last_seen + limits.idle

    def speaks_for(self, environment: Environment, *, after: datetime | None = None) -> UUID | None:
        """The customer who is logged in to `environment`, if the login is newer than `after` (prompt=login)."""
        if self.customer_id is None or self.environment != environment or self.authenticated_at is None:
            return None
        return self.customer_id if after is None or self.authenticated_at > after else None
