"""Which objects a preselection field matches, and how a match carries over to other kinds of object (CDS-WG3-01 §7.1).

Identifiers are compared exactly; a null identifier never matches; the values of one field are alternatives. Pairs of field and
Selection without a criterion of their own follow the same chain of current relations (account - contract - point - meter).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

from cds_common.access.addresses import match_addresses
from cds_common.access.relations import CHAIN, Account, MeterDevice, ObjectKind, Relations, ServiceContract, ServicePoint

Available = Mapping[ObjectKind, frozenset[UUID]]
"""Objects that may be matched, by kind; nothing else takes part, not even in counting addresses."""

HOME: dict[str, ObjectKind] = {
    "account_numbers": "account",
    "account_programs": "account",
    "contract_numbers": "service_contract",
    "service_types": "service_contract",
    "service_programs": "service_contract",
    "servicepoint_numbers": "service_point",
    "servicepoint_types": "service_point",
    "premise_numbers": "service_point",
    "meter_numbers": "meter_device",
    "meter_types": "meter_device",
    "meter_apps": "meter_device",
    "aggregation_numbers": "aggregation",
}
"""The kind of object whose property a field compares; `addresses` compares the kind that is listed."""


def _one(value: str | None) -> frozenset[str]:
    return frozenset() if value is None else frozenset({value})


_ACCOUNT: dict[str, Callable[[Account], frozenset[str]]] = {
    "account_numbers": lambda each: _one(each.number),
    "account_programs": lambda each: each.programs,
}
_CONTRACT: dict[str, Callable[[ServiceContract], frozenset[str]]] = {
    "contract_numbers": lambda each: _one(each.number),
    "service_types": lambda each: each.service_types,
    "service_programs": lambda each: each.programs,
}
_POINT: dict[str, Callable[[ServicePoint], frozenset[str]]] = {
    "servicepoint_numbers": lambda each: _one(each.number),
    "servicepoint_types": lambda each: each.types,
    "premise_numbers": lambda each: each.premises,
}
_METER: dict[str, Callable[[MeterDevice], frozenset[str]]] = {
    "meter_numbers": lambda each: _one(each.number),
    "meter_types": lambda each: each.types,
    "meter_apps": lambda each: each.apps,
}


def match_field(relations: Relations, field_id: str, values: Iterable[str], available: Available) -> frozenset[UUID]:
    """Objects of the field's home kind, out of the available ones, that match any of the values. Not for `addresses`."""
    wanted = frozenset(values)
    kind = HOME[field_id]
    known: Mapping[UUID, Any]
    read: Callable[[Any], frozenset[str]]
    if kind == "account":
        known, read = relations.accounts, _ACCOUNT[field_id]
    elif kind == "service_contract":
        known, read = relations.contracts, _CONTRACT[field_id]
    elif kind == "service_point":
        known, read = relations.points, _POINT[field_id]
    elif kind == "meter_device":
        known, read = relations.meters, _METER[field_id]
    else:
        known, read = relations.aggregations, lambda each: _one(each.number)
    return frozenset(each for each in available[kind] if each in known and read(known[each]) & wanted)


def match_address(relations: Relations, kind: ObjectKind, values: Iterable[str], available: Available) -> frozenset[UUID]:
    """Objects of `kind` at the addresses (§7.1.13.1): exactly one resource must bear an address, else it matches nothing."""
    if kind == "meter_device":
        points = match_address(relations, "service_point", values, available)
        return carry(relations, points, "service_point", "meter_device", available)
    stored: dict[UUID, tuple[str, ...]]
    if kind == "account":
        stored = {each: _lines(relations.accounts[each].address) for each in available[kind]}
    elif kind == "service_contract":
        stored = {each: _lines(relations.contracts[each].address) for each in available[kind]}
    elif kind == "service_point":
        stored = {each: _lines(relations.points[each].address) for each in available[kind]}
    else:
        stored = {each: relations.aggregations[each].addresses for each in available[kind]}
    return match_addresses(stored, values)


def _lines(address: str | None) -> tuple[str, ...]:
    return () if address is None else (address,)


def carry(relations: Relations, ids: frozenset[UUID], from_kind: ObjectKind, to_kind: ObjectKind, available: Available) -> frozenset[UUID]:
    """Follow current relations from `ids` to objects of another kind, through available objects only.

    From an Aggregation the way leads by its direct members (§7.1.12); to one, by the points that it groups.
    """
    if from_kind == to_kind:
        return ids & available[to_kind]
    if from_kind == "aggregation":
        points = frozenset(point for each in ids for point in relations.aggregations[each].points) & available["service_point"]
        return carry(relations, points, "service_point", to_kind, available)
    if to_kind == "aggregation":
        points = carry(relations, ids, from_kind, "service_point", available)
        return frozenset(group for point in points for group in relations.groups.get(point, ())) & available["aggregation"]
    here, there = CHAIN.index(from_kind), CHAIN.index(to_kind)
    step = 1 if there > here else -1
    reached = ids
    for position in range(here, there, step):
        reached = _step(relations, reached, CHAIN[position], CHAIN[position + step]) & available[CHAIN[position + step]]
    return reached


def _step(relations: Relations, ids: frozenset[UUID], from_kind: ObjectKind, to_kind: ObjectKind) -> frozenset[UUID]:
    if to_kind == "account":
        return frozenset(a for each in ids if (a := relations.contracts[each].account) is not None)
    if from_kind == "account":
        return frozenset(c for each in ids for c in relations.contracts_of_account.get(each, ()))
    if (from_kind, to_kind) == ("service_contract", "service_point"):
        return frozenset(p for each in ids for p in relations.current_points.get(each, ()))
    if (from_kind, to_kind) == ("service_point", "service_contract"):
        return frozenset(c for each in ids for c in relations.points[each].current)
    if to_kind == "meter_device":
        return frozenset(m for each in ids for m in relations.current_meters.get(each, ()))
    return frozenset(p for each in ids for p in relations.meters[each].current)
