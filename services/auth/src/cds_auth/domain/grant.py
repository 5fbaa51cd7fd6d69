"""A Grant: what was given to a Client, which part of it works now, and how it changes (CDS-WG1-02 §8).

The status is never set by hand. It follows from facts (ended, suspended, waiting for somebody, entries that are not ready
yet), so no transition can leave status and access contradicting each other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from cds_auth.domain.errors import GrantAlreadyEnded
from cds_auth.domain.grant_status import ENDED, MARKS, OPEN, GrantStatus

Details = Mapping[str, Any]


class Origin(StrEnum):
    """Which kind of request made the Grant."""

    CLIENT_CREDENTIALS = "client_credentials"
    AUTHORIZATION = "authorization"
    SERVER = "server"
    SUB_GRANT = "sub_grant"


@dataclass(frozen=True, slots=True)
class Selection:
    """What the customer ticked, kept as the kind that was ticked (CDS-WG3-01 §9.2.3)."""

    kind: str
    ids: tuple[UUID, ...]
    include_future: bool = False
    except_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class GrantEntry:
    """One scope of a Grant; `details` is None for a scope without authorization details.

    `authorized`: nobody has to consent to it any more. `enabled`: it was found ready and is served. `superseded`: the form
    that is served until its replacement (same scope) is enabled. `withheld`: the operator keeps it closed.
    """

    entry_no: int
    scope: str
    scope_type: str
    details: Details | None = None
    selection: Selection | None = None
    permission: Mapping[str, Any] | None = None
    authorized: bool = True
    enabled: bool = False
    superseded: bool = False
    withheld: bool = False

    @property
    def served(self) -> bool:
        """Whether the entry is open as far as the entry itself decides."""
        return self.enabled and not self.withheld


@dataclass(frozen=True, slots=True)
class Readiness:
    """What the data services said about the present entries; a service that has said nothing is missing."""

    outcomes: Mapping[str, str] = field(default_factory=dict[str, str])
    consents_complete: bool = False
    """All sub-Grants that are needed are active."""

    def has(self, service: str) -> bool:
        """Whether `service` can serve the entries now."""
        outcome = self.outcomes.get(service)
        return outcome == "ready" or (outcome == "needs_consents" and self.consents_complete)

    def lacks_consents(self, services: frozenset[str]) -> bool:
        """Whether one of `services` waits for customers."""
        return not self.consents_complete and any(self.outcomes.get(service) == "needs_consents" for service in services)


Touched = Callable[[GrantEntry], frozenset[str]]
"""Which data services an entry needs before it can be served."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A Grant Object with what the server knows besides. `customer_ids`: who authorized it, or who has to."""

    grant_id: str
    client_id: str
    registration_id: str
    environment: str
    origin: Origin
    entries: tuple[GrantEntry, ...]
    created: datetime
    modified: datetime
    version: int = 1
    entries_version: int = 1
    customer_ids: tuple[UUID, ...] = ()
    states: tuple[str, ...] = ()
    receipt_confirmations: tuple[str, ...] = ()
    parent: str | None = None
    replacing: tuple[str, ...] = ()
    replaced_by: tuple[str, ...] = ()
    not_before: datetime | None = None
    not_after: datetime | None = None
    expires: datetime | None = None
    eta: datetime | None = None
    ended_as: GrantStatus | None = None
    suspended_by: frozenset[str] = frozenset()
    starts_later: bool = False
    lacks_consents: bool = False
    mark: GrantStatus | None = None
    request_hash: bytes | None = None
    requested_by: str | None = None
    """Of a Grant that the utility made: what asked for it (a Message, a shared file), the same for a repeated call."""
    revoked_parts: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    """Dead parts of token ids, each with the moment after which no token can have it any more."""
    tokens_not_before: datetime | None = None

    @property
    def status(self) -> GrantStatus:
        """The status on the wire (CDS-WG1-02 §8.2)."""
        if self.ended_as is not None:
            return self.ended_as
        if self.suspended_by:
            return GrantStatus.SUSPENDED
        if self.starts_later:
            return GrantStatus.FUTURE
        if self.awaits_user:
            return GrantStatus.NEEDS_AUTHORIZATION
        if self.lacks_consents:
            return GrantStatus.NEEDS_SUB_GRANTS
        if any(not entry.enabled for entry in self.asked):
            return GrantStatus.PENDING
        if self.mark is not None:
            return self.mark
        return GrantStatus.PARTIAL if any(entry.withheld for entry in self.asked) else GrantStatus.ACTIVE

    @property
    def asked(self) -> tuple[GrantEntry, ...]:
        """The entries as they are meant to be: `scope` and `authorization_details`."""
        return tuple(entry for entry in self.entries if not entry.superseded)

    @property
    def opened(self) -> tuple[GrantEntry, ...]:
        """The entries that work now: `enabled_scope` and `enabled_authorization_details`; nothing unless the status is open."""
        return tuple(entry for entry in self.entries if entry.served) if self.is_open else ()

    @property
    def granted(self) -> tuple[GrantEntry, ...]:
        """What nobody has to authorize any more, as tokens tell it: a wish of the Client (CDS-WG1-02 §8.7) is none of it yet."""
        asked = {entry.scope for entry in self.asked if entry.authorized}
        return tuple(e for e in self.entries if e.authorized and not (e.superseded and e.scope in asked))

    @property
    def awaits_user(self) -> bool:
        """A customer still has to authorize some entry."""
        return any(not entry.authorized for entry in self.asked)

    @property
    def is_ended(self) -> bool:
        """Access is gone for good."""
        return self.ended_as is not None

    @property
    def is_open(self) -> bool:
        """Whether enabled entries can be reached."""
        return self.status in OPEN

    @property
    def scope(self) -> str:
        """All scopes, also those that do not work yet."""
        return scope_of(self.asked)

    @property
    def authorization_details(self) -> list[dict[str, Any]]:
        """All authorization details, also those that do not work yet."""
        return details_of(self.asked)

    @property
    def enabled_scope(self) -> str:
        """The scopes that work now; empty when access is gone."""
        return scope_of(self.opened)

    @property
    def enabled_authorization_details(self) -> list[dict[str, Any]]:
        """The authorization details that work now; empty when access is gone."""
        return details_of(self.opened)

    def end(self, status: GrantStatus, at: datetime) -> "Grant":
        """End access for good: closed by the Client, revoked by the user, disabled by the server, expired by the clock.

        Raises:
            GrantAlreadyEnded: it has ended before; how it ended stays as it is.
        """
        if status not in ENDED:
            raise ValueError(f"{status} does not end a Grant")
        if self.ended_as is not None:
            raise GrantAlreadyEnded(f"The Grant has ended before ({self.ended_as.value}).")
        return replace(self, ended_as=status).changed(at)

    def suspend(self, by: str, at: datetime) -> "Grant":
        """Pause access; `by` names who may lift the pause ("operator", "client")."""
        self._refuse_ended()
        return self if by in self.suspended_by else replace(self, suspended_by=self.suspended_by | {by}).changed(at)

    def resume(self, by: str, at: datetime) -> "Grant":
        """Lift the pause that `by` set; another one stays."""
        self._refuse_ended()
        return replace(self, suspended_by=self.suspended_by - {by}).changed(at) if by in self.suspended_by else self

    def start(self, at: datetime) -> "Grant":
        """`not_before` has come: leave `future` (CDS-WG1-02 §8.2)."""
        return replace(self, starts_later=False).changed(at) if self.starts_later else self

    def say(self, mark: GrantStatus | None, at: datetime) -> "Grant":
        """Record the operator's word on an otherwise active Grant: delayed, stopped or errored; None takes it back."""
        self._refuse_ended()
        if mark is not None and mark not in MARKS:
            raise ValueError(f"{mark} is not for the operator to say")
        return replace(self, mark=mark).changed(at) if mark != self.mark else self

    def withhold(self, scopes: frozenset[str], at: datetime) -> "Grant":
        """Keep exactly `scopes` closed although they were granted: status `partial` (CDS-WG1-02 §8.2)."""
        self._refuse_ended()
        entries = tuple(replace(entry, withheld=entry.scope in scopes) for entry in self.entries)
        return replace(self, entries=entries).changed(at) if entries != self.entries else self

    def postpone(self, eta: datetime, at: datetime) -> "Grant":
        """Still not ready at `eta`: name a later one."""
        return replace(self, eta=eta).changed(at)

    def settle(self, readiness: Readiness, touched: Touched, at: datetime, *, eta: datetime) -> "Grant":
        """Open what is ready, close what lost its consents, and drop entries whose replacement works.

        An entry that is served stays served while its services catch up with a new version of the entries: cutting a Grant
        must not interrupt what remains (CDS-WG1-02 §8.7). Nothing happens to a Grant that has ended.
        """
        if self.is_ended:
            return self
        entries = tuple(self._settled(entry, readiness, touched(entry)) for entry in self.entries)
        working = {entry.scope for entry in entries if not entry.superseded and entry.enabled}
        waiting = {entry.scope for entry in entries if not entry.superseded and not entry.enabled}
        asked_for = working | waiting
        entries = tuple(e for e in entries if not e.superseded or (e.scope in asked_for and (e.scope in waiting or e.scope not in working)))
        services = frozenset[str]().union(*(touched(entry) for entry in entries if not entry.superseded))
        after = replace(self, entries=entries, lacks_consents=readiness.lacks_consents(services))
        pending = after.status is GrantStatus.PENDING
        after = replace(after, eta=(self.eta or eta) if pending else None)
        return self if after == self else after.changed(at)

    def with_entries(self, entries: tuple[GrantEntry, ...], at: datetime) -> "Grant":
        """Other entries, selections or details: the data services have to look at them anew."""
        return replace(self, entries=entries, entries_version=self.entries_version + 1).changed(at)

    def revoke_token_part(self, part: str, until: datetime, at: datetime) -> "Grant":
        """Make every token with `part` in its id dead; `until` is when the last such token runs out anyway."""
        live = {known: end for known, end in self.revoked_parts.items() if end > at}
        # Consumers keep the list in their Grant copy, so it must stay short; past the limit all earlier tokens die instead.
        if len(live) >= MAX_REVOKED_PARTS:
            return replace(self, revoked_parts={}, tokens_not_before=at + timedelta(seconds=1), version=self.version + 1)
        return replace(self, revoked_parts=live | {part: until}, version=self.version + 1)

    def is_dead(self, token_id: str, issued_at: int, at: datetime) -> bool:
        """Whether a token of this Grant was revoked before its time."""
        if self.tokens_not_before is not None and issued_at < self.tokens_not_before.timestamp():
            return True
        return any(self.revoked_parts.get(part, at) > at for part in token_id.split("."))

    def next_entry_no(self) -> int:
        """An entry number that was never used in this Grant's present entries."""
        return max((entry.entry_no for entry in self.entries), default=0) + 1

    def _settled(self, entry: GrantEntry, readiness: Readiness, services: frozenset[str]) -> GrantEntry:
        if not entry.authorized or entry.superseded:
            return entry
        ready = all(readiness.has(service) for service in services)
        enabled = (entry.enabled or ready) and not readiness.lacks_consents(services)
        return replace(entry, enabled=enabled)

    def _refuse_ended(self) -> None:
        if self.ended_as is not None:
            raise GrantAlreadyEnded(f"The Grant has ended ({self.ended_as.value}).")

    def changed(self, at: datetime) -> "Grant":
        """The next version; `modified` never runs before `created`."""
        eta = self.eta if self.status is GrantStatus.PENDING else None
        return replace(self, version=self.version + 1, modified=max(at, self.created), eta=eta)


MAX_REVOKED_PARTS = 500
BY_CLIENT = "client"
"""In `suspended_by`: paused because its Client is disabled."""


def scope_of(entries: tuple[GrantEntry, ...]) -> str:
    """The scopes of `entries` in order, each once."""
    return " ".join(dict.fromkeys(entry.scope for entry in entries))


def details_of(entries: tuple[GrantEntry, ...]) -> list[dict[str, Any]]:
    """The authorization details objects of `entries` in order; their `type` is the scope id (CDS-WG1-02 §3.4)."""
    return [{"type": entry.scope, **entry.details} for entry in entries if entry.details is not None]
