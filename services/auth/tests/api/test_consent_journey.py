"""The main journey: link, login, form, one decision, redirect (CDS-WG3-01 §9.1)."""

import json
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import literal_column, select, update

from cds_auth.persistence.customer_tables import ConsentRequestRow
from services.auth.tests.customer_builders import a_home
from services.auth.tests.customer_driver import CALLBACK, STATE, answer_of
from services.auth.tests.customer_world import World

MERGED = [
    {
        "type": "cds_service_contracts_hlp", "contract_numbers": ["_all"], "include_account_numbers": True,
        "include_contract_numbers": True, "include_rate_plans": True, "include_service_contract_details": True, "sync_until": "P3Y",
        "purpose": "mine", "merge_selection_with": "cds_usage_hlp",
    },
    {
        "type": "cds_usage_hlp", "contract_numbers": ["_all"], "authorization_form_selection_type": "service_contract_selection",
        "include_service_contracts": True, "include_meter_devices": True, "include_meter_numbers": True,
        "include_usage_segment_value_types": ["el-15min", "gas-month"], "sync_until": "P3Y", "segment_start": "P13M",
        "segment_end": "infinite", "purpose": "mine", "merge_selection_with": "cds_service_contracts_hlp",
    },
]  # fmt: skip


@pytest.mark.req("WG3C-050", "WG3C-064", "WG3C-069", "WG3C-102", "WG3C-192", "WG3C-193")
async def test_a_link_leads_through_the_login_to_the_form_of_this_customer(world: World) -> None:
    client, home, stranger = await world.client(), await world.home(), await world.home(a_home(account_number="77-0001"))
    person = world.person()
    _, page = await world.form(
        client, home, person, scope="cds_service_contracts_hlp cds_usage_hlp", authorization_details=json.dumps(MERGED)
    )
    assert page.status == 200
    assert "Kestrel Home Audits is asking for your permission" in page.text
    assert page.ticked() == page.listed() == {home.id("service_contract", "220-471").hex, home.id("service_contract", "220-472").hex}
    assert page.future_ticked() is False
    assert "77-0001" not in page.source
    assert stranger.tag not in page.source


@pytest.mark.req("WG3C-052", "WG3C-057", "WG3C-054", "WG3C-225", "WG3C-226", "WG3C-183")
async def test_approving_makes_one_grant_one_receipt_and_a_code(world: World) -> None:
    client, home = await world.client(), await world.home()
    electric = home.id("service_contract", "220-471")
    person, page = await world.form(client, home, scope="cds_service_contracts_hlp cds_usage_hlp", authorization_details=json.dumps(MERGED))
    done = await person.press(page, "approve", s1=[electric.hex])
    assert done.status == 303
    assert done.location.startswith(CALLBACK + "?")
    answer = answer_of(done.location)
    assert set(answer) == {"code", "state", "iss"}
    assert answer["iss"] == "http://localhost:8080"
    [grant] = await world.grants(client)
    [receipt] = await world.receipts(client)
    assert grant.receipt_confirmations == (receipt.confirmation,)
    assert len(receipt.confirmation) == 12
    assert receipt.confirmation.isdecimal()
    assert grant.customer_ids == (home.customer_id,)
    assert [entry.scope for entry in grant.entries] == ["cds_service_contracts_hlp", "cds_usage_hlp"]
    for entry in grant.entries:
        assert entry.selection is not None
        assert (entry.selection.kind, entry.selection.ids, entry.selection.include_future) == ("service_contract", (electric,), False)


@pytest.mark.req("WG3C-039", "WG3C-062")
async def test_state_comes_back_unchanged_and_is_kept_in_the_grant(world: World) -> None:
    client, home = await world.client(), await world.home()
    _, answer = await world.approved(client, home, [home.id("service_contract", "220-471")])
    assert answer["state"] == STATE
    [grant] = await world.grants(client)
    assert grant.states == (STATE,)


@pytest.mark.req("WG3C-039")
async def test_without_state_none_is_added(world: World) -> None:
    client, home = await world.client(), await world.home()
    _, answer = await world.approved(client, home, [home.id("service_contract", "220-471")], state=None)
    assert "state" not in answer


@pytest.mark.req("WG3C-051", "WG3C-125")
async def test_declining_an_untouched_form_leaves_nothing_behind(world: World) -> None:
    client, home = await world.client(), await world.home()
    person, page = await world.form(client, home)
    done = await person.press(page, "decline")
    assert answer_of(done.location) == {"error": "access_denied", "state": STATE, "iss": "http://localhost:8080"}
    assert await world.grants(client) == []
    assert await world.receipts(client) == []
    assert await world.mails(client) == 0


