"""Time in visibility: tenants who follow each other, exchanged meters, moves, freezing."""

from datetime import UTC, datetime

import pytest

from cds_common.access.entitlements import freeze_at, resolve_entry
from cds_common.access.relations import Relations, Window, merge_windows
from cds_common.events.clients import DirectPermission
from cds_common.events.grants import Selection
from cds_common.events.resources import Tenure

from .conftest import names, resource, uid
from .test_closure import entry

MOVE = datetime(2026, 3, 15, 7, tzinfo=UTC)
SWAP = datetime(2026, 5, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
OLD, NEW = uid("old tenant"), uid("new tenant")

BOTH = {"customer_ids": [OLD, NEW]}


def of(customer, each):
    return each.model_copy(update={"customer_ids": [customer]})


def canal_street(at: datetime = NOW) -> Relations:
    """One point: C1 of the old tenant until MOVE, C2 of the new one from then; meter M1 until SWAP, M2 from then."""
    return Relations.of(
        [
            of(OLD, resource("account", "A1", number="1")),
            of(NEW, resource("account", "A2", number="2")),
            of(OLD, resource("service_contract", "C1", account_ids=[uid("A1")], contracts=[Tenure(id=uid("C1"), end=MOVE)])),
            of(NEW, resource("service_contract", "C2", account_ids=[uid("A2")], contracts=[Tenure(id=uid("C2"), start=MOVE)])),
            resource(
                "service_point", "P1", current_contract_ids=[uid("C2")],
                contracts=[Tenure(id=uid("C1"), end=MOVE), Tenure(id=uid("C2"), start=MOVE)],
            ).model_copy(update=BOTH),
            resource("meter_device", "M1", service_points=[Tenure(id=uid("P1"), end=SWAP)]).model_copy(update=BOTH),
            resource("meter_device", "M2", service_points=[Tenure(id=uid("P1"), start=SWAP)]).model_copy(update=BOTH),
        ],
        at=at,
    )  # fmt: skip


def windows(group):
    return [(*names([each.id]), each.start, each.end) for each in group.objects]


def resolved(customer, kind, ticked, scope="cds_usage", at=NOW, **flags):
    selection = Selection(kind=kind, ids=[uid(each) for each in ticked])
    return resolve_entry(entry(scope, flags, selection), customer_ids=[customer], relations=canal_street(at))


@pytest.mark.parametrize(
    ("customer", "kind", "ticked", "group", "expected"),
    [
        (OLD, "service_contract", ["C1"], "service_contracts", [("C1", None, MOVE)]),
        (NEW, "service_contract", ["C2"], "service_contracts", [("C2", MOVE, None)]),
        (OLD, "service_point", ["P1"], "service_points", [("P1", None, MOVE)]),
        (NEW, "service_point", ["P1"], "service_points", [("P1", MOVE, None)]),
        (OLD, "meter_device", ["M1"], "meter_devices", [("M1", None, MOVE)]),
        (NEW, "meter_device", ["M1"], "meter_devices", [("M1", MOVE, SWAP)]),
        (NEW, "meter_device", ["M2"], "meter_devices", [("M2", SWAP, None)]),
        (OLD, "meter_device", ["M2"], "meter_devices", []),
        (OLD, "service_contract", ["C2"], "service_contracts", []),
        (NEW, "service_contract", ["C1"], "service_contracts", []),
        (NEW, "account", ["A1"], "accounts", []),
    ],
)
@pytest.mark.req("WG3B-104")
def test_usage_never_crosses_the_move(customer, kind, ticked, group, expected):
    assert windows(getattr(resolved(customer, kind, ticked).reach, group)) == expected


def test_the_points_former_contract_is_not_shown_to_the_new_tenant():
    flags = {"include_service_contracts": True, "include_service_points": True, "include_accounts": True, "include_meter_devices": True}
    found = resolved(NEW, "service_point", ["P1"], **flags)
    assert names(each.id for each in found.visible.service_contracts.objects) == ["C2"]
    assert names(each.id for each in found.visible.accounts.objects) == ["A2"]
    moved_out = resolved(OLD, "service_point", ["P1"], **flags)
    assert names(each.id for each in moved_out.visible.service_contracts.objects) == ["C1"]
    assert names(each.id for each in moved_out.visible.accounts.objects) == ["A1"]


@pytest.mark.req("WG3A-195")
def test_a_swap_changes_the_meters_of_a_ticked_contract():
    before = resolved(NEW, "service_contract", ["C2"], scope="cds_meters", at=datetime(2026, 4, 1, tzinfo=UTC))
    after = resolved(NEW, "service_contract", ["C2"], scope="cds_meters")
    assert names(each.id for each in before.visible.meter_devices.objects) == ["M1"]
    assert names(each.id for each in after.visible.meter_devices.objects) == ["M2"]


def test_usage_refers_to_the_meters_of_the_granted_range_only():
    flags = {"include_meter_devices": True, "segment_end": "infinite"}
    whole = resolved(NEW, "service_contract", ["C2"], **flags, segment_start="2026-03-15T07:00:00Z")
    late = resolved(NEW, "service_contract", ["C2"], **flags, segment_start="2026-05-02T00:00:00Z")
    assert names(each.id for each in whole.visible.meter_devices.objects) == ["M1", "M2"]
    assert names(each.id for each in late.visible.meter_devices.objects) == ["M2"]


@pytest.mark.req("WG3B-192")
def test_a_frozen_grant_keeps_the_meter_of_its_day():
    frozen = entry("cds_meters", {"sync_until": "2026-04-01T00:00:00Z"}, Selection(kind="service_contract", ids=[uid("C2")]))
    at = freeze_at(frozen, NOW)
    assert at == datetime(2026, 4, 1, tzinfo=UTC)
    found = resolve_entry(frozen, customer_ids=[NEW], relations=canal_street(at))
    assert names(each.id for each in found.visible.meter_devices.objects) == ["M1"]
    assert freeze_at(entry("cds_meters", {"sync_until": "infinite"}), NOW) == NOW


def test_a_contract_that_begins_tomorrow_opens_nothing_at_the_point_today():
    found = resolved(NEW, "service_point", ["P1"], at=datetime(2026, 3, 1, tzinfo=UTC))
    assert found.reach.service_points.objects == []


def test_a_past_relation_without_an_end_proves_nothing():
    unclear = Relations.of(
        [
            of(OLD, resource("account", "A1")),
            of(OLD, resource("service_contract", "C1", account_ids=[uid("A1")])),
            resource("service_point", "P1", contracts=[Tenure(id=uid("C1"))], current_contract_ids=[]),
        ],
        at=NOW,
    )
    found = resolve_entry(
        entry("cds_usage", {"include_service_points": True}, Selection(kind="service_point", ids=[uid("P1")])),
        customer_ids=[OLD], relations=unclear,
    )  # fmt: skip
    assert found.reach.service_points.objects == found.visible.service_points.objects == []


def test_a_points_tenure_never_outlasts_the_contract():
    """The source may name a contract as current without dates; its own start and end bound it all the same."""
    begins, ends = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
    relations = Relations.of(
        [
            of(OLD, resource("account", "A1")),
            of(OLD, resource("service_contract", "C1", account_ids=[uid("A1")], contracts=[Tenure(id=uid("C1"), start=begins, end=ends)])),
            resource("service_point", "P1", contracts=[Tenure(id=uid("C1"))], current_contract_ids=[uid("C1")]),
            resource("meter_device", "M1", service_points=[Tenure(id=uid("P1"))]),
        ],
        at=NOW,
    )
    for kind, ticked, group in (("service_point", "P1", "service_points"), ("meter_device", "M1", "meter_devices")):
        picked = Selection(kind=kind, ids=[uid(ticked)])
        found = resolve_entry(entry("cds_usage", {}, picked), customer_ids=[OLD], relations=relations)
        assert windows(getattr(found.reach, group)) == [(ticked, begins, ends)]


def test_direct_permission_is_bounded_in_time_as_well():
    permission = DirectPermission(account_refs=["A2"])
    found = resolve_entry(entry("cds_query_meter_devices", {}, permission=permission), customer_ids=[], relations=canal_street())
    assert windows(found.visible.meter_devices) == [("M1", MOVE, SWAP), ("M2", SWAP, None)] or sorted(
        windows(found.visible.meter_devices)
    ) == [("M1", MOVE, SWAP), ("M2", SWAP, None)]


def test_windows_merge():
    day = [datetime(2026, 1, each, tzinfo=UTC) for each in range(1, 10)]
    assert merge_windows([Window(day[3], day[4]), Window(None, day[1]), Window(day[1], day[2])]) == [
        Window(None, day[2]),
        Window(day[3], day[4]),
    ]
    assert merge_windows([Window(day[1], None), Window(day[2], day[3])]) == [Window(day[1], None)]
    assert merge_windows([]) == []
