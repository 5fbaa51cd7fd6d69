"""A real Kafka for tests, with topics that end with the test."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic


@contextmanager
def kafka_server() -> Iterator[str]:
    """Bootstrap address of a broker: that of `CDS_TEST_KAFKA`, else a container, else one of the local runner; skips if there is none."""
    given = os.environ.get("CDS_TEST_KAFKA")
    if given:
        yield given
    elif Path("/var/run/docker.sock").exists():
        from testcontainers.kafka import KafkaContainer  # noqa: PLC0415  # only where Docker answers

        with KafkaContainer().with_kraft() as container:
            yield container.get_bootstrap_server()
    else:
        from cds_local.java import JavaMissing  # noqa: PLC0415  # the runner is a tool of tests
        from cds_local.kafka import kafka  # noqa: PLC0415

        try:
            with kafka() as broker:
                yield broker.bootstrap_servers
        except JavaMissing as error:
            pytest.skip(f"no Kafka can be had: {error}")


@asynccontextmanager
async def new_topic(bootstrap: str, *, partitions: int = 3, compacted: bool = False) -> AsyncIterator[str]:
    """A topic of a name of its own and its `.dead` topic, both deleted at the end."""
    name = f"test.{uuid4().hex[:12]}"
    configs = {"cleanup.policy": "compact"} if compacted else {}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs), NewTopic(f"{name}.dead", 1, 1)])
        yield name
        await admin.delete_topics([name, f"{name}.dead"])
    finally:
        await admin.close()


async def read_all(bootstrap: str, topic: str) -> list[ConsumerRecord[bytes, bytes]]:
    """All messages of a topic up to its present end, in order within each partition."""
    consumer: AIOKafkaConsumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [
            TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or await _partitions(consumer, topic))
        ]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[ConsumerRecord[bytes, bytes]] = []
        for partition in partitions:
            await consumer.seek_to_beginning(partition)
            while await consumer.position(partition) < ends[partition]:
                found.extend((await consumer.getmany(partition, timeout_ms=1000)).get(partition, []))
        return found
    finally:
        await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer._client.add_topic(topic)  # noqa: SLF001  # aiokafka asks for metadata of subscribed topics only
    return consumer.partitions_for_topic(topic) or set()
