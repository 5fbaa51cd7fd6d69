"""Logging in and out, sessions, cookies (CDS-WG3-01 §9.1.2)."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from cds_auth.application.customer_sessions import hash_of
from cds_auth.persistence.customer_tables import BrowserSessionRow, CustomerLoginRow, DecisionRow, LoginFailureRow
from services.auth.tests.customer_builders import PASSWORD, Household, a_home
from services.auth.tests.customer_driver import STATE, Page, Person, answer_of, authorize_parameters
from services.auth.tests.customer_world import World


async def _idle(world: World, person: Person, minutes: float) -> None:
    """Let the browser's session rest."""
    session_id = person.cookies["cds_session"]
    async with world.sessions.begin() as tx:
        at = datetime.now(UTC) - timedelta(minutes=minutes)
        await tx.execute(update(BrowserSessionRow).where(BrowserSessionRow.session_hash == hash_of(session_id)).values(last_seen=at))


@pytest.mark.req("WG3C-063", "WG3C-070")
async def test_a_second_request_within_ten_minutes_needs_no_login(world: World) -> None:
    client, home = await world.client(), await world.home()
    person, page = await world.form(client, home)
    await person.press(page, "decline")
    await _idle(world, person, 10)
    page = await person.get("/oauth/authorize", params=authorize_parameters(client.client_id))
    assert page.path.startswith("/consent/")
    assert page.status == 200


@pytest.mark.req("WG3C-064")
async def test_after_the_idle_time_the_login_comes_first_and_the_request_goes_on(world: World) -> None:
    client, home = await world.client(), await world.home()
    person, page = await world.form(client, home)
    await _idle(world, person, 21)
    login = await person.press(page, "approve", s1=[home.id("service_contract", "220-471").hex])
    assert login.path == "/login"
    assert await world.grants(client) == []
    again = await person.log_in(login, home)
    assert again.path == page.path
    assert again.status == 200


@pytest.mark.req("WG3C-125")
async def test_declining_works_after_the_login_has_run_out(world: World) -> None:
    client, home = await world.client(), await world.home()
    person, page = await world.form(client, home)
    await _idle(world, person, 40)
    assert answer_of((await person.press(page, "decline")).location)["error"] == "access_denied"


@pytest.mark.req("WG3C-071")
async def test_logging_out_ends_the_session_at_once(world: World) -> None:
    client, home = await world.client(), await world.home()
    person, form = await world.form(client, home)
    old_cookie = person.cookies["cds_session"]
    mine = await person.get("/my")
    await person.post("/logout", {"csrf": mine.csrf})
    assert (await person.get("/oauth/authorize", params=authorize_parameters(client.client_id))).path == "/login"
    stale = await person.post_raw(f"{form.path}/approve", {"csrf": form.csrf, "s1": home.id("service_contract", "220-471").hex})
    assert stale.status == 403
    thief = world.person()
    thief.cookies.set("cds_session", old_cookie)
    assert (await thief.get("/my")).path == "/login"
    assert await world.grants(client) == []


@pytest.mark.req("WG102-249", "WG102-250", "WG3C-043")
async def test_prompt_login_asks_again_once(world: World) -> None:
    client, home = await world.client(), await world.home()
    person, _ = await world.form(client, home)
    login = await person.get("/oauth/authorize", params=authorize_parameters(client.client_id, prompt="login"))
    assert login.path == "/login"
    assert (await person.log_in(login, home)).path.startswith("/consent/")


@pytest.mark.req("WG3C-066", "WG3C-067")
async def test_cancelling_the_login_declines(world: World) -> None:
    client = await world.client()
    person = world.person()
    login = await person.get("/oauth/authorize", params=authorize_parameters(client.client_id))
    to = next(str(f["value"]) for f in login.fields if f.get("name") == "to")
    done = await person.post("/login/cancel", {"csrf": login.csrf, "to": to})
    assert answer_of(done.location) == {"error": "access_denied", "state": STATE, "iss": "http://localhost:8080"}
    async with world.open() as tx:
        kinds = await tx.scalars(select(DecisionRow.kind).where(DecisionRow.client_id == client.client_id))
        assert list(kinds) == ["login_cancelled"]


@pytest.mark.req("WG3C-066", "WG3C-067")
async def test_too_many_wrong_passwords_lead_back_to_the_client(world: World) -> None:
    client, home = await world.client(), await world.home()
    person = world.person()
    page = await person.get("/oauth/authorize", params=authorize_parameters(client.client_id))
    for _ in range(9):
        page = await person.log_in(page, home, password="wrong-password-1")
        assert page.status == 422
        assert "do not match" in page.text
    done = await person.log_in(page, home, password="wrong-password-1")
    assert answer_of(done.location)["error"] == "access_denied"
    fresh, login = world.person(), None
    login = await fresh.get("/oauth/authorize", params=authorize_parameters(client.client_id))
    slowed = await fresh.log_in(login, home)
    assert slowed.status == 429
    assert "too many attempts" in slowed.text


