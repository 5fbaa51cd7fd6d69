"""Which statements a piece of code sends, however it sends them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection


@asynccontextmanager
async def statements_of(connection: AsyncConnection) -> AsyncIterator[list[str]]:
    """The texts that this connection runs inside: those of SQLAlchemy's cursor and those of `hot_rows`, BEGIN included."""
    found: list[str] = []

    def by_sqlalchemy(*call: Any) -> None:
        found.append(call[2])

    def by_driver(query: Any) -> None:
        found.append(query.query)

    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, asyncpg.Connection)  # there is no other driver here
    event.listen(connection.sync_connection, "before_cursor_execute", by_sqlalchemy)
    driver.add_query_logger(by_driver)
    try:
        yield found
        await asyncio.sleep(0)  # the driver tells of a statement at the loop's next turn
    finally:
        event.remove(connection.sync_connection, "before_cursor_execute", by_sqlalchemy)
        driver.remove_query_logger(by_driver)
