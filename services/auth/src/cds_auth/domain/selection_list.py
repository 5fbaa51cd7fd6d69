"""The list from which a customer ticks what a request covers (CDS-WG3-01 §9.2.3): entries, their order and their words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import msgspec
from msgspec.structs import replace as changed

from cds_auth.domain.phrases import Phrases
from cds_auth.domain.plain_text import safe_line
from cds_common.events.resources import Resource
from cds_common.events.values import AggregationPublishedV1

SEARCH_FROM = 11
"""Number of entries from which search, counter, scrolling block and filter are offered."""

FUTURE_KINDS = frozenset({"account", "service_contract"})
_ENDED = frozenset({"closed", "stopped"})


class ListEntry(msgspec.Struct, frozen=True, gc=False):
    """One thing to tick. Only `id` is posted; everything else is for the eye. Forms have thousands."""

    id: UUID
    number: str
    """Empty when the utility has none."""
    name: str = ""
    address: str = ""
    kinds: str = ""
    account_number: str = ""
    meters: str = ""
    through: tuple[str, ...] = ()
    """cds_aggregation_consent: the customer's own resources that belong to the group."""
    ended: bool = False
    ticked: bool = False
    hidden: bool = False
    """Left out of view by the search of a browser without script; its tick still counts."""

    def matches(self, words: Sequence[str]) -> bool:
        """Whether every word occurs in the number, name, address or account number."""
        text = " ".join((self.number, self.name, self.address, self.account_number, self.meters)).casefold()
        return all(word in text for word in words)


@dataclass(frozen=True, slots=True)
class SelectionList:
    """The Selection Component of one Request Section."""

    kind: str
    entries: tuple[ListEntry, ...]
    include_future: bool = False
    read_only: bool = False
    search: str = ""
    only_selected: bool = False

    @property
    def offers_future(self) -> bool:
        """Accounts and services can include those that come later; the other lists define no such option."""
        return self.kind in FUTURE_KINDS and not self.read_only

    @property
    def long(self) -> bool:
        """More than ten entries: searchable, counted, in its own scrolling block."""
        return len(self.entries) >= SEARCH_FROM and not self.read_only

    @property
    def selected(self) -> int:
        """Ticked entries, hidden ones included."""
        return sum(entry.ticked for entry in self.entries)

    @property
    def shown(self) -> int:
        """Entries in view."""
        return sum(not entry.hidden for entry in self.entries)

    @property
    def complete(self) -> bool:
        """Whether the customer may approve: something is ticked, or what comes later is."""
        return self.read_only or self.include_future or any(entry.ticked for entry in self.entries)

    def with_ticks(self, ids: frozenset[UUID], *, include_future: bool) -> "SelectionList":
        """The same list with exactly these entries ticked."""
        if self.read_only:
            return self
        entries = tuple(changed(entry, ticked=entry.id in ids) for entry in self.entries)
        return replace(self, entries=entries, include_future=include_future and self.offers_future)

    def filtered(self, search: str, *, only_selected: bool) -> "SelectionList":
        """The same list with the entries out of view that the search or the filter leaves out."""
        words = search.casefold().split()
        if not words and not only_selected:
            return self
        entries = tuple(changed(entry, hidden=not entry.matches(words) or (only_selected and not entry.ticked)) for entry in self.entries)
        return replace(self, entries=entries, search=search, only_selected=only_selected)


def list_entries(
    ids: Iterable[UUID],
    resources: Mapping[UUID, Resource],
    aggregations: Mapping[UUID, AggregationPublishedV1],
    phrases: Phrases,
) -> tuple[ListEntry, ...]:
    """Entries in the order of the list: what is active first, then by address and number."""
    entries: list[ListEntry] = []
    for object_id in ids:
        if (resource := resources.get(object_id)) is not None:
            entries.append(_of_resource(resource, resources, phrases))
        elif (aggregation := aggregations.get(object_id)) is not None:
            entries.append(_of_aggregation(aggregation, phrases))
    return tuple(sorted(entries, key=lambda entry: (entry.ended, entry.address, entry.number, entry.id.int)))


def type_words(types: Iterable[str], phrases: Phrases) -> str:
    """The types that mean something to a customer, in words; the others are left out."""
    return ", ".join(phrases(f"type.{name}") for name in types if phrases.has(f"type.{name}"))


def _of_resource(resource: Resource, resources: Mapping[UUID, Resource], phrases: Phrases) -> ListEntry:
    is_contract = resource.kind == "service_contract"
    account = resources.get(resource.account_ids[0]) if is_contract and resource.account_ids else None
    return ListEntry(
        id=resource.resource_id,
        number=safe_line(resource.number or ""),
        name=safe_line(resource.name or ""),
        address=_one_line(resource.address),
        kinds="" if resource.kind == "account" else type_words(resource.types, phrases),
        account_number=safe_line(account.number or "") if account else "",
        meters=_meters_below(resource, resources) if is_contract else "",
        ended=resource.status in _ENDED or bool(is_contract and resource.contract_end),
    )


def _meters_below(contract: Resource, resources: Mapping[UUID, Resource]) -> str:
    points = [resources[tenure.id] for tenure in contract.service_points if tenure.end is None and tenure.id in resources]
    meters = [resources[placed.id] for point in points for placed in point.meter_devices if placed.end is None and placed.id in resources]
    return ", ".join(dict.fromkeys(safe_line(meter.number) for meter in meters if meter.number))


def _of_aggregation(aggregation: AggregationPublishedV1, phrases: Phrases) -> ListEntry:
    return ListEntry(
        id=aggregation.aggregation_id,
        number=safe_line(aggregation.aggregation_number or ""),
        name=safe_line(aggregation.name),
        address=_one_line(aggregation.addresses[0]) if aggregation.addresses else "",
        kinds=type_words(aggregation.aggregation_types, phrases),
    )


def through_words(points: Iterable[UUID], resources: Mapping[UUID, Resource], phrases: Phrases) -> tuple[str, ...]:
    """The customer's own services (else places) by which the customer belongs to a group: `through your service 220-471, ...`."""
    lines: list[str] = []
    for point_id in points:
        point = resources.get(point_id)
        if point is None:
            continue
        own = [resources[contract] for contract in point.current_contract_ids if contract in resources] or [point]
        lines.extend(_through(resource, point, phrases) for resource in own)
    return tuple(dict.fromkeys(lines))


def _through(resource: Resource, point: Resource, phrases: Phrases) -> str:
    word = phrases(f"select.{resource.kind}.word")
    kinds = type_words(resource.types, phrases)
    named = " ".join(part for part in (word, safe_line(resource.number or "")) if part)
    address = _one_line(resource.address or point.address)
    details = ", ".join(part for part in (kinds, address) if part)
    return phrases("select.through", resource=f"{named} ({details})" if details else named)


def _one_line(address: str | None) -> str:
    return safe_line((address or "").replace("\n", ", "), 200)
