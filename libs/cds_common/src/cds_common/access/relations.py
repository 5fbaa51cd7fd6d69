"""The true relations between a few customer-data objects, read-only and small: what the form and the resolver reason over.

Built from the published snapshots of the neighbourhood of a Grant, as they stood at one moment `at`. A relation that begins
after `at` does not exist yet. A relation of the past whose end is not known gives no time at all: nothing may be concluded
from it about whose data it was.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Literal, NamedTuple, Self
from uuid import UUID

import msgspec

from cds_common.events.resources import KeptTenure, Resource, Tenure
from cds_common.events.values import AggregationPublishedV1

ObjectKind = Literal["account", "service_contract", "service_point", "meter_device", "aggregation"]
CHAIN: tuple[ObjectKind, ...] = ("account", "service_contract", "service_point", "meter_device")


class Window(NamedTuple):
    """The time from `start` (inclusive) to `end` (exclusive); None = no bound on that side."""

    start: datetime | None = None
    end: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether `at` lies inside."""
        return (self.start is None or self.start <= at) and (self.end is None or at < self.end)

    def meet(self, other: "Window") -> "Window | None":
        """The time that both share, or None."""
        start = max((each for each in (self.start, other.start) if each is not None), default=None)
        end = min((each for each in (self.end, other.end) if each is not None), default=None)
        return None if start is not None and end is not None and start >= end else Window(start, end)


def merge_windows(windows: Iterable[Window]) -> list[Window]:
    """The same time as disjoint windows in order; touching ones become one."""
    merged: list[Window] = []
    for window in sorted(windows, key=lambda each: (each.start is not None, each.start)):
        last = merged[-1] if merged else None
        if last is not None and (last.end is None or (window.start is None or window.start <= last.end)):
            ends = (last.end, window.end)
            merged[-1] = Window(last.start, None if None in ends else max(each for each in ends if each is not None))
        else:
            merged.append(window)
    return merged


class Account(msgspec.Struct, frozen=True, gc=False):
    """An Account with what rules ask of it."""

    id: UUID
    ref: str
    customers: frozenset[UUID]
    parent: UUID | None
    number: str | None
    customer_number: str | None
    types: frozenset[str]
    programs: frozenset[str]
    address: str | None


class ServiceContract(msgspec.Struct, frozen=True, gc=False):
    """A Service Contract; `window` is its own start and end."""

    id: UUID
    account: UUID | None
    customers: frozenset[UUID]
    number: str | None
    service_types: frozenset[str]
    programs: frozenset[str]
    rateplan: str | None
    address: str | None
    window: Window


class ServicePoint(msgspec.Struct, frozen=True, gc=False):
    """A Service Point with the contracts that it serves or served, and when."""

    id: UUID
    number: str | None
    types: frozenset[str]
    premises: frozenset[str]
    address: str | None
    tenures: tuple[tuple[UUID, Window], ...]
    current: frozenset[UUID]


class MeterDevice(msgspec.Struct, frozen=True, gc=False):
    """A Meter Device with the points where it is or was placed, and when."""

    id: UUID
    number: str | None
    types: frozenset[str]
    apps: frozenset[str]
    placements: tuple[tuple[UUID, Window], ...]
    current: frozenset[UUID]


