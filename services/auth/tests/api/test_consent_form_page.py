"""The form as a page: sections, order, lists, purposes, and who it shows what (CDS-WG3-01 §9.2)."""
# ruff: noqa: RUF001  # look-alike letters are the subject

import json
import re
from typing import Any

import pytest

from services.auth.tests.customer_builders import Household, a_home
from services.auth.tests.customer_world import World, a_purpose
from services.auth.tests.unit.test_data_in_words import BANNED


def details(scope: str, **members: Any) -> dict[str, Any]:
    return {"type": f"cds_{scope}_hlp", **members}


def order(source: str, *marks: str) -> list[int]:
    return [source.index(mark) for mark in marks]


@pytest.mark.req(
    "WG3C-076",
    "WG3C-089",
    "WG3C-106",
    "WG3C-090",
    "WG3C-091",
    "WG3C-092",
    "WG3C-095",
    "WG3C-123",
    "WG3C-124",
    "WG3C-138",
    "WG3C-139",
    "WG3C-128",
)
async def test_the_sections_stand_in_the_order_of_the_specification(world: World) -> None:
    client, home = await world.client(), await world.home()
    _, page = await world.form(client, home, authorization_details=json.dumps([details("service_contracts", purpose="mine")]))
    places = order(
        page.source, "<header", 'class="requester"', 'class="requests"', "component-data", "component-duration", "component-selection",
        "component-purpose", 'class="closing"', 'class="approval"', "<footer",
    )  # fmt: skip
    assert places == sorted(places)
    assert "<h1>Authorization request</h1>" in page.source
    assert "Harbor Light &amp; Power" in page.source
    assert "<nav" not in page.source
    for label in ("Authorize", "Decline", "Log in as someone else", "Help and support", "Terms", "Privacy"):
        assert label in page.text
    assert "Authorize: we share the data above. Decline: nothing is shared. You can stop this at any time" in page.text


@pytest.mark.req("WG3C-085", "WG3C-098", "WG3C-099", "WG3C-097")
async def test_links_leave_the_page_in_a_new_tab_and_only_verified_sites_are_linked(world: World) -> None:
    home = await world.home()
    verified = await world.client(client_uri="https://www.kestrel.example", client_uri_verified=True)
    _, page = await world.form(verified, home, authorization_details=json.dumps([details("service_contracts", purpose="mine")]))
    links = re.findall(r"<a [^>]*>", page.source)
    off_page = [link for link in links if 'href="#' not in link]
    assert off_page
    assert all('target="_blank"' in link and "noopener" in link for link in off_page)
    assert any('href="https://www.kestrel.example"' in link for link in links)
    plain = await world.client(client_uri="https://www.kestrel.example", client_uri_verified=False)
    _, page = await world.form(plain, home)
    assert "https://www.kestrel.example" not in page.source
    assert "Kestrel Home Audits is asking" in page.text


@pytest.mark.req("WG3C-110", "WG3C-111", "WG3C-162", "WG3C-163", "WG3C-164", "WG3C-165")
async def test_purposes_are_text_marked_with_who_wrote_them(world: World) -> None:
    nasty = a_purpose("nasty", "<b>x</b><script>1</script>", related_name="See <i>more</i>")
    default = a_purpose("default", "Our own words", written_by_client=False, related_uri=None, related_name=None)
    client, home = await world.client(purposes=[nasty, default]), await world.home()
    person, page = await world.form(client, home, authorization_details=json.dumps([details("service_contracts", purpose="nasty")]))
    assert "<b>x</b><script>1</script>" in page.text
    assert "<script>1" not in page.source
    assert "Written by Kestrel Home Audits" in page.text
    assert re.search(
        r'<a href="https://www.kestrel.example/terms" target="_blank" rel="noopener">See &lt;i&gt;more&lt;/i&gt;</a></div>', page.source
    )
    _, own = await world.form(client, home, person, authorization_details=json.dumps([details("service_contracts", purpose="default")]))
    assert "Our own words" in own.text
    assert "Written by" not in own.text
    _, none = await world.form(client, home, person, authorization_details=json.dumps([details("service_contracts", purpose=None)]))
    assert "For this purpose" not in none.text


@pytest.mark.req("WG3C-103", "WG3C-107")
async def test_scopes_have_sections_of_their_own_unless_merged(world: World) -> None:
    client, home = await world.client(), await world.home()
    apart = "cds_service_contracts_hlp cds_accounts_hlp cds_rate_plan_hlp"
    person, page = await world.form(client, home, scope=apart)
    assert re.findall(r"Request \d of \d", page.text) == ["Request 1 of 3", "Request 2 of 3", "Request 3 of 3"]
    merged = [
        details("service_contracts", merge_selection_with="cds_rate_plan_hlp"),
        details("rate_plan", merge_selection_with="cds_service_contracts_hlp"),
    ]
    _, page = await world.form(client, home, person, scope=apart, authorization_details=json.dumps(merged))
    assert re.findall(r"Request \d of \d", page.text) == ["Request 1 of 2", "Request 2 of 2"]


