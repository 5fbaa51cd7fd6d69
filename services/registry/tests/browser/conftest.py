"""A real browser against a real server of this service, on a free port of this machine."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn
from cryptography.fernet import Fernet
from fastapi import FastAPI
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from starlette.requests import Request

from cds_common import db
from cds_common.testing.postgres import ServiceDatabases
from cds_registry.api import dependencies
from cds_registry.api.operator_session import COOKIE
from cds_registry.app import create_app
from cds_registry.application.modify_client import ClientTools
from cds_registry.application.operators import NewOperator, Role, create_operator, log_in
from cds_registry.settings import Settings
from services.registry.tests.builders import StandInAuth

ROOT = Path(__file__).parents[4]
SHOTS = ROOT / ".local" / "screenshots" / "registry"
CHROMIUM = shutil.which("chromium") or shutil.which("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@dataclass(frozen=True)
class Server:
    """The running service and an administrator of it."""

    url: str
    settings: Settings
    sessions: db.Sessions
    app: FastAPI
    operator: NewOperator

    async def log_in(self, context: BrowserContext) -> None:
        """Give the browser a session of the administrator, without the login page."""
        now = datetime.now(UTC)
        async with self.sessions.begin() as tx:
            cookie = await log_in(tx, self.operator.name, self.operator.password, lifetime=self.settings.operator_session_lifetime, now=now)
        await context.add_cookies([{"name": COOKIE, "value": cookie, "url": self.url}])


@pytest.fixture(scope="session")
async def server(service_databases: ServiceDatabases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    database = service_databases.fresh("registry", Path(__file__).parents[2])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    settings = Settings(
        database_url=database.url,
        kafka_bootstrap_servers="localhost:1",
        internal_key="k" * 40,
        encryption_keys=Fernet.generate_key().decode(),
        credential_key="c" * 40,
        files_dir=tmp_path_factory.mktemp("browser-files"),
        utility_config=ROOT / "config" / "utility.yaml",
        public_url=f"http://localhost:{port}",
    )
    app = create_app(settings)
    served = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, log_config=None, lifespan="on"))
    task = asyncio.create_task(served.serve())
    while not served.started:
        await asyncio.sleep(0.05)
    engine = db.create_engine(settings, process="tests")
    sessions = db.create_sessions(engine)
    async with sessions.begin() as tx:
        operator = await create_operator(tx, "ada", Role.admin, created_by="server:test", now=datetime.now(UTC))
    yield Server(settings.public_url, settings, sessions, app, operator)
    await engine.dispose()
    served.should_exit = True
    await task
    service_databases.drop(database)


@pytest.fixture
def auth(server: Server, monkeypatch: pytest.MonkeyPatch) -> StandInAuth:
    """auth stands in: these tests look at pages of this service alone."""
    stand_in = StandInAuth()

    def tools(request: Request) -> ClientTools:
        return replace(request.state.tools, auth=stand_in)

    monkeypatch.setitem(server.app.dependency_overrides, dependencies._tools, tools)
    return stand_in


@pytest.fixture(scope="session")
async def chromium(server: Server) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def context(chromium: Browser) -> AsyncIterator[BrowserContext]:
    made = await chromium.new_context(locale="en-US", viewport={"width": 1280, "height": 900})
    yield made
    await made.close()


@pytest.fixture
async def page(context: BrowserContext) -> Page:
    return await context.new_page()
