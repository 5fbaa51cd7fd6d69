"""Hot statements of many requests on few connections; what requests do together, and what one of them may not spoil for another."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from cds_common import hot_sql
from cds_common.db import Sessions, create_engine, create_sessions
from cds_common.faults import is_transient
from cds_common.hot_sql import Lanes, hot_batch, hot_rows
from cds_common.testing.postgres import Database
from libs.cds_common.tests.conftest import sample_settings

PID = "SELECT pg_backend_pid() AS pid, pg_sleep(0.05)"


@pytest.fixture
async def engine(committed: Database) -> AsyncIterator[AsyncEngine]:
    """A pool of two connections."""
    engine = create_engine(sample_settings(committed, db_pool_size=2), process="test")
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE thing (name text NOT NULL CHECK (name <> 'bad'))"))
    yield engine
    await engine.dispose()


@pytest.fixture
async def sessions(engine: AsyncEngine) -> AsyncIterator[Sessions]:
    """As an api process makes them, with one lane."""
    lanes = Lanes(engine, most=1)
    yield create_sessions(engine, lanes)
    await lanes.close()


async def add(driver: asyncpg.Connection, names: Sequence[str]) -> Sequence[int]:
    await driver.executemany("INSERT INTO thing SELECT $1 FROM pg_sleep(0.05)", [(name,) for name in names])
    return [len(names)] * len(names)


async def names(sessions: Sessions) -> list[str]:
    async with sessions() as session:
        return [row.name for row in await hot_rows(session, "SELECT name FROM thing ORDER BY name")]


async def test_more_requests_than_connections_take_turns_and_keep_none(sessions: Sessions) -> None:
    """Each holds its session meanwhile, as a request does: no one waits for a connection that another keeps."""

    async def request() -> int:
        async with sessions.begin() as session:
            (first,) = await hot_rows(session, PID)
            (second,) = await hot_rows(session, PID)
        assert first.pid == second.pid
        return first.pid

    assert len(set(await asyncio.gather(*(request() for _ in range(5))))) == 1


async def test_no_turn_in_time_is_a_passing_fault(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hot_sql, "_PATIENCE_SECONDS", 0.01)
    async with sessions() as one, sessions() as two:
        slow = asyncio.create_task(hot_rows(one, PID))
        await asyncio.sleep(0)
        with pytest.raises(TimeoutError) as late:
            await hot_rows(two, PID)
        await slow
    assert is_transient(late.value)


async def test_a_lost_connection_is_replaced(sessions: Sessions, committed: Database) -> None:
    async with sessions() as session:
        (before,) = await hot_rows(session, PID)
        admin = await asyncpg.connect(committed.dsn)
        await admin.fetch("SELECT pg_terminate_backend($1, 5000)", before.pid)
        await admin.close()
        await asyncio.sleep(0.1)
        (after,) = await hot_rows(session, PID)
    assert after.pid != before.pid


@pytest.mark.parametrize(("state", "kept"), [("25006", False), ("23514", True)])
async def test_a_server_that_takes_no_writes_any_more_is_asked_once(sessions: Sessions, state: str, kept: bool) -> None:
    """After a failover the old primary answers on the old connections for as long as it lives."""
    async with sessions() as session:
        (before,) = await hot_rows(session, PID)
        with pytest.raises(asyncpg.PostgresError):
            await hot_rows(session, f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$")
        (after,) = await hot_rows(session, PID)
    assert (after.pid == before.pid) is kept


async def test_a_connection_that_is_lost_in_a_statement_is_a_passing_fault(sessions: Sessions, committed: Database) -> None:
    async with sessions() as session:
        (mine,) = await hot_rows(session, PID)
        running = asyncio.create_task(hot_rows(session, "SELECT pg_sleep(30)"))
        await asyncio.sleep(0.1)
        admin = await asyncpg.connect(committed.dsn)
        await admin.fetch("SELECT pg_terminate_backend($1, 5000)", mine.pid)
        await admin.close()
        with pytest.raises(Exception) as lost:  # noqa: PT011  # which of the driver's errors depends on where it was cut
            await running
        assert is_transient(lost.value)
        assert (await hot_rows(session, PID))[0].pid != mine.pid


async def test_a_transaction_sees_and_holds_what_is_its_own(sessions: Sessions) -> None:
    async with sessions() as session:
        await session.execute(text("INSERT INTO thing VALUES ('mine')"))
        assert [row.name for row in await hot_rows(session, "SELECT name FROM thing")] == ["mine"]
        assert await hot_batch(session, add, "also mine") == 1
        assert await names(sessions) == []
        await session.rollback()
        assert await hot_rows(session, "SELECT name FROM thing") == []
        await hot_rows(session, "INSERT INTO thing VALUES ('next')")
        assert await names(sessions) == ["next"]


class TestTogether:
    async def ask(self, sessions: Sessions, name: str, work: Any = add) -> Any:
        """Returns once the name can be read by everybody."""
        async with sessions.begin() as session:
            size = await hot_batch(session, work, name)
            assert name in await names(sessions)
            return size

    async def test_what_comes_together_is_committed_together_before_anyone_goes_on(self, sessions: Sessions) -> None:
        assert await asyncio.gather(*(self.ask(sessions, name) for name in "abc")) == [3, 3, 3]
        assert await self.ask(sessions, "d") == 1

    async def test_a_caller_that_leaves_takes_nobody_with_it(self, sessions: Sessions) -> None:
        begun, gate = asyncio.Event(), asyncio.Event()

        async def held(driver: asyncpg.Connection, names: Sequence[str]) -> Sequence[int]:
            begun.set()
            await gate.wait()
            return await add(driver, names)

        first, second = (asyncio.create_task(self.ask(sessions, name, held)) for name in "ab")
        await begun.wait()
        third = asyncio.create_task(self.ask(sessions, "c", held))
        await asyncio.sleep(0.01)
        first.cancel()
        third.cancel()
        await asyncio.wait({first, third})
        gate.set()
        assert await second == 2
        assert (first.cancelled(), third.cancelled()) == (True, True)
        assert await self.ask(sessions, "d", held) == 1
        assert await names(sessions) == ["a", "b", "d"]

    async def test_a_row_that_is_refused_is_refused_alone(self, sessions: Sessions) -> None:
        found = await asyncio.gather(*(self.ask(sessions, name) for name in ("a", "bad", "c")), return_exceptions=True)
        assert found[::2] == [1, 1]
        assert isinstance(found[1], asyncpg.CheckViolationError)
        assert await names(sessions) == ["a", "c"]
