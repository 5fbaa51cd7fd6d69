"""Statements that run in every data request, handed to asyncpg as they are.

SQLAlchemy's session, cursor and result take longer than Postgres needs for such a statement, and it opens a transaction
around a single SELECT: two more round trips (docs/decisions/0009-hot-path.md). Outside of a transaction they run on the lanes of the
process, some of them for many requests at once (docs/decisions/0012-requests-travel-together.md).
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import asyncpg
from sqlalchemy import Executable, PoolProxiedConnection, event
from sqlalchemy.dialects.postgresql import asyncpg as dialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from cds_common.batcher import Batcher
from cds_common.faults import DATABASE_FAULTS, is_transient

T = TypeVar("T")
R = TypeVar("R")

_DIALECT = dialect.dialect()
_MOST = 2_000
_CONSTANT = "kind_"
_PATIENCE_SECONDS = 5.0


class HotRow(asyncpg.Record):
    """A row whose columns are attributes, as everywhere else."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        """The column of this name."""
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


async def hot_rows(session: AsyncSession, sql: str, values: Sequence[Any] = ()) -> list[HotRow]:
    """Run one statement in the session's transaction if it has one at the database, else by itself on one of the process's lanes.

    Values are numbered (`$1`). What was written by a statement of its own is committed when this returns.

    Raises:
        Exception: one of `DATABASE_FAULTS`, `asyncpg.PostgresError` as the database answered.
    """
    lanes = _lanes(session)
    if lanes is not None:
        return await lanes.rows(sql, values)
    return await _in_session(session, lambda driver: driver.fetch(sql, *values, record_class=HotRow))


Work: TypeAlias = Callable[[asyncpg.Connection, Sequence[T]], Awaitable[Sequence[R]]]
"""One statement for several items: gives their results in the same order, all or nothing."""


async def hot_batch(session: AsyncSession, work: Work[T, R], item: T) -> R:
    """`work`, a function of a module, for this item and those of other requests (`Batcher`); alone in the session's transaction, if any.

    Raises:
        Exception: one of `DATABASE_FAULTS`, `asyncpg.PostgresError` as the database answered.
    """
    lanes = _lanes(session)
    if lanes is not None:
        return await lanes.batcher(work).submit(item)
    return (await _in_session(session, lambda driver: work(driver, [item])))[0]


class Lanes:
    """Connections of a process that hot statements take turns on: each is lent for one statement, not for a request.

    They come from the engine's pool and stay out of it, at most `most` of them, until they are lost or `close` ends them. Who gets no turn
    within five seconds meets a `TimeoutError`, as at the pool.
    """

    def __init__(self, engine: AsyncEngine, most: int) -> None:
        self._engine, self._turns = engine, asyncio.Semaphore(most)
        self._free: list[tuple[AsyncConnection, asyncpg.Connection]] = []
        self._batchers: dict[Work[Any, Any], Batcher[Any, Any]] = {}

    async def rows(self, sql: str, values: Sequence[Any]) -> list[HotRow]:
        """Run one statement, in a transaction of its own."""
        return await self._lend(lambda driver: driver.fetch(sql, *values, record_class=HotRow))

    def batcher(self, work: Work[T, R]) -> Batcher[T, R]:
        """The one through which all requests of the process call `work`."""
        if work not in self._batchers:
            self._batchers[work] = Batcher(lambda items: self._lend(lambda driver: work(driver, items)))
        return self._batchers[work]

    async def close(self) -> None:
        """Give the connections back to the pool, when no request is left."""
        while self._free:
            await self._free.pop()[0].close()

    async def _lend(self, use: Callable[[asyncpg.Connection], Awaitable[R]]) -> R:
        if self._turns.locked():
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._turns.acquire()
        else:
            await self._turns.acquire()  # at once
        try:
            connection, driver = await self._take()
            try:
                return await use(driver)
            except DATABASE_FAULTS as error:
                if is_transient(error):
                    driver.terminate()  # it may lead to a server that has been replaced
                raise
            finally:
                self._free.append((connection, driver))
        finally:
            self._turns.release()

    async def _take(self) -> tuple[AsyncConnection, asyncpg.Connection]:
        """The connection that was used last; those that have ended meanwhile are shown to the pool."""
        while self._free:
            connection, driver = self._free.pop()
            if not driver.is_closed():
                return connection, driver
            await connection.invalidate()
            await connection.close()
        connection = await self._engine.connect()
        return connection, _asyncpg(await connection.get_raw_connection())


_LANES, _BEGUN, _DRIVER = "cds_lanes", "cds_begun", "cds_driver"


def with_lanes(lanes: Lanes) -> dict[str, Any]:
    """The `info` of sessions whose hot statements run on `lanes` while they have no transaction at the database."""
    return {_LANES: lanes}


@event.listens_for(Session, "after_begin")
def _note_begin(session: Session, *_: object) -> None:
    session.info[_BEGUN] = session.get_transaction()


def _lanes(session: AsyncSession) -> Lanes | None:
    """Where a statement may run by itself; None when the session has a transaction, whose changes it must see and share."""
    begun = session.info.get(_BEGUN)
    return session.info.get(_LANES) if begun is None or begun is not session.sync_session.get_transaction() else None


async def _in_session(session: AsyncSession, use: Callable[[asyncpg.Connection], Awaitable[R]]) -> R:
    driver = await _driver(session)
    try:
        return await use(driver)
    except DATABASE_FAULTS:
        if driver.is_closed():
            # The pool must learn of it, or it would give out dead connections: SQLAlchemy meets the same fault and clears up.
            await (await session.connection()).exec_driver_sql("SELECT 1")
        raise


async def _driver(session: AsyncSession) -> asyncpg.Connection:
    """The driver's connection, looked up once in a transaction of the session (which is not yet one of the database)."""
    held = session.info.get(_DRIVER)
    current = session.sync_session.get_transaction()
    if held is not None and current is not None and held[0] is current:
        return held[1]
    driver = _asyncpg(await (await session.connection()).get_raw_connection())
    session.info[_DRIVER] = (session.sync_session.get_transaction(), driver)
    return driver


