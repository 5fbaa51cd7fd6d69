"""Accounts as a client sees them (CDS-WG3-01 §10.1)."""

from decimal import Decimal

import pytest

from cds_common.events.utility import Contact, Entity
from services.accounts.tests.builders import (
    DAY,
    T0,
    a_program,
    an_account,
    rid,
)
from services.accounts.tests.conftest import World
from services.accounts.tests.grants import direct


class TestAccounts:
    RICH = an_account(
        "A1",
        customer_number="CUST-1", account_name="Anna Ash", account_address="1 Main St\nHarbor", account_status="active",
        account_types=["customer", "residential"],
        account_contacts=[
            Contact(types=["email", "primary"], value="anna@home.example"), Contact(types=["phone_number"], value="+15550100"),
        ],
        account_programs=[
            a_program("LOWINC", "active", "low_income"), a_program("BANK", "credit_bank", balance=Decimal("2000.00"), currency="USD"),
        ],
        account_entity=Entity(entity_number="HLP", types=["distributor", "supplier"], entity_name="Harbor Light & Power"),
    )  # fmt: skip

    @pytest.mark.req("WG3D-027", "WG3D-031", "WG3B-103")
    async def test_a_bare_grant_shows_five_keys(self, world: World) -> None:
        grant = direct("accounts")
        await world.tell(self.RICH, grant)
        (account,) = await world.listed("accounts", grant)
        assert set(account) == {"cds_account_id", "cds_created", "cds_modified", "cds_synced", "cds_account_parent"}
        assert account["cds_account_id"] == str(rid("account", "A1"))
        assert account["cds_account_parent"] is None
        assert account["cds_synced"] == "2026-01-01T12:00:00Z"

    @pytest.mark.req("WG3D-032", "WG3D-039", "WG3B-111")
    async def test_numbers_open_the_number_the_customer_number_and_the_entity(self, world: World) -> None:
        grant = direct("accounts", include_account_numbers=True)
        await world.tell(self.RICH, grant)
        (account,) = await world.listed("accounts", grant)
        assert (account["customer_number"], account["account_number"]) == ("CUST-1", "No-A1")
        assert account["account_entity"] == {
            "id": str(rid("entity", "HLP")), "types": ["distributor", "supplier"], "entity_number": "HLP",
            "entity_name": "Harbor Light & Power", "entity_abbreviation": None,
        }  # fmt: skip
        assert "account_name" not in account

    @pytest.mark.req("WG3D-033", "WG3D-044", "WG3B-115")
    async def test_details_open_name_address_types_status_and_contacts(self, world: World) -> None:
        grant = direct("accounts", include_account_details=True)
        await world.tell(self.RICH, an_account("A2"), grant)
        by_id = {account["cds_account_id"]: account for account in await world.listed("accounts", grant)}
        rich, plain = by_id[str(rid("account", "A1"))], by_id[str(rid("account", "A2"))]
        assert (rich["account_name"], rich["account_address"], rich["account_status"]) == ("Anna Ash", "1 Main St\nHarbor", "active")
        assert [contact["value"] for contact in rich["account_contacts"]] == ["anna@home.example", "+15550100"]
        assert "account_number" not in rich
        assert "account_name" not in plain
        assert "account_address" not in plain

    @pytest.mark.req("WG3D-035", "WG3D-047", "WG3D-049", "WG3D-052", "WG3D-022", "WG3B-117")
    async def test_programs_with_exact_balances(self, world: World) -> None:
        grant = direct("accounts", include_account_programs=True)
        await world.tell(self.RICH, an_account("A2"), grant)
        answer = await world.get("accounts", grant)
        assert b'"balance":2000.00,"currency":"USD"' in answer.content
        by_id = {account["cds_account_id"]: account for account in await world.listed("accounts", grant)}
        low = by_id[str(rid("account", "A1"))]["account_programs"][0]
        assert set(low) == {"id", "program_number", "types", "name", "description", "documentation"}
        assert by_id[str(rid("account", "A2"))]["account_programs"] == []

    @pytest.mark.req("WG3D-031")
    async def test_a_child_names_its_parent(self, world: World) -> None:
        grant = direct("accounts")
        await world.tell(an_account("A2", parent_account_ref="A1"), grant)
        (account,) = await world.listed("accounts", grant)
        assert account["cds_account_parent"] == str(rid("account", "A1"))

    @pytest.mark.req("WG3D-054", "WG3D-055", "WG3D-009", "WG3D-010", "WG3D-011")
    async def test_filters(self, world: World) -> None:
        grant = direct("accounts", include_account_numbers=True, include_account_details=True)
        one, two = str(rid("account", "A1")), str(rid("account", "A2"))
        await world.tell(self.RICH, an_account("A2", account_status="closed"), an_account("A3"), grant)
        expected = {
            f"cds_account_ids={one}%20{two}": {one, two},
            f"cds_account_ids={one}+{two}": {one, two},
            f"cds_account_ids={one.upper()}": set(),
            "cds_account_ids=nonsense": set(),
            "customer_numbers=CUST-1": {one},
            "customer_numbers=null": set(),
            "account_numbers=No-A1%20No-A2": {one, two},
            "account_numbers=no-a1": set(),
            "account_statuses=closed": {two},
            "account_statuses=nothing": set(),
            f"account_statuses=closed&cds_account_ids={one}": set(),
        }
        for query, ids in expected.items():
            found = {account["cds_account_id"] for account in await world.listed(f"accounts?{query}", grant)}
            assert found == ids, query

    @pytest.mark.req("WG3D-015")
    async def test_a_filter_given_twice_is_refused(self, world: World) -> None:
        grant = direct("accounts")
        await world.tell(grant)
        for query in ("account_numbers=a&account_numbers=b", "q=a&q=b"):
            answer = await world.get(f"accounts?{query}", grant)
            assert answer.status_code == 400
            assert answer.json()["error"] == "invalid_request"

    @pytest.mark.req("WG3D-014")
    async def test_a_filter_on_a_hidden_field_finds_nothing(self, world: World) -> None:
        grant = direct("accounts")
        await world.tell(self.RICH, grant)
        for query in ("account_statuses=active", "account_numbers=No-A1", "customer_numbers=CUST-1"):
            assert await world.listed(f"accounts?{query}", grant) == []

    @pytest.mark.req("WG3D-013", "WG3D-056")
    async def test_q_searches_what_is_visible_and_nothing_else(self, world: World) -> None:
        open_grant = direct("accounts", include_account_numbers=True, include_account_details=True, include_account_programs=True)
        bare = direct("accounts").model_copy(update={"grant_id": "bare", "event_id": rid("part", "bare")})
        await world.tell(self.RICH, open_grant, bare)
        terms = ["CUST", "no-a1", "main st\nharbor", "anna ash", "ANNA@HOME", "lowinc", str(rid("account", "A1"))[3:15]]
        for term in terms:
            assert len(await world.listed(f"accounts?q={term.replace(chr(10), '%0A')}", open_grant)) == 1, term
        assert [len(await world.listed(f"accounts?q={term.replace(chr(10), '%0A')}", bare)) for term in terms] == [0, 0, 0, 0, 0, 0, 1]
        assert await world.listed("accounts?q=a_na", open_grant) == []
        assert await world.listed("accounts?q=%25", open_grant) == []

    @pytest.mark.req("WG3D-057", "WG3D-028")
    async def test_the_newest_change_comes_first(self, world: World) -> None:
        grant = direct("accounts")
        for ref in ("A1", "A2", "A3"):
            await world.tell(an_account(ref))
        await world.tell(an_account("A1", source_time=T0 + DAY, account_name="New"), an_account("A2", source_time=T0 + DAY), grant)
        refs = [account["cds_account_id"] for account in await world.listed("accounts", grant)]
        assert refs == [str(rid("account", ref)) for ref in ("A1", "A3", "A2")]
