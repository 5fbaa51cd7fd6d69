"""Delivery to handlers: once only, retried while the fault is outside, parked otherwise."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from faststream.kafka import KafkaRouter
from sqlalchemy import func, select

from cds_common.db import Sessions as SessionFactory
from cds_common.errors import TransientError
from cds_common.inbox import once
from cds_common.kafka import ConsumerHealth, RetryPolicy, Sessions, build_broker, event_type, subscriber
from cds_common.kafka_retry import retry_middleware
from cds_common.message_tables import INBOX, OUTBOX
from cds_common.outbox import record_event
from cds_common.testing.bus import MemoryBus, memory_bus
from libs.cds_common.tests.builders import ThingChangedV1, a_change
from libs.cds_common.tests.conftest import SampleSettings


class Handled:
    """What the handlers under test saw, and how they shall fail."""

    def __init__(self) -> None:
        self.versions: list[int] = []
        self.other: list[Any] = []
        self.faults: list[Exception] = []

    def maybe_fail(self) -> None:
        if self.faults:
            raise self.faults.pop(0)


@pytest.fixture
def handled() -> Handled:
    return Handled()


def _router(handled: Handled) -> KafkaRouter:
    router = KafkaRouter()
    things = subscriber(router, "test.things", service="sample")

    @things(filter=event_type("thing.changed.v1"))
    async def on_change(event: ThingChangedV1, sessions: Sessions) -> None:
        async with once(sessions, consumer="sample.things", event_id=event.event_id) as tx:
            if tx is not None:
                handled.maybe_fail()
                handled.versions.append(event.version)
                record_event(tx, a_change(version=event.version + 100))

    @things
    async def ignore_unknown(event: dict[str, Any]) -> None:
        handled.other.append(event)

    return router


@pytest.fixture
async def bus(handled: Handled, settings: SampleSettings, sessions: SessionFactory) -> AsyncIterator[MemoryBus]:
    async with memory_bus(settings, [_router(handled)], context={"sessions": sessions}) as bus:
        yield bus


async def _counts(sessions: SessionFactory) -> tuple[int, int]:
    async with sessions() as session:
        inbox, outbox = (
            await session.scalar(select(func.count()).select_from(INBOX)),
            await session.scalar(select(func.count()).select_from(OUTBOX)),
        )
    return inbox or 0, outbox or 0


async def test_event_delivered_twice_has_its_effect_once(bus: MemoryBus, handled: Handled, sessions: SessionFactory) -> None:
    event = a_change(version=7)
    await bus.publish(event)
    await bus.publish(event)
    assert handled.versions == [7]
    assert await _counts(sessions) == (1, 1)


async def test_unknown_event_type_is_ignored(bus: MemoryBus, handled: Handled) -> None:
    await bus.raw("test.things", b'{"amount": 0.1234567890123456789}', headers={"event_type": "thing.renamed.v9"})
    assert handled.versions == []
    assert str(handled.other[0]["amount"]) == "0.1234567890123456789"
    assert bus.parked == []


async def test_passing_fault_is_retried_until_it_is_over(bus: MemoryBus, handled: Handled, sessions: SessionFactory) -> None:
    handled.faults = [TransientError("peer away")] * 6
    await bus.publish(a_change(version=3))
    assert handled.versions == [3]
    assert await _counts(sessions) == (1, 1)
    assert bus.parked == []


async def test_handler_that_keeps_failing_parks_the_message_and_leaves_no_trace(
    bus: MemoryBus, handled: Handled, sessions: SessionFactory
) -> None:
    handled.faults = [RuntimeError("no such rule")] * 3
    event = a_change(version=4)
    await bus.publish(event)
    await bus.publish(a_change(version=5))
    assert handled.versions == [5]
    assert [(parked.topic, parked.headers["error_type"], parked.headers["error"]) for parked in bus.parked] == [
        ("test.things.dead", "RuntimeError", "no such rule")
    ]
    assert ThingChangedV1.model_validate_json(bus.parked[0].body) == event
    assert bus.parked[0].headers["original_topic"] == "test.things"
    assert bus.parked[0].headers["service"] == "sample"
    assert await _counts(sessions) == (1, 1)


async def test_two_failures_are_not_yet_a_dead_letter(bus: MemoryBus, handled: Handled) -> None:
    handled.faults = [RuntimeError("first"), RuntimeError("second")]
    await bus.publish(a_change(version=6))
    assert handled.versions == [6]
    assert bus.parked == []


@pytest.mark.parametrize(
    ("body", "error_type"),
    [(b"\xff\xfe no json", "JSONDecodeError"), (b'{"thing_id": "secret-value", "version": "not a number"}', "ValidationError")],
)
async def test_unreadable_message_is_parked_at_once_without_its_values_in_the_headers(
    bus: MemoryBus, handled: Handled, body: bytes, error_type: str
) -> None:
    await bus.raw("test.things", body, headers={"event_type": "thing.changed.v1"})
    assert handled.versions == []
    assert [(parked.body, parked.headers["error_type"]) for parked in bus.parked] == [(body, error_type)]
    assert "secret-value" not in str(bus.parked[0].headers)


async def test_bad_message_in_a_batch_is_parked_alone(settings: SampleSettings, sessions: SessionFactory) -> None:
    seen: list[int] = []
    router = KafkaRouter()

    @subscriber(router, "test.readings", service="sample", batch=True)
    async def on_batch(events: list[ThingChangedV1]) -> None:
        if any(event.version == 13 for event in events):
            raise RuntimeError("thirteen")
        seen.extend(event.version for event in events)

    async with memory_bus(settings, [router], context={"sessions": sessions}) as bus:
        bodies = [a_change(version=version, event_id=uuid4()).model_dump_json().encode() for version in (12, 13, 14)]
        await bus.broker.publish_batch(*bodies, topic="test.readings")
    assert seen == [12, 14]
    assert [ThingChangedV1.model_validate_json(parked.body).version for parked in bus.parked] == [13]


async def test_bad_message_is_found_by_halves(settings: SampleSettings, sessions: SessionFactory) -> None:
    offered: list[int] = []
    seen: list[int] = []
    router = KafkaRouter()

    @subscriber(router, "test.readings", service="sample", batch=True)
    async def on_batch(events: list[ThingChangedV1]) -> None:
        offered.append(len(events))
        if any(event.version == 37 for event in events):
            raise ValueError("thirty-seven")
        seen.extend(event.version for event in events)

    async with memory_bus(settings, [router], context={"sessions": sessions}) as bus:
        bodies = [a_change(version=version, event_id=uuid4()).model_dump_json().encode() for version in range(64)]
        await bus.broker.publish_batch(*bodies, topic="test.readings")
    assert seen == [version for version in range(64) if version != 37]
    assert [ThingChangedV1.model_validate_json(parked.body).version for parked in bus.parked] == [37]
    assert sorted(offered, reverse=True) == [64, 32, 32, 16, 16, 8, 8, 4, 4, 2, 2, 1, 1]


async def test_every_partition_of_a_batch_is_held_up_and_freed(settings: SampleSettings, sessions: SessionFactory) -> None:
    """What is delivered again after its time may come in batches of another mixture."""
    policy = RetryPolicy(first_pause=0.01, transient_budget=0.0)
    broker = build_broker(settings)
    build = retry_middleware(broker, service="sample", policy=policy)
    health: ConsumerHealth = broker.context.get("consumer_health")

    async def consume(*partitions: int, away: bool = False) -> None:
        raw = tuple(SimpleNamespace(topic="test.things", partition=partition, offset=1, headers=()) for partition in partitions)

        async def handle(_msg: object) -> None:
            if away:
                raise TransientError("away")

        await build(raw, context=broker.context).consume_scope(handle, SimpleNamespace(raw_message=raw))

    with pytest.raises(TransientError):
        await consume(1, 2, away=True)
    assert set(health.stalled) == {("test.things", 1), ("test.things", 2)}
    await consume(2)
    assert set(health.stalled) == {("test.things", 1)}
    await consume(3, 1)
    assert health.stalled == {}
