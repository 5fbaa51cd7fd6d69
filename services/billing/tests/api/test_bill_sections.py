"""GET /cds/v1/bill-sections (CDS-WG3-01 §10.6)."""

from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from cds_billing.application.keep_contract_numbers import keep_contract_numbers
from cds_billing.application.record_bill import record_bill
from cds_common.events.resources import ResourcePublishedV1
from cds_common.grant_copy.testing import an_entry, store_grant
from cds_common.testing.schemas import assert_valid
from cds_common.tokens import AccessToken
from services.billing.tests.builders import NOW, a_bill, a_section, the_id
from services.billing.tests.conftest import Headers

URL = "/cds/v1/bill-sections"
BARE = {
    "cds_billsection_id", "cds_created", "cds_modified", "cds_synced", "cds_billstatement_id", "cds_account_id", "account_number",
    "section_types", "start_date", "end_date", "currency", "distribution_entity", "supply_entity", "related_servicecontracts",
    "related_servicepoints", "related_meterdevices", "related_billsections", "usage_details", "cost_details",
}  # fmt: skip


async def a_grant(session: AsyncSession, *flags: str, contracts: tuple[str, ...] = ("c1",), **members: Any) -> AccessToken:
    ids = [the_id("service_contract", ref) for ref in contracts]
    entry = an_entry(
        scope="sections", scope_type="cds_service_bills", flags=["include_bill_sections", *flags],
        bill_reach={"account": [the_id("account", "a1")], "service_contract": ids},
        visible=members.pop("visible", {"service_contract": ids}), **members,
    )  # fmt: skip
    return await store_grant(session, entry, now=NOW)


async def listed(api: httpx.AsyncClient, headers: dict[str, str], query: str = "") -> list[dict[str, Any]]:
    response = await api.get(URL + query, headers=headers)
    assert response.status_code == 200, response.text
    return assert_valid("bill-section-list-response.json", response.content)["bill_sections"]


async def numbered(session: AsyncSession, contract: str, number: str, version: int = 1) -> None:
    event = ResourcePublishedV1(
        environment="sandbox", kind="service_contract", resource_id=the_id("service_contract", contract), ref=contract,
        version=version, customer_ids=[], number=number,
    )  # fmt: skip
    await keep_contract_numbers(session, [event])


