"""A real browser against a real server of this service, on free ports of this machine."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import uvicorn
from cryptography.fernet import Fernet
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.app import create_app
from cds_auth.application.customer_sessions import log_in_session
from cds_auth.persistence.clients import Clients
from cds_auth.settings import Settings
from cds_common import db
from cds_common.testing.postgres import ServiceDatabases
from services.auth.tests.core_builders import AClient, a_consent_client
from services.auth.tests.customer_builders import Household
from services.auth.tests.customer_driver import authorize_parameters

ROOT = Path(__file__).parents[4]
CHROMIUM = shutil.which("chromium") or shutil.which("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass(frozen=True)
class Server:
    """The running service, its database, and the Client's own site (which only shows what arrived)."""

    url: str
    callback: str
    settings: Settings
    sessions: db.Sessions

    async def a_client(self, **members: Any) -> AClient:
        """A Client whose redirect address is the stand-in site."""
        values: dict[str, Any] = {"redirect_uris": [self.callback]} | members
        client = a_consent_client(**values)
        if "server_redirect_uri" not in members:
            client.changed(server_redirect_uri=f"{self.url}/consent/done/{client.client_id}")
        async with self.sessions.begin() as tx:
            await Clients(tx).store(client.snapshot)
        return client

    async def a_customer(self, home: Household) -> Household:
        async with self.sessions.begin() as tx:
            return await home.store(tx, now=datetime.now(UTC))

    async def log_in(self, context: BrowserContext, home: Household) -> None:
        """Give the browser a session of this customer, without the login page."""
        now = datetime.now(UTC)
        async with self.sessions.begin() as tx:
            session = await log_in_session(
                tx, None, environment=home.environment, customer_id=home.customer_id, login_name=home.login_name, now=now
            )
        await context.add_cookies([{"name": "cds_session", "value": session.session_id, "url": self.url}])

    async def in_database(self) -> AsyncSession:
        return self.sessions()

    def link(self, client: AClient, **changes: Any) -> str:
        """The Client's link."""
        return f"{self.url}/oauth/authorize?" + urlencode(
            authorize_parameters(client.client_id, **{"redirect_uri": self.callback} | changes)
        )


@pytest.fixture(scope="session")
async def server(service_databases: ServiceDatabases) -> AsyncIterator[Server]:
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    database = service_databases.fresh("auth", Path(__file__).parents[2])
    port, client_port = _free_port(), _free_port()
    settings = Settings(
        database_url=database.url,
        kafka_bootstrap_servers="localhost:1",
        internal_key="k" * 40,
        credential_key="c" * 40,
        encryption_keys=Fernet.generate_key().decode(),
        utility_config=ROOT / "config" / "utility.yaml",
        registry_internal_url="http://127.0.0.1:9",
        public_url=f"http://localhost:{port}",
    )
    served = uvicorn.Server(uvicorn.Config(create_app(settings), "127.0.0.1", port, log_config=None, lifespan="on"))
    site = await asyncio.start_server(_client_site, "127.0.0.1", client_port)
    task = asyncio.create_task(served.serve())
    while not served.started:
        await asyncio.sleep(0.05)
    engine = db.create_engine(settings, process="tests")
    yield Server(f"http://localhost:{port}", f"http://localhost:{client_port}/back", settings, db.create_sessions(engine))
    await engine.dispose()
    served.should_exit = True
    site.close()
    await task
    service_databases.drop(database)


async def _client_site(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    body = b"<!doctype html><title>Client</title><p>Back at the client.</p>"
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    await writer.drain()
    writer.close()


@pytest.fixture(scope="session")
async def chromium(server: Server) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        # A machine that runs everything at once is slow, not broken.
        expect.set_options(timeout=20_000)
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=120_000)
        yield browser
        await browser.close()


@pytest.fixture
async def context(chromium: Browser) -> AsyncIterator[BrowserContext]:
    """A clean browser in English, with script."""
    made = await chromium.new_context(locale="en-US", viewport={"width": 1280, "height": 900})
    yield made
    await made.close()


@pytest.fixture
async def page(context: BrowserContext) -> Page:
    return await context.new_page()
