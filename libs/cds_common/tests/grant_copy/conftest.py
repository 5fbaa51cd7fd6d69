"""A database that holds only the copy and the outbox."""

import pytest

from cds_common.db import new_metadata
from cds_common.grant_copy import grant_copy_tables
from cds_common.message_tables import inbox_table, outbox_table
from cds_common.settings import CommonSettings
from cds_common.testing.plugin import unpooled_engine
from cds_common.testing.postgres import Database, ServiceDatabases, in_thread


class UsageSettings(CommonSettings):
    service = "usage"


@pytest.fixture(scope="session")
def database(service_databases: ServiceDatabases) -> Database:
    database = service_databases.empty()
    metadata = new_metadata()
    grant_copy_tables(metadata)
    outbox_table(metadata)
    inbox_table(metadata)

    async def create() -> None:
        engine = unpooled_engine(database)
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        await engine.dispose()

    in_thread(create())
    return database


@pytest.fixture(scope="session")
def settings(database: Database) -> CommonSettings:
    return UsageSettings(database_url=database.url, kafka_bootstrap_servers="localhost:1", internal_key="k" * 40)
