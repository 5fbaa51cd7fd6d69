"""Facts leave a service through its outbox: recorded in the transaction of the change, published later by the relay."""

from collections.abc import Iterable
from typing import Any

from opentelemetry import propagate
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.events.envelope import IntegrationEvent
from cds_common.message_tables import OutboxRow, outbox_table

__all__ = ["MAX_EVENT_BYTES", "EventTooLarge", "event_values", "outbox_table", "record_event", "record_events"]

MAX_EVENT_BYTES = 900_000
"""Kafka takes 1 MiB by default; a larger event would block the relay for good, so it never enters the outbox."""


class EventTooLarge(ValueError):
    """The event would not fit through the bus; its owner must split it."""


def record_event(session: AsyncSession, event: IntegrationEvent) -> None:
    """Write `event` to this service's outbox in the caller's transaction: no flush, no commit, no bus.

    The row remembers the current trace, so that the consumer's work appears in the same one.

    Raises:
        EventTooLarge: the JSON text has more than `MAX_EVENT_BYTES` bytes.
    """
    session.add(_row(event))


def record_events(session: AsyncSession, events: Iterable[IntegrationEvent]) -> None:
    """Record several events; they are published in this order per key."""
    session.add_all([_row(event) for event in events])


def event_values(event: IntegrationEvent) -> dict[str, Any]:
    """Column values of the outbox row of `event`, for a statement that inserts it under a condition of its own.

    Raises:
        EventTooLarge: the JSON text has more than `MAX_EVENT_BYTES` bytes.
    """
    body = event.model_dump_json()
    if len(body.encode()) > MAX_EVENT_BYTES:
        raise EventTooLarge(f"{event.event_type} has more than {MAX_EVENT_BYTES} bytes")
    headers: dict[str, str] = {}
    propagate.inject(headers)
    if event.correlation_id:
        headers["correlation_id"] = event.correlation_id
    return {
        "event_id": event.event_id,
        "topic": event.topic,
        "key": event.key(),
        "event_type": event.event_type,
        "body": body,
        "headers": headers,
    }


def _row(event: IntegrationEvent) -> OutboxRow:
    row = OutboxRow()
    for name, value in event_values(event).items():
        setattr(row, name, value)
    return row