@pytest.mark.req("WG3C-161", "WG3C-172", "WG3C-195", "WG3C-196", "WG3C-194")
@pytest.mark.parametrize(
    ("asked", "kind", "ticked"),
    [
        (details("meters"), "meter_device", []),
        (details("meters", meter_numbers=["_all"]), "meter_device", ["220-471", "220-472"]),
        (details("meters", meter_numbers=["M-220-472"]), "meter_device", ["220-472"]),
        (details("meters", authorization_form_selection_type="service_contract_selection"), "service_contract", []),
        (details("service_contracts", service_types=["electric"]), "service_contract", ["220-471"]),
        (details("service_contracts", account_numbers=["88-1203"], service_types=["natural_gas"]), "service_contract", ["220-472"]),
        (details("service_contracts", contract_numbers=["_include_future"]), "service_contract", []),
        (details("service_contracts", contract_numbers=["NOPE"]), "service_contract", []),
    ],
)
async def test_the_list_and_its_ticks_follow_the_request(world: World, asked: dict[str, Any], kind: str, ticked: list[str]) -> None:
    client, home = await world.client(), await world.home()
    _, page = await world.form(client, home, scope=asked["type"], authorization_details=json.dumps([asked]))
    assert page.listed() == {home.id(kind, number).hex for number in ("220-471", "220-472")}
    assert page.ticked() == {home.id(kind, number).hex for number in ticked}
    future = None if kind == "meter_device" else asked.get("contract_numbers") == ["_include_future"]
    assert page.future_ticked() is future


@pytest.mark.req("WG3C-141", "WG3C-148")
async def test_no_word_of_the_specification_is_visible(world: World) -> None:
    client, home = await world.client(), await world.home()
    scopes = " ".join(f"cds_{kind}_hlp" for kind in ("service_contracts", "usage", "bill_statements", "service_bills", "meters"))
    _, page = await world.form(client, home, scope=scopes)
    assert BANNED.findall(page.text) == []


@pytest.mark.req("WG3C-094")
async def test_a_clients_name_cannot_play_tricks(world: World) -> None:
    client = await world.client(client_name="Kеstrel\u202e<img src=x>" + "x" * 300, logo_uri="https://evil.example/logo.png")
    home = await world.home()
    _, page = await world.form(client, home)
    assert "\u202e" not in page.source
    assert "<img src=x>" not in page.source
    assert "x" * 100 not in page.source
    assert "mixes letters of different alphabets" in page.text
    assert "evil.example" not in page.source


@pytest.mark.req("WG3C-109", "WG3C-108")
async def test_the_form_is_not_editable_and_says_the_requested_values(world: World) -> None:
    client, home = await world.client(), await world.home()
    asked = details("service_contracts", sync_until="P1Y", allow_scope_modifications=True)
    person, page = await world.form(client, home, authorization_details=json.dumps([asked]))
    await person.press(page, "approve", s1=[home.id("service_contract", "220-471").hex], sync_until="infinite")
    [grant] = await world.grants(client)
    [entry] = grant.entries
    assert entry.details is not None
    assert entry.details["sync_until"] != "infinite"


async def test_a_customer_without_services_is_told_so(world: World) -> None:
    client, home = await world.client(), await world.home(Household())
    person, page = await world.form(client, home)
    assert "You have no services that this request can cover" in page.text
    assert (await person.press(page, "approve")).status == 422
    assert (await person.press(page, "decline")).status == 303


@pytest.mark.req("WG3C-117", "WG3C-112")
async def test_the_closing_section_holds_only_the_terms(world: World) -> None:
    client, home = await world.client(), await world.home()
    person, page = await world.form(client, home)
    assert "By authorizing you agree to our Data Sharing Terms" in page.text
    assert "newsletter" not in page.text.lower()
    terms = await person.get("/consent/terms")
    assert "You can stop an authorization at any time" in terms.text


async def test_the_language_follows_the_browser(world: World) -> None:
    client, home = await world.client(), await world.home(a_home())
    person, page = await world.form(client, home)
    spanish = await person.get(page.path, headers={"Accept-Language": "es-MX,es;q=0.9,en;q=0.5"})
    assert '<html lang="es" dir="ltr">' in spanish.source
    assert "le pide permiso" in spanish.text
