"""A service of one topic's size: the common tables and nothing else."""

from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest
from pydantic_settings import SettingsConfigDict
from sqlalchemy.ext.asyncio import AsyncEngine

from cds_common.message_tables import OUTBOX
from cds_common.settings import CommonSettings
from cds_common.testing.plugin import unpooled_engine
from cds_common.testing.postgres import Database, ServiceDatabases, in_thread


class SampleSettings(CommonSettings):
    model_config = SettingsConfigDict(env_prefix="CDS_SAMPLE_", frozen=True, extra="ignore")
    service: ClassVar[str] = "sample"


async def create_tables(database: Database) -> None:
    engine = unpooled_engine(database)
    async with engine.begin() as connection:
        await connection.run_sync(OUTBOX.metadata.create_all)
    await engine.dispose()


@pytest.fixture(scope="session")
def database(service_databases: ServiceDatabases) -> Database:
    database = service_databases.empty()
    in_thread(create_tables(database))
    return database


@pytest.fixture
async def committed(service_databases: ServiceDatabases) -> AsyncIterator[Database]:
    """A database of its own for tests whose subject is the commit."""
    database = service_databases.empty()
    await create_tables(database)
    yield database
    service_databases.drop(database)


def sample_settings(database: Database | None = None, **changes: Any) -> SampleSettings:
    url = database.url if database else "postgresql+asyncpg://nobody:none@127.0.0.1:1/none"
    return SampleSettings(**{"database_url": url, "kafka_bootstrap_servers": "127.0.0.1:1", "internal_key": "k" * 40} | changes)


@pytest.fixture
def settings() -> SampleSettings:
    return sample_settings()


@pytest.fixture
async def committed_engine(committed: Database) -> AsyncIterator[AsyncEngine]:
    engine = unpooled_engine(committed)
    yield engine
    await engine.dispose()
