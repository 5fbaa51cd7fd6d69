"""The customer's own list of authorizations (CDS-WG3-01 §9.1.1, §9.4)."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from cds_auth.domain.grant_status import GrantStatus
from cds_auth.persistence.receipts import add_accesses
from services.auth.tests.customer_builders import a_home
from services.auth.tests.customer_world import World


async def test_nobody_sees_a_list_without_a_login(world: World) -> None:
    page = await world.person().get("/my")
    assert page.path == "/login"
    assert "Log in to see and end your authorizations" in page.text


@pytest.mark.req("WG3C-056")
async def test_the_list_shows_each_authorization_with_its_receipt(world: World) -> None:
    client, home = await world.client(client_name="Kestrel <b>Home</b>"), await world.home()
    person, _ = await world.approved(client, home, [home.id("service_contract", "220-471")])
    page = await person.get("/my")
    assert "Kestrel <b>Home</b>" in page.text
    assert "<b>Home" not in page.source
    assert "Being set up" in page.text
    assert "Receipt of" in page.text
    link = page.source.split('href="/receipts/')[1].split('"')[0]
    assert (await person.get(f"/receipts/{link}")).status == 200


async def test_a_customer_sees_and_ends_only_their_own(world: World) -> None:
    client, home, stranger = await world.client(), await world.home(), await world.home()
    await world.approved(client, home, [home.id("service_contract", "220-471")])
    [grant] = await world.grants(client)
    other, _ = await world.form(client, stranger)
    assert "You have not authorized anyone" in (await other.get("/my")).text
    assert (await other.get(f"/my/authorizations/{grant.grant_id}")).status == 404
    assert (await other.get("/my/authorizations/nothing")).status == 404
    token = (await other.get("/my")).csrf
    assert (await other.post(f"/my/authorizations/{grant.grant_id}/revoke", {"csrf": token})).status == 404
    assert [each.status for each in await world.grants(client)] == [GrantStatus.PENDING]


@pytest.mark.req("WG3C-247")
async def test_an_authorization_can_be_stopped_from_the_list(world: World) -> None:
    client, home = await world.client(), await world.home()
    person, _ = await world.approved(client, home, [home.id("service_contract", "220-471")])
    [grant] = await world.grants(client)
    listed = await person.get("/my")
    assert f'action="/my/authorizations/{grant.grant_id}/revoke"' in listed.source
    assert (await person.post(f"/my/authorizations/{grant.grant_id}/revoke", {})).status == 403
    page = await person.post(f"/my/authorizations/{grant.grant_id}/revoke", {"csrf": listed.csrf})
    assert page.path == "/my"
    assert "You stopped this access" in page.text
    assert "Stopped by you" in page.text
    [grant] = await world.grants(client)
    assert grant.status is GrantStatus.REVOKED


async def test_the_history_tells_what_was_read_and_when_page_by_page(world: World) -> None:
    client, home = await world.client(), await world.home()
    person, _ = await world.approved(client, home, [home.id("service_contract", "220-471")])
    [grant] = await world.grants(client)
    start = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    rows = [
        {
            "event_id": uuid4(), "at": start + timedelta(minutes=n), "grant_id": grant.grant_id, "client_id": client.client_id,
            "service": "usage", "endpoint": "/cds/v1/usage-segments", "object_count": n + 1,
        }
        for n in range(60)
    ]  # fmt: skip
    async with world.sessions.begin() as tx:
        await add_accesses(tx, rows)
    first = await person.get(f"/my/authorizations/{grant.grant_id}")
    assert first.source.count("<tr>") == 51
    assert "usage: 60 entries read" in first.text
    assert "usage: 10 entries read" not in first.text
    older = first.source.split('href="/my/authorizations/')[-1].split('"')[0]
    assert "Last read on November 20, 2026, 4:59 AM PST: usage" in (await person.get("/my")).text
    second = await person.get(f"/my/authorizations/{older}")
    assert second.source.count("<tr>") == 11
    assert "usage: 1 entry read" in second.text


async def test_sandbox_and_production_lists_are_apart(world: World) -> None:
    client, home = await world.client(), await world.home()
    await world.approved(client, home, [home.id("service_contract", "220-471")])
    real = await world.home(a_home(environment="production"))
    person = world.person()
    page = await person.log_in(await person.get("/login"), real)
    assert page.path == "/my"
    assert "Test environment" not in page.text
    assert "You have not authorized anyone" in page.text
