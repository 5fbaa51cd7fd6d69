"""GET /cds/v1/bill-statements (CDS-WG3-01 §10.5)."""

from base64 import b64encode
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from cds_billing.application.record_bill import record_bill
from cds_common.events.utility import BillRecordedV1
from cds_common.grant_copy.testing import an_entry, store_grant
from cds_common.testing.schemas import assert_valid
from cds_common.tokens import AccessToken
from services.billing.tests.builders import ISSUED, NOW, a_bill, a_section, the_id
from services.billing.tests.conftest import Headers

URL = "/cds/v1/bill-statements"
BARE = {
    "cds_billstatement_id", "cds_created", "cds_modified", "cds_synced", "cds_account_id", "account_number", "statement_date", "currency",
    "amount_due", "amount_due_date", "shutoff_prevention_minimum_due", "shutoff_prevention_date",
}  # fmt: skip


async def a_grant(session: AsyncSession, *flags: str, account: str = "a1", **members: Any) -> AccessToken:
    entry = an_entry(
        scope="bills", scope_type="cds_bill_statements", flags=["include_bill_statements", *flags],
        bill_reach={"account": [the_id("account", account)], "service_contract": [the_id("service_contract", "c1")]},
        visible={"account": [the_id("account", account)]}, **members,
    )  # fmt: skip
    return await store_grant(session, entry, now=NOW)


async def listed(api: httpx.AsyncClient, headers: dict[str, str], query: str = "") -> list[dict[str, Any]]:
    response = await api.get(URL + query, headers=headers)
    assert response.status_code == 200, response.text
    body = assert_valid("bill-statement-list-response.json", response.content)
    return body["bill_statements"]


