"""Where the consent of a customer starts and ends: seeds from the ticks, the bound around them, the anchors of bills and usage."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from cds_common.access.closure import Basis, Sets, sets_with
from cds_common.access.ownership import aggregation_window, meter_windows, owned, point_windows
from cds_common.access.relations import Relations, Window
from cds_common.events.grants import Selection

Times = dict[UUID, list[Window]]
_NONE: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Anchors:
    """By what bills and usage are reached; `times` bounds each usage anchor."""

    usage: Sets
    times: Times
    bill_accounts: frozenset[UUID] = _NONE
    bill_contracts: frozenset[UUID] = _NONE
    sections_by_account: bool = False


@dataclass(frozen=True, slots=True)
class Reach:
    """A basis with its anchors and the time of its points and meters."""

    basis: Basis
    anchors: Anchors
    times: Times


@dataclass(frozen=True, slots=True)
class Spans:
    """The times for which bills and usage are granted: what they refer to must have been related in them."""

    bills: Window
    usage: Window


class _Found(NamedTuple):
    """The bound of a consent: accounts and contracts, and the time of points and meters."""

    accounts: frozenset[UUID]
    contracts: frozenset[UUID]
    points: Times
    meters: Times


def _tick(selection: Selection, own: Sets, known: frozenset[UUID]) -> frozenset[UUID]:
    """The ticked objects that are still the customer's; with include-future also those that were not there to be refused."""
    ticked = frozenset(selection.ids)
    if selection.include_future and selection.kind in {"account", "service_contract"}:
        ticked |= own[selection.kind] - frozenset(selection.except_ids)
    return ticked & (own[selection.kind] if selection.kind in {"account", "service_contract", "aggregation"} else known)


def consent_reach(relations: Relations, customers: frozenset[UUID], selection: Selection, spans: Spans) -> Reach:
    """Resolve what was ticked, as the kind that was ticked, for the customers who ticked it.

    Everything is bounded by their own contracts: a point or meter belongs to the entry only for the time in which it served one
    of them, so neither a former nor a later tenant's data is ever in reach. Contracts are bounded by the ticks as well when
    contracts or accounts were ticked: no unticked one comes back by a relation.
    """
    own = owned(relations, customers)
    every = point_windows(relations, own["service_contract"])
    known = frozenset(every) if selection.kind == "service_point" else frozenset(meter_windows(relations, every))
    seeds = _tick(selection, own, known)
    if selection.kind == "aggregation":
        return _of_aggregations(relations, own, seeds)
    contracts = _contracts(relations, own, selection.kind, seeds)
    at_points = point_windows(relations, contracts)
    if selection.kind == "service_point":
        at_points = {point: windows for point, windows in at_points.items() if point in seeds}
    at_meters = meter_windows(relations, at_points)
    if selection.kind == "meter_device":
        at_meters = {meter: windows for meter, windows in at_meters.items() if meter in seeds}
        at_points = {point: windows for point, windows in at_points.items() if _held(relations, at_meters, point)}
    accounts = frozenset(a for each in contracts if (a := relations.contracts[each].account) is not None)
    if selection.kind == "account":
        accounts = seeds
    return _reach(relations, own, (selection, seeds), _Found(accounts, contracts, at_points, at_meters), spans)


def _held(relations: Relations, meters: Mapping[UUID, list[Window]], point: UUID) -> bool:
    return any(point == placed for meter in meters for placed, _ in relations.meters[meter].placements)


def _contracts(relations: Relations, own: Sets, kind: str, seeds: frozenset[UUID]) -> frozenset[UUID]:
    if kind == "service_contract":
        return seeds
    if kind == "account":
        return frozenset(c for each in seeds for c in relations.contracts_of_account.get(each, _NONE)) & own["service_contract"]
    points = seeds
    if kind == "meter_device":
        points = frozenset(point for each in seeds for point, _ in relations.meters[each].placements)
    found = {contract for point in points if point in relations.points for contract, _ in relations.points[point].tenures}
    return frozenset(found) & own["service_contract"]


