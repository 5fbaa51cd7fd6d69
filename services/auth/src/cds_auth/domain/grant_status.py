"""The fourteen statuses of a Grant and what each of them opens (CDS-WG1-02 §8.2)."""

from enum import StrEnum


class GrantStatus(StrEnum):
    """Wire values of CDS-WG1-02 §8.2."""

    ACTIVE = "active"
    FUTURE = "future"
    PENDING = "pending"
    PARTIAL = "partial"
    NEEDS_AUTHORIZATION = "needs_authorization"
    NEEDS_SUB_GRANTS = "needs_sub_grants"
    DISABLED = "disabled"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    CLOSED = "closed"
    EXPIRED = "expired"
    DELAYED = "delayed"
    STOPPED = "stopped"
    ERRORED = "errored"


ENDED = frozenset({GrantStatus.DISABLED, GrantStatus.REVOKED, GrantStatus.CLOSED, GrantStatus.EXPIRED})
"""No way back: access is gone for good."""

OPEN = frozenset(
    {
        GrantStatus.ACTIVE,
        GrantStatus.PENDING,
        GrantStatus.PARTIAL,
        GrantStatus.NEEDS_AUTHORIZATION,
        GrantStatus.NEEDS_SUB_GRANTS,
        GrantStatus.DELAYED,
        GrantStatus.STOPPED,
    }
)
"""What is enabled can be reached. `errored` is left out: access that cannot be confirmed is not given."""

MARKS = frozenset({GrantStatus.DELAYED, GrantStatus.STOPPED, GrantStatus.ERRORED})
"""Said by the operator about a Grant that would be active otherwise."""
