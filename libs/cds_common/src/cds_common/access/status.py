"""From the status of a Grant to what it opens (CDS-WG1-02 §8.2). Unknown or unconfirmed means closed."""

from datetime import datetime

from cds_common.events.grants import GrantEntry, GrantPublishedV1
from cds_common.events.vocabulary import GrantStatus

OPEN_STATUSES: frozenset[GrantStatus] = frozenset(
    {"active", "pending", "partial", "needs_authorization", "needs_sub_grants", "delayed", "stopped"}
)
"""A Grant in one of these opens its enabled entries and nothing else. `pending` and the two `needs_*` open what auth enabled
already; `delayed` and `stopped` stop updates, not access. `errored` is closed: access can not be confirmed."""

ENDED_STATUSES: frozenset[GrantStatus] = frozenset({"disabled", "revoked", "closed", "expired"})
"""These never open again; `future` and `suspended` are closed but may change."""


def opens(status: GrantStatus, not_before: datetime | None, not_after: datetime | None, now: datetime) -> bool:
    """Whether a Grant opens anything at `now`; the clock counts even when the status lags behind it."""
    if status not in OPEN_STATUSES:
        return False
    return (not_before is None or not_before <= now) and (not_after is None or now < not_after)


def open_entries(grant: GrantPublishedV1, now: datetime) -> list[GrantEntry]:
    """The entries that open something at `now`; empty for a Grant that is not open."""
    if not opens(grant.status, grant.not_before, grant.not_after, now):
        return []
    return [entry for entry in grant.entries if entry.enabled]