@pytest.mark.req("WG3C-055", "WG3C-230")
async def test_one_notification_is_queued_for_a_customer_with_an_address(world: World) -> None:
    client, home = await world.client(), await world.home()
    await world.approved(client, home, [home.id("service_contract", "220-471")])
    assert await world.mails(client) == 1
    silent = await world.home(a_home(email=None))
    other = await world.client()
    _, answer = await world.approved(other, silent, [silent.id("service_contract", "220-471")])
    assert "code" in answer
    assert await world.mails(other) == 0


@pytest.mark.req("WG3C-126", "WG3C-208", "WG3C-206")
async def test_approving_with_nothing_ticked_marks_the_list_and_keeps_the_rest(world: World) -> None:
    client, home = await world.client(), await world.home()
    scopes = "cds_service_contracts_hlp cds_accounts_hlp"
    person, page = await world.form(client, home, scope=scopes)
    again = await person.press(page, "approve", s2=[home.account_id.hex])
    assert again.status == 422
    assert 'href="#list-1"' in again.source
    assert 'href="#list-2"' not in again.source
    assert 'aria-invalid="true"' in again.source
    assert 'role="alert"' in again.source
    assert again.ticked(2) == {home.account_id.hex}
    assert await world.grants(client) == []
    done = await person.press(again, "approve", s1=[home.id("service_contract", "220-471").hex])
    assert "code" in answer_of(done.location)
    assert len(await world.grants(client)) == 1


@pytest.mark.req("WG3C-208", "WG3C-185")
async def test_only_what_comes_later_may_be_authorized(world: World) -> None:
    client, home = await world.client(), await world.home()
    person, page = await world.form(client, home)
    done = await person.press(page, "approve", **{"s1.future": "1"})
    assert "code" in answer_of(done.location)
    [grant] = await world.grants(client)
    selection = grant.entries[0].selection
    assert selection is not None
    assert selection.include_future
    assert selection.ids == ()
    assert set(selection.except_ids) == {home.id("service_contract", "220-471"), home.id("service_contract", "220-472")}


@pytest.mark.req("WG3C-127")
async def test_a_second_press_repeats_the_first_answer_and_makes_nothing(world: World) -> None:
    client, home = await world.client(), await world.home()
    person, page = await world.form(client, home)
    first = await person.press(page, "approve", s1=[home.id("service_contract", "220-471").hex])
    second = await person.press(page, "approve", s1=[home.id("service_contract", "220-472").hex])
    third = await person.press(page, "decline")
    assert first.location == second.location == third.location
    assert len(await world.grants(client)) == 1
    assert len(await world.receipts(client)) == 1
    shown = await person.get(page.path)
    assert "already authorized" in shown.text


@pytest.mark.req("WG3C-207")
async def test_another_customers_entry_is_refused(world: World) -> None:
    client, home, stranger = await world.client(), await world.home(), await world.home()
    person, page = await world.form(client, home)
    own, foreign = home.id("service_contract", "220-471").hex, stranger.id("service_contract", "220-471").hex
    for ticks in ([foreign], [own, foreign]):
        refused = await person.press(page, "approve", s1=ticks)
        assert refused.status == 422
        assert stranger.id("service_contract", "220-471").hex not in refused.text
    assert "Your list changed" in refused.text
    assert await world.grants(client) == []
    assert (await person.press(page, "approve", s1=[own])).status == 303


@pytest.mark.req("WG3C-074", "WG3C-274")
async def test_opening_the_decision_addresses_decides_nothing(world: World) -> None:
    client, home = await world.client(), await world.home()
    person, page = await world.form(client, home)
    for verb in ("approve", "decline", "reauthenticate"):
        assert (await person.get_raw(f"{page.path}/{verb}")).status == 405
    forged = await person.post_raw(f"{page.path}/approve", {"s1": home.id("service_contract", "220-471").hex})
    assert forged.status == 403
    other_site = {"Sec-Fetch-Site": "cross-site"}
    values = {"csrf": page.csrf, "s1": home.id("service_contract", "220-471").hex}
    assert (await person.post_raw(f"{page.path}/approve", values, headers=other_site)).status == 403
    assert await world.grants(client) == []
    done = await person.press(page, "decline")
    assert done.status == 303


async def test_a_request_belongs_to_the_browser_that_opened_it(world: World) -> None:
    client, home = await world.client(), await world.home()
    _, page = await world.form(client, home)
    thief, _ = await world.form(client, home)
    assert (await thief.get(page.path)).status == 404