async def test_unknown_names_and_wrong_passwords_look_alike(world: World) -> None:
    client, home = await world.client(), await world.home()
    person = world.person()
    page = await person.get("/oauth/authorize", params=authorize_parameters(client.client_id))
    wrong = await person.log_in(page, home, password="wrong-password-1")
    unknown = await person.log_in(page, Household(), password="wrong-password-1")
    assert wrong.status == unknown.status == 422
    assert wrong.text == unknown.text


@pytest.mark.req("WG3C-048")
async def test_customers_of_one_environment_do_not_exist_in_the_other(world: World) -> None:
    real = await world.home(a_home(environment="production"))
    sandbox, production = await world.client(), await world.client(environment="production", status="production")
    person = world.person()
    login = await person.get("/oauth/authorize", params=authorize_parameters(sandbox.client_id))
    assert "do not match" in (await person.log_in(login, real)).text
    person, page = await world.form(production, real)
    assert page.status == 200
    assert "Test environment" not in page.text
    other = await person.get("/oauth/authorize", params=authorize_parameters(sandbox.client_id))
    assert other.path == "/login"


async def test_the_session_gets_a_new_id_at_login_and_is_kept_as_a_hash(world: World) -> None:
    client, home = await world.client(), await world.home()
    person = world.person()
    login = await person.get("/oauth/authorize", params=authorize_parameters(client.client_id))
    before = person.cookies["cds_session"]
    await person.log_in(login, home)
    after = person.cookies["cds_session"]
    assert before != after
    async with world.open() as tx:
        assert await tx.get(BrowserSessionRow, hash_of(before)) is None
        assert (await tx.get_one(BrowserSessionRow, hash_of(after))).customer_id == home.customer_id


async def test_the_cookie_is_closed_to_scripts_and_other_sites(world: World) -> None:
    client = await world.client()
    page = await world.person().get_raw("/oauth/authorize", params=authorize_parameters(client.client_id))
    cookie = page.response.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


async def test_over_https_the_cookie_is_bound_to_the_host(world: World, committed: object) -> None:
    from cds_auth.api.pages.frame import Site

    site = Site(committed.model_copy(update={"public_url": "https://cds.hlp.example"}))  # type: ignore[attr-defined]
    assert site.session_cookie == "__Host-cds_session"
    assert site.secure


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example", "/my/../oauth", "/receipts/x", "javascript:alert(1)"])
async def test_the_way_back_from_the_login_is_always_a_page_of_ours(world: World, to: str) -> None:
    home = await world.home()
    person = world.person()
    login = await person.get("/login", params={"to": to, "environment": "sandbox"})
    page = await person.log_in(login, home)
    assert page.path == "/my"


async def test_passwords_are_kept_as_argon2id_and_failures_as_keyed_hashes(world: World) -> None:
    client, home = await world.client(), await world.home()
    person = world.person()
    await person.log_in(await person.get("/oauth/authorize", params=authorize_parameters(client.client_id)), home, password="wrong-one-22")
    async with world.open() as tx:
        stored = await tx.scalar(select(CustomerLoginRow.password_hash).where(CustomerLoginRow.customer_id == home.customer_id))
        assert stored is not None
        assert stored.startswith("$argon2id$")
        assert PASSWORD not in stored
        failures = (await tx.scalars(select(LoginFailureRow.subject_hash))).all()
        assert failures
        assert all(len(each) == 32 and home.login_name.encode() not in each for each in failures)


@pytest.mark.req("WG3C-137")
async def test_logging_in_as_someone_else_shows_the_same_request_anew(world: World) -> None:
    client, home, other = await world.client(), await world.home(), await world.home()
    person, page = await world.form(client, home)
    login = await person.press(page, "reauthenticate")
    assert login.path == "/login"
    again: Page = await person.log_in(login, other)
    assert again.path == page.path
    assert again.listed() == {other.id("service_contract", "220-471").hex, other.id("service_contract", "220-472").hex}


@pytest.mark.req("WG3C-273")
async def test_pages_carry_a_strict_policy(world: World) -> None:
    client, home = await world.client(), await world.home()
    person, page = await world.form(client, home)
    for each in (page, await person.get("/my"), await person.get("/login"), await person.get("/receipts/none")):
        policy = each.response.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert each.response.headers["cache-control"] == "no-store"
        assert each.response.headers["referrer-policy"] == "no-referrer"
        assert "noindex" in each.response.headers["x-robots-tag"]
    assert "form-action 'self' https://app.kestrel.example;" in page.response.headers["content-security-policy"]
    assert "kestrel" not in (await person.get("/my")).response.headers["content-security-policy"]
