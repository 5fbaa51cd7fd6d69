"""Records events only if what they rest on is still the newest: check and record are one statement, one round trip.

Events that arrive while a statement is under way share the next one, so that under load many are committed at once.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from cds_common import exact_json
from cds_common.events.envelope import IntegrationEvent
from cds_common.outbox import event_values

_RECORD = """
    INSERT INTO outbox (event_id, topic, key, event_type, body, headers)
    SELECT n.event_id, n.topic, n.key, n.event_type, n.body, n.headers::jsonb
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                $7::text[], $8::uuid[], $9::text[], $10::bigint[])
      AS n (event_id, topic, key, event_type, body, headers, client_id, client_event, grant_id, grant_version)
    JOIN client c ON c.client_id = n.client_id AND c.event_id = n.client_event
    JOIN grants g ON g.grant_id = n.grant_id AND g.version = n.grant_version AND g.ended_as IS NULL
    RETURNING event_id
"""
_MOST = 200


@dataclass(frozen=True, slots=True)
class Remembered:
    """Which states of a Client and of its Grant an answer was made from."""

    client_id: str
    client_event: UUID
    grant_id: str
    grant_version: int


@dataclass(frozen=True, slots=True)
class _Waiting:
    event_id: UUID
    row: tuple[object, ...]
    done: "asyncio.Future[bool]"


class ConfirmedEvents:
    """One per process; `engine` must be in autocommit."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    async def record(self, event: IntegrationEvent, remembered: Remembered) -> bool:
        """Record `event` and commit; False, and nothing recorded, when the Client or the Grant has changed since."""
        values = event_values(event)
        row = (
            values["event_id"], values["topic"], values["key"], values["event_type"], values["body"],
            exact_json.encode_text(values["headers"]),
            remembered.client_id, remembered.client_event, remembered.grant_id, remembered.grant_version,
        )  # fmt: skip
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(event.event_id, row, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write(), name="confirmed-events")
        return await done

    async def _write(self) -> None:
        """Write until nobody waits; a failure is every waiting caller's."""
        while self._waiting:
            batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            try:
                recorded = await self._insert(batch)
            except Exception as error:  # noqa: BLE001  # handed to those who wait for this batch
                _settle(batch, error)
            else:
                _settle(batch, recorded)

    async def _insert(self, batch: Sequence[_Waiting]) -> frozenset[UUID]:
        columns = tuple(list(column) for column in zip(*(waiting.row for waiting in batch), strict=True))
        async with self._engine.connect() as connection:
            found = await connection.exec_driver_sql(_RECORD, columns)
            return frozenset(UUID(str(row[0])) for row in found)


def _settle(batch: Sequence[_Waiting], outcome: frozenset[UUID] | Exception) -> None:
    for waiting in batch:
        if waiting.done.done():  # its caller has gone
            continue
        if isinstance(outcome, Exception):
            waiting.done.set_exception(outcome)
        else:
            waiting.done.set_result(waiting.event_id in outcome)
