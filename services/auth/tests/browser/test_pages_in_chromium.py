"""What only a browser can tell of the pages beside the form (CDS-WG3-01 §9.2, §9.3)."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from cds_auth.domain.closing import ClosingRules
from services.auth.tests.browser.conftest import Server
from services.auth.tests.browser.states import (
    EDITABLE,
    LAW,
    State,
    Tour,
    failed_at_our_own_address,
    invalid_request,
    preselection_error,
    tour_in,
)
from services.auth.tests.customer_world import closing


@pytest.fixture(scope="module")
async def tour(server: Server, chromium: Browser) -> AsyncIterator[Tour]:
    async with tour_in(server, chromium, "en-US") as made:
        yield made


@pytest.mark.req("WG3C-216", "WG3C-220", "WG3C-224")
@pytest.mark.parametrize("state", [preselection_error, invalid_request, failed_at_our_own_address], ids=lambda state: state.__name__)
async def test_an_error_page_says_everything_in_the_first_view_of_a_phone(tour: Tour, state: State) -> None:
    page = await state(tour)
    await page.set_viewport_size({"width": 360, "height": 740})
    bottoms = await page.eval_on_selector_all(
        ".message h1, .message p:not(.code), .message li, .message button", "all => all.map((e) => e.getBoundingClientRect().bottom)"
    )
    assert len(bottoms) >= 3
    assert max(bottoms) <= 740
    await page.close()


@pytest.mark.req("WG3C-096")
async def test_printing_keeps_what_is_ticked(tour: Tour) -> None:
    page = await tour.form([], scope="cds_service_contracts_hlp")
    await page.evaluate("window.print = () => { document.body.dataset.printed = 'yes'; }")
    await page.locator(".entries input").first.check()
    await page.get_by_role("button", name="Print").click()
    assert await page.evaluate("document.body.dataset.printed") == "yes"
    assert await page.locator(".entries input:checked").count() == 1
    await page.close()


@pytest.mark.req("WG3C-081")
async def test_a_long_text_scrolls_by_itself(tour: Tour) -> None:
    with closing(ClosingRules(LAW.disclosures)):
        page = await tour.form([], scope="cds_service_contracts_hlp")
    heights = await page.locator(".long-text").evaluate("e => [e.clientHeight, e.scrollHeight]")
    assert heights[0] <= 240 < heights[1]
    await page.close()


@pytest.mark.req("WG3C-104", "WG3C-105", "WG3C-113")
async def test_changes_show_at_once_without_a_new_page(tour: Tour) -> None:
    with closing(LAW):
        page = await tour.form(EDITABLE)
        address = page.url
        await page.locator("#request-1 .entries:not(.boxed) input").first.check()
        await page.click("#edit-1 summary")
        await page.get_by_label("The rate plan that you pay by").uncheck()
        await expect(page.locator("#request-1 .component-data .data")).not_to_contain_text("rate plan")
        await expect(page.locator("#edit-1")).to_have_attribute("open", "")
        await page.click("#remove-1")
        await expect(page.locator("#restore-1")).to_be_focused()
        assert await page.locator("[id^=remove-]").count() == 0
        await page.click("#reset")
        await expect(page.locator("#remove-1")).to_be_visible()
        await expect(page.locator("#request-1 .component-data .data")).to_contain_text("rate plan")
        assert await page.locator("#request-1 .entries:not(.boxed) input:checked").count() == 1
        assert page.url == address
        await page.close()


@pytest.mark.req("WG3C-129", "WG3C-080", "WG3C-082")
async def test_one_press_ends_the_process_with_everything_optional_left_alone(tour: Tour) -> None:
    page = await tour.form()
    seen: list[str] = []
    page.on("framenavigated", lambda frame: seen.append(frame.url))
    assert await page.locator("details[open]").count() == 0
    await page.click(".approval .primary")
    await page.wait_for_url(tour.server.callback + "?*")
    assert len(seen) == 1
    await page.close()
