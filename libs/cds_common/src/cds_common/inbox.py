"""A message is handled once: its inbox row and its effect commit together."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from aiokafka import ConsumerRecord
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.db import Sessions
from cds_common.events.envelope import IntegrationEvent
from cds_common.message_tables import INBOX, inbox_table

__all__ = ["MessagePlace", "claim_events", "current_place", "current_records", "inbox_table", "once", "once_each"]

E = TypeVar("E", bound=IntegrationEvent)


@dataclass(frozen=True, slots=True)
class MessagePlace:
    """Where the message that is being handled lies on the bus."""

    topic: str
    partition: int
    offset: int


current_place: ContextVar[MessagePlace | None] = ContextVar("cds_message_place", default=None)
current_records: ContextVar[Sequence[ConsumerRecord[Any, Any]]] = ContextVar("cds_records", default=())
"""The records of the messages that a handler of batches was given, in their order."""


@asynccontextmanager
async def once(sessions: Sessions, *, consumer: str, event_id: UUID) -> AsyncIterator[AsyncSession | None]:
    """Give the transaction in which to handle the event, or None when `consumer` has handled it before.

    A second delivery that runs at the same time waits for the first one's outcome. Raising undoes row and effect together.
    """
    place = current_place.get()
    async with sessions.begin() as session:
        row = insert(INBOX).values(
            consumer=consumer,
            event_id=event_id,
            topic=place.topic if place else None,
            partition=place.partition if place else None,
            offset=place.offset if place else None,
        )
        inserted = await session.scalar(row.on_conflict_do_nothing().returning(INBOX.c.event_id))
        yield session if inserted is not None else None


_CLAIM = text("""
    INSERT INTO inbox (consumer, event_id)
    SELECT :consumer, u.event_id FROM unnest(CAST(:event_ids AS uuid[])) AS u (event_id)
    ON CONFLICT DO NOTHING RETURNING event_id
""")


async def claim_events(session: AsyncSession, *, consumer: str, event_ids: Sequence[UUID]) -> set[UUID]:
    """The same for a whole batch: note that `consumer` handles these events in this transaction; gives those that are new to it."""
    rows = await session.scalars(_CLAIM, {"consumer": consumer, "event_ids": list(dict.fromkeys(event_ids))})
    return set(rows)


@asynccontextmanager
async def once_each(sessions: Sessions, *, consumer: str, events: Sequence[E]) -> AsyncIterator[tuple[AsyncSession, list[E]]]:
    """Give the transaction in which to handle a batch, and those of its events that `consumer` has not handled before.

    An event that the batch holds twice is given once. Raising undoes rows and effects together.
    """
    async with sessions.begin() as session:
        new = await claim_events(session, consumer=consumer, event_ids=[event.event_id for event in events]) if events else set[UUID]()
        yield session, [event for event_id, event in {event.event_id: event for event in events}.items() if event_id in new]
