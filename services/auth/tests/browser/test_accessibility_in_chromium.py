"""Every customer page in every state: no fault of WCAG 2.2 AA, nothing wider than the window; with a picture of each to look at."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, ViewportSize

from cds_common.testing.accessibility import accessibility_faults
from services.auth.tests.browser.conftest import ROOT, Server
from services.auth.tests.browser.states import STATES, State, Tour, tour_in

PICTURES = ROOT / ".local" / "screenshots" / "auth"
EVERY_MODE = [(scheme, width) for scheme in ("light", "dark") for width in (360, 1280)]
MODES = {"en": [("light", 360), ("dark", 1280)], "es": [("dark", 360), ("light", 1280)]}
"""Both languages together have each scheme at each width. CDS_TEST_EVERY_MODE=1 takes all four in both."""


@pytest.fixture(scope="module", params=["en-US", "es-MX"])
async def tour(request: pytest.FixtureRequest, server: Server, chromium: Browser) -> AsyncIterator[Tour]:
    async with tour_in(server, chromium, request.param) as made:
        yield made


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
async def test_no_page_keeps_anybody_out(tour: Tour, state: State, node_modules: Path) -> None:
    page = await state(tour)
    language = await page.evaluate("document.documentElement.lang")
    faults: list[str] = []
    for scheme, width in EVERY_MODE if "CDS_TEST_EVERY_MODE" in os.environ else MODES[language]:
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        await page.set_viewport_size(ViewportSize(width=width, height=740 if width < 500 else 900))
        where = f"{scheme} {width}: "
        faults += [where + fault for fault in await accessibility_faults(page, node_modules)]
        if not await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"):
            faults.append(where + "wider than the window")
        await _picture(page, f"{state.__name__}-{language}-{scheme}-{width}")
    await page.close()
    assert faults == []


async def _picture(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
