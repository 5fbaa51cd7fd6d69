"""Where direct access starts and ends: the Client's base permission, cut by the preselection fields of the Grant (§6.2, §7.1).

Readings: several fields intersect, and each cuts the other kinds of object along current relations as well (A13). Aggregations
named by number open those Aggregations, and where they lie (their Service Points, with include_service_points: §4.11, §7.2.3), never
what their members use: a permission for a sum is none for its parts.
Without such a name no sum is opened, whatever the permission says, since only named ones are checked for the privacy threshold.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from cds_common.access.catalogue import PRESELECTION_FIELDS
from cds_common.access.closure import Basis, Sets, empty_sets, sets_with
from cds_common.access.consent_basis import Anchors, Reach, Times
from cds_common.access.matching import HOME, carry, match_field
from cds_common.access.ownership import meter_windows, point_windows
from cds_common.access.relations import CHAIN, ObjectKind, Relations
from cds_common.events.clients import DirectPermission

_NONE: frozenset[UUID] = frozenset()


class Narrowed(NamedTuple):
    """What the filters leave; `finest`: the kind nearest to the meter that they name, None without filters."""

    sets: Sets
    finest: ObjectKind | None
    by_aggregation: bool


def filters_of(details: Mapping[str, Any]) -> dict[str, list[str]]:
    """The preselection fields of a Grant that are not null."""
    return {name: details[name] for name in PRESELECTION_FIELDS if details.get(name) is not None}


def permitted(relations: Relations, permission: DirectPermission) -> Sets:
    """Objects that the base permission covers, out of those loaded."""
    groups = relations.ids("aggregation")
    if not (permission.everything or permission.all_aggregations):
        numbers = frozenset(permission.aggregation_numbers)
        groups = frozenset(each.id for each in relations.aggregations.values() if each.number in numbers)
    if permission.everything:
        return sets_with({kind: relations.ids(kind) for kind in CHAIN}, sets_with({"aggregation": groups}))
    refs, types, owners = frozenset(permission.account_refs), frozenset(permission.account_types), frozenset(permission.customer_ids)
    accounts = frozenset(
        each.id for each in relations.accounts.values() if each.ref in refs or each.types & types or each.customers & owners
    )
    contracts = frozenset(each.id for each in relations.contracts.values() if each.account in accounts)
    points = point_windows(relations, contracts)
    return {
        "account": accounts,
        "service_contract": contracts,
        "service_point": frozenset(points),
        "meter_device": frozenset(meter_windows(relations, points)),
        "aggregation": groups,
    }


def narrow(relations: Relations, allowed: Sets, details: Mapping[str, Any], withheld: Collection[str] = ()) -> Narrowed:
    """Cut the permitted objects by every filter of the Grant; a `withheld` one matches nothing (§7.1)."""
    left: Sets = dict(allowed)
    # An Aggregation is looked up by the number of a member that the Client itself need not be allowed to see (§4.11).
    loaded = sets_with({kind: relations.ids(kind) for kind in CHAIN}, allowed)
    homes: set[ObjectKind] = set()
    for name, values in filters_of(details).items():
        home = HOME.get(name)
        if home is None or name in withheld:
            # `addresses` is not offered here (§7.1.13); should a Grant hold it all the same, it matches nothing.
            return Narrowed(empty_sets(), "account", by_aggregation=True)
        homes.add(home)
        if home == "aggregation":
            left["aggregation"] &= match_field(relations, name, values, allowed)
            continue
        matched, anywhere = match_field(relations, name, values, allowed), match_field(relations, name, values, loaded)
        for kind in CHAIN:
            left[kind] &= carry(relations, matched, home, kind, allowed)
        left["aggregation"] &= carry(relations, anywhere, home, "aggregation", loaded)
    by_aggregation = "aggregation" in homes
    if by_aggregation:
        left = sets_with(dict.fromkeys(CHAIN, _NONE), left)
    named: list[ObjectKind] = [kind for kind in CHAIN if kind in homes]
    return Narrowed(left, named[-1] if named else None, by_aggregation)


def direct_reach(relations: Relations, permission: DirectPermission, details: Mapping[str, Any], opened: frozenset[ObjectKind]) -> Reach:
    """Resolve a direct-access entry to lists; `opened`: kinds of object that its scope opens by itself (§6.2)."""
    allowed = permitted(relations, permission)
    left = narrow(relations, allowed, details, permission.withheld_fields)
    times: Times = {}
    if not permission.everything:
        points = point_windows(relations, allowed["service_contract"])
        contracts = {each: [relations.contracts[each].window] for each in allowed["service_contract"]}
        times = points | meter_windows(relations, points) | contracts
    members = frozenset(point for group in left.sets["aggregation"] for point in relations.members(group))
    basis = Basis(
        sets_with({kind: left.sets[kind] for kind in opened}),
        sets_with({"service_point": left.sets["service_point"] | members}, left.sets),
        by_bills=sets_with({"aggregation": _NONE}, left.sets),
        by_usage=left.sets if left.by_aggregation else sets_with({"aggregation": _NONE}, left.sets),
        contracts_by_account=True,
    )
    anchor: ObjectKind = "aggregation" if left.by_aggregation else (left.finest or "account")
    anchors = Anchors(
        sets_with({anchor: left.sets[anchor]}),
        times,
        left.sets["account"],
        left.sets["service_contract"],
        sections_by_account=left.finest in {None, "account"} and not left.by_aggregation,
    )
    return Reach(basis, anchors, times)
