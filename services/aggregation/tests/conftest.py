"""Fixtures of this service: its settings against a migrated database of its own, a stage that plays the worker."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from cds_aggregation.app import create_app
from cds_aggregation.settings import Settings
from cds_common import clock
from cds_common.db import Sessions, create_sessions
from cds_common.testing.app import application
from cds_common.testing.plugin import unpooled_engine
from cds_common.testing.postgres import Database, ServiceDatabases
from cds_common.testing.tokens import TokenMaker
from services.aggregation.tests.builders import NOW, Stage

CONFIG = Path(__file__).parents[3] / "config" / "utility.yaml"


@pytest.fixture(scope="session")
def database(service_databases: ServiceDatabases) -> Database:
    return service_databases.get("aggregation", Path(__file__).parents[1])


@pytest.fixture(scope="session")
def settings(database: Database) -> Settings:
    return Settings(database_url=database.url, kafka_bootstrap_servers="localhost:1", internal_key="k" * 40, utility_config=CONFIG)


@pytest.fixture(scope="session")
def maker(settings: Settings) -> TokenMaker:
    return TokenMaker(settings)


@pytest.fixture
def stage(sessions: Sessions, settings: Settings) -> Stage:
    """The service's use cases on the database of this test, at `NOW`."""
    return Stage(sessions, settings)


@pytest.fixture
async def committed_stage(service_databases: ServiceDatabases, settings: Settings) -> AsyncIterator[Stage]:
    """A stage whose transactions are real ones, on a database of its own: for what happens between two of them."""
    own = service_databases.fresh("aggregation", Path(__file__).parents[1])
    engine = unpooled_engine(own)
    yield Stage(create_sessions(engine), settings)
    await engine.dispose()
    service_databases.drop(own)


@pytest.fixture
async def client(settings: Settings, stage: Stage, maker: TokenMaker) -> AsyncIterator[httpx.AsyncClient]:
    """The service's HTTP, at `NOW`."""
    app = create_app(settings)
    app.dependency_overrides[clock.now] = lambda: NOW
    state = {"sessions": stage.sessions, "tokens": maker.verifier, "rules": stage.rules, "peers": stage.peers}
    async with application(app, state=state) as client:
        yield client
