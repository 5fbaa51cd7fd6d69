"""Migrations run the same way in all six services: `migrations/env.py` only names its service and its tables."""

import asyncio

from alembic import context
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import Connection, MetaData, pool
from sqlalchemy.ext.asyncio import create_async_engine

_LOCK_KEY = 0x0CD5_316A


def run(service: str, metadata: MetaData) -> None:
    """Bring the database to the wanted revision.

    The address comes from the caller (`config.attributes["url"]`) or from `CDS_<SERVICE>_DATABASE_URL`.
    Two runs at once wait for each other.
    """
    url = context.config.attributes.get("url") or _url(service)
    if context.is_offline_mode():
        context.configure(url=url, target_metadata=metadata, literal_binds=True)
        with context.begin_transaction():
            context.run_migrations()
        return
    asyncio.run(_online(str(url), metadata))


def _url(service: str) -> str:
    class Settings(BaseSettings):
        model_config = SettingsConfigDict(env_prefix=f"CDS_{service.upper()}_", extra="ignore")
        database_url: SecretStr

    return Settings().database_url.get_secret_value()  # pyright: ignore[reportCallIssue]  # filled from the environment


async def _online(url: str, metadata: MetaData) -> None:
    engine = create_async_engine(url, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_migrate, metadata)
        await connection.commit()
    await engine.dispose()


def _migrate(connection: Connection, metadata: MetaData) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})")
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
