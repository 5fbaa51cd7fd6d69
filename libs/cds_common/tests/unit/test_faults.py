"""Which faults are waited for, and which are ours."""

from itertools import islice

import asyncpg
import httpx
import pytest
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError
from sqlalchemy import exc as sql

from cds_common.errors import DomainError, TransientError
from cds_common.faults import DATABASE_FAULTS, growing_pause, is_transient
from cds_common.kafka_retry import RetryPolicy


def _refused(state: str, *, lost: bool = False) -> sql.DBAPIError:
    cause = Exception("refused")
    cause.sqlstate = state  # type: ignore[attr-defined]
    return sql.DBAPIError("SELECT 1", None, cause, connection_invalidated=lost)


@pytest.mark.parametrize(
    "fault",
    [
        TransientError("auth is away"),
        ConnectionRefusedError(),
        TimeoutError(),
        httpx.ConnectError("away"),
        KafkaConnectionError(),
        sql.TimeoutError("no connection is free"),
        _refused("40P01"),
        _refused("", lost=True),
        asyncpg.DeadlockDetectedError("deadlock"),
        asyncpg.CannotConnectNowError("starting up"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
        RuntimeError("unable to perform operation on <TCPTransport closed=True reading=False>; the handler is closed"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_outside(fault: Exception) -> None:
    assert is_transient(fault)


@pytest.mark.parametrize(
    "fault",
    [
        DomainError("no"),
        ValueError("no"),
        RuntimeError("no"),
        KeyError("the handler is closed"),
        TopicAuthorizationFailedError(),
        _refused("23505"),
        asyncpg.UniqueViolationError("twice"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_ours(fault: Exception) -> None:
    assert not is_transient(fault)


def test_driver_that_is_cut_off_in_the_middle_counts_as_a_fault_of_the_database() -> None:
    assert issubclass(asyncpg.InternalClientError, DATABASE_FAULTS)
    assert not issubclass(asyncpg.InternalClientError, sql.DBAPIError | asyncpg.PostgresError | asyncpg.InterfaceError | OSError)


def test_pauses_double_up_to_the_longest_however_long_something_is_away() -> None:
    assert [growing_pause(failures) for failures in (1, 2, 3, 6, 7, 100_000)] == [0.2, 0.4, 0.8, 6.4, 10.0, 10.0]
    pauses = list(islice(RetryPolicy().pauses(), 2_000))
    assert (pauses[:3], pauses[-1]) == ([0.2, 0.4, 0.8], 10.0)
