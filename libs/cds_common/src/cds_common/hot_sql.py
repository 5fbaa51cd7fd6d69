"""Statements that run in every data request, handed to asyncpg as they are.

SQLAlchemy's session, cursor and result take longer than Postgres needs for such a statement, and it opens a transaction
around a single SELECT: two more round trips (docs/decisions/0009-hot-path.md).
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql import asyncpg as dialect
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.faults import DATABASE_FAULTS

_DIALECT = dialect.dialect()
_MOST = 2_000
_CONSTANT = "kind_"
_DRIVER = "cds_driver"


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
    """Run one statement on the session's connection: in its transaction if one was begun there, else in its own.

    Values are numbered (`$1`). What was written by a statement of its own is committed when this returns.

    Raises:
        asyncpg.PostgresError: as the database answered; a lost connection raises what SQLAlchemy raises for it.
    """
    driver = await _driver(session)
    try:
        return await driver.fetch(sql, *values, record_class=HotRow)
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
    connection = await (await session.connection()).get_raw_connection()
    driver = connection.driver_connection
    assert isinstance(driver, asyncpg.Connection)  # noqa: S101  # there is no other driver here
    session.info[_DRIVER] = (session.sync_session.get_transaction(), driver)
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