@pytest.mark.req("WG3C-058", "WG3C-059")
async def test_the_servers_own_redirect_uri_ends_on_the_receipt(world: World) -> None:
    client, home = await world.client(), await world.home()
    person, page = await world.form(client, home, redirect_uri=client.snapshot.server_redirect_uri)
    end = await person.press(page, "approve", s1=[home.id("service_contract", "220-471").hex])
    [receipt] = await world.receipts(client)
    assert end.path.startswith("/receipts/")
    assert " ".join(receipt.confirmation[i : i + 4] for i in (0, 4, 8)) in end.text


@pytest.mark.req("WG3C-060", "WG3C-221")
async def test_declining_on_the_servers_own_redirect_uri_confirms_it(world: World) -> None:
    client, home = await world.client(), await world.home()
    person, page = await world.form(client, home, redirect_uri=client.snapshot.server_redirect_uri)
    end = await person.press(page, "decline")
    assert end.path == urlsplit(str(client.snapshot.server_redirect_uri)).path
    assert "You declined this request" in end.text
    assert "confirmation" in end.text
    assert await world.grants(client) == []


@pytest.mark.req("WG3C-084", "WG3C-184")
async def test_select_all_and_search_work_without_script(world: World) -> None:
    client = await world.client()
    home = a_home()
    for number in range(10):
        home.service(f"310-{number:03}", "electric", address=f"{number} School Street")
    await world.home(home)
    person, page = await world.form(client, home)
    everything = await person.press(page, "update", do="all:1")
    assert everything.ticked() == everything.listed()
    assert len(everything.listed()) == 12
    found = await person.press(everything, "update", **{"do": "search", "s1.search": "7 school"})
    assert found.ticked() == everything.listed()
    assert found.source.count("<li hidden>") == 11
    nothing = await person.press(found, "update", do="none:1")
    assert nothing.ticked() == set()
    spanish = await person.press(everything, "update", do="language:es")
    assert "Solicitud de autorización" in spanish.text
    assert spanish.ticked() == everything.listed()
    assert "Solicitud de autorización" in (await person.get(page.path)).text


async def test_a_request_runs_out_and_activity_keeps_it_alive(world: World) -> None:
    client, home = await world.client(), await world.home()
    person, page = await world.form(client, home)
    txn = page.path.rpartition("/")[2]

    async def age(minutes: int) -> None:
        async with world.sessions.begin() as tx:
            earlier = ConsentRequestRow.expires - timedelta(minutes=minutes)
            await tx.execute(update(ConsentRequestRow).where(ConsentRequestRow.txn == txn).values(expires=earlier))

    async def written_by() -> object:
        async with world.sessions.begin() as tx:
            return await tx.scalar(select(literal_column("xmin::text")).select_from(ConsentRequestRow).where(ConsentRequestRow.txn == txn))

    before = await written_by()
    assert (await person.get(page.path)).status == 200
    assert await written_by() == before, "who has just begun needs no more time"
    await age(59)
    assert (await person.post_raw(f"{page.path}/stay", {})).status == 403
    assert (await person.post_raw(f"{page.path}/stay", {}, headers={"X-Requested-With": "pages"})).status == 204
    await age(59)
    assert (await person.get(page.path)).status == 200
    await age(61)
    expired = await person.get(page.path)
    assert expired.status == 410
    assert "This page has expired" in expired.text
    assert (await person.press(page, "approve", s1=[home.id("service_contract", "220-471").hex])).status == 410
    assert await world.grants(client) == []


async def test_oversized_and_malformed_forms_are_refused(world: World) -> None:
    client, home = await world.client(), await world.home()
    person, page = await world.form(client, home)
    assert (await person.press(page, "approve", s1=["not-an-id"])).status == 403
    assert (await person.press(page, "approve", s1=["0" * 32] * 30_001)).status in {403, 413}
    as_json = await person.post_raw(f"{page.path}/approve", {}, headers={"Content-Type": "application/json"})
    assert as_json.status == 403
    assert await world.grants(client) == []


async def test_a_fault_in_the_middle_of_an_approval_leaves_nothing_behind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client, home = await world.client(), await world.home()
    person, page = await world.form(client, home)

    async def break_down(*_arguments: object, **_named: object) -> str:
        raise RuntimeError("in the middle")

    monkeypatch.setattr("cds_auth.application.consent_decision.issue_code", break_down)
    failed = await person.press(page, "approve", s1=[home.id("service_contract", "220-471").hex])
    assert failed.status == 500
    assert (await world.grants(client), await world.receipts(client), await world.mails(client)) == ([], [], 0)
    monkeypatch.undo()
    done = await person.press(page, "approve", s1=[home.id("service_contract", "220-471").hex])
    assert "code" in answer_of(done.location)
    assert len(await world.grants(client)) == 1
