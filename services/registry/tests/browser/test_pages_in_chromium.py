"""The operator console and the public pages in a real browser: what an operator does all day, and WCAG 2.2 AA on every page."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from cds_common.testing.accessibility import accessibility_faults
from services.registry.tests.browser.conftest import SHOTS, Server
from services.registry.tests.builders import StandInAuth

FILES = "cds_server_provided_files_hlp"
PUBLIC = ["/", "/registration", "/docs", "/docs/policy", "/docs/terms", "/docs/support", "/docs/test-accounts", "/nowhere"]


@pytest.fixture(scope="module")
async def registration_id(server: Server) -> str:
    """A company with consent scopes in review and a Client Object for files."""
    headers = {"Authorization": f"Bearer {server.operator.key}"}
    async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=30) as http:
        body = {
            "scope": f"cds_client_admin cds_usage_hlp cds_service_contracts_hlp {FILES}", "client_name": "Kestrel Home Audits",
            "contacts": ["dev@kestrel.example"], "client_uri": "https://www.kestrel.example",
        }  # fmt: skip
        (await http.post("/oauth/register", json=body)).raise_for_status()
        listed = await http.get("/operator/api/v1/registrations", headers=headers)
    return str(listed.json()["registrations"][0]["registration_id"])


@pytest.fixture
async def console(server: Server, context: BrowserContext, page: Page) -> Page:
    await server.log_in(context)
    await page.goto(f"{server.url}/operator")
    return page


async def shown(page: Page, node_modules: Path, name: str) -> None:
    """The page has no fault, and its picture is kept for people to look at."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=SHOTS / f"{name}.png", full_page=True)
    assert await accessibility_faults(page, node_modules) == [], name