class TestBillStatements:
    @pytest.mark.req("WG3D-001")
    async def test_anonymous_is_refused(self, api: httpx.AsyncClient) -> None:
        response = await api.get(URL)
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")

    @pytest.mark.req("WG3D-004")
    async def test_a_grant_without_statements_lists_nothing(self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers) -> None:
        await record_bill(session, a_bill(), NOW)
        entry = an_entry(scope_type="cds_usage", flags=["include_usage_segments"], bill_reach={"account": [the_id("account", "a1")]})
        token = await store_grant(session, entry, now=NOW)

        assert await listed(api, headers(token)) == []

    async def test_another_customers_account_is_not_there(self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers) -> None:
        await record_bill(session, a_bill(), NOW)
        token = await a_grant(session, account="a2")

        assert await listed(api, headers(token)) == []
        assert await listed(api, headers(token), f"?cds_billstatement_ids={the_id('bill_statement', 'b1')}") == []

    @pytest.mark.req("WG3D-102", "WG3D-115", "WG3D-106")
    async def test_a_bare_token_sees_exactly_the_members_that_are_always_there(
        self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers
    ) -> None:
        await record_bill(session, a_bill(), NOW)

        (statement,) = await listed(api, headers(await a_grant(session)))

        assert set(statement) == BARE
        assert statement["amount_due"] == Decimal("61.10")

    @pytest.mark.req("WG3D-022")
    async def test_amounts_keep_their_digits(self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers) -> None:
        await record_bill(session, a_bill(), NOW)
        response = await api.get(URL, headers=headers(await a_grant(session)))

        assert '"amount_due":61.10' in response.text

    @pytest.mark.req("WG3D-106", "WG3D-112", "WG3D-113")
    async def test_charges_come_with_their_flag_and_sections_only_when_sections_are_open(
        self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers
    ) -> None:
        await record_bill(session, a_bill(), NOW)
        closed = await a_grant(session, "include_bill_statement_charges")
        opened = await a_grant(session, "include_bill_statement_charges", "include_bill_sections")

        (without,) = await listed(api, headers(closed))
        (with_sections,) = await listed(api, headers(opened))

        assert "related_billsections" not in without["new_charges"][0]
        assert with_sections["new_charges"][0]["related_billsections"] == [str(the_id("bill_section", "s1"))]
        assert with_sections["previous_balance_unpaid"] == Decimal("0.00")

    @pytest.mark.req("WG3D-104", "WG3D-105")
    async def test_the_bill_file_needs_the_flag_and_the_same_token(
        self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers
    ) -> None:
        content = b"%PDF-1.7 the bill"
        await record_bill(session, a_bill(file={"mimetype": "application/pdf", "content": b64encode(content).decode()}), NOW)
        with_files = headers(await a_grant(session, "include_bill_statement_files"))
        (statement,) = await listed(api, with_files)
        (plain,) = await listed(api, headers(await a_grant(session)))

        found = await api.get(statement["file_uri"], headers=with_files)

        assert "file_uri" not in plain
        assert (found.status_code, found.content, found.headers["content-type"]) == (200, content, "application/pdf")
        assert (await api.get(statement["file_uri"])).status_code == 401
        assert (await api.get(statement["file_uri"], headers=headers(await a_grant(session)))).status_code == 404
        assert (await api.get(statement["file_uri"], headers=headers(await a_grant(session, account="a2")))).status_code == 404

    @pytest.mark.req("WG3D-104")
    async def test_a_bill_without_a_file_says_null(self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers) -> None:
        await record_bill(session, a_bill(), NOW)
        (statement,) = await listed(api, headers(await a_grant(session, "include_bill_statement_files")))
        assert statement["file_uri"] is None
        assert "file_mimetype" not in statement

    @pytest.mark.req("WG3B-201", "WG3B-204")
    @pytest.mark.parametrize(
        ("window", "count"),
        [
            ({"statement_date_start": date(2026, 2, 1)}, 1),
            ({"statement_date_start": date(2026, 2, 2)}, 0),
            ({"statement_date_end": date(2026, 2, 1)}, 1),
            ({"statement_date_end": date(2026, 1, 31)}, 0),
        ],
    )
    async def test_the_grants_window_includes_both_ends(
        self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers, window: dict[str, date], count: int
    ) -> None:
        await record_bill(session, a_bill(), NOW)
        assert len(await listed(api, headers(await a_grant(session, **window)))) == count

    @pytest.mark.req("WG3D-116", "WG3D-017")
    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ("?before=2026-02-01&after=2026-02-01", 1),
            ("?before=2026-01-31", 0),
            ("?after=2026-02-02", 0),
            ("?account_numbers=88-1203%20other", 1),
            ("?account_numbers=other", 0),
            ("?before=", 1),
            ("?unknown=x", 1),
            ("?cds_billstatement_ids=not-an-id", 0),
        ],
    )
    async def test_filters(self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers, query: str, count: int) -> None:
        await record_bill(session, a_bill(), NOW)
        assert len(await listed(api, headers(await a_grant(session)), query)) == count

    @pytest.mark.req("WG3D-010")
    async def test_ids_match_in_the_form_in_which_they_were_issued(
        self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers
    ) -> None:
        await record_bill(session, a_bill(), NOW)
        known, token = str(the_id("bill_statement", "b1")), await a_grant(session)
        for other in (known.upper(), known.replace("-", ""), f"{{{known}}}", f"urn:uuid:{known}"):
            assert await listed(api, headers(token), f"?cds_billstatement_ids={other}") == []
        assert len(await listed(api, headers(token), f"?cds_billstatement_ids={known}")) == 1

    @pytest.mark.req("WG3D-015")
    @pytest.mark.parametrize("query", ["?before=yesterday", "?after=2026-02-30", "?before=2026-01-01&before=2026-01-02"])
    async def test_malformed_dates_and_repeated_filters_are_refused(
        self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers, query: str
    ) -> None:
        response = await api.get(URL + query, headers=headers(await a_grant(session)))
        assert response.status_code == 400
        assert response.json()["error"] == "invalid_request"

    @pytest.mark.req("WG3D-117")
    async def test_the_newest_statement_comes_first(self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers) -> None:
        older = a_bill(a_section("old"), statement_ref="b0", statement_date=date(2026, 1, 1))
        same_day = a_bill(a_section("same"), statement_ref="b2")
        await record_bill(session, a_bill(), NOW)
        await record_bill(session, older, NOW + timedelta(hours=1))
        await record_bill(session, same_day, NOW + timedelta(minutes=1))

        found = await listed(api, headers(await a_grant(session)))

        assert [item["cds_billstatement_id"] for item in found] == [str(the_id("bill_statement", ref)) for ref in ("b2", "b1", "b0")]

    @pytest.mark.req("WG3D-018", "WG3D-019")
    async def test_more_than_a_hundred_come_in_pages_that_hold_each_once(
        self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers
    ) -> None:
        for number in range(101):
            await record_bill(session, a_bill(a_section(f"s{number}"), statement_ref=f"b{number}"), NOW)
        who = headers(await a_grant(session))

        first = (await api.get(URL, headers=who)).json()
        second = (await api.get(first["next"], headers=who)).json()

        ids = [item["cds_billstatement_id"] for item in first["bill_statements"] + second["bill_statements"]]
        assert (len(first["bill_statements"]), len(set(ids)), second["next"]) == (100, 101, None)
        assert (await api.get(first["next"], headers=headers(await a_grant(session)))).status_code == 400

    async def test_direct_access_to_everything_stays_in_its_environment(
        self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers
    ) -> None:
        await record_bill(session, a_bill(), NOW)
        await record_bill(session, a_bill(environment="production"), NOW)
        entry = an_entry(scope_type="cds_query_bill_statements", flags=["include_bill_statements"], bill_reach={"account": None})

        (statement,) = await listed(api, headers(await store_grant(session, entry, now=NOW)))

        assert statement["cds_billstatement_id"] == str(the_id("bill_statement", "b1"))

    @pytest.mark.req("WG3B-195")
    async def test_a_frozen_grant_keeps_the_bill_as_it_was(self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers) -> None:
        frozen = headers(await a_grant(session, sync_until=datetime(2026, 3, 1, tzinfo=UTC)))
        live = headers(await a_grant(session))
        await record_bill(session, a_bill(), ISSUED)
        await record_bill(session, a_bill(amount_due=Decimal("99.99"), source_time=datetime(2026, 4, 1, tzinfo=UTC)), NOW)
        later = a_bill(a_section("later"), statement_ref="later", source_time=datetime(2026, 4, 2, tzinfo=UTC))
        await record_bill(session, later, NOW)

        assert [item["amount_due"] for item in await listed(api, frozen)] == [Decimal("61.10")]
        assert {item["amount_due"] for item in await listed(api, live)} == {Decimal("99.99"), Decimal("61.10")}

    @pytest.mark.req("WG3D-028", "WG3D-029", "WG3D-030")
    async def test_the_same_bill_again_moves_only_synced(self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers) -> None:
        who = headers(await a_grant(session))
        await record_bill(session, a_bill(), ISSUED)
        (before,) = await listed(api, who)
        await record_bill(session, a_bill(source_time=NOW), NOW)
        (after,) = await listed(api, who)

        assert after | {"cds_synced": ""} == before | {"cds_synced": ""}
        assert after["cds_synced"] > before["cds_synced"]

    async def test_a_late_message_becomes_history_only(self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers) -> None:
        who = headers(await a_grant(session))
        await record_bill(session, a_bill(amount_due=Decimal("99.99"), source_time=NOW), NOW)
        await record_bill(session, a_bill(), NOW)

        assert [item["amount_due"] for item in await listed(api, who)] == [Decimal("99.99")]