def _parents(relations: Relations, own: Sets, accounts: frozenset[UUID]) -> frozenset[UUID]:
    """Accounts above, as long as they are the customer's own; a chain in a circle ends."""
    found: set[UUID] = set()
    waiting = list(accounts)
    while waiting:
        account = relations.accounts.get(waiting.pop())
        parent = None if account is None else account.parent
        if parent is not None and parent in own["account"] and parent not in found:
            found.add(parent)
            waiting.append(parent)
    return frozenset(found)


def _reach(relations: Relations, own: Sets, ticked: tuple[Selection, frozenset[UUID]], found: _Found, spans: Spans) -> Reach:
    selection, seeds = ticked
    accounts, contracts, at_points, at_meters = found
    now = relations.at
    bound: Sets = {
        "account": accounts,
        "service_contract": contracts,
        "service_point": frozenset(at_points),
        "meter_device": frozenset(at_meters),
        "aggregation": relations.ids("aggregation"),
    }
    start = sets_with({selection.kind: seeds})
    if selection.kind != "meter_device":
        # §6.1.6: ticked contracts, accounts or points stand for the meters placed there now; an exchanged meter drops out.
        current = frozenset(point for point, windows in at_points.items() if _holds(windows, now))
        start["meter_device"] = frozenset(m for point in current for m in relations.current_meters.get(point, _NONE))
    basis = Basis(
        start,
        bound,
        _referred(bound, at_points, at_meters, relations, spans.bills),
        _referred(bound, at_points, at_meters, relations, spans.usage),
        contracts_by_account=selection.kind == "account",
        parents=_parents(relations, own, accounts),
    )
    times = at_points | at_meters
    usage = sets_with({selection.kind: seeds})
    anchors = Anchors(
        usage, times | _contract_times(relations, seeds), accounts, contracts, sections_by_account=selection.kind == "account"
    )
    return Reach(basis, anchors, times)


def _contract_times(relations: Relations, seeds: frozenset[UUID]) -> Times:
    return {each: [relations.contracts[each].window] for each in seeds if each in relations.contracts}


def _holds(windows: list[Window], at: datetime) -> bool:
    return any(window.holds(at) for window in windows)


def _referred(bound: Sets, points: Times, meters: Times, relations: Relations, span: Window) -> Sets:
    """What bills or usage of `span` can name: objects of the bound that were related in that time."""

    def in_span(times: Times) -> frozenset[UUID]:
        return frozenset(each for each, windows in times.items() if any(window.meet(span) for window in windows))

    contracts = frozenset(each for each in bound["service_contract"] if relations.contracts[each].window.meet(span))
    return {
        "account": bound["account"],
        "service_contract": contracts,
        "service_point": in_span(points),
        "meter_device": in_span(meters),
        "aggregation": _NONE,
    }


def _of_aggregations(relations: Relations, own: Sets, seeds: frozenset[UUID]) -> Reach:
    """Ticked Aggregations: their sums only, from when all members were the customer's; members show up by flags (§7.2)."""
    windows = {each: aggregation_window(relations, each, own["service_contract"]) for each in seeds}
    times: Times = {each: [window] for each, window in windows.items() if window is not None}
    reached = frozenset(times)
    points = frozenset(point for each in reached for point in relations.members(each)) & own["service_point"]
    at_points = {p: w for p, w in point_windows(relations, own["service_contract"]).items() if p in points}
    contracts = frozenset(c for point in points for c in relations.points[point].current) & own["service_contract"]
    bound: Sets = {
        "account": frozenset(a for each in contracts if (a := relations.contracts[each].account) is not None),
        "service_contract": contracts,
        "service_point": points,
        "meter_device": frozenset(m for point in points for m in relations.current_meters.get(point, _NONE)),
        "aggregation": relations.ids("aggregation"),
    }
    seeded = sets_with({"aggregation": reached})
    basis = Basis(seeded, bound, by_usage=seeded, parents=_parents(relations, own, bound["account"]))
    meters = {m: w for m, w in meter_windows(relations, at_points).items() if m in bound["meter_device"]}
    return Reach(basis, Anchors(seeded, times), at_points | meters)
