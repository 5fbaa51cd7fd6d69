"""Statements past the session: committed by themselves, inside a transaction that was begun, and a lost connection found out."""

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from cds_common.db import create_engine, create_sessions
from cds_common.faults import is_transient
from cds_common.hot_sql import Compiled, hot_rows
from cds_common.testing.postgres import Database
from libs.cds_common.tests.conftest import sample_settings

_MINE = "SELECT pg_backend_pid() AS pid, now() = statement_timestamp() AS first_statement"


@pytest.fixture
async def things(committed_engine: AsyncEngine) -> None:
    async with committed_engine.begin() as connection:
        await connection.execute(text("CREATE TABLE thing (name text NOT NULL)"))


@pytest.mark.usefixtures("things")
async def test_write_is_committed_at_once_when_no_transaction_was_begun(committed_engine: AsyncEngine) -> None:
    sessions = create_sessions(committed_engine)
    async with sessions() as session:
        await hot_rows(session, "INSERT INTO thing VALUES ($1)", ("a",))
        async with sessions() as other:
            assert [row.name for row in await hot_rows(other, "SELECT name FROM thing")] == ["a"]


@pytest.mark.usefixtures("things")
async def test_write_belongs_to_the_transaction_that_was_begun(committed_engine: AsyncEngine) -> None:
    sessions = create_sessions(committed_engine)
    async with sessions() as session:
        await session.execute(text("INSERT INTO thing VALUES ('begun')"))
        await hot_rows(session, "INSERT INTO thing VALUES ($1)", ("a",))
        await session.rollback()
        assert await hot_rows(session, "SELECT name FROM thing") == []


async def test_refused_statement_says_so_and_the_session_goes_on(committed_engine: AsyncEngine) -> None:
    async with create_sessions(committed_engine)() as session:
        with pytest.raises(asyncpg.UndefinedTableError) as refused:
            await hot_rows(session, "SELECT * FROM nowhere")
        assert not is_transient(refused.value)
        assert (await hot_rows(session, "SELECT 1 AS one"))[0].one == 1


async def test_row_has_no_column_that_was_not_asked_for(committed_engine: AsyncEngine) -> None:
    async with create_sessions(committed_engine)() as session:
        (row,) = await hot_rows(session, "SELECT 1 AS one")
        with pytest.raises(AttributeError):
            _ = row.two


async def test_lost_connections_leave_the_pool_with_the_first_fault(committed: Database) -> None:
    engine = create_engine(sample_settings(committed), process="test")
    sessions = create_sessions(engine)
    async with sessions.begin() as one, sessions.begin() as two:
        pids = [(await hot_rows(session, _MINE))[0].pid for session in (one, two)]
    admin = await asyncpg.connect(committed.dsn)
    await admin.fetch("SELECT pg_terminate_backend(pid, 5000) FROM unnest($1::int[]) AS lost (pid)", pids)
    await admin.close()
    with pytest.raises(DBAPIError) as lost:
        async with sessions.begin() as session:
            await hot_rows(session, _MINE)
    assert is_transient(lost.value)
    async with sessions.begin() as one, sessions.begin() as two:
        assert not {(await hot_rows(session, _MINE))[0].pid for session in (one, two)} & set(pids)
    await engine.dispose()


async def test_compiled_text_takes_its_values_by_name(committed_engine: AsyncEngine) -> None:
    statement = Compiled.of(text("SELECT CAST(:a AS integer) - CAST(:b AS integer) + CAST(:a AS integer) AS result"))
    async with create_sessions(committed_engine)() as session:
        (row,) = await statement.rows(session, {"b": 1, "a": 10})
    assert row.result == 19
