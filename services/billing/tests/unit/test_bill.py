"""From the utility's bill to Statement and Sections."""

from decimal import Decimal

import pytest

from cds_billing.domain.bill import statement_of
from services.billing.tests.builders import a_bill, a_section, the_id


@pytest.mark.req("WG3D-110")
def test_a_bill_that_does_not_add_up_gets_a_charge_that_closes_the_gap() -> None:
    charges = statement_of(a_bill(amount_due=Decimal("63.35"))).body["new_charges"]

    assert [charge["types"] for charge in charges] == [["electric_total"], ["amount_due_sum_difference"]]
    assert charges[1]["amount"] == Decimal("2.25")
    assert charges[1]["included_in_amount_due"] is True


@pytest.mark.req("WG3D-109")
def test_charges_and_unpaid_balance_make_the_amount_due() -> None:
    bill = a_bill(amount_due=Decimal("71.20"), previous_balance_unpaid=Decimal("10.10"))

    charges = statement_of(bill).body["new_charges"]

    assert [charge["amount"] for charge in charges] == [Decimal("61.10")]


@pytest.mark.req("WG3D-108")
def test_without_a_shutoff_amount_there_is_no_shutoff_date() -> None:
    body = statement_of(a_bill(shutoff_prevention_date="2026-03-01")).body

    assert body["shutoff_prevention_minimum_due"] is None
    assert body["shutoff_prevention_date"] is None


@pytest.mark.req("WG3D-122")
def test_sections_of_one_contract_name_each_other() -> None:
    bill = a_bill(a_section("delivery"), a_section("supply"), a_section("gas", contract="c2"))

    sections = {section.section_id: section.related_ids for section in statement_of(bill).sections}

    assert sections[the_id("bill_section", "delivery")] == [the_id("bill_section", "supply")]
    assert sections[the_id("bill_section", "supply")] == [the_id("bill_section", "delivery")]
    assert sections[the_id("bill_section", "gas")] == []


@pytest.mark.req("WG3D-125")
def test_a_sub_account_section_keeps_the_sub_account() -> None:
    bill = a_bill(a_section(account_ref="child", account_number="88-1204", section_types=["sub_account"]))

    statement = statement_of(bill)

    assert statement.account_id == the_id("account", "a1")
    assert statement.sections[0].account_id == the_id("account", "child")
    assert statement.sections[0].account_number == "88-1204"


@pytest.mark.req("WG3D-140")
def test_line_items_name_details_of_their_own_section() -> None:
    body = statement_of(a_bill()).sections[0].body

    assert body["line_items"][0]["related_usage_details"] == [body["usage_details"][0]["id"]]
    assert body["line_items"][0]["related_cost_details"] == [body["cost_details"][0]["id"]]


@pytest.mark.req("WG3D-120")
def test_one_entity_that_does_both_is_the_same_in_both_places() -> None:
    entity = {"entity_number": "HLP", "types": ["distributor", "supplier"], "entity_name": "Harbor", "entity_abbreviation": None}

    body = statement_of(a_bill(a_section(distribution_entity=entity, supply_entity=entity))).sections[0].body

    assert body["distribution_entity"] == body["supply_entity"]
    assert body["distribution_entity"]["entity_number"] == "HLP"


def test_a_charge_for_a_section_that_is_not_on_the_bill_is_refused() -> None:
    charge = {"charge_ref": "n", "name": "x", "types": ["tax"], "amount": "1", "included_in_amount_due": False, "section_refs": ["other"]}

    with pytest.raises(ValueError, match="no section 'other'"):
        statement_of(a_bill(new_charges=[charge]))
