"""The error matrix: which fault is a page, which a redirect, and when (CDS-WG3-01 §9.1.1, §9.3)."""

import json
from typing import Any

import pytest

from services.auth.tests.customer_driver import CALLBACK, STATE, answer_of, authorize_parameters
from services.auth.tests.customer_world import World


@pytest.mark.req("WG3C-041", "WG3C-029", "WG3C-030", "WG3C-031", "WG3C-032", "WG3C-218", "WG3C-219", "WG102-253")
@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody", "redirect_uri": "https://evil.example/"},
        {"client_id": None},
        {"response_type": "token"},
        {"response_type": None},
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": CALLBACK.replace("back", "BACK")},
        {"redirect_uri": CALLBACK.replace("https", "http")},
        {"redirect_uri": CALLBACK + "?x=1"},
        {"request_uri": "urn:ietf:params:oauth:request_uri:gone"},
    ],
)
async def test_faults_that_allow_no_redirect_are_a_page(world: World, changes: dict[str, Any]) -> None:
    client = await world.client()
    page = await world.person().get("/oauth/authorize", params=authorize_parameters(client.client_id, **changes))
    assert page.status == 400
    assert "location" not in page.response.headers
    assert "does not have the right parameters" in page.text
    assert "contact the website or app that gave you this link" in page.text
    assert "evil.example" not in page.source
    assert "kestrel.example" not in page.source


@pytest.mark.req("WG3C-030", "WG3C-031", "WG3C-032")
@pytest.mark.parametrize("name", ["client_id", "response_type", "redirect_uri"])
async def test_repeating_these_parameters_is_a_page_too(world: World, name: str) -> None:
    client = await world.client()
    pairs = [*authorize_parameters(client.client_id).items(), (name, authorize_parameters(client.client_id)[name])]
    page = await world.person().get("/oauth/authorize", params=pairs)
    assert page.status == 400
    assert "location" not in page.response.headers


