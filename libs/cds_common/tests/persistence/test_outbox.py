"""What record_event writes, and what it leaves to its caller."""

from decimal import Decimal

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from sqlalchemy import column, select, table, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.db import Sessions
from cds_common.message_tables import OUTBOX
from cds_common.outbox import MAX_EVENT_BYTES, EventTooLarge, record_event, record_events
from libs.cds_common.tests.builders import a_change


async def test_event_waits_in_the_callers_transaction(sessions: Sessions, session: AsyncSession) -> None:
    async with sessions() as writer:
        record_event(writer, a_change())
        assert len(writer.new) == 1, "nothing is flushed behind the caller's back"
        await writer.rollback()
    assert (await session.execute(select(OUTBOX))).all() == []


async def test_rows_keep_the_order_of_recording_and_the_exact_body(session: AsyncSession) -> None:
    events = [a_change(f"thing-{number % 7}", number) for number in range(200)]
    record_events(session, events)
    await session.flush()
    rows = (await session.execute(select(OUTBOX).order_by(OUTBOX.c.id))).all()
    assert [row.body for row in rows] == [event.model_dump_json() for event in events]
    assert [(row.topic, row.key, row.event_type) for row in rows[:2]] == [
        ("test.things", "thing-0", "thing.changed.v1"),
        ("test.things", "thing-1", "thing.changed.v1"),
    ]
    assert {row.published_at for row in rows} == {None}


async def test_row_remembers_the_trace(session: AsyncSession) -> None:
    with TracerProvider().get_tracer("test").start_as_current_span("request") as span:
        record_event(session, a_change().model_copy(update={"correlation_id": "c-1"}))
        await session.flush()
    headers = (await session.execute(select(OUTBOX.c.headers))).scalar_one()
    assert headers["traceparent"].split("-")[1] == trace.format_trace_id(span.get_span_context().trace_id)
    assert headers["correlation_id"] == "c-1"


def test_event_too_large_for_the_bus_is_refused(session: AsyncSession) -> None:
    with pytest.raises(EventTooLarge):
        record_event(session, a_change("x" * MAX_EVENT_BYTES))
    assert len(session.new) == 0


async def test_insert_wakes_listeners_only_after_the_commit(session: AsyncSession) -> None:
    triggers = await session.scalars(text("SELECT tgname FROM pg_trigger WHERE tgrelid = 'outbox'::regclass AND NOT tgisinternal"))
    assert list(triggers) == ["outbox_inserted"]


async def test_json_columns_keep_every_digit(session: AsyncSession) -> None:
    await session.execute(text("CREATE TEMPORARY TABLE kept (doc jsonb)"))
    kept = table("kept", column("doc", JSONB))
    await session.execute(kept.insert().values(doc={"price": Decimal("10.00"), "rate": Decimal("0.1234567890123456789")}))
    assert (await session.execute(select(kept.c.doc))).scalar_one() == {"price": Decimal("10.00"), "rate": Decimal("0.1234567890123456789")}
    assert str((await session.execute(select(kept.c.doc))).scalar_one()["price"]) == "10.00"
