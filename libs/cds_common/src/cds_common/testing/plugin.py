"""Pytest plugin of the project: fixtures for databases, bus and documents."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from xdist.scheduler import LoadFileScheduling

from cds_common import exact_json
from cds_common.db import Sessions
from cds_common.testing.kafka import kafka_server
from cds_common.testing.node import node_modules
from cds_common.testing.postgres import Database, ServiceDatabases, postgres_server


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-documents", action="store_true", help="write docs/openapi and docs/asyncapi anew instead of comparing")


class _Together(LoadFileScheduling):
    """Tests of a file run in one process, and so do all that share the whole stack."""

    def _split_scope(self, nodeid: str) -> str:
        return "tests/e2e" if nodeid.startswith("tests/e2e/") else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Together:
    """How the tests are spread over processes."""
    return _Together(config, log)


@pytest.fixture(scope="session")
def service_databases() -> Iterator[ServiceDatabases]:
    """The server of this test process."""
    with postgres_server() as databases:
        yield databases


@pytest.fixture(scope="session")
def kafka_bootstrap() -> Iterator[str]:
    """Address of a real broker; started by the first test that asks."""
    with kafka_server() as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session", name="node_modules")
def node_modules_fixture() -> Path:
    """Where the tests' JavaScript packages are; see `cds_common.testing.node`."""
    return node_modules()


def unpooled_engine(database: Database) -> AsyncEngine:
    """An engine as services have it, without a pool: connections end with the test that opened them."""
    return create_async_engine(
        database.url, poolclass=NullPool, json_serializer=exact_json.encode_text, json_deserializer=exact_json.decode
    )


@pytest.fixture
def engine(database: Database) -> AsyncEngine:
    """Engine on the service's session database (the service's conftest defines `database`).

    Not for the session: pytest would give the first service's engine to all others of the same run.
    """
    return unpooled_engine(database)


@pytest.fixture
async def connection(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection in a transaction that is rolled back after the test."""
    async with engine.connect() as connection:
        transaction = await connection.begin()
        yield connection
        await transaction.rollback()


@pytest.fixture
def sessions(connection: AsyncConnection) -> Sessions:
    """Sessions whose commits are savepoints of the rolled-back transaction; for applications and consumers under test."""
    return async_sessionmaker(connection, expire_on_commit=False, join_transaction_mode="create_savepoint")


@pytest.fixture
async def session(sessions: Sessions) -> AsyncIterator[AsyncSession]:
    """One such session."""
    async with sessions() as session:
        yield session
