"""`cds.grants`, `cds.readiness`, `cds.tokens`: Grants as the data services need them (CDS-WG1-02 §8, design §3)."""

from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from cds_common.events.clients import DirectPermission
from cds_common.events.envelope import Contract, IntegrationEvent
from cds_common.events.vocabulary import GrantStatus
from cds_common.ids import Environment

SelectionKind = Literal["account", "service_contract", "service_point", "meter_device", "aggregation"]


class Selection(Contract):
    """What the customer ticked, kept as the kind that was ticked (CDS-WG3-01 §9.2.3)."""

    kind: SelectionKind
    ids: list[UUID] = Field(max_length=100_000)
    include_future: bool = False
    """Objects of the same customer and kind that appear later belong to it too; refused ones in `except_ids` stay out."""
    except_ids: list[UUID] = Field(default_factory=list, max_length=100_000)


class GrantEntry(Contract):
    """One scope of a Grant with its effective authorization details: every offered field, absolute times, "infinite" kept."""

    entry_no: int
    scope: str
    scope_type: str
    details: dict[str, Any]
    selection: Selection | None = None
    """Consent scopes only."""
    permission: DirectPermission | None = None
    """Direct access scopes only: the Client's base permission when the Grant was made."""
    enabled: bool
    """False while the entry waits for readiness, an authorization or sub-Grants; nothing of it is served."""


class GrantPublishedV1(IntegrationEvent):
    """A Grant after any change. A consumer keeps the highest `version`.

    `entries_version` moves only when entries, selections or details change: readiness answers it. Only Grants in a status
    of `cds_common.access.OPEN_STATUSES` open anything, and then only entries that are `enabled`.
    """

    topic: ClassVar[str] = "cds.grants"
    event_type: Literal["grant.published.v1"] = "grant.published.v1"
    grant_id: str
    version: int
    entries_version: int
    client_id: str
    registration_id: str
    environment: Environment
    customer_ids: list[UUID] = Field(default_factory=list)
    """The resource owner(s) who authorized; empty for direct access."""
    status: GrantStatus
    enabled_scope: str
    entries: list[GrantEntry]
    created: AwareDatetime
    not_before: AwareDatetime | None = None
    not_after: AwareDatetime | None = None
    parent: str | None = None
    revoked_token_parts: list[str] = Field(default_factory=list, max_length=2000)
    """A token of this Grant is dead when one of the dot-separated parts of its `jti` is listed (RFC 7009; CDS-WG1-02 §7.6).
    A `jti` is `<credential>.<family>.<serial>`: one rule ends a token, a refresh family, or all that a Credential got."""
    tokens_not_before: AwareDatetime | None = None
    """A token of this Grant that was issued (`iat`) before this moment is dead."""

    def key(self) -> str:
        return self.grant_id


class GrantsHeartbeatV1(IntegrationEvent):
    """Everything auth committed before `as_of` has been published on this partition (staleness limit, design §3)."""

    topic: ClassVar[str] = "cds.grants"
    event_type: Literal["grants.heartbeat.v1"] = "grants.heartbeat.v1"
    as_of: AwareDatetime

    def key(self) -> str:
        return "heartbeat"


class NeededConsent(Contract):
    """A customer whose consent an aggregation needs (CDS-WG3-01 §10.7.7): one sub-Grant each."""

    customer_id: UUID
    aggregation_id: UUID
    aggregation_number: str
    premise_numbers: list[str]
    service_point_ids: list[UUID]


class GrantReadinessV1(IntegrationEvent):
    """A data service says that it can serve `entries_version` of a Grant, or which consents are missing."""

    topic: ClassVar[str] = "cds.readiness"
    event_type: Literal["grant.readiness.v1"] = "grant.readiness.v1"
    grant_id: str
    entries_version: int
    service: Literal["accounts", "billing", "usage", "aggregation"]
    outcome: Literal["ready", "needs_consents"]
    needed_consents: list[NeededConsent] = Field(default_factory=list)

    def key(self) -> str:
        return self.grant_id


class TokenIssuedV1(IntegrationEvent):
    """An access token was issued (audit, CDS-WG1-02 §11.1); never the token."""

    topic: ClassVar[str] = "cds.tokens"
    event_type: Literal["token.issued.v1"] = "token.issued.v1"
    token_id: str
    client_id: str
    registration_id: str
    credential_id: str | None
    grant_ids: list[str]
    grant_type: str
    scope: str
    expires_at: AwareDatetime

    def key(self) -> str:
        return self.client_id


class TokensRevokedV1(IntegrationEvent):
    """Tokens stopped working before their time, and why."""

    topic: ClassVar[str] = "cds.tokens"
    event_type: Literal["tokens.revoked.v1"] = "tokens.revoked.v1"
    client_id: str
    token_ids: list[str]
    reason: str

    def key(self) -> str:
        return self.client_id


class LoggedAccess(Contract):
    """Who read which objects when: one answered data request; ids only."""

    at: AwareDatetime
    endpoint: str
    environment: Environment
    client_id: str
    token_id: str
    grant_ids: list[str]
    object_count: int
    object_ids: list[UUID] = Field(max_length=1000)


class AccessesLoggedV1(IntegrationEvent):
    """Reads of one service (audit, "my authorizations"). Many share a message: Clients read thousands of times a second."""

    topic: ClassVar[str] = "cds.access"
    event_type: Literal["accesses.logged.v1"] = "accesses.logged.v1"
    service: Literal["accounts", "billing", "usage", "aggregation"]
    accesses: list[LoggedAccess]

    def key(self) -> str:
        return self.service
