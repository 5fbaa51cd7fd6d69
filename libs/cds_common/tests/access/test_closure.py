"""What an entry opens, by the vectors of the specification: objects by the resolver, bills and usage by the documented rules."""

from typing import Any

import pytest

from cds_common.access import flags as f
from cds_common.access.closure import KINDS, Basis, close, sets_with
from cds_common.access.entitlements import resolve_entry
from cds_common.events.clients import DirectPermission
from cds_common.events.grants import GrantEntry, Selection
from cds_common.events.resources import EntitlementEntry

from .conftest import FIXTURE, K1, VECTORS, names, uid

_KIND = {
    "account_selection": "account", "service_contract_selection": "service_contract", "servicepoint_selection": "service_point",
    "meter_device_selection": "meter_device", "aggregation_selection": "aggregation",
}  # fmt: skip


def entry(scope_type: str, details: dict[str, Any], selection: Selection | None = None, permission=None) -> GrantEntry:
    return GrantEntry(
        entry_no=0, scope=scope_type, scope_type=scope_type, details=details, selection=selection, permission=permission, enabled=True
    )


def _ids(group, all_names):
    return set(all_names) if group.all else {name for each in group.objects for name in names([each.id])}


def shown_bills(found: EntitlementEntry, kind: str) -> list[str]:
    """The rule of billing, over the fixture."""
    accounts = {n for each in found.bill_reach.accounts.objects for n in names([each.id])}
    contracts = {n for each in found.bill_reach.service_contracts.objects for n in names([each.id])}
    if kind == "bill_statements":
        open_ = "include_bill_statements" in found.flags
        return sorted(s["cds_billstatement_id"] for s in FIXTURE[kind] if open_ and s["cds_account_id"] in accounts)
    open_ = "include_bill_sections" in found.flags
    return sorted(
        s["cds_billsection_id"]
        for s in FIXTURE[kind]
        if open_ and s["cds_account_id"] in accounts and (found.sections_by_account or contracts & set(s["related_servicecontracts"]))
    )


def shown_usage(found: EntitlementEntry) -> list[str]:
    """The rule of usage, over the fixture (windows aside)."""
    anchors = {n for group in ("accounts", "service_contracts", "service_points", "meter_devices", "aggregations")
               for each in getattr(found.reach, group).objects for n in names([each.id])}  # fmt: skip
    if "include_usage_segments" not in found.flags:
        return []
    related = ("related_accounts", "related_servicecontracts", "related_servicepoints", "related_meterdevices", "related_aggregations")
    return sorted(u["cds_usagesegment_id"] for u in FIXTURE["usage_segments"] if any(anchors & set(u[name]) for name in related))


@pytest.mark.req("WG3B-104", "WG3B-107", "WG3B-108", "WG3B-120", "WG3B-121", "WG3B-132", "WG3B-141", "WG3B-142", "WG3B-149",
                 "WG3B-158", "WG3B-165", "WG3B-170")  # fmt: skip
@pytest.mark.parametrize("vector", VECTORS["inclusion"], ids=lambda v: f"{v['scope']}-{'-'.join(v['ticked'])}-{len(v['fields'])}")
def test_inclusion(k1, vector):
    ticked = Selection(kind=_KIND[vector["selection"]], ids=[uid(each) for each in vector["ticked"]])
    found = resolve_entry(entry(vector["scope"], vector["fields"], ticked), customer_ids=[K1], relations=k1)
    for kind, expected in vector["visible"].items():
        if kind in {"bill_statements", "bill_sections"}:
            assert shown_bills(found, kind) == sorted(expected), kind
        elif kind == "usage_segments":
            assert shown_usage(found) == sorted(expected)
        else:
            assert names(each.id for each in getattr(found.visible, kind).objects) == sorted(expected), kind


_SCOPE_OF = {
    "Account": ("cds_query_accounts", "accounts"), "ServiceContract": ("cds_query_service_contracts", "service_contracts"),
    "ServicePoint": ("cds_query_service_points", "service_points"), "MeterDevice": ("cds_query_meter_devices", "meter_devices"),
    "Aggregation": ("cds_query_aggregations", "aggregations"),
}  # fmt: skip


@pytest.mark.req("WG3B-016", "WG3B-022", "WG3B-025", "WG3B-031", "WG3B-035", "WG3B-038", "WG3B-044", "WG3B-050", "WG3B-056",
                 "WG3B-062", "WG3B-068", "WG3B-072", "WG3B-079")  # fmt: skip
@pytest.mark.parametrize("vector", VECTORS["direct_access_filters"], ids=lambda v: next(iter(v["fields"])))
def test_direct_access_filters(k1, vector):
    scope, kind = _SCOPE_OF[vector["objects"]]
    found = resolve_entry(entry(scope, vector["fields"], permission=DirectPermission(everything=True)), customer_ids=[], relations=k1)
    shown = getattr(found.visible, kind)
    assert shown.all is False
    assert names(each.id for each in shown.objects) == sorted(vector["listed"])


