"""Whole batches: which messages are whose, what becomes of a bad one, and how they are cut."""

from collections.abc import AsyncIterator

import pytest
from faststream.kafka import KafkaRouter

from cds_common.batches import events_of, shares
from cds_common.db import Sessions as SessionFactory
from cds_common.inbox import once_each
from cds_common.kafka import Sessions, subscriber
from cds_common.testing.bus import MemoryBus, memory_bus
from libs.cds_common.tests.builders import ThingChangedV1, a_change
from libs.cds_common.tests.conftest import SampleSettings


@pytest.fixture
def handled() -> list[int]:
    return []


@pytest.fixture
async def bus(handled: list[int], settings: SampleSettings, sessions: SessionFactory) -> AsyncIterator[MemoryBus]:
    router = KafkaRouter()
    things = subscriber(router, "test.things", service="sample", batch=True)

    @things
    async def on_changes(messages: list[dict[str, object]], sessions: Sessions) -> None:
        async with once_each(sessions, consumer="sample.things", events=events_of(ThingChangedV1, messages)) as (_, new):
            handled.extend(event.version for event in new)

    async with memory_bus(settings, [router], context={"sessions": sessions}) as bus:
        yield bus


async def test_a_second_delivery_has_no_effect(bus: MemoryBus, handled: list[int]) -> None:
    event = a_change(version=7)
    await bus.publish(event)
    await bus.publish(event)
    assert handled == [7]


async def test_the_type_stands_in_the_header_or_in_the_body(bus: MemoryBus, handled: list[int]) -> None:
    await bus.raw("test.things", b'{"thing_id":"a","version":1}', headers={"event_type": "thing.changed.v1"})
    await bus.raw("test.things", b'{"event_type":"thing.changed.v1","thing_id":"a","version":2}')
    for newer in ({"headers": {"event_type": "thing.changed.v9"}, "body": b"{}"}, {"body": b'{"event_type":"thing.changed.v9"}'}):
        await bus.raw("test.things", **newer)  # type: ignore[arg-type]
    assert (handled, bus.parked) == ([1, 2], [])


@pytest.mark.parametrize("body", [b'{"version":"x"}', b'{"event_type":"thing.changed.v1","version":1}', b"[1]", b"no json"])
async def test_what_cannot_be_read_is_parked_and_never_passed_over(bus: MemoryBus, handled: list[int], body: bytes) -> None:
    await bus.raw("test.things", body)
    assert (handled, [parked.topic for parked in bus.parked]) == ([], ["test.things.dead"])


def test_shares_are_bounded_and_keep_the_order() -> None:
    assert list(shares([3, 1, 9, 2, 2, 4], int, 4)) == [[3, 1], [9], [2, 2], [4]]
    assert list(shares(list[int](), int, 4)) == []
