"""The bill scopes of CDS-WG3-01 §6.1.7, §6.1.8, §6.2.5, §6.2.6: entries resolved over real relations, shown by the listings."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from cds_billing.application.record_bill import record_bill
from cds_common.access.entitlements import resolve_entry
from cds_common.access.relations import Relations
from cds_common.events.clients import DirectPermission
from cds_common.events.grants import GrantEntry, Selection
from cds_common.events.resources import EntitlementEntry, ResourceKind, ResourcePublishedV1, Tenure
from cds_common.grant_copy.testing import store_grant
from cds_common.ids import Kind
from services.billing.tests.builders import NOW, a_bill, a_section, the_id
from services.billing.tests.conftest import Headers

ANNA = UUID(int=7)
STATEMENT = {
    "cds_billstatement_id", "cds_created", "cds_modified", "cds_synced", "cds_account_id", "account_number", "statement_date", "currency",
    "amount_due", "amount_due_date", "shutoff_prevention_minimum_due", "shutoff_prevention_date",
}  # fmt: skip
SECTION = {
    "cds_billsection_id", "cds_created", "cds_modified", "cds_synced", "cds_billstatement_id", "cds_account_id", "account_number",
    "section_types", "start_date", "end_date", "currency", "distribution_entity", "supply_entity", "related_servicecontracts",
    "related_servicepoints", "related_meterdevices", "related_billsections", "usage_details", "cost_details",
}  # fmt: skip
CHARGES = {
    "previous_balance_amount", "previous_balance_paid", "previous_balance_unpaid", "new_charges_amount", "new_charges",
    "new_balance_amount",
}  # fmt: skip


def a_resource(kind: ResourceKind, ref: str, **members: Any) -> ResourcePublishedV1:
    return ResourcePublishedV1(
        environment="sandbox", kind=kind, resource_id=the_id(kind, ref), ref=ref, version=1, customer_ids=[ANNA], number=ref, **members
    )


def relations() -> Relations:
    """Anna's account a1 with contracts c1 and c2, and her account a2 with c3."""
    owners = {"c1": "a1", "c2": "a1", "c3": "a2"}
    accounts = [a_resource("account", ref, account_ids=[the_id("account", ref)]) for ref in ("a1", "a2")]
    contracts = [
        a_resource(
            "service_contract", ref, account_ids=[the_id("account", account)], contracts=[Tenure(id=the_id("service_contract", ref))]
        )
        for ref, account in owners.items()
    ]
    return Relations.of([*accounts, *contracts], at=NOW)


def resolved(
    scope_type: str, picked: tuple[Kind, str] | None, permission: DirectPermission | None = None, **details: Any
) -> EntitlementEntry:
    selection = None if picked is None else Selection(kind=picked[0], ids=[the_id(*picked)])  # type: ignore[arg-type]
    entry = GrantEntry(
        entry_no=0, scope=scope_type, scope_type=scope_type, details=details, selection=selection, permission=permission, enabled=True
    )
    return resolve_entry(entry, customer_ids=[ANNA], relations=relations())


EVERYTHING = DirectPermission(everything=True)


