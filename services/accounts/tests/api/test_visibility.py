"""Who sees what: consent, tenants, frozen Grants, several Grants of one token."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from cds_common.events.clients import DirectPermission
from cds_common.testing.statements import statements_of
from services.accounts.tests.builders import (
    DAY,
    T0,
    a_contract,
    a_grant,
    a_home,
    a_point,
    an_account,
    an_entry,
    rid,
    ticked,
)
from services.accounts.tests.conftest import World
from services.accounts.tests.grants import ALL_FLAGS

LIST = {
    "accounts": "cds_account_id",
    "service-contracts": "cds_servicecontract_id",
    "service-points": "cds_servicepoint_id",
    "meter-devices": "cds_meterdevice_id",
}


async def seen(world: World, *grants: Any) -> dict[str, set[str]]:
    return {path: {one[key] for one in await world.listed(path, *grants)} for path, key in LIST.items()}


def ids(*pairs: tuple[Any, str]) -> set[str]:
    return {str(rid(kind, ref)) for kind, ref in pairs}


ALL_INCLUDED = {"include_accounts": True, "include_service_contracts": True, "include_service_points": True, "include_meter_devices": True}


class TestConsent:
    @pytest.mark.req("WG3D-012", "WG3D-011")
    async def test_two_customers_share_no_id_whatever_they_filter(self, world: World) -> None:
        await world.tell(*a_home("1", "anna"), *a_home("2", "bert"))
        grants = {}
        for name, home in (("anna", "1"), ("bert", "2")):
            selected = ticked("service_contract", rid("service_contract", f"C{home}"))
            grants[name] = a_grant(
                an_entry(selected, scope_type="cds_usage", **ALL_INCLUDED), grant_id=name, client_id=f"client-{name}", customers=(name,)
            )
        await world.tell(*grants.values())
        anna, bert = await seen(world, grants["anna"]), await seen(world, grants["bert"])
        for path in LIST:
            assert len(anna[path]) == len(bert[path]) == 1
            assert anna[path].isdisjoint(bert[path])
        own = rid("account", "A2")
        known = await world.get(f"accounts?cds_account_ids={own}", grants["anna"])
        unknown = await world.get(f"accounts?cds_account_ids={rid('account', 'nobody')}", grants["anna"])
        assert known.content == unknown.content

    @pytest.mark.req("WG3D-081", "WG3D-091")
    async def test_relation_lists_are_cut_to_what_the_token_lists(self, world: World) -> None:
        await world.tell(*a_home())
        await world.tell(an_account("A2", "bert"), a_contract("C2", "A2"), a_point("P1", "C1", "C2", source_time=T0 + DAY))
        selected = ticked("service_contract", rid("service_contract", "C1"))
        grant = a_grant(an_entry(selected, scope_type="cds_usage", **ALL_INCLUDED))
        await world.tell(grant)
        (point,) = await world.listed("service-points", grant)
        assert point["current_servicecontracts"] == [str(rid("service_contract", "C1"))]
        for path, key in (("service-points", "current_servicecontracts"), ("meter-devices", "current_servicepoints")):
            target = {"current_servicecontracts": "service-contracts", "current_servicepoints": "service-points"}[key]
            listed = {one[LIST[target]] for one in await world.listed(target, grant)}
            for one in await world.listed(path, grant):
                assert set(one[key]) <= listed

    @pytest.mark.req("WG3B-121", "WG3B-142", "WG3B-122", "WG3B-133", "WG3B-143")
    async def test_contracts_and_meters_bring_the_points_between_them(self, world: World) -> None:
        await world.tell(*a_home())
        selected = ticked("service_contract", rid("service_contract", "C1"))
        details = {"include_meter_devices": True, "include_service_points": False}
        grant = a_grant(an_entry(selected, scope_type="cds_service_contracts", **details))
        await world.tell(grant)
        (contract,) = await world.listed("service-contracts", grant)
        (point,) = await world.listed("service-points", grant)
        (meter,) = await world.listed("meter-devices", grant)
        assert point["current_servicecontracts"] == [contract["cds_servicecontract_id"]]
        assert meter["current_servicepoints"] == [point["cds_servicepoint_id"]]
        stamps = {"cds_created", "cds_modified", "cds_synced"}
        assert set(contract) - stamps == {"cds_servicecontract_id", "cds_account_id", "contract_types", "contract_status", "service_types"}
        assert set(point) - stamps == {
            "cds_servicepoint_id", "servicepoint_number", "servicepoint_types", "current_servicecontracts", "previous_servicecontracts",
        }  # fmt: skip
        assert set(meter) - stamps == {"cds_meterdevice_id", "meter_types", "current_servicepoints", "previous_servicepoints"}

    @pytest.mark.req("WG3B-108", "WG3B-109")
    async def test_parents_of_the_same_customer_come_along_without_details(self, world: World) -> None:
        parents = (an_account("top"), an_account("middle", parent_account_ref="top"), an_account("A1", parent_account_ref="middle"))
        await world.tell(*parents, an_account("A2"))
        grant = a_grant(an_entry(ticked("account", rid("account", "A1")), scope_type="cds_accounts"))
        await world.tell(grant)
        found = await world.listed("accounts", grant)
        assert {one["cds_account_id"] for one in found} == ids(("account", "A1"), ("account", "middle"), ("account", "top"))
        assert all("account_number" not in one and "account_name" not in one for one in found)

    @pytest.mark.req("WG3B-102")
    async def test_a_flag_that_is_false_changes_nothing(self, world: World) -> None:
        await world.tell(*a_home())
        account = ticked("account", rid("account", "A1"))
        plain = a_grant(an_entry(account, scope_type="cds_service_contracts"), grant_id="plain")
        false = a_grant(an_entry(account, scope_type="cds_service_contracts", **dict.fromkeys(ALL_FLAGS, False)), grant_id="false")
        await world.tell(plain, false)
        for path in LIST:
            assert (await world.get(path, plain)).content == (await world.get(path, false)).content

    @pytest.mark.req("WG3B-104")
    async def test_a_former_tenant_is_not_named(self, world: World) -> None:
        await world.tell(
            an_account("A0", "bert"), a_contract("C0", "A0", contract_end=T0.date() - 30 * DAY, contract_status="closed"), *a_home(),
            a_point("P1", "C1", previous=("C0",), source_time=T0 + DAY),
        )  # fmt: skip
        selected = ticked("service_contract", rid("service_contract", "C1"))
        grant = a_grant(an_entry(selected, scope_type="cds_usage", **ALL_INCLUDED))
        await world.tell(grant)
        for path in LIST:
            answer = await world.get(path, grant)
            assert str(rid("service_contract", "C0")) not in answer.text
            assert str(rid("account", "A0")) not in answer.text

    @pytest.mark.req("WG3B-105")
    async def test_the_union_of_two_grants_with_the_union_of_their_masks(self, world: World) -> None:
        one, two = rid("account", "A1"), rid("account", "A2")
        numbers = a_grant(an_entry(ticked("account", one, two), scope_type="cds_accounts", include_account_numbers=True), grant_id="n")
        details = a_grant(an_entry(ticked("account", one), scope_type="cds_accounts", include_account_details=True), grant_id="d")
        await world.tell(an_account("A1", account_name="First"), an_account("A2", account_name="Second"), numbers, details)
        found = {account["cds_account_id"]: account for account in await world.listed("accounts", numbers, details)}
        assert (found[str(one)]["account_number"], found[str(one)]["account_name"]) == ("No-A1", "First")
        assert found[str(two)]["account_number"] == "No-A2"
        assert "account_name" not in found[str(two)]
        assert {one["cds_account_id"] for one in await world.listed("accounts?q=first", numbers, details)} == {str(one)}
        assert await world.listed("accounts?q=second", numbers, details) == []
        assert await world.listed("accounts?account_statuses=active&q=no-a2", numbers, details) == []


class TestEnvironments:
    async def test_everything_ends_at_the_environment(self, world: World) -> None:
        home = a_home()
        await world.tell(*home, *(event.model_copy(update={"environment": "production"}) for event in a_home("2")))
        permission = DirectPermission(everything=True)
        for environment, home_name in (("sandbox", "1"), ("production", "2")):
            entries = [
                an_entry(scope_type=scope, permission=permission, entry_no=number)
                for number, scope in enumerate(
                    ("cds_query_accounts", "cds_query_service_contracts", "cds_query_service_points", "cds_query_meter_devices")
                )
            ]
            grant = a_grant(*entries, grant_id=environment, environment=environment, customers=())
            await world.tell(grant)
            found = await seen(world, grant)
            expected = {
                path: {str(rid(kind, f"{letter}{home_name}", environment))}
                for path, kind, letter in (
                    ("accounts", "account", "A"), ("service-contracts", "service_contract", "C"), ("service-points", "service_point", "P"),
                    ("meter-devices", "meter_device", "M"),
                )
            }  # fmt: skip
            assert found == expected
            other = "production" if environment == "sandbox" else "sandbox"
            assert (await world.get("accounts", grant, environment=other)).status_code == 401


class TestFrozen:
    """`sync_until` (CDS-WG3-01 §7.3.1): the Grant goes on seeing what was valid then."""

    def frozen(self, until: datetime, **details: Any) -> Any:
        selected = ticked("account", rid("account", "A1"), include_future=True)
        return a_grant(
            an_entry(
                selected,
                scope_type="cds_accounts",
                include_account_details=True,
                sync_until=until.isoformat().replace("+00:00", "Z"),
                **details,
            ),
            grant_id="frozen",
        )

    @pytest.mark.req("WG3B-192", "WG3B-193")
    async def test_later_changes_are_not_seen_and_later_objects_do_not_appear(self, world: World) -> None:
        grant = self.frozen(T0 + DAY)
        await world.tell(an_account("A1", account_name="Then"), grant)
        await world.tell(an_account("A1", account_name="Now", source_time=T0 + 2 * DAY), an_account("A3", source_time=T0 + 2 * DAY))
        (account,) = await world.listed("accounts", grant)
        assert account["account_name"] == "Then"
        assert account["cds_synced"] == "2026-01-01T12:00:00Z"

    @pytest.mark.req("WG3B-197", "WG3B-198")
    async def test_a_confirmation_counts_up_to_the_moment_only(self, world: World) -> None:
        grant = self.frozen(T0 + DAY)
        await world.tell(an_account("A1", account_name="Then"), grant)
        (first,) = await world.listed("accounts", grant)
        synced: list[str] = []
        for hours in (1, 48):
            await world.tell(an_account("A1", account_name="Then", source_time=T0 + timedelta(hours=hours)))
            (account,) = await world.listed("accounts", grant)
            synced.append(account["cds_synced"])
            assert account["cds_modified"] == first["cds_modified"]
        assert synced == ["2026-01-01T13:00:00Z", "2026-01-02T12:00:00Z"]

    @pytest.mark.req("WG3B-195", "WG3B-196", "WG3B-197")
    async def test_late_data_that_was_valid_before_counts(self, world: World) -> None:
        grant = self.frozen(T0 + DAY)
        await world.tell(an_account("A1", account_name="Then"), grant)
        await world.tell(an_account("A1", account_name="Now", source_time=T0 + 2 * DAY))
        await world.tell(an_account("A1", account_name="Late", source_time=T0 + timedelta(hours=1)))
        (account,) = await world.listed("accounts", grant)
        assert account["account_name"] == "Late"
        assert datetime.fromisoformat(account["cds_modified"]) > T0 + DAY

    async def test_search_and_filters_look_at_the_frozen_version(self, world: World) -> None:
        grant = self.frozen(T0 + DAY)
        await world.tell(an_account("A1", account_name="Then"), grant)
        await world.tell(an_account("A1", account_name="Now", account_status="closed", source_time=T0 + 2 * DAY))
        assert len(await world.listed("accounts?q=then", grant)) == 1
        assert await world.listed("accounts?q=now", grant) == []
        assert await world.listed("accounts?account_statuses=closed", grant) == []

    async def test_beside_a_running_entry_only_its_own_fields_are_frozen(self, world: World) -> None:
        frozen = self.frozen(T0 + DAY)
        running = a_grant(
            an_entry(ticked("account", rid("account", "A1")), scope_type="cds_accounts", include_account_numbers=True), grant_id="running"
        )
        await world.tell(an_account("A1", account_name="Then"), frozen, running)
        await world.tell(an_account("A1", account_name="Now", account_number="New", source_time=T0 + 2 * DAY))
        (account,) = await world.listed("accounts", frozen, running)
        assert (account["account_name"], account["account_number"]) == ("Then", "New")
        assert account["cds_synced"] == "2026-01-03T12:00:00Z"
        for query, count in (("q=then", 1), ("q=now", 0), ("q=new", 1), ("q=no-a1", 0), ("account_numbers=New", 1)):
            assert len(await world.listed(f"accounts?{query}", frozen, running)) == count, query

    async def test_direct_access_to_everything_can_be_frozen(self, world: World) -> None:
        until = (T0 + DAY).isoformat().replace("+00:00", "Z")
        permission = DirectPermission(everything=True)
        entry = an_entry(scope_type="cds_query_accounts", permission=permission, include_account_details=True, sync_until=until)
        grant = a_grant(entry, customers=())
        await world.tell(an_account("A1", account_name="Then"), grant)
        await world.tell(an_account("A1", account_name="Now", source_time=T0 + 2 * DAY), an_account("A3", source_time=T0 + 2 * DAY))
        (account,) = await world.listed("accounts", grant)
        assert account["account_name"] == "Then"


async def test_one_query_lists_and_one_insert_logs(world: World, session: Any, connection: Any) -> None:
    await world.tell(*a_home())
    grant = a_grant(an_entry(ticked("account", rid("account", "A1")), scope_type="cds_accounts", include_account_details=True))
    await world.tell(grant)
    await world.listed("accounts", grant)
    async with statements_of(connection) as statements:
        await world.listed("accounts", grant)
    verbs = [one.split()[0] for one in statements if one.split()[0] in {"SELECT", "INSERT", "WITH", "UPDATE"}]
    assert verbs == ["SELECT", "SELECT", "INSERT"]  # access, page, access log


class TestInternal:
    async def test_only_data_services_may_ask(self, world: World) -> None:
        assert (await world.client.get("/internal/entitlements/grant-1")).status_code == 401

    async def test_a_grant_that_has_not_arrived_is_resolved_on_the_spot(self, world: World, settings: Any, sessions: Any) -> None:
        from cds_accounts.adapters.peers import AccountsPeers
        from cds_accounts.app import create_app
        from cds_accounts.application.entitlements import read_entitlements
        from cds_common.events.resources import EntitlementsResolvedV1
        from cds_common.internal import sign_call
        from cds_common.testing.app import application

        await world.tell(*a_home())
        grant = a_grant(an_entry(ticked("account", rid("account", "A1")), scope_type="cds_accounts"))

        class Auth:
            async def grant(self, grant_id: str) -> Any:
                return grant if grant_id == grant.grant_id else None

        async def resolve(grant: Any) -> Any:
            async with sessions.begin() as session:
                return await read_entitlements(session, grant, zone=settings.zone(), now=datetime.now(UTC))

        peers = AccountsPeers(Auth(), resolve)
        usage = settings.model_copy()
        object.__setattr__(usage, "service", "usage")
        headers = {"Authorization": f"Bearer {sign_call(usage, audience='accounts')}"}
        async with application(create_app(settings), state={"sessions": sessions, "peers": peers}) as client:
            answer = await client.get("/internal/entitlements/grant-1", headers=headers)
            assert answer.status_code == 200
            resolved = EntitlementsResolvedV1.model_validate_json(answer.content)
            assert [one.id for one in resolved.entries[0].visible.accounts.objects] == [rid("account", "A1")]
            assert (await client.get("/internal/entitlements/other", headers=headers)).status_code == 404
        async with sessions() as session:
            queued = (await session.execute(text("SELECT kind, subject FROM refresh_queue"))).all()
        assert [tuple(one) for one in queued] == [("grant", "grant-1")]