def test_everything_is_a_predicate(k1):
    found = resolve_entry(
        entry("cds_query_accounts", {"account_numbers": None, "include_meter_devices": True}, permission=DirectPermission(everything=True)),
        customer_ids=[], relations=k1,
    )  # fmt: skip
    assert (found.visible.accounts.all, found.visible.meter_devices.all, found.visible.service_contracts.all) == (True, True, False)
    assert found.reach.accounts.all is False


@pytest.mark.parametrize("scope", ["cds_query_accounts", "cds_query_usage", "cds_usage", "cds_bill_statements"])
def test_without_a_recorded_permission_or_selection_nothing_opens(k1, scope):
    found = resolve_entry(entry(scope, {}), customer_ids=[K1], relations=k1)
    assert found.visible == found.reach == found.bill_reach == type(found.visible)()


def test_the_consent_to_be_counted_opens_nothing(k1):
    ticked = Selection(kind="aggregation", ids=[uid("G1")])
    found = resolve_entry(entry("cds_aggregation_consent", {"aggregation_numbers": ["B1111"]}, ticked), customer_ids=[K1], relations=k1)
    assert (found.flags, found.visible, found.reach) == ([], type(found.visible)(), type(found.visible)())


def test_an_included_account_opens_no_usage_of_unticked_contracts(k1):
    flags = {"include_accounts": True, "include_service_contracts": True, "include_service_points": True, "include_bill_sections": True}
    ticked = Selection(kind="service_contract", ids=[uid("C1")])
    found = resolve_entry(entry("cds_usage", flags, ticked), customer_ids=[K1], relations=k1)
    assert names(each.id for each in found.visible.accounts.objects) == ["A1", "AP"]
    assert names(each.id for each in found.visible.service_contracts.objects) == ["C1"]
    assert shown_usage(found) == ["U1"]
    assert shown_bills(found, "bill_sections") == ["B1"]
    assert shown_bills(found, "bill_statements") == []


@pytest.mark.parametrize(("flags", "statements"), [({}, []), ({"include_accounts": True}, ["S1", "S2"])])
def test_bills_beside_usage_need_access_to_the_account(k1, flags, statements):
    ticked = Selection(kind="service_contract", ids=[uid("C1")])
    found = resolve_entry(entry("cds_usage", {"include_bill_statements": True, **flags}, ticked), customer_ids=[K1], relations=k1)
    assert shown_bills(found, "bill_statements") == statements


def test_a_parent_is_shown_but_its_bills_stay_closed(k1):
    ticked = Selection(kind="account", ids=[uid("A1")])
    found = resolve_entry(entry("cds_bill_statements", {}, ticked), customer_ids=[K1], relations=k1)
    assert names(each.id for each in found.visible.accounts.objects) == ["A1", "AP"]
    assert names(each.id for each in found.bill_reach.accounts.objects) == ["A1"]


def test_include_future_takes_new_contracts_and_leaves_refused_ones(k1):
    ticked = Selection(kind="service_contract", ids=[uid("C1")], include_future=True, except_ids=[uid("C2"), uid("C3")])
    found = resolve_entry(entry("cds_usage", {}, ticked), customer_ids=[K1], relations=k1)
    assert names(each.id for each in found.reach.service_contracts.objects) == ["C1", "C4"]


def test_an_aggregation_asked_by_number_opens_its_sum_alone(k1):
    permission = DirectPermission(account_refs=["A1"], aggregation_numbers=["B1111"])
    details = {"aggregation_numbers": ["B1111"], "include_aggregations": True, "include_meter_devices": True, "include_bill_sections": True}
    found = resolve_entry(entry("cds_query_usage", details, permission=permission), customer_ids=[], relations=k1)
    assert shown_usage(found) == ["U4"]
    assert names(each.id for each in found.visible.aggregations.objects) == ["G1"]
    assert found.visible.meter_devices.objects == []
    assert shown_bills(found, "bill_sections") == []


def test_a_permission_for_one_account_opens_its_own_usage_only(k1):
    permission = DirectPermission(account_refs=["A1"], all_aggregations=True)
    found = resolve_entry(entry("cds_query_usage", {}, permission=permission), customer_ids=[], relations=k1)
    assert shown_usage(found) == ["U1", "U2"]
    other = resolve_entry(entry("cds_query_usage", {"meter_numbers": ["MTR-3"]}, permission=permission), customer_ids=[], relations=k1)
    assert shown_usage(other) == []


