"""Postgres access: engine, sessions and the one transaction of a request."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy import TIMESTAMP, MetaData, Numeric
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from starlette.requests import Request

from cds_common import exact_json
from cds_common.hot_sql import Lanes, with_lanes
from cds_common.settings import CommonSettings

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

TYPE_MAP: dict[Any, Any] = {datetime: TIMESTAMP(timezone=True), Decimal: Numeric()}
"""`type_annotation_map` of every declarative base: aware datetimes and exact decimals."""

Sessions = async_sessionmaker[AsyncSession]


def new_metadata() -> MetaData:
    """Metadata whose constraints have predictable names, so that migrations can name them."""
    return MetaData(naming_convention=NAMING_CONVENTION)


def create_engine(settings: CommonSettings, *, process: str) -> AsyncEngine:
    """The engine of one process; `process` ("api" or "worker") shows in `pg_stat_activity`.

    The pool keeps what it opened: an overflow would be opened and closed again with nearly every request while many are under way.
    Parameters stay out of error texts, since they may hold personal data or secrets.
    """
    return create_async_engine(
        settings.database_url.get_secret_value(),
        pool_size=settings.db_pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_recycle=1800,
        pool_pre_ping=False,
        pool_use_lifo=True,
        hide_parameters=True,
        json_serializer=exact_json.encode_text,
        json_deserializer=exact_json.decode,
        connect_args={
            "prepared_statement_cache_size": 500,
            "timeout": 5,
            "command_timeout": 30,
            "server_settings": {
                "application_name": f"cds-{settings.service}-{process}",
                "timezone": "UTC",
                "idle_in_transaction_session_timeout": "60s",
            },
        },
    )


def create_sessions(engine: AsyncEngine, lanes: Lanes | None = None) -> Sessions:
    """Sessions whose objects stay readable after the commit (nothing is loaded behind the caller's back)."""
    return async_sessionmaker(engine, expire_on_commit=False, info=with_lanes(lanes) if lanes else {})


async def transaction(request: Request) -> AsyncIterator[AsyncSession]:
    """The transaction of this request; it commits before the answer leaves and rolls back on any raise.

    It begins with the first thing that needs one: most reads need none (`cds_common.hot_sql`).
    """
    sessions: Sessions = request.state.sessions
    session = sessions()
    try:
        yield session
        if session.in_transaction():
            await session.commit()
    finally:
        if session.in_transaction():
            await asyncio.shield(session.close())


# scope="function": a plain `yield` dependency ends after the answer has gone, and a failed commit would look like a success.
Tx = Annotated[AsyncSession, Depends(transaction, scope="function")]
