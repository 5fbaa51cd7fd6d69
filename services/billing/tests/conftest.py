"""Fixtures of this service: its settings against a migrated database of its own, and a client of its API."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from cds_billing.app import create_app
from cds_billing.settings import Settings
from cds_common import clock
from cds_common.db import Sessions
from cds_common.grant_copy.testing import NoPeers
from cds_common.testing.app import application
from cds_common.testing.postgres import Database, ServiceDatabases
from cds_common.testing.tokens import TokenMaker
from cds_common.tokens import AccessToken
from services.billing.tests.builders import NOW

Headers = Callable[[AccessToken], dict[str, str]]


@pytest.fixture(scope="session")
def database(service_databases: ServiceDatabases) -> Database:
    return service_databases.get("billing", Path(__file__).parents[1])


@pytest.fixture(scope="session")
def settings(database: Database) -> Settings:
    return Settings(database_url=database.url, kafka_bootstrap_servers="localhost:1", internal_key="k" * 40)


@pytest.fixture
def maker(settings: Settings) -> TokenMaker:
    return TokenMaker(settings)


@pytest.fixture
def headers(maker: TokenMaker) -> Headers:
    def of(token: AccessToken) -> dict[str, str]:
        return maker.headers(client_id=token.client_id, scope=token.scope, cds_grant_ids=list(token.cds_grant_ids))

    return of


@pytest.fixture
async def api(settings: Settings, sessions: Sessions, session: AsyncSession, maker: TokenMaker) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings)
    app.dependency_overrides[clock.now] = lambda: NOW
    async with application(app, state={"sessions": sessions, "tokens": maker.verifier, "peers": NoPeers()}) as client:
        yield client