@pytest.mark.req("WG3A-152", "WG3A-165")
def test_only_the_granted_programs_are_shown(k1):
    for scope, kind, field in (
        ("cds_account_programs", "account", "account_programs"),
        ("cds_service_programs", "service_contract", "service_programs"),
    ):
        found = resolve_entry(
            entry(scope, {field: ["DR-1"]}, Selection(kind=kind, ids=[uid("A1"), uid("C1")])), customer_ids=[K1], relations=k1
        )
        assert getattr(found, f"shown_{field}") == ["DR-1"]
    ticked = Selection(kind="account", ids=[uid("A1")])
    assert resolve_entry(entry("cds_accounts", {}, ticked), customer_ids=[K1], relations=k1).shown_account_programs is None


@pytest.mark.req("WG3B-171")
def test_false_takes_usage_away_even_where_the_scope_implies_it(k1):
    ticked = Selection(kind="service_contract", ids=[uid("C1")])
    found = resolve_entry(entry("cds_usage", {"include_usage_segments": False}, ticked), customer_ids=[K1], relations=k1)
    assert shown_usage(found) == []
    assert found.reach == type(found.reach)()


@pytest.mark.req("WG3B-179")
def test_certificates_are_named_by_included_accounts_and_contracts(k1):
    flags = {"include_eacs": True, "include_accounts": True, "include_service_contracts": True}
    ticked = Selection(kind="service_contract", ids=[uid("C1")])
    found = resolve_entry(entry("cds_usage", flags, ticked), customer_ids=[K1], relations=k1)
    assert (found.customer_numbers, found.rateplan_codes, found.program_numbers) == (["CUST-1"], ["RES-1"], ["DR-1", "LOWINC"])
    closed = resolve_entry(entry("cds_usage", flags | {"include_eacs": False}, ticked), customer_ids=[K1], relations=k1)
    assert (closed.customer_numbers, closed.rateplan_codes, closed.program_numbers) == ([], [], [])


@pytest.mark.req("WG3B-119")
@pytest.mark.parametrize("scope", ["cds_usage", "cds_meters"])
@pytest.mark.parametrize(("kind", "ref"), [("service_point", "P1"), ("meter_device", "M1")])
def test_contracts_that_included_objects_refer_to_come_with_the_field(k1, scope, kind, ref):
    def contracts(**details):
        found = resolve_entry(entry(scope, details, Selection(kind=kind, ids=[uid(ref)])), customer_ids=[K1], relations=k1)
        return names(each.id for each in found.visible.service_contracts.objects)

    assert contracts(include_service_contracts=True, include_service_points=True) == ["C1"]
    assert contracts() == []
    if scope == "cds_usage":
        assert contracts(include_service_contracts=True) == ["C1"]


def _closed(k1, flags: set[str], *, seeds: dict[str, str] | None = None, by_bills: dict[str, str] | None = None) -> dict[str, set[str]]:
    everything: Any = {kind: k1.ids(kind) for kind in KINDS}
    given: Any = [{kind: frozenset({uid(name)}) for kind, name in (some or {}).items()} for some in (seeds, by_bills)]
    found = close(k1, Basis(sets_with(given[0]), everything, by_bills=sets_with(given[1])), frozenset(flags))
    return {kind: set(names(ids)) for kind, ids in found.items() if ids}


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({f.SECTIONS, f.ACCOUNTS}, {"account": {"A1", "AP"}}),
        ({f.SECTIONS, f.CONTRACTS}, {"service_contract": {"C1"}}),
        ({f.SECTIONS, f.POINTS}, {"service_point": {"P1"}}),
        ({f.SECTIONS, f.METERS}, {"meter_device": {"M1"}}),
        ({f.STATEMENTS, f.ACCOUNTS}, {"account": {"A1", "AP"}}),
        ({f.STATEMENTS, f.CONTRACTS}, {}),
        ({f.STATEMENTS, f.POINTS}, {}),
        ({f.STATEMENTS, f.METERS}, {}),
        ({f.ACCOUNTS, f.CONTRACTS, f.POINTS, f.METERS}, {}),
    ],
)
def test_bill_statements_refer_to_accounts_and_bill_sections_to_all_they_are_about(k1, flags, expected):
    referred = {"account": "A1", "service_contract": "C1", "service_point": "P1", "meter_device": "M1"}
    assert _closed(k1, flags, by_bills=referred) == expected


@pytest.mark.parametrize(
    ("kind", "flag", "one", "groups"),
    [
        ("meter_device", f.METERS, "M1", {"G1", "G2"}),
        ("meter_device", f.METERS, "M3", {"G2"}),
        ("meter_device", f.METERS, "M2", set()),
        ("service_contract", f.CONTRACTS, "C1", {"G1", "G2"}),
        ("service_contract", f.CONTRACTS, "C2", set()),
        ("account", f.ACCOUNTS, "A2", {"G2"}),
    ],
)
def test_included_objects_bring_the_aggregations_that_group_them_and_no_others(k1, kind, flag, one, groups):
    assert _closed(k1, {flag, f.AGGREGATIONS}, seeds={kind: one}).get("aggregation", set()) == groups
