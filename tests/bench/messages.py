"""Meter readings as Kafka records, made and sent fast enough that sending is never what is measured."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.partitioner import DefaultPartitioner

from cds_common.events.utility import ReadingsRecordedV1
from cds_common.groups import consumer_group

TOPIC = "utility.meter-readings"
GROUP = consumer_group("usage", TOPIC)
START = datetime(2024, 1, 1, 8, tzinfo=UTC)
"""Local midnight; the measured days lie in a winter without a change of clocks."""
HEADERS = [("event_type", ReadingsRecordedV1.type_name().encode()), ("content-type", b"application/json")]
_SHAPE = {"value_type": "electric_usage", "units": "kWh", "direction": "forward"}
_partition = DefaultPartitioner()


@dataclass(frozen=True, slots=True)
class Message:
    """A record and the values in it, for the sum."""

    key: bytes
    body: bytes
    total: int
    count: int


def message(point: str, start: datetime, values: Sequence[int], *, said_after_days: int = 1) -> Message:
    """Readings of one point from `start` on, in Wh; a later word wins."""
    body = {
        "event_id": str(uuid4()), "event_type": ReadingsRecordedV1.type_name(), "occurred_at": "2024-06-01T00:00:00Z",
        "environment": "sandbox", "source_time": start + timedelta(days=said_after_days), "servicepoint_ref": point, "shape": _SHAPE,
        "quality": "valid", "start": start, "interval_seconds": 900, "decimals": 3, "values": values,
    }  # fmt: skip
    return Message(point.encode(), msgspec.json.encode(body), sum(values), len(values))


def blocks(prefix: str, points: int, days: int) -> Iterator[Message]:
    """A day block of 96 quarter hours for each point and day, a day of all points after the other."""
    for day in range(days):
        for point in range(points):
            yield message(f"{prefix}-{point}", START + timedelta(days=day), [(point * 7 + day * 31 + n * 37) % 900 for n in range(96)])


def singles(prefix: str, points: int, slots: int) -> Iterator[Message]:
    """One reading per message, quarter hour by quarter hour."""
    for slot in range(slots):
        for point in range(points):
            yield message(f"{prefix}-{point}", START + timedelta(minutes=15 * slot), [(point * 7 + slot * 37) % 900])


def with_noise(clean: Sequence[Message], prefix: str) -> tuple[list[Message], int]:
    """Every 20th message once more, every 50th corrected by a later one; returns them and the sum that must come out."""
    noisy, total = list[Message](), 0
    for number, each in enumerate(clean):
        noisy.append(each)
        total += each.total
        if number % 20 == 7:
            noisy.append(each)
        if number % 50 == 11:
            event = msgspec.json.decode(each.body)
            start = datetime.fromisoformat(event["start"])
            corrected = message(event["servicepoint_ref"], start, [value + 5 for value in event["values"]], said_after_days=3)
            noisy.append(corrected)
            total += corrected.total - each.total
    assert all(each.key.decode().startswith(prefix) for each in noisy)
    return noisy, total


async def publish(servers: str, messages: Iterable[Message]) -> dict[TopicPartition, int]:
    """Send in batches of our own, in order per partition; gives the offset after the last message of each."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", max_batch_size=900_000, linger_ms=1)
    await producer.start()
    ends = dict[TopicPartition, int]()
    try:
        partitions = sorted(await producer.partitions_for(TOPIC))
        waiting = {number: producer.create_batch() for number in partitions}
        sent = list[asyncio.Future[object]]()

        async def flush(number: int) -> None:
            waiting[number].close()
            sent.append(await producer.send_batch(waiting[number], TOPIC, partition=number))
            waiting[number] = producer.create_batch()

        for each in messages:
            number = _partition(each.key, partitions, partitions)
            if waiting[number].append(key=each.key, value=each.body, timestamp=None, headers=HEADERS) is None:
                await flush(number)
                waiting[number].append(key=each.key, value=each.body, timestamp=None, headers=HEADERS)
        for number in partitions:
            if waiting[number].record_count():
                await flush(number)
        await asyncio.gather(*sent)
        ends = await end_offsets(servers)
    finally:
        await producer.stop()
    return ends


async def end_offsets(servers: str) -> dict[TopicPartition, int]:
    """Where the topic ends."""
    from aiokafka import AIOKafkaConsumer

    consumer = AIOKafkaConsumer(bootstrap_servers=servers, retry_backoff_ms=5)
    await consumer.start()
    try:
        numbers = await _partition_numbers(servers)
        return dict(await consumer.end_offsets([TopicPartition(TOPIC, number) for number in numbers]))
    finally:
        await consumer.stop()


async def _partition_numbers(servers: str) -> list[int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        (described,) = await admin.describe_topics([TOPIC])
        return sorted(part["partition"] for part in described["partitions"])
    finally:
        await admin.close()


class Progress:
    """How much of what was sent the workers have committed."""

    def __init__(self, servers: str, ends: dict[TopicPartition, int]) -> None:
        self._servers, self._ends = servers, ends

    async def __aenter__(self) -> "Progress":
        self._admin = AIOKafkaAdminClient(bootstrap_servers=self._servers)
        await self._admin.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._admin.close()

    async def left(self) -> int:
        """Messages that no commit covers yet."""
        offsets = await self._admin.list_consumer_group_offsets(GROUP)
        return sum(max(0, end - max(0, offsets[each].offset if each in offsets else 0)) for each, end in self._ends.items())
