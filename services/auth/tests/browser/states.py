"""Every customer page in every state it can be in, each opened the way a customer gets there."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from playwright.async_api import BrowserContext, Page

from cds_auth.domain.closing import ClosingRules, Disclosure
from cds_auth.persistence.receipts import add_accesses
from cds_auth.persistence.tables import grants
from services.auth.tests.browser.conftest import Server
from services.auth.tests.core_builders import AClient
from services.auth.tests.customer_builders import Household, a_building, a_home
from services.auth.tests.customer_world import a_purpose, closing

SCOPES = "cds_service_contracts_hlp cds_usage_hlp"
MERGED: list[dict[str, Any]] = [
    {
        "type": "cds_service_contracts_hlp", "contract_numbers": ["_all"], "include_contract_numbers": True, "sync_until": "P3Y",
        "purpose": "mine", "merge_selection_with": "cds_usage_hlp",
    },
    {
        "type": "cds_usage_hlp", "contract_numbers": ["_all"], "authorization_form_selection_type": "service_contract_selection",
        "include_usage_segment_value_types": ["el-15min", "gas-month"], "sync_until": "P3Y", "segment_start": "P13M",
        "segment_end": "infinite", "purpose": "mine", "merge_selection_with": "cds_service_contracts_hlp",
    },
]  # fmt: skip
EDITABLE: list[dict[str, Any]] = [
    {
        "type": "cds_service_contracts_hlp", "include_contract_numbers": True, "include_rate_plans": True, "sync_until": "P3Y",
        "allow_scope_modifications": True,
    },
    {
        "type": "cds_usage_hlp", "include_usage_segment_value_types": ["el-15min", "gas-month"], "segment_start": "P13M",
        "segment_end": "infinite", "sync_until": "infinite", "allow_scope_modifications": True,
    },
]  # fmt: skip
LAW = ClosingRules(
    (
        Disclosure("delay", {"en": "Data of business services can take a day.", "es": "Los datos de negocios pueden tardar un día."}),
        Disclosure("long", {"en": "A long text. " * 80, "es": "Un texto largo. " * 80}, must_agree=True),
    ),
    typed_name=True,
    contact_uses={"en": "The law makes us keep it for a year.", "es": "La ley nos obliga a guardarlo un año."},
)


def long_list(count: int, **members: Any) -> Household:
    """A school district with this many services."""
    home = Household(name="Port Alder School District", account_number="B-310-00", **members)
    for number in range(count):
        home.service(f"310-{number:04}", "electric", address=f"{number} School Street\nPort Alder, WA 98000")
    return home


@dataclass
class Tour:
    """One customer with a browser, and one Client that asks."""

    server: Server
    context: BrowserContext
    visitor: BrowserContext
    """A browser in which nobody is logged in."""
    client: AClient
    home: Household
    schools: Household
    approved: str = ""
    stopped: str = ""

    async def open(self, link: str, *, anonymous: bool = False) -> Page:
        """A new page at this address."""
        page = await (self.visitor if anonymous else self.context).new_page()
        await page.goto(link if link.startswith("http") else self.server.url + link)
        return page

    async def form(self, details: list[dict[str, Any]] | None = None, **changes: Any) -> Page:
        """The form of a request with these details."""
        values = {"scope": SCOPES, "authorization_details": json.dumps(MERGED if details is None else details)} | changes
        return await self.open(self.server.link(self.client, **values))

    async def approve(self) -> str:
        """Approve a request; gives the address of the receipt."""
        page = await self.form(redirect_uri=None)
        await page.click(".approval .primary")
        await page.wait_for_url("**/receipts/*")
        return page.url


State = Callable[[Tour], Awaitable[Page]]


async def login(tour: Tour) -> Page:
    return await tour.open(tour.server.link(tour.client), anonymous=True)


async def login_refused(tour: Tour) -> Page:
    page = await login(tour)
    await page.fill("#name", "nobody")
    await page.fill("#password", "a-wrong-password")
    await page.click("button[data-decide]")
    await page.wait_for_selector(".errors")
    return page


async def form(tour: Tour) -> Page:
    page = await tour.form()
    for summary in await page.locator("details > summary").all():
        await summary.click()
    return page


async def editable_form(tour: Tour) -> Page:
    page = await tour.form(EDITABLE)
    for summary in await page.locator("#request-2 summary").all():
        await summary.click()
    async with page.expect_response("**/update"):
        await page.select_option("#time-2-1", index=2)
    await page.wait_for_selector("#reset")
    async with page.expect_response("**/update"):
        await page.click("#remove-1")
    await page.wait_for_selector("#restore-1")
    return page


async def long_form(tour: Tour) -> Page:
    await tour.server.log_in(tour.context, tour.schools)
    page = await tour.form([{"type": "cds_service_contracts_hlp", "contract_numbers": ["_all"]}], scope="cds_service_contracts_hlp")
    await page.fill("#search-1", "school")
    await tour.server.log_in(tour.context, tour.home)
    return page


async def form_with_errors(tour: Tour) -> Page:
    await tour.server.log_in(tour.context, tour.schools)
    with closing(LAW):
        page = await tour.form([])
        await page.fill("#contact", "no-address@x")
        await page.evaluate("document.getElementById('contact').value = 'nobody'")
        await page.evaluate("document.getElementById('consent').noValidate = true")
        await page.click(".approval .primary")
        await page.wait_for_selector(".errors")
    await tour.server.log_in(tour.context, tour.home)
    return page


async def consent_to_totals(tour: Tour) -> Page:
    asked = {"type": "cds_aggregation_consent_hlp", "aggregation_numbers": ["B-204"], "premise_numbers": ["P-9"], "expires": "P1Y"}
    return await tour.form([asked], scope="cds_aggregation_consent_hlp")


async def preselection_error(tour: Tour) -> Page:
    asked = {"type": "cds_service_contracts_hlp", "contract_numbers": ["900-1", "900-2"], "error_if_no_preselections": True}
    return await tour.form([asked], scope="cds_service_contracts_hlp")


async def already_decided(tour: Tour) -> Page:
    page = await tour.form()
    address = page.url
    await page.click(".approval .secondary")
    await page.wait_for_url(tour.server.callback + "?*")
    await page.goto(address)
    return page


async def declined_at_our_own_address(tour: Tour) -> Page:
    return await tour.open(f"/consent/done/{tour.client.client_id}?error=access_denied")


async def failed_at_our_own_address(tour: Tour) -> Page:
    return await tour.open(f"/consent/done/{tour.client.client_id}?error=invalid_scope&error_description=FORGED")


async def invalid_request(tour: Tour) -> Page:
    return await tour.open("/oauth/authorize?client_id=unknown")


async def not_found(tour: Tour) -> Page:
    return await tour.open("/receipts/nothing")


async def terms(tour: Tour) -> Page:
    return await tour.open("/consent/terms")


async def receipt_for_anybody(tour: Tour) -> Page:
    return await tour.open(tour.approved, anonymous=True)


async def receipt_of_the_customer(tour: Tour) -> Page:
    return await tour.open(tour.approved)


async def revoke_confirm(tour: Tour) -> Page:
    return await tour.open(f"{tour.approved}/revoke", anonymous=True)


async def revoked(tour: Tour) -> Page:
    page = await tour.open(f"{tour.stopped}/revoke", anonymous=True)
    if page.url.endswith("/revoke"):
        await page.click("button[data-decide]")
        await page.wait_for_selector(".notice")
    return page


async def my_list(tour: Tour) -> Page:
    return await tour.open("/my")


async def my_detail(tour: Tour) -> Page:
    page = await tour.open("/my")
    await page.click("a[href^='/my/authorizations/']")
    await page.wait_for_selector("table")
    return page


STATES: tuple[State, ...] = (
    login, login_refused, form, editable_form, long_form, form_with_errors, consent_to_totals, preselection_error, already_decided,
    declined_at_our_own_address, failed_at_our_own_address, invalid_request, not_found, terms, receipt_for_anybody,
    receipt_of_the_customer, revoke_confirm, revoked, my_list, my_detail,
)  # fmt: skip


@asynccontextmanager
async def tour_in(server: Server, browser: Any, locale: str) -> AsyncIterator[Tour]:
    """A customer who has approved twice, and a second one with a long list and no e-mail address."""
    home, schools = a_home(), long_list(12, email=None)
    home.service("220-480", "electric", premises=["P-9"], address="200 Quay Street, Unit 3C\nPort Alder, WA 98000")
    await server.a_customer(home)
    await server.a_customer(schools)
    counted = Household(resources=[r for r in home.resources if r.kind == "service_point" and r.premise_numbers], tag=home.tag)
    async with server.sessions.begin() as tx:
        await a_building(tx, counted)
    client = await server.a_client(purposes=[a_purpose()], client_uri="https://www.kestrel.example", client_uri_verified=True)
    context, visitor = await browser.new_context(locale=locale), await browser.new_context(locale=locale)
    for each in (context, visitor):
        each.set_default_timeout(60_000)
    tour = Tour(server, context, visitor, client, home, schools)
    await server.log_in(context, home)
    tour.stopped, tour.approved = await tour.approve(), await tour.approve()
    await _read_something(server, client)
    yield tour
    await context.close()
    await visitor.close()


async def _read_something(server: Server, client: AClient) -> None:
    async with server.sessions.begin() as tx:
        ids = list(await tx.scalars(grants.select().with_only_columns(grants.c.grant_id).where(grants.c.client_id == client.client_id)))
        rows = [
            {
                "event_id": uuid4(), "at": datetime.now(UTC) - timedelta(hours=hours), "grant_id": grant_id, "client_id": client.client_id,
                "service": service, "endpoint": "/cds", "object_count": hours,
            }
            for grant_id in ids
            for hours, service in ((1, "usage"), (26, "accounts"))
        ]  # fmt: skip
        await add_accesses(tx, rows)
