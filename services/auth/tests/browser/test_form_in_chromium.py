"""The form in a real browser: sizes, script, keyboard, policy (CDS-WG3-01 §9.2)."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect
from sqlalchemy import func, select

from cds_auth.persistence.tables import grants
from services.auth.tests.browser.conftest import Server
from services.auth.tests.browser.states import MERGED, SCOPES, long_list
from services.auth.tests.core_builders import AClient
from services.auth.tests.customer_builders import Household, a_home
from services.auth.tests.customer_driver import STATE
from services.auth.tests.customer_world import a_purpose


async def open_form(page: Page, server: Server, home: Household, client: AClient | None = None, **changes: Any) -> AClient:
    asked = client or await server.a_client(purposes=[a_purpose()])
    values: dict[str, Any] = {"scope": SCOPES, "authorization_details": json.dumps(MERGED)} | changes
    if not await page.context.cookies(server.url):
        await server.log_in(page.context, home)
    await page.goto(server.link(asked, **values))
    return asked


async def grants_of(server: Server, client: AClient) -> int:
    async with server.sessions() as tx:
        return await tx.scalar(select(func.count()).select_from(grants).where(grants.c.client_id == client.client_id)) or 0


@pytest.mark.req("WG3C-077", "WG3C-078", "WG3C-083")
@pytest.mark.parametrize(("width", "height"), [(320, 640), (360, 740), (768, 1024), (1440, 900)])
async def test_one_page_at_every_size_without_sideways_scrolling(server: Server, chromium: Browser, width: int, height: int) -> None:
    home = await server.a_customer(long_list(12))
    context = await chromium.new_context(locale="en-US", viewport={"width": width, "height": height})
    page = await context.new_page()
    await open_form(page, server, home)
    tops = [
        (await page.locator(mark).first.bounding_box() or {})["y"]
        for mark in ("header", ".requester", ".requests", ".closing", ".approval", "footer")
    ]
    assert tops == sorted(tops)
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    for label in ("Authorize", "Decline"):
        box = await page.get_by_role("button", name=label, exact=True).bounding_box()
        assert box is not None
        assert box["width"] >= 44
        assert box["height"] >= 44
    await context.close()


@pytest.mark.req("WG3C-057", "WG3C-039")
async def test_the_decision_leads_to_the_clients_site_through_the_policy(server: Server, page: Page) -> None:
    home = await server.a_customer(a_home())
    client = await open_form(page, server, home)
    await page.get_by_role("button", name="Authorize", exact=True).click()
    await page.wait_for_url(server.callback + "?*")
    assert await page.inner_text("p") == "Back at the client."
    answer = parse_qs(urlsplit(page.url).query)
    assert answer["state"] == [STATE]
    assert answer["iss"] == [server.url]
    assert await grants_of(server, client) == 1
    await open_form(page, server, home, client)
    await page.get_by_role("button", name="Decline", exact=True).click()
    await page.wait_for_url(server.callback + "?*")
    assert parse_qs(urlsplit(page.url).query)["error"] == ["access_denied"]
    assert await grants_of(server, client) == 1


@pytest.mark.req("WG3C-127")
async def test_a_double_click_and_the_back_button_decide_once(server: Server, page: Page) -> None:
    home = await server.a_customer(a_home())
    client = await open_form(page, server, home)
    form = page.url
    await page.get_by_role("button", name="Authorize", exact=True).dblclick()
    await page.wait_for_url(server.callback + "?*")
    await page.goto(form)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Already decided")
    assert await grants_of(server, client) == 1


@pytest.mark.req("WG3C-187", "WG3C-188", "WG3C-189", "WG3C-190", "WG3C-184")
async def test_a_long_list_is_searched_filtered_and_counted_live(server: Server, page: Page) -> None:
    home = await server.a_customer(long_list(30))
    await open_form(page, server, home, authorization_details="[]", scope="cds_service_contracts_hlp")
    counter, items = page.locator("[data-count]"), page.locator(".entries > li:visible")
    await expect(counter).to_have_text("0 of 30 selected")
    await page.locator(".entries input").nth(2).check()
    await expect(counter).to_have_text("1 of 30 selected")
    await page.get_by_role("searchbox").fill("7 school")
    await expect(items).to_have_count(3)
    await page.get_by_role("button", name="Select all").click()
    await expect(counter).to_have_text("30 of 30 selected")
    await page.get_by_role("button", name="Clear all").click()
    await expect(counter).to_have_text("0 of 30 selected")
    await items.nth(0).locator("input").check()
    await page.get_by_role("searchbox").fill("")
    await page.get_by_label("Show selected only").check()
    await expect(items).to_have_count(1)
    await page.get_by_label("Show selected only").uncheck()
    await expect(items).to_have_count(30)
    box = await page.locator(".entries-box").bounding_box()
    assert box is not None
    assert box["height"] <= 24 * 17
    await page.get_by_role("searchbox").press("Enter")
    assert "/consent/" in page.url
    await expect(counter).to_have_text("1 of 30 selected")


@pytest.mark.req("WG3C-187", "WG3C-185", "WG3C-186")
async def test_ten_entries_are_a_plain_list(server: Server, page: Page) -> None:
    home = await server.a_customer(long_list(10))
    await open_form(page, server, home, authorization_details="[]", scope="cds_service_contracts_hlp")
    assert await page.get_by_role("searchbox").count() == 0
    assert await page.locator(".scrolls").count() == 0
    assert await page.get_by_label("Also services that I add in the future").count() == 1
    await open_form(page, server, home, authorization_details="[]", scope="cds_meters_hlp")
    assert await page.get_by_label("in the future").count() == 0


@pytest.mark.req("WG3C-166", "WG3C-167", "WG3C-168", "WG3C-169", "WG3C-170", "WG3C-165")
@pytest.mark.parametrize(
    ("content", "scrolls"),
    [("Audit", False), ("\n".join(f"line {n}" for n in range(30)), True), ("l" * 500, False), ("<script>alert(1)</script>", False)],
)
async def test_the_purpose_block_has_the_styles_of_the_specification(server: Server, page: Page, content: str, scrolls: bool) -> None:
    home = await server.a_customer(a_home())
    client = await server.a_client(purposes=[a_purpose(content=content)])
    await open_form(page, server, home, client)
    block = page.locator(".purpose")
    style = await block.evaluate(
        "e => { const s = getComputedStyle(e); return [s.whiteSpace, s.wordBreak, s.overflowX, s.overflowY, s.minHeight, s.lineHeight] }"
    )
    assert style[:4] == ["pre-wrap", "break-word", "scroll", "scroll"]
    assert style[4] in {"0px", "auto"}
    heights = await block.evaluate("e => [e.clientHeight, e.scrollHeight, e.offsetHeight]")
    line = float(style[5].removesuffix("px"))
    assert heights[2] <= 10 * line + 20
    assert (heights[1] > heights[0] + 1) is scrolls
    if content == "Audit":
        assert heights[0] < 2 * line + 2
    assert (await block.inner_text()).startswith(content)
    assert await block.locator("a").last.inner_text() == "See our terms"
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


async def test_the_whole_journey_works_with_the_keyboard_alone(server: Server, page: Page) -> None:
    home = await server.a_customer(a_home())
    client = await server.a_client(purposes=[a_purpose()])
    await page.goto(server.link(client, scope="cds_service_contracts_hlp"))
    await page.focus("#name")
    await page.keyboard.type(home.login_name)
    await page.keyboard.press("Tab")
    await page.keyboard.type("a-long-test-password")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("form#consent")
    for _ in range(60):
        await page.keyboard.press("Tab")
        what = await page.evaluate("document.activeElement.type + ' ' + document.activeElement.textContent.trim()")
        if what.startswith("checkbox") and not await page.evaluate("document.activeElement.checked"):
            await page.keyboard.press("Space")
        outlined = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle !== 'none'")
        assert outlined, what
        if what == "submit Authorize":
            break
    await page.keyboard.press("Enter")
    await page.wait_for_url(server.callback + "?*")


@pytest.mark.req("WG3C-126")
async def test_faults_are_summed_up_at_the_top_and_get_the_focus(server: Server, page: Page) -> None:
    home = await server.a_customer(a_home())
    await open_form(page, server, home, authorization_details="[]", scope="cds_service_contracts_hlp")
    await page.get_by_role("button", name="Authorize", exact=True).click()
    await expect(page.get_by_role("alert")).to_be_focused()
    await page.get_by_role("link", name="Select at least one entry").click()
    await expect(page.locator("#list-1")).to_be_focused()
    await page.locator(".entries input").first.check()
    await page.get_by_role("button", name="Authorize", exact=True).click()
    await page.wait_for_url(server.callback + "?*")


async def test_everything_works_without_script(server: Server, chromium: Browser) -> None:
    home = await server.a_customer(long_list(12))
    context = await chromium.new_context(java_script_enabled=False, locale="en-US")
    page = await context.new_page()
    client = await open_form(page, server, home, authorization_details="[]", scope="cds_service_contracts_hlp")
    await page.fill("#search-1", "7 school")
    await page.press("#search-1", "Enter")
    assert await page.locator(".entries > li:visible").count() == 1
    await page.get_by_role("button", name="Select all").click()
    assert await page.inner_text("[data-count]") == "12 of 12 selected"
    await page.get_by_role("button", name="Authorize", exact=True).click()
    await page.wait_for_url(server.callback + "?*")
    assert await grants_of(server, client) == 1
    await context.close()


@pytest.mark.req("WG3C-273")
async def test_other_sites_cannot_frame_the_pages(server: Server, context: BrowserContext) -> None:
    page = await context.new_page()
    await page.goto(server.callback)
    await page.set_content(f'<iframe src="{server.url}/my" width="600" height="400"></iframe>')
    await page.wait_for_timeout(500)
    frame = page.frames[-1]
    assert "My authorizations" not in await frame.content()
    assert "Log in" not in await frame.content()


async def test_every_control_has_a_name_and_a_place_to_press(server: Server, page: Page) -> None:
    home = await server.a_customer(long_list(12))
    await open_form(page, server, home)
    faults = await page.evaluate(
        """() => [...document.querySelectorAll('button, input:not([type=hidden]), a[href], summary')]
          .filter((e) => e.getClientRects().length && !e.closest('.sr, .skip') && !e.classList.contains('sr'))
          .flatMap((e) => {
            const name = (e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent || '').trim();
            const box = (e.closest('label') || e).getBoundingClientRect();
            const inline = e.tagName === 'A' && getComputedStyle(e).display === 'inline';
            const small = !inline && (box.height < 24 || box.width < 24);
            const start = e.outerHTML.slice(0, 80);
            return [...(name ? [] : ['no name: ' + start]), ...(small ? ['too small: ' + start] : [])];
          })"""
    )
    assert faults == []
    assert await page.locator("h1").count() == 1
    ids = await page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))