class Aggregation(msgspec.Struct, frozen=True, gc=False):
    """An Aggregation with its direct members."""

    id: UUID
    number: str | None
    points: frozenset[UUID]
    children: frozenset[UUID]
    premises: frozenset[str]
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Relations:
    """Objects by id and the links between them, as they stood at `at`."""

    at: datetime
    accounts: Mapping[UUID, Account]
    contracts: Mapping[UUID, ServiceContract]
    points: Mapping[UUID, ServicePoint]
    meters: Mapping[UUID, MeterDevice]
    aggregations: Mapping[UUID, Aggregation]
    owned: dict[frozenset[UUID], dict[ObjectKind, frozenset[UUID]]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What `ownership.owned` found, by customers: one form asks several times."""

    @classmethod
    def of(cls, resources: Iterable[Resource], aggregations: Iterable[AggregationPublishedV1] = (), *, at: datetime) -> Self:
        """From published snapshots; references to objects that are not among them lead nowhere."""
        by_kind: dict[str, list[Resource]] = {kind: [] for kind in CHAIN}
        for resource in resources:
            by_kind[resource.kind].append(resource)
        return cls(
            at,
            {each.resource_id: _account(each) for each in by_kind["account"]},
            {each.resource_id: _contract(each) for each in by_kind["service_contract"]},
            {each.resource_id: _point(each, at) for each in by_kind["service_point"]},
            {each.resource_id: _meter(each, at) for each in by_kind["meter_device"]},
            {each.aggregation_id: _aggregation(each) for each in aggregations},
        )

    def ids(self, kind: ObjectKind) -> frozenset[UUID]:
        """All objects of a kind."""
        by_kind: dict[ObjectKind, Mapping[UUID, object]] = {
            "account": self.accounts,
            "service_contract": self.contracts,
            "service_point": self.points,
            "meter_device": self.meters,
            "aggregation": self.aggregations,
        }
        return frozenset(by_kind[kind])

    @cached_property
    def contracts_of_account(self) -> Mapping[UUID, frozenset[UUID]]:
        """Account -> its contracts, ended ones too."""
        return _grouped((each.account, each.id) for each in self.contracts.values() if each.account is not None)

    @cached_property
    def current_points(self) -> Mapping[UUID, frozenset[UUID]]:
        """Contract -> points that serve it at `at`."""
        return _grouped((contract, each.id) for each in self.points.values() for contract in each.current)

    @cached_property
    def current_meters(self) -> Mapping[UUID, frozenset[UUID]]:
        """Point -> meters placed there at `at`."""
        return _grouped((point, each.id) for each in self.meters.values() for point in each.current)

    @cached_property
    def groups(self) -> Mapping[UUID, frozenset[UUID]]:
        """Point -> Aggregations that have it as a direct member."""
        return _grouped((point, each.id) for each in self.aggregations.values() for point in each.points)

    def members(self, aggregation: UUID) -> frozenset[UUID]:
        """Points of an Aggregation, those of nested ones too."""
        seen: set[UUID] = set()
        found: set[UUID] = set()
        waiting = [aggregation]
        while waiting:
            group = self.aggregations.get(waiting.pop())
            if group is not None and group.id not in seen:
                seen.add(group.id)
                found |= group.points
                waiting.extend(group.children)
        return frozenset(found)

    def contract_window(self, contract: UUID, tenure: Window) -> Window | None:
        """A tenure at a point cut to the contract's own time; None when nothing is left."""
        known = self.contracts.get(contract)
        return None if known is None else tenure.meet(known.window)


def _grouped(pairs: Iterable[tuple[UUID, UUID]]) -> dict[UUID, frozenset[UUID]]:
    found: dict[UUID, set[UUID]] = {}
    for key, value in pairs:
        found.setdefault(key, set()).add(value)
    return {key: frozenset(values) for key, values in found.items()}


def _links(tenures: Iterable[Tenure | KeptTenure], current: frozenset[UUID], at: datetime) -> tuple[tuple[UUID, Window], ...]:
    """Relations that have begun; a past one without a known end is left out."""
    links: list[tuple[UUID, Window]] = []
    for tenure in tenures:
        window = Window(tenure.start, tenure.end)
        begun = window.start is None or window.start <= at
        if begun and (window.end is not None or tenure.id in current):
            links.append((tenure.id, window))
    return tuple(links)


def _account(resource: Resource) -> Account:
    return Account(
        resource.resource_id,
        resource.ref,
        frozenset(resource.customer_ids),
        resource.parent_account_id,
        resource.number,
        resource.customer_number,
        frozenset(resource.types),
        frozenset(resource.program_numbers),
        resource.address,
    )


def _contract(resource: Resource) -> ServiceContract:
    own = [Window(each.start, each.end) for each in resource.contracts if each.id == resource.resource_id]
    return ServiceContract(
        resource.resource_id,
        resource.account_ids[0] if resource.account_ids else None,
        frozenset(resource.customer_ids),
        resource.number,
        frozenset(resource.types),
        frozenset(resource.program_numbers),
        resource.rateplan_code,
        resource.address,
        own[0] if own else Window(),
    )


def _point(resource: Resource, at: datetime) -> ServicePoint:
    stated = frozenset(resource.current_contract_ids)
    tenures = _links(resource.contracts, stated, at)
    return ServicePoint(
        resource.resource_id,
        resource.number,
        frozenset(resource.types),
        frozenset(resource.premise_numbers),
        resource.address,
        tenures,
        frozenset(contract for contract, window in tenures if window.holds(at)),
    )


def _meter(resource: Resource, at: datetime) -> MeterDevice:
    open_ended = frozenset(each.id for each in resource.service_points if each.end is None)
    placements = _links(resource.service_points, open_ended, at)
    return MeterDevice(
        resource.resource_id,
        resource.number,
        frozenset(resource.types),
        frozenset(resource.app_numbers),
        placements,
        frozenset(point for point, window in placements if window.holds(at)),
    )


def _aggregation(published: AggregationPublishedV1) -> Aggregation:
    return Aggregation(
        published.aggregation_id,
        published.aggregation_number,
        frozenset(published.service_point_ids),
        frozenset(published.member_aggregation_ids),
        frozenset(published.premise_numbers),
        tuple(published.addresses),
    )
