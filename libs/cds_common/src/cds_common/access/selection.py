"""The customer's side of a request: what the Selection lists, what is ticked when the form opens, and when nothing is (§7.1, §7.4.3)."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cds_common.access.catalogue import AGGREGATION_CONSENT, PRESELECTION_FIELDS, selection_kind
from cds_common.access.details import EffectiveEntry
from cds_common.access.matching import HOME, Available, carry, match_address, match_field
from cds_common.access.ownership import owned
from cds_common.access.relations import ObjectKind, Relations

ALL = "_all"
INCLUDE_FUTURE = "_include_future"
_SPECIAL: Mapping[ObjectKind, frozenset[str]] = {
    "account": frozenset({"account_numbers", "contract_numbers"}),
    "service_contract": frozenset({"account_numbers", "contract_numbers"}),
    "service_point": frozenset({"servicepoint_numbers"}),
    "meter_device": frozenset({"meter_numbers"}),
    "aggregation": frozenset(),
}
"""Per listed kind: the fields in which `_all` ticks every entry."""
_FUTURE_KINDS = frozenset({"account", "service_contract"})


@dataclass(frozen=True, slots=True)
class Preselection:
    """What is ticked when the form opens. `used`: at least one preselection field of the request is not null."""

    ids: frozenset[UUID]
    include_future: bool
    used: bool


def selectable(relations: Relations, customers: Iterable[UUID], selection_type: str) -> list[UUID]:
    """The entries of a Selection, ordered by number, then id (§9.2.3): the customers' own objects of its kind."""
    kind = selection_kind(selection_type)
    numbers = _numbers(relations, kind)
    return sorted(owned(relations, frozenset(customers))[kind], key=lambda each: (numbers.get(each) or "", each.int))


def _numbers(relations: Relations, kind: ObjectKind) -> Mapping[UUID, str | None]:
    if kind == "account":
        return {key: each.number for key, each in relations.accounts.items()}
    if kind == "service_contract":
        return {key: each.number for key, each in relations.contracts.items()}
    if kind == "service_point":
        return {key: each.number for key, each in relations.points.items()}
    if kind == "meter_device":
        return {key: each.number for key, each in relations.meters.items()}
    return {key: each.number for key, each in relations.aggregations.items()}


def preselected(
    relations: Relations,
    customers: Iterable[UUID],
    selection_type: str,
    details: Mapping[str, Any],
    *,
    usable: Collection[str] = PRESELECTION_FIELDS,
) -> Preselection:
    """What the request ticks in a Selection: the intersection of what each non-null field matches (§7.1).

    `usable`: preselection fields that the Client may use; any other behaves as if it matched nothing.
    """
    kind = selection_kind(selection_type)
    available = owned(relations, frozenset(customers))
    used: dict[str, list[str]] = {name: details[name] for name in PRESELECTION_FIELDS if details.get(name) is not None}
    if kind == "aggregation":
        # §7.1 gives the Aggregation Selection two criteria; premise_numbers beside them only tells whom it concerns (§6.1.10).
        used = {name: values for name, values in used.items() if name in {"aggregation_numbers", "addresses"}}
    ticked = available[kind] if used else frozenset[UUID]()
    for name, values in used.items():
        ticked &= _ticked(relations, kind, name, values, available) if name in usable else frozenset[UUID]()
    sent = [member for name in ("account_numbers", "contract_numbers") for member in used.get(name, list[str]())]
    future = kind in _FUTURE_KINDS and INCLUDE_FUTURE in sent
    return Preselection(ticked, future, bool(used))


def _ticked(relations: Relations, kind: ObjectKind, field_id: str, values: list[str], available: Available) -> frozenset[UUID]:
    if ALL in values and field_id in _SPECIAL[kind]:
        return available[kind]
    if field_id == "addresses":
        return match_address(relations, kind, values, available)
    matched = match_field(relations, field_id, values, available)
    return carry(relations, matched, HOME[field_id], kind, available)


def shows_preselection_error(section: Iterable[EffectiveEntry], ticked: Preselection) -> bool:
    """Whether the Preselection Error page stands in for the form: an entry asks for it, preselects, and nothing is ticked."""
    return not ticked.ids and any(
        entry.details.get("error_if_no_preselections") is True and any(entry.details.get(name) is not None for name in PRESELECTION_FIELDS)
        for entry in section
    )


def related_to_aggregations(relations: Relations, customers: Iterable[UUID], details: Mapping[str, Any]) -> dict[UUID, list[UUID]]:
    """For a consent to be counted in Aggregations (§6.1.10): Aggregation -> the customers' points in it at the named premises.

    A point without a premise number of its own lies at those of the Aggregation, by which its sub-Grant is asked for (§4.11).
    Empty = the customers have nothing to do with them, which is the Preselection Error.
    """
    numbers = frozenset[str](details["aggregation_numbers"] or ())
    premises = frozenset[str](details["premise_numbers"] or ())
    own = owned(relations, frozenset(customers))["service_point"]
    found: dict[UUID, list[UUID]] = {}
    for group in relations.aggregations.values():
        if group.number in numbers:
            lies = {each: relations.points[each].premises or group.premises for each in relations.members(group.id) & own}
            points = [each for each, at in lies.items() if at & premises or not (at or premises)]
            if points:
                found[group.id] = sorted(points, key=str)
    return found


def is_consent_to_aggregation(entry: EffectiveEntry) -> bool:
    """Whether the section is the read-only list of Aggregations (§9.2.3.5)."""
    return entry.scope_type == AGGREGATION_CONSENT
