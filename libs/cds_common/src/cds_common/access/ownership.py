"""What belongs to customers: the hard bound of everything that their consent can open, in objects and in time."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from cds_common.access.relations import ObjectKind, Relations, Window, merge_windows


def owned(relations: Relations, customers: frozenset[UUID]) -> dict[ObjectKind, frozenset[UUID]]:
    """Objects that the customers may authorize at `relations.at`, by kind.

    Accounts and contracts (ended ones too) by the account's customers; points that serve one of these contracts now; meters
    placed at such a point now; Aggregations only when every member point serves these customers and no one else now, since
    their sum would otherwise show what others used.
    """
    if customers not in relations.owned:
        relations.owned[customers] = _owned(relations, customers)
    return relations.owned[customers]


def _owned(relations: Relations, customers: frozenset[UUID]) -> dict[ObjectKind, frozenset[UUID]]:
    accounts = frozenset(each.id for each in relations.accounts.values() if each.customers & customers)
    contracts = frozenset(each.id for each in relations.contracts.values() if each.account in accounts and each.customers & customers)
    points = frozenset(each.id for each in relations.points.values() if each.current & contracts)
    meters = frozenset(each.id for each in relations.meters.values() if each.current & points)
    groups = frozenset(each for each in relations.aggregations if _sole(relations, each, contracts))
    return {"account": accounts, "service_contract": contracts, "service_point": points, "meter_device": meters, "aggregation": groups}


def _sole(relations: Relations, aggregation: UUID, contracts: frozenset[UUID]) -> bool:
    members = relations.members(aggregation)
    known = [relations.points.get(point) for point in members]
    return bool(members) and all(point is not None and point.current and point.current <= contracts for point in known)


def point_windows(relations: Relations, contracts: Iterable[UUID]) -> dict[UUID, list[Window]]:
    """Point -> when any of `contracts` was served there; only points with such a time."""
    wanted = frozenset(contracts)
    found: dict[UUID, list[Window]] = {}
    for point in relations.points.values():
        times = [relations.contract_window(contract, window) for contract, window in point.tenures if contract in wanted]
        merged = merge_windows(each for each in times if each is not None)
        if merged:
            found[point.id] = merged
    return found


def meter_windows(relations: Relations, points: Mapping[UUID, list[Window]]) -> dict[UUID, list[Window]]:
    """Meter -> when it was placed at one of `points` inside the windows of that point."""
    found: dict[UUID, list[Window]] = {}
    for meter in relations.meters.values():
        times = [window.meet(placed) for point, placed in meter.placements for window in points.get(point, ())]
        merged = merge_windows(each for each in times if each is not None)
        if merged:
            found[meter.id] = merged
    return found


def aggregation_window(relations: Relations, aggregation: UUID, contracts: frozenset[UUID]) -> Window | None:
    """When all members of an Aggregation served `contracts` without a break up to now; None when that never was.

    Before that time the sum holds former tenants.
    """
    shared: Window | None = Window()
    for point in relations.members(aggregation):
        windows = point_windows(relations, contracts).get(point, [])
        running = next((each for each in windows if each.holds(relations.at)), None)
        shared = None if running is None or shared is None else shared.meet(running)
    return shared
