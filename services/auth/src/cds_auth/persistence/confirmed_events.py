"""Records events only if what they rest on is still the newest: check and record are one statement, one round trip.

Events that arrive while a statement is under way share the next one, so that under load many are committed at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from cds_common import exact_json
from cds_common.batcher import Batcher
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

_Row: TypeAlias = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Remembered:
    """Which states of a Client and of its Grant an answer was made from."""

    client_id: str
    client_event: UUID
    grant_id: str
    grant_version: int


class ConfirmedEvents:
    """One per process; `engine` must be in autocommit."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._batcher: Batcher[_Row, bool] = Batcher(self._insert, most=200)

    async def record(self, event: IntegrationEvent, remembered: Remembered) -> bool:
        """Record `event` and commit; False, and nothing recorded, when the Client or the Grant has changed since."""
        values = event_values(event)
        row = (
            values["event_id"], values["topic"], values["key"], values["event_type"], values["body"],
            exact_json.encode_text(values["headers"]),
            remembered.client_id, remembered.client_event, remembered.grant_id, remembered.grant_version,
        )  # fmt: skip
        return await self._batcher.submit(row)

    async def _insert(self, rows: Sequence[_Row]) -> list[bool]:
        columns = tuple(list(column) for column in zip(*rows, strict=True))
        async with self._engine.connect() as connection:
            recorded = {UUID(str(found[0])) for found in await connection.exec_driver_sql(_RECORD, columns)}
        return [row[0] in recorded for row in rows]
