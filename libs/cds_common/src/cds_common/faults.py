"""Which faults lie outside: what a worker waits for, and an api answers 503 to."""

import asyncpg
import httpx
from aiokafka.errors import KafkaError
from sqlalchemy import exc as sql

from cds_common.errors import TransientError

DATABASE_FAULTS: tuple[type[Exception], ...] = (
    sql.DBAPIError, sql.TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError,
)  # fmt: skip
"""All by which a database shows that it is away or refuses. The driver's own confusion, when its connection is cut in the middle of an
operation, belongs to them and is no error of the database to SQLAlchemy."""

# serialization failure, deadlock, lock not available, shutdowns, start-up, cancelled, too many connections, shortages, read-only standby
_TRANSIENT_SQLSTATES = frozenset({"40001", "40P01", "55P03", "57P01", "57P02", "57P03", "57014", "53300", "53100", "53200", "25006"})


def is_transient(error: BaseException) -> bool:
    """Whether the cause lies outside of the message or request: the same one may succeed later."""
    if isinstance(error, sql.DBAPIError):
        state = str(getattr(error.orig, "sqlstate", None) or "")
        return error.connection_invalidated or state[:2] == "08" or state in _TRANSIENT_SQLSTATES or isinstance(error, sql.InterfaceError)
    if isinstance(error, KafkaError):
        return bool(error.retriable)
    if isinstance(error, asyncpg.InternalClientError | asyncpg.InterfaceError | asyncpg.PostgresConnectionError):
        return True  # the driver lost its connection in the middle of a statement
    if isinstance(error, asyncpg.PostgresError):
        state = str(getattr(error, "sqlstate", None) or "")
        return state[:2] == "08" or state in _TRANSIENT_SQLSTATES
    if isinstance(error, RuntimeError):
        return "the handler is closed" in str(error)  # uvloop's word for a connection that is gone
    return isinstance(error, TransientError | sql.TimeoutError | httpx.TransportError | OSError)


def growing_pause(failures: int, *, first: float = 0.2, longest: float = 10.0) -> float:
    """Seconds to wait after this many failures in a row: `first` after one, doubled by each further one, at most `longest`.

    Whatever their number: a dependency may be away for days, and the power of two would not fit a float by then.
    """
    return min(first * 2.0 ** min(failures - 1, 32), longest)