@pytest.mark.req("WG3A-005")
@pytest.mark.parametrize("amount", ["0.1", "1.10", "123456789012345.123456789", "0.30000000000000004", "0.00", "61"])
async def test_an_amount_keeps_every_digit_on_its_way(api: httpx.AsyncClient, session: AsyncSession, headers: Headers, amount: str) -> None:
    text = a_bill(amount_due=Decimal(amount)).model_dump_json()
    await record_bill(session, BillRecordedV1.model_validate_json(text), NOW)
    answer = await api.get(URL, headers=headers(await a_grant(session)))
    assert f'"amount_due":{amount},' in answer.text


@pytest.mark.req("WG3D-107")
async def test_programs_are_those_of_the_bills_own_time(api: httpx.AsyncClient, session: AsyncSession, headers: Headers) -> None:
    program = {
        "program_number": "BB-1", "types": ["active", "payment_plan"], "name": "Budget Billing", "description": "Equal parts.",
        "documentation": "https://u.example/bb-1",
    }  # fmt: skip
    await record_bill(session, a_bill(), NOW)
    joined = {"statement_ref": "b2", "statement_date": date(2026, 3, 1), "source_time": ISSUED + timedelta(days=28), "new_charges": None}
    await record_bill(session, a_bill(a_section("s2"), account_programs=[program], **joined), NOW)

    later, earlier = await listed(api, headers(await a_grant(session, "include_bill_statement_programs")))
    assert [one["program_number"] for one in later["account_programs"]] == ["BB-1"]
    assert earlier["account_programs"] == []
    assert all("account_programs" not in one for one in await listed(api, headers(await a_grant(session))))