class TestConsole:
    async def test_an_operator_logs_in_and_out(self, server: Server, page: Page, node_modules: Path) -> None:
        await page.goto(f"{server.url}/operator")
        await expect(page).to_have_url(f"{server.url}/operator/login")
        await page.fill("#name", server.operator.name)
        await page.fill("#password", "wrong")
        await page.click("main button")
        await expect(page.get_by_role("alert")).to_be_visible()
        await shown(page, node_modules, "login-refused")
        await page.fill("#name", server.operator.name)
        await page.fill("#password", server.operator.password)
        await page.click("main button")
        await expect(page).to_have_url(f"{server.url}/operator")
        await page.get_by_role("button", name="Log out").click()
        await expect(page).to_have_url(f"{server.url}/operator/login")
        await page.goto(f"{server.url}/operator/audit")
        await expect(page).to_have_url(f"{server.url}/operator/login")

    async def test_a_waiting_review_is_found_by_its_kind_and_approved(
        self, console: Page, registration_id: str, auth: StandInAuth, node_modules: Path
    ) -> None:
        await console.reload()
        await shown(console, node_modules, "requests")
        kinds = console.get_by_role("list", name="Kinds of requests").get_by_role("link")
        assert await kinds.count() >= 2
        await kinds.nth(1).click()
        await console.get_by_role("region", name="Requests").get_by_role("rowheader").get_by_role("link").first.click()
        await expect(console.get_by_role("heading", name="Approve")).to_be_visible()
        await shown(console, node_modules, "message-waiting")
        await console.get_by_label("Note to the client").fill("Welcome.")
        await console.get_by_role("button", name="Approve").click()
        await expect(console.locator("main .pill").first).to_have_text("complete")
        await expect(console.get_by_role("heading", name="Approve")).to_have_count(0)
        await shown(console, node_modules, "message-settled")

    async def test_a_registration_is_written_to_and_asked_for_a_submission(
        self, console: Page, server: Server, registration_id: str, node_modules: Path
    ) -> None:
        await console.get_by_role("link", name="Registrations").click()
        await shown(console, node_modules, "registrations")
        await console.get_by_role("rowheader").get_by_role("link", name="Kestrel Home Audits").first.click()
        await shown(console, node_modules, "registration")
        form = console.get_by_role("region", name="Ask for a submission")
        await form.get_by_label("Subject").fill("Proof of company")
        await form.get_by_label("Why it is needed").fill("Before production.")
        await form.get_by_label("Documents or answers").fill("Company register\nPrivacy notice\n\n")
        await form.get_by_role("button").click()
        asked = await console.locator("pre").inner_text()
        assert ("Company register" in asked, "Privacy notice" in asked, asked.count('"field"')) == (True, True, 2)
        await console.get_by_role("region", name="Ask or answer").get_by_label("Text").fill("By Friday, please.")
        await console.get_by_role("button", name="Send").click()
        await console.goto(f"{server.url}/operator/registrations/{registration_id}")
        form = console.get_by_role("region", name="Write a Message")
        await form.get_by_label("Subject").fill("Maintenance")
        await form.get_by_label("Text").fill("On Sunday.")
        await form.get_by_role("button").click()
        await expect(console.get_by_role("heading", name="Maintenance")).to_be_visible()
        await console.get_by_role("link", name="Messages", exact=True).first.click()
        await expect(console.get_by_role("region", name="Messages").get_by_text("Proof of company").first).to_be_visible()
        await shown(console, node_modules, "messages")

    async def test_a_file_is_shared_and_taken_back(
        self, console: Page, server: Server, registration_id: str, auth: StandInAuth, node_modules: Path
    ) -> None:
        await console.goto(f"{server.url}/operator/registrations/{registration_id}")
        form = console.get_by_role("region", name="Share a file")
        await form.get_by_label("File").set_input_files([{"name": "rates.csv", "mimeType": "text/csv", "buffer": b"a,b\n"}])
        await form.get_by_label("What it is").fill("All rates")
        await form.get_by_role("button", name="Share").click()
        await expect(console.get_by_text("rates.csv")).to_be_visible()
        assert auth.created[0]["scope"] == FILES
        await shown(console, node_modules, "files")
        await console.get_by_role("button", name="Stop sharing rates.csv").click()
        await expect(console.get_by_role("button", name="Stop sharing rates.csv")).to_have_count(0)

    async def test_a_client_is_found_and_put_out_of_use(
        self, console: Page, registration_id: str, auth: StandInAuth, node_modules: Path
    ) -> None:
        await console.get_by_role("link", name="Clients").click()
        await console.get_by_label("Kind").select_option("consent")
        await console.get_by_role("button", name="Search").click()
        await shown(console, node_modules, "clients")
        await console.get_by_role("rowheader").get_by_role("link").first.click()
        await shown(console, node_modules, "client")
        await console.get_by_label("Reason").fill("Complaints.")
        await console.get_by_role("button", name="Disable").click()
        await expect(console.locator("main .pill").first).to_have_text("disabled")
        assert auth.enforced[-1].status == "disabled"
        await console.get_by_role("button", name="Enable again").click()
        await expect(console.locator("main .pill").first).not_to_have_text("disabled")

    async def test_a_signing_key_is_made_and_the_audit_tells(
        self, console: Page, server: Server, auth: StandInAuth, node_modules: Path
    ) -> None:
        await console.get_by_role("link", name="Keys").click()
        await console.get_by_label("Reason").fill("Yearly")
        await console.get_by_role("button", name="Make a new key").click()
        await expect(console.get_by_role("rowheader", name="key-1")).to_be_visible()
        assert auth.rotated == [{"at_once": False, "note": "Yearly", "operator": "ada"}]
        await shown(console, node_modules, "keys")
        await console.get_by_role("link", name="Audit").click()
        await console.get_by_label("What", exact=True).fill("signing_key.rotated")
        await console.get_by_role("button", name="Search").click()
        assert await console.locator("tbody tr").count() == 1
        await shown(console, node_modules, "audit")
        await console.goto(f"{server.url}/operator/audit?after=2020-01-01&before=2020-01-02")
        await expect(console.get_by_text("No entry fits.")).to_be_visible()
        await console.get_by_role("button", name="Check the chain").click()
        await expect(console.get_by_text("no entry was changed")).to_be_visible()

    async def test_a_refusal_is_a_page(self, console: Page, server: Server, node_modules: Path) -> None:
        answer = await console.goto(f"{server.url}/operator/clients/nobody")
        assert answer is not None
        assert answer.status == 404
        await expect(console.get_by_role("heading", name="Client Object not found")).to_be_visible()
        await shown(console, node_modules, "refused")

    @pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1280, "dark")])
    async def test_small_screens_and_dark_ones(
        self, server: Server, chromium: Browser, registration_id: str, node_modules: Path, width: int, scheme: Any
    ) -> None:
        context = await chromium.new_context(locale="en-US", viewport={"width": width, "height": 800}, color_scheme=scheme)
        await server.log_in(context)
        page = await context.new_page()
        for path, name in (("", "requests"), (f"/registrations/{registration_id}", "registration"), ("/audit", "audit")):
            await page.goto(f"{server.url}/operator{path}")
            await shown(page, node_modules, f"{name}-{scheme}-{width}")
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await context.close()


@pytest.mark.parametrize("path", PUBLIC)
async def test_public_pages_have_no_accessibility_fault(server: Server, page: Page, node_modules: Path, path: str) -> None:
    await page.goto(f"{server.url}{path}")
    await shown(page, node_modules, "public" + path.replace("/", "-"))


async def test_registering_by_hand_ends_with_the_credentials(server: Server, page: Page, node_modules: Path) -> None:
    await page.goto(f"{server.url}/registration")
    await page.locator("#client_name").fill("Kestrel by hand")
    await page.locator("#contacts").fill("dev@kestrel.example")
    await page.locator("input[value=cds_usage_hlp]").check()
    await page.locator("main button").last.click()
    await shown(page, node_modules, "public-registered")
    assert "client_id" in await page.locator("main").inner_text()
