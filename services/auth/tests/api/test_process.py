"""The authorization process for every scope, and what a jurisdiction may change in it (CDS-WG3-01 §9, §9.1, §12)."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from cds_auth.app import create_app
from cds_auth.events import ROUTERS
from cds_auth.persistence.customer_tables import BrowserSessionRow
from cds_auth.settings import Settings
from cds_common.db import Sessions
from cds_common.events.values import BillPublishedV1
from cds_common.testing.app import application
from cds_common.testing.bus import memory_bus
from cds_common.utility import load_utility
from services.auth.tests.core_builders import a_grant_admin_client
from services.auth.tests.core_driver import Core
from services.auth.tests.customer_builders import Household, a_building, a_home
from services.auth.tests.customer_driver import VERIFIER, answer_of, authorize_parameters
from services.auth.tests.customer_world import CONSENT_TYPES, World

ROOT = Path(__file__).parents[4]
NEEDED: dict[str, dict[str, Any]] = {
    "cds_account_programs_hlp": {"account_programs": ["BB-1"]},
    "cds_service_programs_hlp": {"service_programs": ["PS-4"]},
    "cds_aggregation_consent_hlp": {"aggregation_numbers": ["B-204"], "premise_numbers": ["P-9"]},
}


async def redeemed(world: World, client: Any, code: str, redirect_uri: str) -> dict[str, Any]:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": VERIFIER}
    answer = await world.http.post("/oauth/token", data=form, headers=client.basic)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.req("WG3C-027")
@pytest.mark.parametrize("scope", CONSENT_TYPES)
async def test_every_consent_scope_is_authorized_by_the_code_flow(world: World, scope: str) -> None:
    home = Household()
    home.service("220-471", premises=["P-9"])
    client, home = await world.client(), await world.home(home)
    async with world.sessions.begin() as tx:
        await a_building(tx, home)
    details = json.dumps([{"type": scope} | NEEDED.get(scope, {})])
    person, page = await world.form(client, home, scope=scope, authorization_details=details)
    assert (page.status, page.path.startswith("/consent/")) == (200, True)
    fixed = scope == "cds_aggregation_consent_hlp"  # what it is about is not the customer's to pick
    everything = page if fixed else await person.press(page, "update", do="all:1")
    done = await person.press(everything, "approve")
    assert done.status == 303, done.text[:3000]
    answer = answer_of(done.location)
    found = await redeemed(world, client, answer["code"], client.snapshot.redirect_uris[0])
    assert (found["scope"], found["authorization_details"][0]["type"]) == (scope, scope)
    [grant] = await world.grants(client)
    assert found["cds_grant_ids"] == [grant.grant_id]
    assert grant.entries[0].selection is not None
    assert grant.entries[0].selection.ids


@pytest.mark.req("WG3C-044", "WG3C-046")
async def test_nobody_sees_a_customers_list_before_the_login(world: World) -> None:
    client, home = await world.client(), await world.home(a_home(account_number="44-7781"))
    details = json.dumps([{"type": "cds_accounts_hlp", "account_numbers": ["44-7781"]}])
    person = world.person()
    parameters = authorize_parameters(client.client_id, scope="cds_accounts_hlp", authorization_details=details)
    login = await person.get("/oauth/authorize", params=parameters)
    assert login.path == "/login"
    to = next(str(field["value"]) for field in login.fields if field.get("name") == "to")
    pages = [login, await person.get(to), await person.post(f"{to}/approve", {"csrf": login.csrf, "s1": home.account_id.hex})]
    for page in pages:
        assert page.path == "/login"
        for word in ("44-7781", home.name, "14 Pier Road", home.account_id.hex):
            assert word not in page.source
    assert await world.grants(client) == []
    assert "44-7781" in (await person.log_in(login, home)).text


@pytest.mark.req("WG3C-061")
async def test_what_was_approved_on_our_own_redirect_is_opened_by_grant_admin(world: World, core: Core) -> None:
    client, home = await world.client(), await world.home()
    admin = a_grant_admin_client(registration_id=client.registration_id)
    await world.publish(admin)
    person, page = await world.form(client, home, redirect_uri=client.snapshot.server_redirect_uri)
    receipt = await person.press(page, "approve", s1=[home.id("service_contract", "220-471").hex])
    assert receipt.path.startswith("/receipts/")
    [grant] = await world.grants(client)
    await core.ready(grant.grant_id)
    opened = [{"type": "cds_grant_admin_hlp", "client_id": client.client_id, "grant_id": grant.grant_id}]
    form = {"grant_type": "client_credentials", "scope": "cds_grant_admin_hlp", "authorization_details": json.dumps(opened)}
    answer = await world.http.post("/oauth/token", data=form, headers=admin.basic)
    assert answer.status_code == 200, answer.text
    seen = await world.http.post("/oauth/introspect", data={"token": answer.json()["access_token"]}, headers=admin.basic)
    assert (seen.json()["active"], seen.json()["authorization_details"]) == (True, opened)


@pytest.mark.req("WG3C-073")
async def test_an_approval_redirects_before_any_data_is_ready(world: World) -> None:
    client, home = await world.client(), await world.home()
    person, page = await world.form(client, home, scope="cds_usage_hlp")
    done = await person.press(page, "approve", **{"s1.future": "1"})
    assert "code" in answer_of(done.location)
    [grant] = await world.grants(client)
    assert (grant.status, grant.enabled_scope) == ("pending", "")
    assert grant.eta is not None
    assert grant.eta > datetime.now(UTC)


@pytest.mark.req("WG3C-275")
async def test_answers_name_the_issuer_and_pages_leak_no_address(world: World) -> None:
    client, home = await world.client(), await world.home()
    person, page = await world.form(client, home, redirect_uri=client.snapshot.server_redirect_uri)
    receipt = await person.press(page, "approve", s1=[home.id("service_contract", "220-471").hex])
    for shown in (page, receipt):
        assert shown.response.headers["referrer-policy"] == "no-referrer"
    _, answer = await world.approved(client, home, [home.id("service_contract", "220-471")])
    assert answer["iss"] == "http://localhost:8080"
    refused = await world.person().get("/oauth/authorize", params=authorize_parameters(client.client_id, scope="nothing"))
    assert answer_of(refused.location)["iss"] == "http://localhost:8080"
    assert refused.response.headers["referrer-policy"] == "no-referrer"


@pytest.mark.req("WG3A-001")
async def test_a_representative_sees_the_accounts_that_name_them_and_nobody_else_does(world: World) -> None:
    client, agent, stranger = await world.client(), await world.home(), await world.home()
    owner = Household(account_number="55-0900")
    owner.resources[0] = owner.resources[0].model_copy(update={"customer_ids": [owner.customer_id, agent.customer_id]})
    await world.home(owner)
    for home, expected in ((agent, {agent.account_id, owner.account_id}), (stranger, {stranger.account_id})):
        _, page = await world.form(client, home, scope="cds_accounts_hlp")
        assert page.listed() == {each.hex for each in expected}


# What a jurisdiction may change


@pytest.fixture
async def strict(committed: Settings, committed_sessions: Sessions) -> AsyncIterator[World]:
    """An installation whose law asks for short sessions and a login for every request."""
    settings = committed.model_copy(update={"customer_session_idle": timedelta(minutes=5), "customer_login_each_time": True})
    async with application(create_app(settings)) as http:
        yield World(http, committed_sessions)


@pytest.fixture
async def short(committed: Settings, committed_sessions: Sessions) -> AsyncIterator[World]:
    """An installation whose law asks for short sessions only."""
    async with application(create_app(committed.model_copy(update={"customer_session_idle": timedelta(minutes=5)}))) as http:
        yield World(http, committed_sessions)


@pytest.mark.req("WG3C-026")
async def test_where_every_request_needs_a_login_the_name_is_filled_in(strict: World) -> None:
    client, home = await strict.client(), await strict.home()
    person, page = await strict.form(client, home)
    assert page.path.startswith("/consent/")
    again = await person.get("/oauth/authorize", params=authorize_parameters(client.client_id))
    assert again.path == "/login"
    assert [field.get("value") for field in again.fields if field.get("name") == "name"] == [home.login_name]
    assert (await person.log_in(again, home)).path.startswith("/consent/")


@pytest.mark.req("WG3C-072")
@pytest.mark.parametrize(("minutes", "path"), [(4, "/consent/"), (6, "/login")])
async def test_a_shorter_session_that_the_law_prescribes_wins(short: World, minutes: int, path: str) -> None:
    client, home = await short.client(), await short.home()
    person, _ = await short.form(client, home)
    async with short.sessions.begin() as tx:
        earlier = BrowserSessionRow.last_seen - timedelta(minutes=minutes)
        mine = BrowserSessionRow.customer_id == home.customer_id
        await tx.execute(update(BrowserSessionRow).where(mine).values(last_seen=earlier))
    page = await person.get("/oauth/authorize", params=authorize_parameters(client.client_id))
    assert page.path.startswith(path)


@pytest.mark.req("WG3C-025", "WG3C-276")
def test_the_operators_guide_lists_what_a_law_may_change_with_the_specifications_rule_as_default() -> None:
    guide = (ROOT / "docs/operating.md").read_text().split("## Rules that a law may change", 1)[1].split("\n## ", 1)[0]
    defaults = {
        "customer_session_idle": timedelta(minutes=20), "customer_session_lifetime": timedelta(hours=12), "customer_login_each_time": False,
    }  # fmt: skip
    for name, default in defaults.items():
        assert f"`CDS_AUTH_{name.upper()}`" in guide
        assert Settings.model_fields[name].default == default
    form = load_utility(ROOT / "config/utility.yaml").authorization_form
    assert (form.typed_name, form.disclosures, form.contact_uses) == (False, [], None)
    for name in ("typed_name", "disclosures", "contact_uses"):
        assert f"`{name}`" in guide


# Bill Amount Due (§4.7)


@pytest.mark.req("WG3A-060")
@pytest.mark.parametrize(("bills", "start"), [([date(2026, 1, 9), date(2026, 2, 10), date(2025, 12, 9)], "2026-02-10"), ([], None)])
async def test_amount_due_begins_at_the_last_bill_and_the_form_says_so(
    world: World, committed: Settings, bills: list[date], start: str | None
) -> None:
    client, home = await world.client(), await world.home()
    scope = "cds_bill_statements_due_hlp"
    client.changed(scope=scope, scope_types={scope: "cds_bill_statements"}, authorization_details_types=[scope])
    await world.publish(client)
    other = await world.home()
    async with memory_bus(committed, ROUTERS, context={"sessions": world.sessions}) as bus:
        for account, days in ((home.account_id, bills), (other.account_id, [date(2024, 5, 5)])):
            for day in days:
                bill = BillPublishedV1(
                    environment="sandbox", statement_id=uuid4(), account_id=account, version=1, statement_date=day, sections=[]
                )
                await bus.publish(bill)
    details = [{"type": "cds_bill_statements_due_hlp", "account_numbers": ["_all"], "statement_date_start": "P3Y"}]
    person, page = await world.form(client, home, scope="cds_bill_statements_due_hlp", authorization_details=json.dumps(details))
    today = datetime.now(UTC).astimezone(ZoneInfo("America/Los_Angeles")).date()
    expected = start or today.isoformat()
    assert ("February 10, 2026" in page.text) is (start is not None)
    assert "2023" not in page.text
    await person.press(page, "approve")
    [grant] = await world.grants(client)
    assert grant.authorization_details[0]["statement_date_start"] == expected
