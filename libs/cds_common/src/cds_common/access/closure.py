"""The fixpoint of the include_* fields over true relations, inside a hard bound (CDS-WG3-01 §7.2).

A `Basis` says what an entry starts from and what it may never leave. The closure only ever picks objects out of the bound; a
flag that is false adds nothing and takes nothing away.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from cds_common.access import flags as f
from cds_common.access.relations import ObjectKind, Relations

Sets = dict[ObjectKind, frozenset[UUID]]
_NONE: frozenset[UUID] = frozenset()
KINDS: tuple[ObjectKind, ...] = ("account", "service_contract", "service_point", "meter_device", "aggregation")
FLAG_OF: Mapping[ObjectKind, str] = {
    "account": f.ACCOUNTS,
    "service_contract": f.CONTRACTS,
    "service_point": f.POINTS,
    "meter_device": f.METERS,
    "aggregation": f.AGGREGATIONS,
}


def empty_sets() -> Sets:
    """No object of any kind."""
    return dict.fromkeys(KINDS, _NONE)


def sets_with(changes: Mapping[ObjectKind, frozenset[UUID]], base: Sets | None = None) -> Sets:
    """`base` (nothing by default) with some kinds replaced."""
    changed: Sets = dict(base or empty_sets())
    changed.update(changes)
    return changed


@dataclass(frozen=True)
class Basis:
    """What an entry starts from.

    `seeds`: objects that are in by themselves, where the flag of their kind is on. `bound`: nothing outside is ever added.
    `by_bills`, `by_usage`: objects that reached bills or usage refer to. `contracts_by_account`: whether an included Account
    brings its contracts; only when the Account itself was ticked, or for direct access, else unticked contracts would come back.
    `parents`: Accounts above the bound's accounts that may be added as parents.
    """

    seeds: Sets
    bound: Sets
    by_bills: Sets = field(default_factory=empty_sets)
    by_usage: Sets = field(default_factory=empty_sets)
    contracts_by_account: bool = False
    parents: frozenset[UUID] = _NONE


def close(relations: Relations, basis: Basis, flags: frozenset[str]) -> Sets:
    """Visible objects by kind: the least fixpoint of the rules below. It ends, since sets only grow inside the bound."""
    on: list[ObjectKind] = [kind for kind in KINDS if FLAG_OF[kind] in flags]
    included = sets_with({kind: basis.seeds[kind] & basis.bound[kind] for kind in on})
    while True:
        grown: Sets = dict(included)
        for kind in on:
            grown[kind] |= _ADDS[kind](relations, basis, included, flags) & _limit(basis, kind)
        if grown == included:
            return included
        included = grown


def _limit(basis: Basis, kind: ObjectKind) -> frozenset[UUID]:
    return basis.bound[kind] | basis.parents if kind == "account" else basis.bound[kind]


def _referred(basis: Basis, kind: ObjectKind, flags: frozenset[str]) -> frozenset[UUID]:
    """Objects named by reached sections, statements (accounts only) and segments."""
    found = basis.by_usage[kind] if f.USAGE in flags else _NONE
    if f.SECTIONS in flags or (f.STATEMENTS in flags and kind == "account"):
        found |= basis.by_bills[kind]
    return found


def _member_points(relations: Relations, included: Sets) -> frozenset[UUID]:
    return frozenset(point for group in included["aggregation"] for point in relations.aggregations[group].points)


def _accounts(relations: Relations, basis: Basis, included: Sets, flags: frozenset[str]) -> frozenset[UUID]:
    contracts = included["service_contract"] | _member_contracts(relations, included)
    named = {relations.contracts[each].account for each in contracts if each in relations.contracts}
    parents = {relations.accounts[each].parent for each in included["account"] if each in relations.accounts}
    return frozenset(each for each in named | parents if each is not None) | _referred(basis, "account", flags)


def _member_contracts(relations: Relations, included: Sets) -> frozenset[UUID]:
    points = _member_points(relations, included)
    return frozenset(contract for point in points if point in relations.points for contract in relations.points[point].current)


def _contracts(relations: Relations, basis: Basis, included: Sets, flags: frozenset[str]) -> frozenset[UUID]:
    found = set(_referred(basis, "service_contract", flags) | _member_contracts(relations, included))
    for point in included["service_point"]:
        if point in relations.points:  # a member of a sum need not be loaded: nothing but its id is of use
            found.update(contract for contract, _ in relations.points[point].tenures)
    if basis.contracts_by_account:
        for account in included["account"] & basis.bound["account"]:
            found |= relations.contracts_of_account.get(account, _NONE)
    return frozenset(found)


def _points(relations: Relations, basis: Basis, included: Sets, flags: frozenset[str]) -> frozenset[UUID]:
    found = set(_referred(basis, "service_point", flags) | _member_points(relations, included))
    for meter in included["meter_device"]:
        found.update(point for point, _ in relations.meters[meter].placements)
    for contract in included["service_contract"]:
        found |= relations.current_points.get(contract, _NONE)
    return frozenset(found)


def _meters(relations: Relations, basis: Basis, included: Sets, flags: frozenset[str]) -> frozenset[UUID]:
    points = set(included["service_point"] | _member_points(relations, included))
    for contract in included["service_contract"]:
        points |= relations.current_points.get(contract, _NONE)
    found = {meter for point in points for meter in relations.current_meters.get(point, _NONE)}
    return frozenset(found) | _referred(basis, "meter_device", flags)


def _aggregations(relations: Relations, basis: Basis, included: Sets, flags: frozenset[str]) -> frozenset[UUID]:
    found = set(_referred(basis, "aggregation", flags))
    for group in included["aggregation"]:
        found |= relations.aggregations[group].children
    for group in relations.aggregations.values():
        if _groups_any(relations, group.points, included):
            found.add(group.id)
    return frozenset(found)


def _groups_any(relations: Relations, points: frozenset[UUID], included: Sets) -> bool:
    """Whether an included account, contract or meter is among what an Aggregation groups (§7.2.7; points are not named there)."""
    for point in points:
        current = relations.points[point].current if point in relations.points else _NONE
        accounts = {relations.contracts[each].account for each in current if each in relations.contracts}
        if current & included["service_contract"] or accounts & included["account"]:
            return True
        if relations.current_meters.get(point, _NONE) & included["meter_device"]:
            return True
    return False


_ADDS: Mapping[ObjectKind, Callable[[Relations, Basis, Sets, frozenset[str]], frozenset[UUID]]] = {
    "account": _accounts,
    "service_contract": _contracts,
    "service_point": _points,
    "meter_device": _meters,
    "aggregation": _aggregations,
}