@pytest.mark.req("WG3C-029", "WG3C-036", "WG3C-037", "WG3C-038", "WG3C-209")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"scope": "cds_query_accounts_hlp"}, "invalid_scope"),
        ({"scope": "no such scope"}, "invalid_scope"),
        ({"authorization_details": "{"}, "invalid_authorization_details"),
        ({"authorization_details": "{}"}, "invalid_authorization_details"),
        ({"authorization_details": "[{}]"}, "invalid_authorization_details"),
        ({"authorization_details": '[{"type":"nope"}]'}, "invalid_authorization_details"),
        ({"authorization_details": '[{"type":"cds_service_contracts_hlp","nope":1}]'}, "invalid_authorization_details"),
        ({"authorization_details": '[{"type":"cds_service_contracts_hlp","sync_until":5}]'}, "invalid_authorization_details"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
async def test_every_other_fault_redirects_at_once_without_a_login(world: World, changes: dict[str, Any], error: str) -> None:
    client = await world.client()
    page = await world.person().get("/oauth/authorize", params=authorize_parameters(client.client_id, **changes))
    assert page.status == 303
    assert page.location.startswith(CALLBACK + "?")
    answer = answer_of(page.location)
    assert (answer["error"], answer["state"], answer["iss"]) == (error, STATE, "http://localhost:8080")
    assert "code" not in answer


@pytest.mark.req("WG3C-038")
async def test_a_repeated_state_redirects(world: World) -> None:
    client = await world.client()
    pairs = [*authorize_parameters(client.client_id).items(), ("scope", "cds_usage_hlp")]
    page = await world.person().get("/oauth/authorize", params=pairs)
    assert answer_of(page.location)["error"] == "invalid_request"


@pytest.mark.req("WG3C-033", "WG3C-034", "WG3C-035")
async def test_absent_parameters_take_the_clients_defaults(world: World) -> None:
    default = [{"type": "cds_accounts_hlp", "account_numbers": ["88-1203"]}]
    client = await world.client(default_redirect_uri=CALLBACK, default_scope="cds_accounts_hlp", default_authorization_details=default)
    home = await world.home()
    person, page = await world.form(client, home, redirect_uri=None, scope=None)
    assert "For these accounts" in page.text
    assert "For these services" not in page.text
    assert page.ticked() == {home.account_id.hex}
    done = await person.press(page, "approve")
    assert done.location.startswith(CALLBACK + "?code=")
    _, empty = await world.form(client, home, person, redirect_uri=None, scope=None, authorization_details="[]")
    assert empty.ticked() == set()


@pytest.mark.req("WG3C-023", "WG3C-040", "WG102-245")
async def test_a_pushed_request_leads_to_the_form_and_nowhere_else_twice(world: World) -> None:
    client, home = await world.client(), await world.home()
    pushed = await world.http.post("/oauth/par", data=authorize_parameters(client.client_id), headers=client.basic)
    assert pushed.status_code == 201
    link = {"client_id": client.client_id, "request_uri": pushed.json()["request_uri"], "scope": "cds_usage_hlp"}
    person = world.person()
    page = await person.log_in(await person.get("/oauth/authorize", params=link), home)
    assert page.status == 200
    assert "Your meter usage" not in page.text
    reloaded = await person.get("/oauth/authorize", params=link)
    assert reloaded.path == page.path
    elsewhere = await world.person().get("/oauth/authorize", params=link)
    assert elsewhere.status == 400


@pytest.mark.req("WG3C-015")
async def test_a_purpose_that_is_gone_ends_the_request(world: World) -> None:
    client, home = await world.client(), await world.home()
    details = json.dumps([{"type": "cds_service_contracts_hlp", "purpose": "mine"}])
    person, page = await world.form(client, home, authorization_details=details)
    assert "how much heat" in page.text
    client.changed(purposes=[])
    await world.publish(client)
    gone = await person.get(page.path)
    assert answer_of(gone.location)["error"] == "invalid_authorization_details"


@pytest.mark.req("WG3C-222", "WG3C-223")
@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("invalid_scope", "a kind of access that we do not offer"),
        ("invalid_authorization_details", "details of the request are not valid"),
        ("invalid_request", "not built correctly"),
        ("unauthorized_client", "may not use this kind of request"),
        ("no_preselections", "not in your profile"),
        ("cds_grant_id_invalid_value", "belongs to another request"),
        ("cds_grant_id_invalid_user", "belongs to another person"),
        ("server_error", "We had a problem"),
        ("temporarily_unavailable", "We had a problem"),
        ("<script>x</script>", "A technical reason"),
    ],
)
async def test_the_default_redirect_page_explains_in_our_own_words(world: World, error: str, words: str) -> None:
    client = await world.client()
    page = await world.person().get(f"/consent/done/{client.client_id}", params={"error": error, "error_description": "Call 0900 now"})
    assert page.status == 200
    assert "could not be completed" in page.text
    assert words in page.text
    assert "contact the website or app" in page.text
    assert "0900" not in page.source
    assert "<script>x" not in page.source


async def test_the_default_redirect_page_shows_nothing_without_an_answer(world: World) -> None:
    client = await world.client()
    assert (await world.person().get(f"/consent/done/{client.client_id}")).status == 404
    assert (await world.person().get(f"/consent/done/{client.client_id}?code=unknown")).status == 404


@pytest.mark.req("WG3C-049", "WG3C-210", "WG3C-211", "WG3C-212", "WG3C-213", "WG3C-214", "WG3C-217")
async def test_nothing_preselected_is_a_page_with_two_ways_on(world: World) -> None:
    client, home = await world.client(), await world.home()
    other = await world.home()
    details = [{"type": "cds_meters_hlp", "meter_numbers": ["M-555-1", "M-555-2"], "error_if_no_preselections": True}]
    other.service("555-1")
    async with world.sessions.begin() as tx:
        from cds_auth.persistence.customer_copies import store_resource

        for resource in other.resources:
            await store_resource(tx, resource)
    person, page = await world.form(client, home, scope="cds_meters_hlp", authorization_details=json.dumps(details))
    assert page.status == 200
    assert "Kestrel Home Audits is asking for access to services that do not seem to be in your profile" in page.text
    assert "Meters: M-555-1, M-555-2" in page.text
    assert page.source.count("<button") == 2
    login = await person.press(page, "reauthenticate")
    assert login.path == "/login"
    form = await person.log_in(login, other)
    assert form.ticked() == {other.id("meter_device", "555-1").hex}
    again, page = await world.form(client, home, scope="cds_meters_hlp", authorization_details=json.dumps(details))
    done = await again.press(page, "decline")
    assert answer_of(done.location)["error"] == "no_preselections"
    assert await world.grants(client) == []
