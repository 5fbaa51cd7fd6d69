"""Sends `utility.*` messages with an idempotent producer, and waits until the services have taken them in."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from cds_common.events.utility import UtilityEvent
from cds_common.groups import consumer_group

IN_FLIGHT = 500
CONSUMERS: Mapping[str, tuple[str, ...]] = {
    "utility.customers": ("accounts",),
    "utility.accounts": ("accounts",),
    "utility.contracts": ("accounts",),
    "utility.servicepoints": ("accounts",),
    "utility.meters": ("accounts",),
    "utility.bills": ("billing",),
    "utility.meter-readings": ("usage",),
    "utility.aggregations": ("aggregation",),
    "utility.eacs": ("usage",),
    "cds.resources": ("auth", "billing", "usage", "aggregation"),
}
"""Which services take a topic in: `wait_until_taken` watches their consumer groups."""

Sent = dict[TopicPartition, int]
"""Partition -> offset after the last message that we sent."""


async def publish(
    bootstrap_servers: str,
    events: Iterable[UtilityEvent],
    on_sent: Callable[[UtilityEvent], None],
    on_acknowledged: Callable[[int], None] = lambda _count: None,
) -> Sent:
    """Send all events and wait for the broker to have each (acks=all, in order per key).

    `on_acknowledged` hears how many events from the first on the broker has, without a gap.

    Raises:
        aiokafka.errors.KafkaError: the broker refused or could not be reached; what was sent before stays sent, and a
            second run sends the same event ids again, which changes nothing.
    """
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, enable_idempotence=True, acks="all", linger_ms=5)
    await producer.start()
    sent: Sent = {}
    pending: deque[asyncio.Future[Any]] = deque()
    count = 0

    async def acknowledge_oldest() -> None:
        nonlocal count
        record = await pending.popleft()
        partition = TopicPartition(record.topic, record.partition)
        sent[partition] = max(sent.get(partition, 0), record.offset + 1)
        count += 1
        on_acknowledged(count)

    try:
        for event in events:
            headers = [("event_type", event.event_type.encode()), ("content-type", b"application/json")]
            pending.append(await producer.send(event.topic, event.model_dump_json().encode(), key=event.key().encode(), headers=headers))
            on_sent(event)
            while len(pending) >= IN_FLIGHT or (pending and pending[0].done()):
                await acknowledge_oldest()
        while pending:
            await acknowledge_oldest()
    finally:
        await producer.stop()
    return sent


async def cluster_id(bootstrap_servers: str) -> str:
    """The name that a broker gave itself when it was made."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        described = await admin.describe_cluster()
        return str(described["cluster_id"])
    finally:
        await admin.close()


async def wait_until_taken(bootstrap_servers: str, sent: Sent, on_left: Callable[[int], None], timeout_seconds: float) -> bool:
    """Wait until every consumer group of the topics has passed what was sent; False when the time is over."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        async with asyncio.timeout(timeout_seconds):
            while True:
                left = 0
                for topic in {partition.topic for partition in sent}:
                    for service in CONSUMERS.get(topic, ()):
                        offsets = await admin.list_consumer_group_offsets(consumer_group(service, topic))
                        left += sum(
                            max(0, end - max(0, offsets[partition].offset if partition in offsets else 0))
                            for partition, end in sent.items()
                            if partition.topic == topic
                        )
                on_left(left)
                if left == 0:
                    return True
                await asyncio.sleep(0.25)
    except TimeoutError:
        return False
    finally:
        await admin.close()


async def partitions_of(bootstrap_servers: str, topics: Iterable[str]) -> list[TopicPartition]:
    """Every partition of the topics that exist."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        described = await admin.describe_topics(sorted(topics))
        return [
            TopicPartition(topic["topic"], part["partition"])
            for topic in described
            if not topic["error_code"]
            for part in topic["partitions"]
        ]
    finally:
        await admin.close()


async def end_offsets(bootstrap_servers: str, topics: Iterable[str]) -> Sent:
    """The end of each partition of the topics; lets a caller wait for everything that is there."""
    partitions = await partitions_of(bootstrap_servers, topics)
    if not partitions:
        return {}
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, retry_backoff_ms=5)
    await consumer.start()
    try:
        return dict(await consumer.end_offsets(partitions))
    finally:
        await consumer.stop()
