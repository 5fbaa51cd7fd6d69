"""Random small utilities: the resolver against a plain oracle, monotony in flags, and never an object of a stranger.

The oracle is written apart: it walks single objects and single days, with no sets of windows, no chains and no fixpoint.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_common.access.catalogue import FIELDS, SCOPE_TYPES
from cds_common.access.entitlements import resolve_entry
from cds_common.access.relations import Relations
from cds_common.events.clients import DirectPermission
from cds_common.events.grants import GrantEntry, Selection
from cds_common.events.resources import ResourcePublishedV1, Tenure

DAY0 = datetime(2026, 1, 1, tzinfo=UTC)
LAST = 12
"""Days 0 to 11 happen; day 8 is today."""
TODAY = 8
SPACE = UUID(int=3)
KINDS = ("account", "service_contract", "service_point", "meter_device")
SETS = {"account": "accounts", "service_contract": "service_contracts", "service_point": "service_points", "meter_device": "meter_devices"}
CUSTOMERS = [uuid5(SPACE, f"customer{n}") for n in range(2)]


def ident(kind: str, number: int) -> UUID:
    return uuid5(SPACE, f"{kind}{number}")


def day(number: int | None) -> datetime | None:
    return None if number is None else DAY0 + timedelta(days=number)


@st.composite
def towns(draw: Any) -> dict[str, Any]:
    """Two customers, up to four accounts, contracts with times, points with one tenant at a time, meters that move."""
    accounts = [(draw(st.integers(0, 1)), draw(st.none() | st.integers(0, 3))) for _ in range(4)]
    contracts = []
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, 7))
        contracts.append((draw(st.integers(0, 3)), start, draw(st.none() | st.integers(start + 1, LAST))))
    points = []
    for _ in range(draw(st.integers(1, 3))):
        tenures = []
        for number, (_, start, end) in enumerate(contracts):
            if draw(st.booleans()):
                tenures.append((number, start, end))
        points.append(tenures)
    meters = []
    for _ in range(draw(st.integers(1, 3))):
        placed, moved = draw(st.integers(0, 4)), draw(st.integers(5, 11))
        first, second = draw(st.integers(0, len(points) - 1)), draw(st.integers(0, len(points) - 1))
        meters.append([(first, placed, moved), (second, moved, None)] if first != second else [(first, placed, None)])
    return {"accounts": accounts, "contracts": contracts, "points": points, "meters": meters}


def published(kind: str, number: int, **members: Any) -> ResourcePublishedV1:
    base = {"kind": kind, "resource_id": ident(kind, number), "ref": f"{kind}{number}", "version": 1, "environment": "sandbox"}
    return ResourcePublishedV1.model_validate(base | {"customer_ids": []} | members)


def relations_of(town: dict[str, Any]) -> Relations:
    found = []
    for number, (customer, parent) in enumerate(town["accounts"]):
        parent_id = None if parent is None else ident("account", parent)
        found.append(published("account", number, customer_ids=[CUSTOMERS[customer]], parent_account_id=parent_id))
    for number, (account, start, end) in enumerate(town["contracts"]):
        own = Tenure(id=ident("service_contract", number), start=day(start), end=day(end))
        found.append(
            published("service_contract", number, customer_ids=[CUSTOMERS[town["accounts"][account][0]]],
                      account_ids=[ident("account", account)], contracts=[own])
        )  # fmt: skip
    for number, tenures in enumerate(town["points"]):
        links = [Tenure(id=ident("service_contract", c), start=day(start), end=day(end)) for c, start, end in tenures]
        current = [ident("service_contract", c) for c, start, end in tenures if start <= TODAY and (end is None or end > TODAY)]
        found.append(published("service_point", number, contracts=links, current_contract_ids=current))
    for number, placements in enumerate(town["meters"]):
        links = [Tenure(id=ident("service_point", p), start=day(start), end=day(end)) for p, start, end in placements]
        found.append(published("meter_device", number, service_points=links))
    return Relations.of(found, at=DAY0 + timedelta(days=TODAY, hours=12))


def _on(tenure: tuple[int, int, int | None], at: int) -> bool:
    return tenure[1] <= at and (tenure[2] is None or at < tenure[2])


class Oracle:
    """Which ticked-by-customer facts hold on one day, object by object."""

    def __init__(self, town: dict[str, Any], customer: int, kind: str, ticked: set[int]) -> None:
        self.town, self.customer, self.kind, self.ticked = town, customer, kind, ticked

    def _own_contract(self, number: int) -> bool:
        return self.town["accounts"][self.town["contracts"][number][0]][0] == self.customer

    def contract_in(self, number: int) -> bool:
        """A contract of the customer that the ticks cover, ignoring points and meters."""
        if not self._own_contract(number):
            return False
        if self.kind == "service_contract":
            return number in self.ticked
        return self.town["contracts"][number][0] in self.ticked if self.kind == "account" else True

    def contracts_at(self, point: int, at: int) -> list[int]:
        begun = [each for each in self.town["points"][point] if each[1] <= TODAY]
        return [each[0] for each in begun if _on(each, at) and self.contract_in(each[0])]

    def point_on(self, point: int, at: int) -> bool:
        if self.kind == "service_point" and point not in self.ticked:
            return False
        return bool(self.contracts_at(point, at))

    def meter_on(self, meter: int, at: int) -> bool:
        if self.kind == "meter_device" and meter not in self.ticked:
            return False
        return any(each[1] <= TODAY and _on(each, at) and self.point_on(each[0], at) for each in self.town["meters"][meter])

    def usage_on(self, kind: str, number: int, at: int) -> bool:
        """Whether usage may be reached by this anchor on this day."""
        if kind != self.kind or number not in self.ticked:
            return False
        if kind == "account":
            return self.town["accounts"][number][0] == self.customer
        if kind == "service_contract":
            return self._own_contract(number) and _on((number, *self.town["contracts"][number][1:]), at)
        return self.point_on(number, at) if kind == "service_point" else self.meter_on(number, at)


SCOPES = [each for each, row in SCOPE_TYPES.items() if row.kind == "consent" and each != "cds_aggregation_consent"]
FLAGS = [each.id for each in FIELDS.values() if each.kind == "include" and each.formats == ("boolean",)]


def entry_of(scope: str, flags: set[str], kind: str | None, ticked: set[int], permission: DirectPermission | None = None) -> GrantEntry:
    selection = None if kind is None else Selection(kind=kind, ids=[ident(kind, each) for each in sorted(ticked)])  # type: ignore[arg-type]
    return GrantEntry(
        entry_no=0, scope=scope, scope_type=scope, details=dict.fromkeys(flags, True), selection=selection, permission=permission,
        enabled=True,
    )  # fmt: skip


def reached(group: Any, kind: str) -> dict[int, list[tuple[int, int]]]:
    """number -> days from..to of an ObjectSet."""
    found: dict[int, list[tuple[int, int]]] = {}
    for each in group.objects:
        number = next(n for n in range(20) if ident(kind, n) == each.id)
        first = 0 if each.start is None else (each.start - DAY0).days
        last = LAST if each.end is None else (each.end - DAY0).days
        found.setdefault(number, []).append((first, last))
    return found


requests = st.tuples(st.sampled_from(SCOPES), st.sets(st.sampled_from(FLAGS)), st.sampled_from(KINDS), st.sets(st.integers(0, 4)))


@settings(max_examples=120, deadline=None)
@given(towns(), requests, st.integers(0, 1))
def test_usage_is_reached_on_exactly_the_days_of_the_oracle(town, request, customer):
    _, flags, kind, ticked = request
    found = resolve_entry(entry_of("cds_usage", flags, kind, ticked), customer_ids=[CUSTOMERS[customer]], relations=relations_of(town))
    oracle = Oracle(town, customer, kind, ticked)
    for each in KINDS:
        spans = reached(getattr(found.reach, SETS[each]), each)
        known = {"account": 4, "service_contract": len(town["contracts"]), "service_point": len(town["points"]),
                 "meter_device": len(town["meters"])}[each]  # fmt: skip
        for number in range(known):
            open_days = {at for first, last in spans.get(number, []) for at in range(first, min(last, LAST))}
            # Today and before; what comes later is told by the open end.
            expected = {at for at in range(TODAY + 1) if oracle.usage_on(each, number, at)}
            assert {at for at in open_days if at <= TODAY} == expected, (each, number)


@settings(max_examples=120, deadline=None)
@given(towns(), requests, st.integers(0, 1))
def test_nothing_of_a_stranger_and_nothing_unticked(town, request, customer):
    scope, flags, kind, ticked = request
    relations = relations_of(town)
    found = resolve_entry(entry_of(scope, flags, kind, ticked), customer_ids=[CUSTOMERS[customer]], relations=relations)
    oracle = Oracle(town, customer, kind, ticked)
    own = CUSTOMERS[customer]
    for group in (found.visible.accounts, found.reach.accounts, found.bill_reach.accounts):
        assert all(own in relations.accounts[each.id].customers for each in group.objects)
    for group in (found.visible.service_contracts, found.reach.service_contracts, found.bill_reach.service_contracts):
        for number in reached(group, "service_contract"):
            assert oracle.contract_in(number)
    for number in reached(found.visible.service_points, "service_point"):
        assert any(oracle.point_on(number, at) for at in range(LAST)) or kind == "meter_device"
        assert any(oracle._own_contract(c) for c, _, _ in town["points"][number])
    for number in reached(found.visible.meter_devices, "meter_device"):
        assert any(oracle.meter_on(number, at) for at in range(LAST))
    if kind == "account":
        assert set(reached(found.bill_reach.accounts, "account")) <= ticked


@settings(max_examples=120, deadline=None)
@given(towns(), requests, st.sets(st.sampled_from(FLAGS)), st.integers(0, 1))
def test_more_flags_never_show_less(town, request, more, customer):
    scope, flags, kind, ticked = request
    relations = relations_of(town)
    some = resolve_entry(entry_of(scope, flags, kind, ticked), customer_ids=[CUSTOMERS[customer]], relations=relations)
    all_ = resolve_entry(entry_of(scope, flags | more, kind, ticked), customer_ids=[CUSTOMERS[customer]], relations=relations)
    for name in SETS.values():
        for part in ("visible", "reach", "bill_reach"):
            fewer = {(each.id, each.start, each.end) for each in getattr(getattr(some, part), name).objects}
            assert fewer <= {(each.id, each.start, each.end) for each in getattr(getattr(all_, part), name).objects}
    assert set(some.flags) <= set(all_.flags)


@settings(max_examples=80, deadline=None)
@given(towns(), st.sets(st.sampled_from(FLAGS)), st.sampled_from([each for each, row in SCOPE_TYPES.items() if row.kind == "direct"]),
       st.sets(st.integers(0, 3)))  # fmt: skip
def test_direct_access_stays_inside_its_permission(town, flags, scope, accounts):
    permission = DirectPermission(account_refs=[f"account{n}" for n in accounts])
    relations = relations_of(town)
    found = resolve_entry(entry_of(scope, flags, None, set(), permission), customer_ids=[], relations=relations)
    for part in (found.visible, found.reach, found.bill_reach):
        assert set(reached(part.accounts, "account")) <= accounts
        for number in reached(part.service_contracts, "service_contract"):
            assert town["contracts"][number][0] in accounts
    for number, spans in reached(found.visible.service_points, "service_point").items():
        days = {at for first, last in spans for at in range(first, min(last, LAST))}
        tenants = [c for c in town["points"][number] if town["contracts"][c[0]][0] in accounts and c[1] <= TODAY]
        assert days == {at for at in range(LAST) if any(_on(each, at) for each in tenants)}


@settings(max_examples=80, deadline=None)
@given(towns(), requests, st.integers(0, 1))
def test_frozen_and_repeated_resolution_give_the_same(town, request, customer):
    scope, flags, kind, ticked = request
    one, two = (
        resolve_entry(entry_of(scope, flags, kind, ticked), customer_ids=[CUSTOMERS[customer]], relations=relations_of(town))
        for _ in range(2)
    )
    assert one == two


@pytest.mark.parametrize("scope", SCOPES)
def test_a_stranger_gets_nothing_whatever_is_asked(scope):
    town = {"accounts": [(0, None), (0, 0), (0, None), (0, None)], "contracts": [(0, 0, None)], "points": [[(0, 0, None)]],
            "meters": [[(0, 0, None)]]}  # fmt: skip
    for kind in KINDS:
        found = resolve_entry(entry_of(scope, set(FLAGS), kind, {0}), customer_ids=[CUSTOMERS[1]], relations=relations_of(town))
        assert all(not getattr(part, name).objects for part in (found.visible, found.reach, found.bill_reach) for name in SETS.values())
