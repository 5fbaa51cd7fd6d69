"""Fixtures of this service: its settings against a migrated database of its own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet
from sqlalchemy.ext.asyncio import AsyncEngine

from cds_auth.adapters.registry import Registry
from cds_auth.app import create_app
from cds_auth.application.rules import AuthRules
from cds_auth.settings import Settings
from cds_common import db
from cds_common.events.clients import ClientPublishedV1
from cds_common.testing.app import application
from cds_common.testing.postgres import Database, ServiceDatabases
from cds_common.utility import Utility, load_utility
from services.auth.tests.core_driver import Core

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def database(service_databases: ServiceDatabases) -> Database:
    return service_databases.get("auth", Path(__file__).parents[1])


@pytest.fixture(scope="session")
def settings(database: Database) -> Settings:
    return _settings(database)


def _settings(database: Database) -> Settings:
    return Settings(
        database_url=database.url,
        kafka_bootstrap_servers="localhost:1",
        internal_key="k" * 40,
        credential_key="c" * 40,
        encryption_keys=Fernet.generate_key().decode(),
        utility_config=ROOT / "config" / "utility.yaml",
        registry_internal_url="http://127.0.0.1:9",
        grant_wait="0.3",
    )


@pytest.fixture(scope="session", autouse=True)
def registry() -> Iterator[dict[str, ClientPublishedV1 | Exception]]:
    """The peer, which knows only what a test puts in here by client_id; an exception stands for its absence."""
    known: dict[str, ClientPublishedV1 | Exception] = {}

    async def find_client(_self: Registry, client_id: str) -> ClientPublishedV1 | None:
        found = known.get(client_id)
        if isinstance(found, Exception):
            raise found
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Registry, "find_client", find_client)
        yield known


@pytest.fixture(scope="session")
def utility() -> Utility:
    return load_utility(ROOT / "config" / "utility.yaml")


@pytest.fixture(scope="session")
def rules(settings: Settings, utility: Utility) -> AuthRules:
    return AuthRules.of(settings, utility)


@pytest.fixture(scope="session")
def committed(service_databases: ServiceDatabases) -> Iterator[Settings]:
    """Settings of a database in which tests commit: token requests have transactions of their own. Ids are random, nothing collides."""
    database = service_databases.fresh("auth", Path(__file__).parents[1])
    yield _settings(database)
    service_databases.drop(database)


@pytest.fixture(scope="session")
async def committed_engine(committed: Settings) -> AsyncIterator[AsyncEngine]:
    engine = db.create_engine(committed, process="tests")
    yield engine
    await engine.dispose()


@pytest.fixture(scope="session")
def committed_sessions(committed_engine: AsyncEngine) -> db.Sessions:
    return db.create_sessions(committed_engine)


@pytest.fixture(scope="session")
async def http(committed: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The app over real commits."""
    async with application(create_app(committed)) as client:
        yield client


@pytest.fixture(scope="session")
def core(http: httpx.AsyncClient, committed_sessions: db.Sessions, committed: Settings, utility: Utility) -> Core:
    """The core of the service, driven over HTTP and by events."""
    return Core(http, committed_sessions, committed, AuthRules.of(committed, utility))
