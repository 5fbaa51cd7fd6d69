"""The list to tick from (CDS-WG3-01 §9.2.3)."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from cds_auth.domain.selection_list import ListEntry, SelectionList, list_entries, through_words
from cds_auth.persistence.languages import load_languages
from cds_common.utility import Utility
from cds_common.utility.wire import scope_descriptions
from services.auth.tests.customer_builders import Household, a_home

EN = load_languages()["en"]
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def a_list(count: int, kind: str = "service_contract") -> SelectionList:
    return SelectionList(kind, tuple(ListEntry(uuid4(), f"N-{n:03}", address=f"{n} Pier Road") for n in range(count)))


@pytest.mark.req("WG3C-187", "WG3C-188", "WG3C-189", "WG3C-190")
def test_search_and_scrolling_begin_with_eleven_entries() -> None:
    assert not a_list(10).long
    assert a_list(11).long


@pytest.mark.req("WG3C-185", "WG3C-186")
def test_only_accounts_and_services_can_include_what_comes_later() -> None:
    offered = {
        kind: a_list(1, kind).offers_future for kind in ("account", "service_contract", "service_point", "meter_device", "aggregation")
    }
    assert offered == {"account": True, "service_contract": True, "service_point": False, "meter_device": False, "aggregation": False}
    assert not a_list(1, "meter_device").with_ticks(frozenset(), include_future=True).include_future


def test_search_hides_and_keeps_ticks() -> None:
    listed = a_list(12)
    ticked = listed.with_ticks(frozenset({listed.entries[0].id}), include_future=False)
    found = ticked.filtered("007 PIER", only_selected=False)
    assert [entry.number for entry in found.entries if not entry.hidden] == ["N-007"]
    assert found.selected == 1
    only = ticked.filtered("", only_selected=True)
    assert [entry.number for entry in only.entries if not entry.hidden] == ["N-000"]


@pytest.mark.req("WG3C-171")
def test_the_published_choices_of_a_list_have_the_names_of_the_specification(utility: Utility) -> None:
    lists = {"account_selection", "service_contract_selection", "servicepoint_selection", "meter_device_selection", "aggregation_selection"}
    published = [
        {choice["id"] for choice in field["choices"]}
        for scope in scope_descriptions(utility, "https://data.hlp.example").values()
        for field in scope["authorization_details_fields_supported"]
        if field["id"] == "authorization_form_selection_type"
    ]
    assert len(published) >= 9
    assert all(ids and ids <= lists for ids in published)
    assert set().union(*published) == lists


@pytest.mark.req("WG3C-208")
def test_an_empty_choice_is_not_complete() -> None:
    listed = a_list(2)
    assert not listed.complete
    assert listed.with_ticks(frozenset({listed.entries[1].id}), include_future=False).complete
    assert listed.with_ticks(frozenset(), include_future=True).complete


@pytest.mark.req("WG3C-173", "WG3C-175", "WG3C-177", "WG3C-179")
def test_entries_show_what_the_specification_asks_for() -> None:
    home = a_home()
    home.add("service_contract", "ended", None, name="Cabin", types=["water", "metered"], status="closed", address=None)
    known = {resource.resource_id: resource for resource in home.resources}
    entries = {entry.id: entry for entry in list_entries(known, known, {}, EN)}
    account = entries[home.account_id]
    assert (account.number, account.name, account.address) == ("88-1203", "R. Moss", "14 Pier Road, Port Alder, WA 98000")
    contract = entries[home.id("service_contract", "220-471")]
    assert (contract.number, contract.kinds, contract.account_number, contract.address, contract.meters) == (
        "220-471", "electricity, home", "88-1203", "14 Pier Road, Port Alder, WA 98000", "M-220-471",
    )  # fmt: skip
    point = entries[home.id("service_point", "220-471")]
    assert (point.number, point.kinds) == ("SP-220-471", "electricity")
    meter = entries[home.id("meter_device", "220-471")]
    assert (meter.number, meter.kinds) == ("M-220-471", "electricity meter, smart meter")
    ended = entries[home.id("service_contract", "ended")]
    assert (ended.number, ended.name, ended.ended) == ("", "Cabin", True)
    assert list_entries(known, known, {}, EN)[-1].id == ended.id


@pytest.mark.req("WG3C-206")
def test_a_group_is_explained_by_the_customers_own_service() -> None:
    home = Household()
    home.service("220-471", "electric")
    known = {resource.resource_id: resource for resource in home.resources}
    words = through_words([home.id("service_point", "220-471"), uuid4()], known, EN)
    assert words == ("through your service 220-471 (electricity, home, 14 Pier Road, Port Alder, WA 98000)",)
