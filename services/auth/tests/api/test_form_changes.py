"""A form that the customer may change: parts and times out, sections out and back, and what is granted then (CDS-WG3-01 §9.2.1.3-5)."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from cds_auth.application.page_secrets import PageSecrets
from cds_auth.domain.closing import ClosingRules, Disclosure
from cds_auth.persistence.customer_tables import ReceiptMailRow, ReceiptRow
from services.auth.tests.customer_builders import Household
from services.auth.tests.customer_driver import answer_of
from services.auth.tests.customer_world import World, closing
from services.auth.tests.pdf_text import text_of

SCOPES = "cds_service_contracts_hlp cds_usage_hlp"
USAGE: dict[str, Any] = {
    "type": "cds_usage_hlp", "include_usage_segment_value_types": ["el-15min", "gas-month"], "segment_start": "P13M",
    "segment_end": "infinite", "allow_scope_modifications": True,
}  # fmt: skip
CONTRACTS: dict[str, Any] = {
    "type": "cds_service_contracts_hlp", "include_rate_plans": True, "sync_until": "P3Y", "allow_scope_modifications": True,
}  # fmt: skip
EDITABLE = json.dumps([CONTRACTS, USAGE])
LAW = ClosingRules(
    (
        Disclosure("late", {"en": "Usage data can arrive late."}, frozenset({"cds_usage_hlp"}), must_agree=True),
        Disclosure("business", {"en": "Large customers wait longer."}, customers="business"),
    ),
    typed_name=True,
    contact_uses={"en": "The law makes us keep it for one year."},
)


def ticks(home: Household, section: int = 1) -> dict[str, str]:
    return {f"s{section}": home.id("service_contract", "220-471").hex}


@pytest.mark.req("WG3C-104", "WG3C-105")
async def test_a_section_can_be_taken_out_and_put_back_but_never_the_last_one(world: World) -> None:
    client, home = await world.client(), await world.home()
    person, page = await world.form(client, home, scope=SCOPES, authorization_details=EDITABLE)
    assert page.source.count('value="remove:') == 2
    without = await person.press(page, "update", do="remove:2", **ticks(home))
    assert "You removed this request." in without.text
    assert 'value="remove:' not in without.source
    assert without.source.count('value="restore:2"') == 1
    assert (await person.press(without, "update", do="remove:1", **{"s2.removed": "1"})).status == 403
    both = await person.press(without, "update", do="restore:2", **{"s2.removed": "1"}, **ticks(home))
    assert both.source.count('value="remove:') == 2
    done = await person.press(without, "approve", **{"s2.removed": "1"}, **ticks(home))
    assert "code" in answer_of(done.location)
    [grant], [row] = await world.grants(client), await world.receipts(client)
    assert [entry.scope for entry in grant.asked] == ["cds_service_contracts_hlp"]
    assert grant.scope == "cds_service_contracts_hlp"
    assert [section["scopes"] for section in row.snapshot["sections"]] == [["cds_service_contracts_hlp"]]


@pytest.mark.req("WG3C-105", "WG3C-109")
async def test_changes_show_in_the_words_of_the_form_and_can_be_undone(world: World) -> None:
    client, home = await world.client(), await world.home()
    person, page = await world.form(client, home, scope="cds_usage_hlp", authorization_details=json.dumps([USAGE]))
    assert "electricity every 15 minutes and gas every month" in page.text
    assert "You changed what would be shared" not in page.text
    changes = {"s1.parts": "1", "s1.keep": "kind:el-15min", "s1.time.segment_end": "PT0S"}
    changed = await person.press(page, "update", do="edit", **changes, **ticks(home))
    assert "(electricity every 15 minutes)" in changed.text
    assert "Only meter usage from the past 13 months" in changed.text
    assert "You changed what would be shared" in changed.text
    assert changed.ticked() == {home.id("service_contract", "220-471").hex}
    undone = await person.press(changed, "update", do="reset", **changes, **ticks(home))
    assert "electricity every 15 minutes and gas every month" in undone.text
    assert "You changed what would be shared" not in undone.text
    assert undone.ticked() == {home.id("service_contract", "220-471").hex}


@pytest.mark.req("WG3B-263")
async def test_the_grant_and_its_receipt_hold_the_changed_request(world: World) -> None:
    client, home = await world.client(), await world.home()
    person, page = await world.form(client, home, scope="cds_usage_hlp", authorization_details=json.dumps([USAGE]))
    changes = {"s1.parts": "1", "s1.keep": "kind:el-15min", "s1.time.segment_start": "P1M"}
    done = await person.press(page, "approve", **changes, **ticks(home))
    assert "code" in answer_of(done.location)
    [grant], [row] = await world.grants(client), await world.receipts(client)
    details = grant.asked[0].details
    assert details is not None
    assert details["include_usage_segment_value_types"] == ["el-15min"]
    [section] = row.snapshot["sections"]
    assert "from the past month" in " ".join(section["durations"])
    assert "gas" not in json.dumps(section["data"])


@pytest.mark.req("WG3C-109", "WG3B-264")
@pytest.mark.parametrize(
    "changes",
    [{"s1.removed": "1"}, {"s1.parts": "1"}, {"s1.time.segment_end": "P1M"}, {"s1.time.segment_end": "infinite"}],
    ids=lambda changes: next(iter(changes)),
)
async def test_a_fixed_form_has_no_controls_and_refuses_posted_changes(world: World, changes: dict[str, str]) -> None:
    client, home = await world.client(), await world.home()
    fixed = json.dumps([USAGE | {"allow_scope_modifications": False}, CONTRACTS])
    person, page = await world.form(client, home, scope="cds_usage_hlp cds_service_contracts_hlp", authorization_details=fixed)
    assert "s1.parts" not in page.source
    assert 'value="remove:1"' not in page.source
    assert 'value="remove:2"' in page.source
    for verb in ("approve", "update"):
        assert (await person.press(page, verb, **changes, **ticks(home), **ticks(home, 2))).status == 403
    assert await world.grants(client) == []


@pytest.mark.req("WG3C-113", "WG3C-115", "WG3C-130")
async def test_what_the_law_asks_for_is_needed_only_where_it_applies(world: World) -> None:
    client, home = await world.client(), await world.home()
    person, plain = await world.form(client, home, scope=SCOPES, authorization_details=EDITABLE)
    assert "typed_name" not in plain.source
    with closing(LAW):
        page = await person.get(plain.path)
        assert "Usage data can arrive late." in page.text
        assert "Large customers" not in page.text
        assert "By law you have to type your name" in page.text
        refused = await person.press(page, "approve", **ticks(home), **ticks(home, 2))
        assert refused.status == 422
        for words in ("Read the text and tick the box", "Type your name, or decline."):
            assert words in refused.text
        assert refused.source.count('aria-invalid="true"') == 2
        less = await person.press(page, "update", do="remove:2", **ticks(home))
        assert "Usage data can arrive late." not in less.text
        gone = {"s2.removed": "1", "typed_name": "Robin Moss"}
        done = await person.press(less, "approve", **gone, **ticks(home))
    assert "code" in answer_of(done.location)
    [row] = await world.receipts(client)
    assert (row.snapshot["typed_name"], row.snapshot["disclosures"]) == ("Robin Moss", [])


@pytest.mark.req("WG3C-130", "WG3C-112")
async def test_the_receipt_keeps_what_was_told_and_typed(world: World, vault: PageSecrets) -> None:
    client, home = await world.client(), await world.home()
    person, page = await world.form(client, home, scope="cds_usage_hlp", authorization_details=json.dumps([USAGE]))
    with closing(LAW):
        answers = {"agree": "late", "typed_name": "Robin Moss"}
        done = await person.press(page, "approve", **answers, **ticks(home))
    assert "code" in answer_of(done.location)
    [row] = await world.receipts(client)
    address = f"/receipts/{vault.decrypt(row.token_encrypted)}"
    own, anybody = await person.get(address), await world.person().get(address)
    assert "Usage data can arrive late." in anybody.text
    assert "Robin Moss" in own.text
    assert "Robin Moss" not in anybody.source


@pytest.mark.req("WG3C-118", "WG3C-119", "WG3C-120", "WG3C-121")
async def test_a_customer_without_an_address_may_enter_one_for_the_receipt_alone(world: World) -> None:
    client = await world.client()
    known, unknown = await world.home(), await world.home(Household(email=None))
    contract = unknown.service("555-1")
    async with world.sessions.begin() as tx:
        await unknown.store_resources(tx)
    _, page = await world.form(client, known)
    assert 'name="contact"' not in page.source
    person, page = await world.form(client, unknown)
    assert "We use it only to send you the receipt and to tell you about changes to this authorization" in page.text
    assert "so that you can cancel it later" in page.text
    with closing(ClosingRules(contact_uses={"en": "The law makes us keep it for one year."})):
        assert "The law makes us keep it for one year." in (await person.get(page.path)).text
    refused = await person.press(page, "approve", s1=contract.hex, contact="not an address")
    assert refused.status == 422
    assert 'value="not an address"' in refused.source
    done = await person.press(page, "approve", s1=contract.hex, contact="me@mail.example")
    assert "code" in answer_of(done.location)
    async with world.open() as tx:
        rows = (await tx.execute(select(ReceiptMailRow.address).join(ReceiptRow).where(ReceiptRow.client_id == client.client_id))).all()
    [row] = await world.receipts(client)
    assert [address for (address,) in rows] == ["me@mail.example"]
    assert "me@mail.example" not in json.dumps(row.snapshot)


@pytest.mark.req("WG3C-240", "WG3C-245")
async def test_the_document_says_what_the_page_says_to_the_same_viewer(world: World, vault: PageSecrets) -> None:
    client, home = await world.client(), await world.home()
    asked = [{"type": "cds_service_contracts_hlp", "include_contract_numbers": True, "sync_until": "P3Y", "purpose": "mine"}]
    person, _ = await world.approved(client, home, [home.id("service_contract", "220-471")], authorization_details=json.dumps(asked))
    [row] = await world.receipts(client)
    token = vault.decrypt(row.token_encrypted)
    own, anybody = await person.get(f"/receipts/{token}/pdf"), await world.person().get(f"/receipts/{token}/pdf")
    assert own.response.headers["content-type"] == "application/pdf"
    assert own.response.headers["cache-control"] == "no-store"
    mine, public = text_of(own.response.content), text_of(anybody.response.content)
    spaced = " ".join(row.confirmation[at : at + 4] for at in (0, 4, 8))
    for words in (
        "Authorization receipt", "Harbor Light & Power", spaced, "Kestrel Home Audits", "Your list of services (service numbers)",
        "kept up to date for the next 3 years", "Written by Kestrel Home Audits:", "We work out how much heat", "version of",
    ):  # fmt: skip
        assert words in mine, words
        assert words in public, words
    assert "220-471, electricity, home, 14 Pier Road" in mine
    assert "1 service" in public
    for secret in ("220-471", "Pier Road", "88-1203", token):
        assert secret not in public
    assert token not in mine
    assert (await person.get("/receipts/" + "x" * 43 + "/pdf")).status == 404


@pytest.mark.req("WG3C-181", "WG3C-182", "WG3C-197")
async def test_groups_are_listed_with_their_words_and_know_no_special_value(world: World) -> None:
    from services.auth.tests.customer_builders import a_building, a_home

    client, home = await world.client(), a_home()
    await world.home(home)
    async with world.sessions.begin() as tx:
        building = await a_building(tx, home)
    asked = {"type": "cds_usage_hlp", "authorization_form_selection_type": "aggregation_selection"}
    _, page = await world.form(client, home, scope="cds_usage_hlp", authorization_details=json.dumps([asked]))
    assert page.listed() == {building.hex}
    assert page.ticked() == set()
    for words in ("B-204", "building", "Lantern Court", "200 Quay Street"):
        assert words in page.text, words
    _, every = await world.form(
        client, home, scope="cds_usage_hlp", authorization_details=json.dumps([asked | {"aggregation_numbers": ["_all"]}])
    )
    assert every.ticked() == set()
    assert "_all" not in every.text
    _, named = await world.form(
        client, home, scope="cds_usage_hlp", authorization_details=json.dumps([asked | {"aggregation_numbers": ["B-204"]}])
    )
    assert named.ticked() == {building.hex}


@pytest.mark.req("WG3C-159")
async def test_several_times_are_a_list_of_statements(world: World) -> None:
    client, home = await world.client(), await world.home()
    asked = USAGE | {"include_service_contracts": True, "sync_until": "P1Y"}
    _, page = await world.form(client, home, scope="cds_usage_hlp", authorization_details=json.dumps([asked]))
    part = page.source.split("component-duration")[1].split("</section>")[0]
    statements = part.split("<ul")[1].split("</ul>")[0]
    assert statements.count("<li>") == 2
    assert "Meter usage from the past 13 months" in statements
    assert "service details, kept up to date" in statements
