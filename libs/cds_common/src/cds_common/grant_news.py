"""What `cds.grants` brings, by the batch: Grants that come at once share a transaction, and an end behind them does not wait for each."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aiokafka import ConsumerRecord
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.batches import events_of
from cds_common.events.grants import GrantPublishedV1, GrantsHeartbeatV1
from cds_common.inbox import current_records
from cds_common.kafka import continued

_BEAT = text("""
    INSERT INTO grant_heartbeat AS held (partition, as_of)
    SELECT u.* FROM unnest(CAST(:partitions AS integer[]), CAST(:moments AS timestamptz[])) AS u
    ON CONFLICT (partition) DO UPDATE SET as_of = excluded.as_of WHERE held.as_of < excluded.as_of
""")
MAX_GRANTS = 50
"""Messages of a batch: what they change is seen when all are committed, so a batch must not take long."""


@dataclass(frozen=True, slots=True)
class GrantNews:
    """Grants in the order of their partitions, and how fresh each partition is once they are stored."""

    grants: list[GrantPublishedV1] = field(default_factory=list[GrantPublishedV1])
    heartbeats: dict[int, datetime] = field(default_factory=dict[int, datetime])
    _records: dict[UUID, ConsumerRecord[Any, Any]] = field(default_factory=dict[UUID, ConsumerRecord[Any, Any]])

    def partition(self, grant: GrantPublishedV1) -> int:
        """Where the event lies."""
        return self._records[grant.event_id].partition

    def trace(self, grant: GrantPublishedV1) -> AbstractContextManager[None]:
        """Store the Grant inside, in the trace of the change."""
        return continued(self._records[grant.event_id])


def read_news(messages: Sequence[Mapping[str, Any]]) -> GrantNews:
    """Read the messages of the batch that is being handled; types that this version does not know are passed over.

    Raises:
        ValueError: a message is not valid; the bus then looks for it by halves.
    """
    news, now = GrantNews(), datetime.now(UTC)
    for message, record in zip(messages, current_records.get(), strict=True):
        for grant in events_of(GrantPublishedV1, [message]):
            news.grants.append(grant)
            news._records[grant.event_id] = record  # noqa: SLF001  # its own
        for beat in events_of(GrantsHeartbeatV1, [message]):
            earlier = news.heartbeats.get(record.partition)
            as_of = min(beat.as_of, now)
            news.heartbeats[record.partition] = as_of if earlier is None else max(earlier, as_of)
    return news


async def apply_heartbeats(session: AsyncSession, as_of: Mapping[int, datetime]) -> None:
    """Everything that auth committed before `as_of` has arrived on that partition of `cds.grants`; freshness never goes back."""
    await session.execute(_BEAT, {"partitions": list(as_of), "moments": list(as_of.values())})
