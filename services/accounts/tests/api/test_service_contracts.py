"""Service Contracts as a client sees them (CDS-WG3-01 §10.2)."""

from decimal import Decimal

import pytest

from services.accounts.tests.builders import (
    DAY,
    T0,
    a_contract,
    a_home,
    a_program,
    an_account,
    rid,
)
from services.accounts.tests.conftest import World
from services.accounts.tests.grants import ALL_FLAGS, direct


class TestServiceContracts:
    @pytest.mark.req("WG3D-058", "WG3D-059", "WG3B-103")
    async def test_a_bare_grant_shows_the_required_keys(self, world: World) -> None:
        grant = direct("service-contracts")
        await world.tell(*a_home(), grant)
        (contract,) = await world.listed("service-contracts", grant)
        assert set(contract) == {
            "cds_servicecontract_id", "cds_created", "cds_modified", "cds_synced", "cds_account_id", "contract_types", "contract_status",
            "service_types",
        }  # fmt: skip
        assert contract["cds_account_id"] == str(rid("account", "A1"))

    @pytest.mark.req(
        "WG3D-060", "WG3D-061", "WG3D-062", "WG3D-063", "WG3D-064", "WG3D-068", "WG3B-112", "WG3B-124", "WG3B-126", "WG3B-128", "WG3B-130"
    )
    async def test_each_flag_opens_its_members(self, world: World) -> None:
        programs = [a_program("DR-1", "active", "demand_response"), a_program("NEM", "credit_bank", balance=Decimal("12.50"), units="kWh")]
        grant = direct("service-contracts", **ALL_FLAGS)
        await world.tell(
            an_account("A1"), a_contract("C1", contract_address="1 Main St", service_programs=programs), a_contract("C2"), grant
        )
        by_id = {one["cds_servicecontract_id"]: one for one in await world.listed("service-contracts", grant)}
        contract, plain = by_id[str(rid("service_contract", "C1"))], by_id[str(rid("service_contract", "C2"))]
        assert (contract["account_number"], contract["contract_number"], contract["contract_entity"]) == ("No-A1", "No-C1", None)
        assert (contract["contract_address"], contract["contract_start"], contract["contract_end"]) == ("1 Main St", "2025-01-01", None)
        assert (contract["rateplan_code"], contract["rateplan_name"]) == ("RES-1", "Residential")
        assert [(one["program_number"], one.get("balance"), one.get("units")) for one in contract["service_programs"]] == [
            ("DR-1", None, None), ("NEM", Decimal("12.50"), "kWh"),
        ]  # fmt: skip
        assert plain["service_programs"] == []
        assert "contract_address" not in plain

    @pytest.mark.req("WG3D-073", "WG3D-074")
    async def test_filters(self, world: World) -> None:
        grant = direct("service-contracts", **ALL_FLAGS)
        await world.tell(
            an_account("A1"),
            an_account("A2"),
            a_contract("C1", service_types=["electric", "residential"]),
            a_contract("C2", "A2", service_types=["water"], contract_types=["project"], contract_status="closed"),
            grant,
        )
        one, two = str(rid("service_contract", "C1")), str(rid("service_contract", "C2"))
        expected = {
            f"cds_servicecontract_ids={one}": {one}, "account_numbers=No-A2": {two}, "contract_numbers=No-C1%20No-C2": {one, two},
            "contract_statuses=closed": {two}, "contract_types=project%20utility_service": {one, two}, "contract_types=project": {two},
            "service_types=residential": {one}, "service_types=water%20electric": {one, two}, "service_types=solid_waste": set(),
            f"cds_account_ids={rid('account', 'A1')}": {one, two}, "service_types=water&contract_numbers=No-C1": set(),
        }  # fmt: skip
        for query, ids in expected.items():
            found = {each["cds_servicecontract_id"] for each in await world.listed(f"service-contracts?{query}", grant)}
            assert found == ids, query

    @pytest.mark.req("WG3D-075", "WG3D-013")
    async def test_q(self, world: World) -> None:
        grant = direct("service-contracts", **ALL_FLAGS)
        bare = direct("service-contracts").model_copy(update={"grant_id": "bare", "event_id": rid("part", "bare")})
        contract = a_contract("C1", contract_address="1 Main St", service_programs=[a_program("DR-1")])
        await world.tell(an_account("A1"), contract, grant, bare)
        for term in ("NO-A1", "no-c1", "main", "res-1", "RESIDENTIAL", "dr-1"):
            assert len(await world.listed(f"service-contracts?q={term}", grant)) == 1, term
            assert await world.listed(f"service-contracts?q={term}", bare) == [], term

    @pytest.mark.req("WG3D-076")
    async def test_the_newest_change_comes_first(self, world: World) -> None:
        grant = direct("service-contracts")
        for ref in ("C1", "C2"):
            await world.tell(a_contract(ref))
        await world.tell(a_contract("C1", source_time=T0 + DAY, contract_status="paused"), grant)
        found = [one["cds_servicecontract_id"] for one in await world.listed("service-contracts", grant)]
        assert found == [str(rid("service_contract", ref)) for ref in ("C1", "C2")]
