"""Every scope and field of CDS-WG3-01 §6, §7 as the listings of this service show it: real Grants over real relations."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from cds_common.access.catalogue import FIELDS, SCOPE_TYPES
from cds_common.events.clients import DirectPermission
from cds_common.events.grants import GrantPublishedV1
from cds_common.events.utility import Contact, Entity, MeterApp, Premise
from services.accounts.tests.builders import (
    DAY,
    T0,
    a_contract,
    a_grant,
    a_meter,
    a_point,
    a_program,
    an_account,
    an_entry,
    placed,
    rid,
    ticked,
)
from services.accounts.tests.conftest import World

LISTINGS = {
    "accounts": ("account", "cds_account_id", "include_accounts"),
    "service-contracts": ("service_contract", "cds_servicecontract_id", "include_service_contracts"),
    "service-points": ("service_point", "cds_servicepoint_id", "include_service_points"),
    "meter-devices": ("meter_device", "cds_meterdevice_id", "include_meter_devices"),
}
ALWAYS = {
    "accounts": {"cds_account_id", "cds_account_parent"},
    "service-contracts": {"cds_servicecontract_id", "cds_account_id", "contract_types", "contract_status", "service_types"},
    "service-points": {
        "cds_servicepoint_id", "servicepoint_number", "servicepoint_types", "current_servicecontracts", "previous_servicecontracts",
    },
    "meter-devices": {"cds_meterdevice_id", "meter_types", "current_servicepoints", "previous_servicepoints"},
}  # fmt: skip
STAMPS = {"cds_created", "cds_modified", "cds_synced"}
OPENS: dict[str, tuple[str, set[str]]] = {
    "include_account_numbers": ("accounts", {"customer_number", "account_number", "account_entity"}),
    "include_account_details": ("accounts", {"account_name", "account_address", "account_types", "account_status", "account_contacts"}),
    "include_account_programs": ("accounts", {"account_programs"}),
    "include_contract_numbers": ("service-contracts", {"contract_number", "contract_entity"}),
    "include_rate_plans": ("service-contracts", {"rateplan_code", "rateplan_name"}),
    "include_service_contract_details": ("service-contracts", {"contract_address", "contract_start", "contract_end"}),
    "include_service_programs": ("service-contracts", {"service_programs"}),
    "include_premises": ("service-points", {"premises"}),
    "include_service_point_addresses": ("service-points", {"servicepoint_address"}),
    "include_coordinates": ("service-points", {"latitude", "longitude"}),
    "include_meter_numbers": ("meter-devices", {"meter_number"}),
    "include_meter_apps": ("meter-devices", {"meter_apps"}),
}
"""Field -> listing, members that it adds there (§7.2.1.1 to §7.2.4.2). include_account_numbers also numbers contracts."""
ENTITY = Entity(types=["distributor"], entity_number="HLP", entity_name="Harbor Light & Power")
FILLED = {"include_" + name for name in ("accounts", "service_contracts", "service_points", "meter_devices")}


def a_full_home(name: str, customer: str = "anna") -> list[Any]:
    """An account, contract, point and meter with a value in every member; A<name>, C<name>, P<name>, M<name>."""
    return [
        an_account(
            f"A{name}", customer, customer_number=f"CN-{name}", account_entity=ENTITY, account_name="Anna Moss",
            account_address="14 Pier Rd", account_status="active", account_contacts=[Contact(types=["email"], value="anna@mail.example")],
            account_programs=[a_program("BB-1", "active"), a_program("LI-2", "active")],
        ),
        a_contract(
            f"C{name}", f"A{name}", contract_entity=ENTITY, contract_address="14 Pier Rd", contract_end=date(2031, 1, 1),
            service_programs=[a_program("PS-4", "active"), a_program("EV-7", "active")],
        ),
        a_point(
            f"P{name}", f"C{name}", servicepoint_address="14 Pier Rd", latitude=Decimal("48.1"), longitude=Decimal("-122.8"),
            premises=[Premise(premise_number=f"PR-{name}", types=["building"])],
        ),
        a_meter(f"M{name}", placed(f"P{name}"), meter_apps=[MeterApp(app_number="APP-1", types=["installed"], name="Load", start=T0)]),
    ]  # fmt: skip


@pytest.fixture
async def utility(world: World) -> World:
    """Anna has two homes, Bert has one."""
    await world.tell(*a_full_home("1"), *a_full_home("2"), *a_full_home("9", "bert"))
    return world


async def shown(world: World, grant: GrantPublishedV1) -> dict[str, list[dict[str, Any]]]:
    await world.tell()
    return {path: await world.listed(path, grant) for path in LISTINGS}


async def refs(world: World, grant: GrantPublishedV1, *known: str) -> dict[str, set[str]]:
    """Per listing the refs of the objects that are there, out of homes 1, 2, 9 and `known` refs."""
    found: dict[str, set[str]] = {}
    await world.tell()
    for path, (kind, key, _) in LISTINGS.items():
        names = {str(rid(kind, ref)): ref for ref in (*(f"{kind_letter(kind)}{n}" for n in "129"), *known)}
        found[path] = {names[each[key]] for each in await world.listed(path, grant)}
    return found


def kind_letter(kind: str) -> str:
    return {"account": "A", "service_contract": "C", "service_point": "P", "meter_device": "M"}[kind]


def a_consent(scope_type: str, kind: str, *picked: str, **details: Any) -> GrantPublishedV1:
    named = {"cds_account_programs": {"account_programs": ["BB-1", "LI-2"]}, "cds_service_programs": {"service_programs": ["PS-4", "EV-7"]}}
    return a_grant(
        an_entry(ticked(kind, *(rid(kind, ref) for ref in picked)), scope_type=scope_type, **named.get(scope_type, {}) | details)
    )


def direct_to(scope_type: str, permission: DirectPermission | None = None, **details: Any) -> GrantPublishedV1:
    return a_grant(an_entry(scope_type=scope_type, permission=permission or DirectPermission(everything=True), **details), customers=())


def members(implied: Iterable[str]) -> dict[str, set[str]]:
    """What each listing shows under these fields: nothing where the objects are not included, else the members."""
    flags = set(implied)
    if {"include_service_contracts", "include_meter_devices"} <= flags:
        flags.add("include_service_points")
    found: dict[str, set[str]] = {}
    for path, (_, _, flag) in LISTINGS.items():
        more = {name for field, (there, names) in OPENS.items() if field in flags and there == path for name in names}
        numbered = {"account_number"} if path == "service-contracts" and "include_account_numbers" in flags else set[str]()
        found[path] = ALWAYS[path] | more | numbered if flag in flags else set()
    return found


_SCOPES: list[tuple[str, str, str]] = [
    ("cds_rate_plan", "service_contract", "WG3A-137"), ("cds_account_programs", "account", "WG3A-146"),
    ("cds_service_programs", "service_contract", "WG3A-159"), ("cds_accounts", "account", "WG3A-172"),
    ("cds_service_contracts", "service_contract", "WG3A-181"), ("cds_meters", "meter_device", "WG3A-191"),
    ("cds_query_accounts", "", "WG3A-252"), ("cds_query_service_contracts", "", "WG3A-255"),
    ("cds_query_service_points", "", "WG3A-258"), ("cds_query_meter_devices", "", "WG3A-261"),
]  # fmt: skip
IMPLIED = {
    "cds_rate_plan": {"include_service_contracts", "include_rate_plans"},
    "cds_account_programs": {"include_accounts", "include_account_programs"},
    "cds_service_programs": {"include_service_contracts", "include_service_programs"},
    "cds_accounts": {"include_accounts"},
    "cds_service_contracts": {"include_accounts", "include_service_contracts"},
    "cds_meters": {"include_meter_devices"},
    "cds_query_accounts": {"include_accounts"},
    "cds_query_service_contracts": {"include_accounts", "include_service_contracts"},
    "cds_query_service_points": {"include_service_points"},
    "cds_query_meter_devices": {"include_meter_devices"},
}


def of_scope(scope_type: str, kind: str, **details: Any) -> GrantPublishedV1:
    return a_consent(scope_type, kind, f"{kind_letter(kind)}1", **details) if kind else direct_to(scope_type, **details)


class TestDefaultAccess:
    @pytest.mark.req(*(row for _, _, row in _SCOPES))
    async def test_a_scope_shows_what_it_implies_and_no_more_also_where_it_is_told_false(self, utility: World) -> None:
        includes = [field.id for field in FIELDS.values() if field.kind == "include" and field.id != "include_usage_segment_value_types"]
        for scope_type, kind, _ in _SCOPES:
            expected = members(IMPLIED[scope_type])
            for details in ({}, dict.fromkeys(includes, False)):
                grant = of_scope(scope_type, kind, **details).model_copy(update={"grant_id": f"{scope_type}-{len(details)}"})
                await utility.tell(grant)
                for path, objects in (await shown(utility, grant)).items():
                    assert bool(objects) is bool(expected[path]), (scope_type, path)
                    assert all(set(each) - STAMPS == expected[path] for each in objects), (scope_type, path)


_FIELD_ROWS = ("WG3A-139", "WG3A-150", "WG3A-163", "WG3A-174", "WG3A-184", "WG3A-197")


class TestSingleFields:
    @pytest.mark.req(*_FIELD_ROWS)
    async def test_included_fields_add_exactly_their_members(self, utility: World) -> None:
        """Each field is true in one of two Grants and false in the other, beside a different half of the others."""
        for scope_type, kind, _ in _SCOPES:
            offered = [each for each in SCOPE_TYPES[scope_type].offered_by_default if each in OPENS or each in FILLED]
            for half in (0, 1):
                chosen = {field: number % 2 == half for number, field in enumerate(offered)}
                grant = of_scope(scope_type, kind, **chosen).model_copy(update={"grant_id": f"{scope_type}-{half}"})
                await utility.tell(grant)
                expected = members(IMPLIED[scope_type] | {field for field, on in chosen.items() if on})
                for path, objects in (await shown(utility, grant)).items():
                    assert bool(objects) is bool(expected[path]), (scope_type, path)
                    assert all(set(each) - STAMPS == expected[path] for each in objects), (scope_type, path)


PICKS = [
    ("cds_rate_plan", "service_contract", "C2", "service-contracts", {"C2"}),
    ("cds_account_programs", "account", "A2", "accounts", {"A2"}),
    ("cds_service_programs", "service_contract", "C1", "service-contracts", {"C1"}),
    ("cds_accounts", "account", "A1", "accounts", {"A1"}),
    ("cds_service_contracts", "service_contract", "C2", "service-contracts", {"C2"}),
    ("cds_service_contracts", "account", "A1", "service-contracts", {"C1", "C1b"}),
    ("cds_meters", "meter_device", "M2", "meter-devices", {"M2"}),
    ("cds_meters", "service_point", "P1", "meter-devices", {"M1"}),
    ("cds_meters", "service_contract", "C1", "meter-devices", {"M1"}),
    ("cds_meters", "account", "A1", "meter-devices", {"M1", "M1b"}),
]
"""Scope, kind of list, what was picked in it, and what the listing of the scope shows then."""


class TestSelections:
    @pytest.mark.req("WG3A-138", "WG3A-149", "WG3A-162", "WG3A-173", "WG3A-182", "WG3A-183", "WG3A-193", "WG3A-194", "WG3A-196")
    async def test_exactly_what_was_picked_is_shown(self, utility: World) -> None:
        await utility.tell(a_contract("C1b", "A1"), a_point("P1b", "C1b"), a_meter("M1b", placed("P1b")))
        # An exchanged meter is at none of its points any more.
        await utility.tell(a_meter("Mold", placed("P1", T0 - 900 * DAY, T0 - 300 * DAY)))
        for number, (scope_type, kind, picked, path, expected) in enumerate(PICKS):
            grant = a_consent(scope_type, kind, picked).model_copy(update={"grant_id": f"pick-{number}"})
            await utility.tell(grant)
            found = await refs(utility, grant, "C1b", "M1b", "Mold", "P1b")
            assert found[path] == expected, (scope_type, kind)

    @pytest.mark.req("WG3A-124", "WG3B-199")
    async def test_a_picked_contract_follows_its_meters_while_the_grant_is_kept_up_to_date(self, utility: World) -> None:
        grant = a_consent("cds_meters", "service_contract", "C1", sync_until="infinite", include_meter_numbers=True)
        await utility.tell(grant)
        assert [each["meter_number"] for each in await utility.listed("meter-devices", grant)] == ["No-M1"]
        swapped = datetime(2026, 2, 1, tzinfo=UTC)
        await utility.tell(
            a_meter("M1", placed("P1", T0 - 300 * DAY, swapped), source_time=T0 + 40 * DAY),
            a_meter("M1new", placed("P1", swapped), source_time=T0 + 40 * DAY), a_meter("Mother", placed("P2")),
        )  # fmt: skip
        assert [each["meter_number"] for each in await utility.listed("meter-devices", grant)] == ["No-M1new"]
        await utility.tell(a_meter("M1new", placed("P1", swapped), meter_number="No-changed", source_time=T0 + 41 * DAY))
        assert [each["meter_number"] for each in await utility.listed("meter-devices", grant)] == ["No-changed"]


class TestPrograms:
    @pytest.mark.req("WG3A-150", "WG3A-163")
    @pytest.mark.parametrize(
        ("scope_type", "kind", "path", "field", "asked"),
        [
            ("cds_account_programs", "account", "accounts", "account_programs", "LI-2"),
            ("cds_service_programs", "service_contract", "service-contracts", "service_programs", "EV-7"),
        ],
    )
    async def test_only_the_programs_that_were_asked_for_are_shown_and_found(
        self, utility: World, *, scope_type: str, kind: str, path: str, field: str, asked: str
    ) -> None:
        limited = a_consent(scope_type, kind, f"{kind_letter(kind)}1", **{field: [asked]})
        await utility.tell(limited)
        (one,) = await utility.listed(path, limited)
        assert [each["program_number"] for each in one[field]] == [asked]
        other = {"LI-2": "BB-1", "EV-7": "PS-4"}[asked]
        assert await utility.listed(f"{path}?q={other}", limited) == []

    async def test_beside_a_scope_that_shows_all_programs_all_are_shown(self, utility: World) -> None:
        everything = an_entry(ticked("account", rid("account", "A1")), scope_type="cds_accounts", entry_no=1, include_account_programs=True)
        some = an_entry(ticked("account", rid("account", "A1")), scope_type="cds_account_programs", account_programs=["LI-2"])
        grant = a_grant(some, everything)
        await utility.tell(grant)
        (one,) = await utility.listed("accounts", grant)
        assert {each["program_number"] for each in one["account_programs"]} == {"BB-1", "LI-2"}


class TestDirectAccess:
    @pytest.mark.req("WG3A-247")
    async def test_a_named_account_bounds_every_listing_and_several_fields_intersect(self, utility: World) -> None:
        included = dict.fromkeys(FILLED, True)
        one = direct_to("cds_query_accounts", account_numbers=["No-A1"], **included)
        none = direct_to("cds_query_accounts", account_numbers=["No-A1"], contract_numbers=["No-C2"], **included)
        none = none.model_copy(update={"grant_id": "grant-none"})
        await utility.tell(one, none)
        assert await refs(utility, one) == {
            "accounts": {"A1"}, "service-contracts": {"C1"}, "service-points": {"P1"}, "meter-devices": {"M1"},
        }  # fmt: skip
        assert await refs(utility, none) == {path: set() for path in LISTINGS}

    @pytest.mark.req("WG3A-003")
    async def test_the_same_request_shows_each_client_what_it_may_see(self, utility: World) -> None:
        grants = [
            direct_to("cds_query_accounts", DirectPermission(account_refs=[ref])).model_copy(update={"grant_id": ref})
            for ref in ("A1", "A9")
        ]
        await utility.tell(*grants)
        assert [(await refs(utility, each))["accounts"] for each in grants] == [{"A1"}, {"A9"}]

    @pytest.mark.req("WG3B-101", "WG3B-011")
    async def test_what_is_withheld_from_a_client_stays_so_whatever_it_asks(self, utility: World) -> None:
        permission = DirectPermission(
            account_refs=["A1"], withheld_fields=["include_service_contracts", "include_account_details", "contract_numbers"]
        )
        asked = {"include_account_details": True, "include_account_numbers": True, "include_service_contracts": True}
        grant = direct_to("cds_query_accounts", permission, **asked)
        named = direct_to("cds_query_accounts", permission, contract_numbers=["No-C1"]).model_copy(update={"grant_id": "grant-named"})
        implied = direct_to("cds_query_service_contracts", permission).model_copy(update={"grant_id": "grant-implied"})
        await utility.tell(grant, named, implied)
        found = await shown(utility, grant)
        assert found["service-contracts"] == []
        (account,) = found["accounts"]
        assert set(account) - STAMPS == ALWAYS["accounts"] | OPENS["include_account_numbers"][1]
        assert await refs(utility, named) == {path: set() for path in LISTINGS}
        assert (await refs(utility, implied))["service-contracts"] == set()


class TestSeveralIdsOfOneType:
    async def test_two_scopes_of_one_type_keep_their_own_fields_and_ticks(self, utility: World) -> None:
        picked = [ticked("service_contract", rid("service_contract", ref)) for ref in ("C1", "C2")]
        first = an_entry(picked[0], scope_type="cds_service_contracts", include_rate_plans=True)
        second = an_entry(picked[1], scope_type="cds_service_contracts", entry_no=1, include_contract_numbers=True)
        grant = a_grant(first, second.model_copy(update={"scope": "cds_service_contracts_2"}))
        await utility.tell(grant)
        found = {each["cds_servicecontract_id"]: set(each) for each in await utility.listed("service-contracts", grant)}
        one, two = (found[str(rid("service_contract", ref))] for ref in ("C1", "C2"))
        assert ("rateplan_code" in one, "contract_number" in one) == (True, False)
        assert ("rateplan_code" in two, "contract_number" in two) == (False, True)