class TestBillSections:
    async def test_anonymous_is_refused(self, api: httpx.AsyncClient) -> None:
        assert (await api.get(URL)).status_code == 401

    @pytest.mark.req("WG3D-118", "WG3D-119", "WG3D-121", "WG3D-143")
    async def test_a_bare_token_sees_exactly_the_members_that_are_always_there(
        self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers
    ) -> None:
        await record_bill(session, a_bill(), NOW)

        (section,) = await listed(api, headers(await a_grant(session, visible={})))

        assert set(section) == BARE
        assert section["cds_billstatement_id"] is None
        assert section["related_servicecontracts"] == section["related_servicepoints"] == section["related_meterdevices"] == []

    @pytest.mark.req("WG3D-119")
    async def test_the_statement_is_named_to_who_may_see_it(self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers) -> None:
        await record_bill(session, a_bill(), NOW)
        (section,) = await listed(api, headers(await a_grant(session, "include_bill_statements")))
        assert section["cds_billstatement_id"] == str(the_id("bill_statement", "b1"))

    async def test_a_contract_that_was_not_ticked_stays_out(self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers) -> None:
        await record_bill(session, a_bill(a_section("s1"), a_section("s2", contract="c2"), a_section("s3", contract=None)), NOW)
        found = await listed(api, headers(await a_grant(session)))
        assert [item["cds_billsection_id"] for item in found] == [str(the_id("bill_section", "s1"))]

    async def test_by_account_alone_sections_without_contract_come_too(
        self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers
    ) -> None:
        await record_bill(session, a_bill(a_section("s1"), a_section("s3", contract=None)), NOW)
        assert len(await listed(api, headers(await a_grant(session, sections_by_account=True)))) == 2

    @pytest.mark.req("WG3D-123")
    async def test_line_items_and_programs_come_with_their_flags(
        self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers
    ) -> None:
        await record_bill(session, a_bill(), NOW)
        flags = ("include_bill_section_line_items", "include_bill_section_programs")
        (section,) = await listed(api, headers(await a_grant(session, *flags)))
        assert section["line_items"][0]["rate"] == Decimal("0.1968")
        assert section["service_programs"] == []

    @pytest.mark.req("WG3D-145")
    @pytest.mark.parametrize(
        ("query", "count"), [("?after=2026-01-31", 1), ("?before=2026-01-01", 1), ("?after=2026-02-01", 0), ("?before=2025-12-31", 0)]
    )
    async def test_before_and_after_select_overlapping_periods(
        self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers, query: str, count: int
    ) -> None:
        await record_bill(session, a_bill(), NOW)
        assert len(await listed(api, headers(await a_grant(session)), query)) == count

    @pytest.mark.req("WG3B-207", "WG3B-210")
    @pytest.mark.parametrize(
        ("window", "count"),
        [
            ({"start_date": date(2026, 1, 1)}, 1),
            ({"start_date": date(2026, 1, 2)}, 0),
            ({"end_date": date(2026, 1, 31)}, 1),
            ({"end_date": date(2026, 1, 30)}, 0),
        ],
    )
    async def test_the_grants_window_takes_whole_sections_only(
        self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers, window: dict[str, date], count: int
    ) -> None:
        await record_bill(session, a_bill(), NOW)
        assert len(await listed(api, headers(await a_grant(session, **window)))) == count

    @pytest.mark.req("WG3D-144")
    async def test_filters_by_contract_number_only_where_numbers_are_shown(
        self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers
    ) -> None:
        await record_bill(session, a_bill(), NOW)
        await numbered(session, "c1", "220-471")
        shown, hidden = await a_grant(session, "include_contract_numbers"), await a_grant(session)

        assert len(await listed(api, headers(shown), "?contract_numbers=220-471")) == 1
        assert await listed(api, headers(shown), "?contract_numbers=220-472") == []
        assert await listed(api, headers(hidden), "?contract_numbers=220-471") == []
        assert len(await listed(api, headers(hidden), f"?cds_servicecontract_ids={the_id('service_contract', 'c1')}")) == 1
        assert (
            await listed(api, headers(await a_grant(session, visible={})), f"?cds_servicecontract_ids={the_id('service_contract', 'c1')}")
            == []
        )

    @pytest.mark.req("WG3D-146", "WG3D-147")
    async def test_order_is_account_then_contract_number_then_start(
        self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers
    ) -> None:
        february = {"start_date": date(2026, 2, 1), "end_date": date(2026, 2, 28)}
        sections = (
            a_section("b-feb", contract="c2", **february),
            a_section("none", contract=None),
            a_section("a-jan", contract="c1"),
            a_section("b-jan", contract="c2"),
            a_section("other", contract="c1", account_number="10-0001"),
        )
        await record_bill(session, a_bill(*sections), NOW)
        await numbered(session, "c1", "Z-1")
        await numbered(session, "c2", "a-1")
        entry = an_entry(
            scope_type="cds_query_bill_sections", flags=["include_bill_sections"], sections_by_account=True, bill_reach={"account": None}
        )
        found = await listed(api, headers(await store_grant(session, entry, now=NOW)))

        order = [item["cds_billsection_id"] for item in found]
        assert order == [str(the_id("bill_section", ref)) for ref in ("other", "none", "a-jan", "b-jan", "b-feb")]

    @pytest.mark.req("WG3D-103")
    async def test_a_renumbered_contract_resorts_and_old_numbers_stay(
        self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers
    ) -> None:
        await record_bill(session, a_bill(a_section("one", contract="c1"), a_section("two", contract="c2")), NOW)
        await numbered(session, "c1", "A")
        await numbered(session, "c2", "B")
        await numbered(session, "c1", "C", version=2)
        await numbered(session, "c1", "A", version=1)

        found = await listed(api, headers(await a_grant(session, contracts=("c1", "c2"))))

        assert [item["cds_billsection_id"] for item in found] == [str(the_id("bill_section", ref)) for ref in ("two", "one")]
        assert {item["account_number"] for item in found} == {"88-1203"}

    async def test_a_correction_without_a_section_takes_it_away(
        self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers
    ) -> None:
        await record_bill(session, a_bill(a_section("s1"), a_section("s2")), NOW)
        await record_bill(session, a_bill(a_section("s1"), source_time=NOW), NOW)
        found = await listed(api, headers(await a_grant(session)))
        assert [item["cds_billsection_id"] for item in found] == [str(the_id("bill_section", "s1"))]