def _asyncpg(connection: PoolProxiedConnection) -> asyncpg.Connection:
    driver = connection.driver_connection
    assert isinstance(driver, asyncpg.Connection)  # noqa: S101  # there is no other driver here
    return driver


@dataclass(frozen=True, slots=True)
class Compiled:
    """SQL with numbered parameters and the name of each."""

    sql: str
    names: tuple[str, ...]

    @classmethod
    def of(cls, statement: Executable) -> "Compiled":
        """The statement as the driver takes it; the names of its binds, in their order."""
        compiled: Any = statement.compile(dialect=_DIALECT)  # pyright: ignore[reportAttributeAccessIssue]  # every Executable here is a ClauseElement
        return cls(str(compiled), tuple(compiled.positiontup or ()))

    async def rows(self, session: AsyncSession, parameters: Mapping[str, Any]) -> list[HotRow]:
        """Run it; every parameter comes from `parameters`, save those whose name says their value."""
        values = [name.removeprefix(_CONSTANT) if name.startswith(_CONSTANT) else parameters[name] for name in self.names]
        return await hot_rows(session, self.sql, values)


class CompiledStatements:
    """Statements by shape. A value never enters the cache: a bind without a name of its own is refused when it is compiled."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Compiled] = {}

    def get(self, key: Hashable, parameters: Mapping[str, Any], build: Callable[[], Executable]) -> Compiled:
        """The statement of this shape, built when it is asked for the first time.

        Raises:
            LookupError: the statement binds a value that `parameters` does not name; it would be reused for other requests.
        """
        found = self._known.get(key)
        if found is None:
            found = Compiled.of(build())
            unknown = [name for name in found.names if name not in parameters and not name.startswith(_CONSTANT)]
            if unknown:
                raise LookupError(f"values without a name in a compiled statement: {unknown}")
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = found
        return found
