"""`cds.customers`, `cds.resources`, `cds.entitlements`: what accounts publishes (CDS-WG3-01 §10.1-10.4).

`cds.customers` and `cds.resources` carry what the consent form must show (names, addresses): besides `utility.*` they are
the only topics with personal data, and only the six services may read them.
"""

from datetime import date, datetime
from typing import ClassVar, Literal
from uuid import UUID

import msgspec
from pydantic import AwareDatetime, Field

from cds_common.events.envelope import Contract, InEnvironment, IntegrationEvent

ResourceKind = Literal["account", "service_contract", "service_point", "meter_device"]


class CustomerPublishedV1(IntegrationEvent, InEnvironment):
    """A customer who can log in; auth keeps the login."""

    topic: ClassVar[str] = "cds.customers"
    event_type: Literal["customer.published.v1"] = "customer.published.v1"
    customer_id: UUID
    version: int
    customer_number: str | None
    name: str
    email: str | None
    login_name: str | None

    def key(self) -> str:
        return str(self.customer_id)


class Tenure(Contract):
    """A relation that held from `start` (inclusive) to `end` (exclusive); None = open on that side."""

    id: UUID
    start: AwareDatetime | None = None
    end: AwareDatetime | None = None


class ResourcePublishedV1(IntegrationEvent, InEnvironment):
    """An Account, Service Contract, Service Point or Meter Device with its true relations and what forms and sorting need.

    `customer_ids`: who may authorize access to it now, or could (with `tenures` of the contracts) in the past.
    """

    topic: ClassVar[str] = "cds.resources"
    event_type: Literal["resource.published.v1"] = "resource.published.v1"
    kind: ResourceKind
    resource_id: UUID
    ref: str
    version: int
    customer_ids: list[UUID]
    customer_number: str | None = None
    account_ids: list[UUID] = Field(default_factory=list)
    """account: itself; contract: its account; point, meter: accounts of the contracts it serves now."""
    parent_account_id: UUID | None = None
    contracts: list[Tenure] = Field(default_factory=list)
    """point: contracts now and before; meter: by its points; contract: itself with its own start and end."""
    current_contract_ids: list[UUID] = Field(default_factory=list)
    service_points: list[Tenure] = Field(default_factory=list)
    """meter: its placements; contract: its points."""
    meter_devices: list[Tenure] = Field(default_factory=list)
    """point: meters placed there."""
    number: str | None = None
    """account_number, contract_number, servicepoint_number or meter_number."""
    status: str | None = None
    name: str | None = None
    address: str | None = None
    types: list[str] = Field(default_factory=list)
    """account_types, service_types, servicepoint_types or meter_types."""
    rateplan_code: str | None = None
    rateplan_name: str | None = None
    program_numbers: list[str] = Field(default_factory=list)
    premise_numbers: list[str] = Field(default_factory=list)
    app_numbers: list[str] = Field(default_factory=list)
    contract_start: date | None = None
    contract_end: date | None = None

    def key(self) -> str:
        return str(self.resource_id)


class KeptTenure(msgspec.Struct, frozen=True, gc=False):
    """A `Tenure` as `KeptResource` has it."""

    id: UUID
    start: datetime | None = None
    end: datetime | None = None


class KeptResource(msgspec.Struct, frozen=True, gc=False):
    """What forms and rules read of a `ResourcePublishedV1` that a service keeps.

    The event was checked when it came. Reading thousands of them again as events takes five times as long as decoding them into this.
    """

    kind: ResourceKind
    resource_id: UUID
    ref: str
    customer_ids: tuple[UUID, ...]
    customer_number: str | None = None
    account_ids: tuple[UUID, ...] = ()
    parent_account_id: UUID | None = None
    contracts: tuple[KeptTenure, ...] = ()
    current_contract_ids: tuple[UUID, ...] = ()
    service_points: tuple[KeptTenure, ...] = ()
    meter_devices: tuple[KeptTenure, ...] = ()
    number: str | None = None
    status: str | None = None
    name: str | None = None
    address: str | None = None
    types: tuple[str, ...] = ()
    rateplan_code: str | None = None
    program_numbers: tuple[str, ...] = ()
    premise_numbers: tuple[str, ...] = ()
    app_numbers: tuple[str, ...] = ()
    contract_end: date | None = None


Resource = ResourcePublishedV1 | KeptResource
"""A resource as it is published, or as it is kept."""


class Reached(Contract):
    """One object and the time in which the Grant's customer had to do with it; None = no bound on that side."""

    id: UUID
    start: AwareDatetime | None = None
    end: AwareDatetime | None = None


class ObjectSet(Contract):
    """A set of objects of one kind: all of the environment (direct access without limits), or a list."""

    all: bool = False
    objects: list[Reached] = Field(default_factory=list)


class ObjectSets(Contract):
    """One set per kind that accounts and aggregation own."""

    accounts: ObjectSet = ObjectSet()
    service_contracts: ObjectSet = ObjectSet()
    service_points: ObjectSet = ObjectSet()
    meter_devices: ObjectSet = ObjectSet()
    aggregations: ObjectSet = ObjectSet()


class EntitlementEntry(Contract):
    """What one entry of a Grant opens, resolved over the true relations (design §4).

    `visible`: objects whose listings show them (and the included accounts and contracts that EACs name). `reach`: anchors of
    usage only; a segment is reached when a related object of one kind is in the set of that kind, inside its start..end.
    `bill_reach`: anchors of bills only (accounts, service_contracts); a statement is reached by its account, a section when
    its account AND one of its contracts are in it, or by its account alone when `sections_by_account`. The two differ: an
    account included beside ticked contracts opens that account's bill, never the usage of its other contracts.
    An id may stand several times with disjoint windows. `flags`: the include_* fields that count as true (implied ones too);
    a flag that is missing shows nothing.
    """

    entry_no: int
    scope: str
    scope_type: str
    visible: ObjectSets
    reach: ObjectSets
    bill_reach: ObjectSets = ObjectSets()
    sections_by_account: bool = False
    flags: list[str]
    value_formats: list[str] | None = None
    """include_usage_segment_value_types as value format ids; None = time frames only."""
    statement_date_start: date | None = None
    statement_date_end: date | None = None
    start_date: date | None = None
    end_date: date | None = None
    segment_start: AwareDatetime | None = None
    segment_end: AwareDatetime | None = None
    sync_until: AwareDatetime | None = None
    shown_account_programs: list[str] | None = None
    """Only these entries of account_programs are shown; None = all (CDS-WG3-01 §6.1.2)."""
    shown_service_programs: list[str] | None = None
    """Only these entries of service_programs are shown; None = all (CDS-WG3-01 §6.1.3)."""
    customer_numbers: list[str] = Field(default_factory=list)
    rateplan_codes: list[str] = Field(default_factory=list)
    program_numbers: list[str] = Field(default_factory=list)


class EntitlementsResolvedV1(IntegrationEvent, InEnvironment):
    """The entitlements of one Grant; `version` rises with every resolution, also when only relations changed.

    A resolution too large for one message comes in `parts` (each with all entries and a part of their objects); it counts
    once the consumer holds them all.
    """

    topic: ClassVar[str] = "cds.entitlements"
    event_type: Literal["entitlements.resolved.v1"] = "entitlements.resolved.v1"
    grant_id: str
    entries_version: int
    version: int
    entries: list[EntitlementEntry]
    part: int = 1
    parts: int = 1

    def key(self) -> str:
        return self.grant_id if self.part == 1 else f"{self.grant_id}#{self.part}"
