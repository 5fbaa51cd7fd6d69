"""Fixtures of this service: its settings against a migrated database of its own, an app, and a stand-in for auth."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from fastapi import FastAPI

from cds_common import clock
from cds_common.db import Sessions
from cds_common.testing.app import application
from cds_common.testing.postgres import Database, ServiceDatabases
from cds_registry.api.rate_limits import Limits
from cds_registry.app import create_app
from cds_registry.application.modify_client import ClientTools, ReviewPolicy
from cds_registry.application.publication import Publication
from cds_registry.settings import Settings
from services.registry.tests.builders import Registry, StandInAuth, StandInTokens

CONFIG = Path(__file__).parents[3] / "config" / "utility.yaml"
NOW = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def database(service_databases: ServiceDatabases) -> Database:
    return service_databases.get("registry", Path(__file__).parents[1])


@pytest.fixture(scope="session")
def settings(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        database_url=database.url,
        kafka_bootstrap_servers="localhost:1",
        internal_key="k" * 40,
        encryption_keys=Fernet.generate_key().decode(),
        credential_key="c" * 40,
        files_dir=tmp_path_factory.mktemp("files"),
        utility_config=CONFIG,
    )


@pytest.fixture(scope="session")
async def opened(settings: Settings) -> AsyncIterator[tuple[FastAPI, dict[str, Any]]]:
    """The application and its state, read once: the configuration does not change during the tests."""
    app = create_app(settings)
    async with app.router.lifespan_context(app) as state:
        yield app, dict(state or {})


@pytest.fixture
def policy() -> ReviewPolicy:
    """Reviews as shipped; a test module overrides it."""
    return ReviewPolicy(frozenset({"client_name", "client_uri", "logo_uri", "cds_purposes"}), frozenset())


@pytest.fixture
async def registry(
    settings: Settings, sessions: Sessions, opened: tuple[FastAPI, dict[str, Any]], policy: ReviewPolicy
) -> AsyncIterator[Registry]:
    """The application with everything of its own but auth, whose answers the test sets, and a clock that stands."""
    app, state = opened
    moment = [NOW]

    def stand() -> datetime:
        return moment[0]

    app.dependency_overrides[clock.now] = stand
    auth, tokens = StandInAuth(), StandInTokens()
    tools: ClientTools = state["tools"]
    replaced = {
        "sessions": sessions,
        "auth": auth,
        "tokens": tokens,
        "tools": ClientTools(tools.offer, tools.box, auth, policy),  # type: ignore[arg-type]
        "limits": Limits.of(settings, clock=lambda: stand().timestamp()),
        "publication": Publication(tools.offer),
    }
    async with application(app, state={**state, **replaced}) as client:
        yield Registry(client, auth, tokens, sessions, moment, tools.offer)