class Bills:
    """Three bills, and what an entry shows of them."""

    def __init__(self, api: httpx.AsyncClient, session: AsyncSession, headers: Headers) -> None:
        self.api, self.session, self.headers = api, session, headers

    async def record(self) -> None:
        """b1 and b2 of account a1 with sections of c1 and c2 each, b3 of a2 with one of c3."""
        for number, (account, contracts) in enumerate((("a1", ("c1", "c2")), ("a1", ("c1", "c2")), ("a2", ("c3",))), start=1):
            month = 1 if number == 3 else number
            sections = [
                a_section(
                    f"s{number}{ref}", contract=ref, account_ref=account, start_date=date(2026, month, 1), end_date=date(2026, month, 28)
                )
                for ref in contracts
            ]
            day = date(2026, month + 1, 1)
            bill = a_bill(*sections, statement_ref=f"b{number}", account_ref=account, statement_date=day, amount_due_date=day)
            await record_bill(self.session, bill, NOW)

    async def shown(self, entry: EntitlementEntry) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Statements and sections."""
        token = self.headers(await store_grant(self.session, entry, now=NOW))
        statements = (await self.api.get("/cds/v1/bill-statements", headers=token)).json()["bill_statements"]
        sections = (await self.api.get("/cds/v1/bill-sections", headers=token)).json()["bill_sections"]
        return statements, sections

    async def refs(self, entry: EntitlementEntry) -> tuple[set[str], set[str]]:
        statements, sections = await self.shown(entry)
        bills = {str(the_id("bill_statement", ref)): ref for ref in ("b1", "b2", "b3")}
        parts = {str(the_id("bill_section", ref)): ref for ref in ("s1c1", "s1c2", "s2c1", "s2c2", "s3c3")}
        return {bills[each["cds_billstatement_id"]] for each in statements}, {parts[each["cds_billsection_id"]] for each in sections}


@pytest.fixture
async def bills(api: httpx.AsyncClient, session: AsyncSession, headers: Headers) -> Bills:
    made = Bills(api, session, headers)
    await made.record()
    return made


def seen(entry: EntitlementEntry) -> tuple[set[UUID], set[UUID]]:
    return {each.id for each in entry.visible.accounts.objects}, {each.id for each in entry.visible.service_contracts.objects}


class TestBillStatementsScope:
    @pytest.mark.req("WG3A-204", "WG3A-205")
    @pytest.mark.parametrize("false", [False, True])
    async def test_a_picked_account_shows_its_bills_and_itself_with_its_number(self, bills: Bills, *, false: bool) -> None:
        details = dict.fromkeys(("include_bill_statements", "include_accounts", "include_account_numbers"), False) if false else {}
        entry = resolved("cds_bill_statements", ("account", "a1"), **details)
        assert await bills.refs(entry) == ({"b1", "b2"}, set())
        assert all(set(each) == STATEMENT for each in (await bills.shown(entry))[0])
        assert seen(entry) == ({the_id("account", "a1")}, set())
        assert set(entry.flags) == {"include_bill_statements", "include_accounts", "include_account_numbers"}

    @pytest.mark.req("WG3A-205", "WG3A-206", "WG3B-212")
    @pytest.mark.parametrize(
        ("window", "expected"),
        [
            ({"statement_date_start": "2026-03-01"}, {"b2"}),
            ({"statement_date_end": "2026-02-28"}, {"b1"}),
            ({"statement_date_start": "2026-02-01", "statement_date_end": "2026-03-01"}, {"b1", "b2"}),
            ({"statement_date_start": "2026-03-01", "statement_date_end": "2026-02-01"}, set()),
        ],
    )
    async def test_the_dates_of_the_grant_choose_whole_bills(self, bills: Bills, window: dict[str, str], expected: set[str]) -> None:
        assert (await bills.refs(resolved("cds_bill_statements", ("account", "a1"), **window)))[0] == expected

    @pytest.mark.req("WG3A-206")
    @pytest.mark.parametrize(
        ("field", "members"),
        [
            ("include_bill_statement_files", {"file_uri"}),
            ("include_bill_statement_charges", CHARGES),
            ("include_bill_statement_programs", {"account_programs"}),
        ],
    )
    async def test_a_field_adds_its_members(self, bills: Bills, field: str, members: set[str]) -> None:
        for value, expected in ((True, STATEMENT | members), (False, STATEMENT)):
            statements, _ = await bills.shown(resolved("cds_bill_statements", ("account", "a1"), **{field: value}))
            assert all(set(each) == expected for each in statements)


class TestServiceBillsScope:
    @pytest.mark.req("WG3A-213", "WG3A-214", "WG3A-215")
    @pytest.mark.parametrize(
        ("picked", "sections", "accounts", "contracts"),
        [
            (("account", "a1"), {"s1c1", "s1c2", "s2c1", "s2c2"}, {"a1"}, {"c1", "c2"}),
            (("service_contract", "c2"), {"s1c2", "s2c2"}, {"a1"}, {"c2"}),
            (("service_contract", "c3"), {"s3c3"}, {"a2"}, {"c3"}),
        ],
    )
    async def test_what_was_picked_shows_its_sections_with_account_and_contract(
        self, bills: Bills, *, picked: tuple[Kind, str], sections: set[str], accounts: set[str], contracts: set[str]
    ) -> None:
        implied = {"include_bill_sections", "include_accounts", "include_account_numbers", "include_service_contracts",
                   "include_contract_numbers"}  # fmt: skip
        for details in ({}, dict.fromkeys(implied, False)):
            entry = resolved("cds_service_bills", picked, **details)
            assert await bills.refs(entry) == (set(), sections)
            assert all(set(each) == SECTION for each in (await bills.shown(entry))[1])
            assert seen(entry) == ({the_id("account", ref) for ref in accounts}, {the_id("service_contract", ref) for ref in contracts})
            assert set(entry.flags) == implied

    @pytest.mark.req("WG3A-214", "WG3A-215", "WG3A-216", "WG3B-212")
    @pytest.mark.parametrize(
        ("window", "expected"),
        [
            ({"start_date": "2026-02-01"}, {"s2c1"}),
            ({"end_date": "2026-02-27"}, {"s1c1"}),
            ({"start_date": "2026-01-01", "end_date": "2026-02-28"}, {"s1c1", "s2c1"}),
            ({"start_date": "2026-02-01", "end_date": "2026-01-31"}, set()),
        ],
    )
    async def test_the_dates_of_the_grant_choose_whole_sections(self, bills: Bills, window: dict[str, str], expected: set[str]) -> None:
        assert (await bills.refs(resolved("cds_service_bills", ("service_contract", "c1"), **window)))[1] == expected

    @pytest.mark.req("WG3A-216")
    @pytest.mark.parametrize(
        ("field", "members"),
        [("include_bill_section_line_items", {"line_items"}), ("include_bill_section_programs", {"service_programs"})],
    )
    async def test_a_field_adds_its_members(self, bills: Bills, field: str, members: set[str]) -> None:
        for value, expected in ((True, SECTION | members), (False, SECTION)):
            _, sections = await bills.shown(resolved("cds_service_bills", ("account", "a1"), **{field: value}))
            assert all(set(each) == expected for each in sections)

    async def test_statements_come_beside_the_sections_when_they_are_asked_for(self, bills: Bills) -> None:
        entry = resolved("cds_service_bills", ("service_contract", "c1"), include_bill_statements=True, statement_date_start="2026-03-01")
        assert await bills.refs(entry) == ({"b2"}, {"s1c1", "s2c1"})


class TestDirectScopes:
    @pytest.mark.req("WG3A-264", "WG3A-267")
    @pytest.mark.parametrize(
        ("scope_type", "implied", "place"),
        [("cds_query_bill_statements", "include_bill_statements", 0), ("cds_query_bill_sections", "include_bill_sections", 1)],
    )
    async def test_a_scope_shows_its_own_kind_with_the_bare_members(
        self, bills: Bills, *, scope_type: str, implied: str, place: int
    ) -> None:
        for details in ({}, {implied: False}):
            shown = await bills.shown(resolved(scope_type, None, EVERYTHING, **details))
            assert len(shown[place]) == (3, 5)[place]
            assert shown[1 - place] == []
            assert all(set(each) == (STATEMENT, SECTION)[place] for each in shown[place])

    @pytest.mark.req("WG3A-247")
    async def test_a_named_account_or_contract_bounds_the_bills(self, bills: Bills) -> None:
        statements = resolved("cds_query_bill_statements", None, EVERYTHING, account_numbers=["a2"])
        assert (await bills.refs(statements))[0] == {"b3"}
        sections = resolved("cds_query_bill_sections", None, EVERYTHING, contract_numbers=["c2"])
        assert (await bills.refs(sections))[1] == {"s1c2", "s2c2"}
        nothing = resolved("cds_query_bill_sections", None, EVERYTHING, contract_numbers=["c2"], account_numbers=["a2"])
        assert await bills.refs(nothing) == (set(), set())

    @pytest.mark.req("WG3B-184")
    async def test_bills_before_what_the_client_may_see_stay_hidden(self, bills: Bills) -> None:
        permission = DirectPermission(everything=True, data_from=datetime(2026, 2, 15, tzinfo=UTC))
        asked = {"statement_date_start": "2020-01-01", "start_date": "2020-01-01"}
        assert (await bills.refs(resolved("cds_query_bill_statements", None, permission, **asked)))[0] == {"b2"}
        assert (await bills.refs(resolved("cds_query_bill_sections", None, permission, **asked)))[1] == set()
        narrower = resolved("cds_query_bill_statements", None, permission, statement_date_start="2026-03-02")
        assert (await bills.refs(narrower))[0] == set()
