"""Creates the topics of the one list in `cds_common.events.topics`, and looks at what is in them."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupCoordinatorNotAvailableError, TopicAlreadyExistsError, for_code

from cds_common.events.topics import TOPICS, Topic

# A consumer that reads a state topic from its start must not wait long for the old versions to go.
_CLEAN_AFTER = timedelta(minutes=10)
_DEAD_RETENTION = timedelta(days=30)


class TopicsFailed(Exception):
    """The broker refused to create topics."""


@dataclass(frozen=True)
class TopicState:
    """How much a topic holds, and how far each group is behind."""

    name: str
    partitions: int
    end: int
    lag: Mapping[str, int]


def _milliseconds(span: timedelta) -> str:
    return str(int(span.total_seconds() * 1000))


def settings_of(topic: Topic) -> dict[str, str]:
    """Give the broker's settings of a topic."""
    if topic.compacted:
        return {
            "cleanup.policy": "compact",
            "min.cleanable.dirty.ratio": "0.1",
            "max.compaction.lag.ms": _milliseconds(_CLEAN_AFTER),
            # The active segment is never compacted, so it may not stay active for the default week.
            "segment.ms": _milliseconds(_CLEAN_AFTER),
            "delete.retention.ms": _milliseconds(timedelta(days=1)),
        }
    retention = "-1" if topic.retention is None else _milliseconds(topic.retention)
    return {"cleanup.policy": "delete", "retention.ms": retention}


def wanted_topics(topics: Sequence[Topic] = TOPICS) -> list[NewTopic]:
    """Give every topic and its dead-letter topic as the broker is asked for them."""
    wanted: list[NewTopic] = []
    for topic in topics:
        wanted.append(NewTopic(topic.name, topic.partitions, 1, topic_configs=settings_of(topic)))
        dead = {"cleanup.policy": "delete", "retention.ms": _milliseconds(_DEAD_RETENTION)}
        wanted.append(NewTopic(f"{topic.name}.dead", 1, 1, topic_configs=dead))
    return wanted


async def create_missing(bootstrap_servers: str, topics: Sequence[Topic] = TOPICS) -> list[str]:
    """Create the topics that don't exist yet and wait until they have leaders; returns their names.

    Raises:
        TopicsFailed: the broker refused one, or gave no leader within 30 s.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        existing = set(await admin.list_topics())
        missing = [topic for topic in wanted_topics(topics) if topic.name not in existing]
        if not missing:
            return []
        answer: Any = await admin.create_topics(missing)
        refused = {
            name: for_code(code).__name__ for name, code, *_ in answer.topic_errors if code not in {0, TopicAlreadyExistsError.errno}
        }
        if refused:
            raise TopicsFailed(f"the broker refused topics: {refused}")
        await _wait_for_leaders(admin, [topic.name for topic in missing])
        await _wait_for_coordinator(admin)
        return [topic.name for topic in missing]
    finally:
        await admin.close()


async def _wait_for_leaders(admin: AIOKafkaAdminClient, names: list[str]) -> None:
    for _ in range(300):
        described = await admin.describe_topics(names)
        if all(not topic["error_code"] and all(not part["error_code"] for part in topic["partitions"]) for topic in described):
            return
        await asyncio.sleep(0.1)
    raise TopicsFailed(f"no leaders for {', '.join(names)}")


async def _wait_for_coordinator(admin: AIOKafkaAdminClient) -> None:
    """Make the broker create its own topic for offsets now, so that no consumer's first join is refused."""
    for _ in range(300):
        try:
            await admin.find_coordinator("cds-local")
        except GroupCoordinatorNotAvailableError:
            await asyncio.sleep(0.1)
        else:
            return
    raise TopicsFailed("the broker has no coordinator for consumer groups")


async def states(bootstrap_servers: str) -> list[TopicState]:
    """Read the end of every topic of the list and the lag of every consumer group on it."""
    # It learns of one topic per pause: 44 topics take 4.5 s at the usual 100 ms.
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, retry_backoff_ms=5)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await consumer.start()
    try:
        await admin.start()
        try:
            described = await admin.describe_topics(sorted(topic.name for topic in wanted_topics()))
            partitions = [
                TopicPartition(topic["topic"], part["partition"])
                for topic in described
                if not topic["error_code"]
                for part in topic["partitions"]
            ]
            ends = await consumer.end_offsets(partitions)
            return _states(ends, await _committed(admin))
        finally:
            await admin.close()
    finally:
        await consumer.stop()


async def _committed(admin: AIOKafkaAdminClient) -> dict[str, dict[TopicPartition, int]]:
    committed: dict[str, dict[TopicPartition, int]] = {}
    for group, *_ in await admin.list_consumer_groups():
        offsets = await admin.list_consumer_group_offsets(group)
        committed[group] = {partition: offset.offset for partition, offset in offsets.items()}
    return committed


def _states(ends: Mapping[TopicPartition, int], committed: Mapping[str, Mapping[TopicPartition, int]]) -> list[TopicState]:
    by_topic: dict[str, list[TopicPartition]] = {}
    for partition in ends:
        by_topic.setdefault(partition.topic, []).append(partition)
    result: list[TopicState] = []
    for name, partitions in sorted(by_topic.items()):
        lag = {
            group: sum(ends[part] - max(offsets[part], 0) for part in partitions if part in offsets)
            for group, offsets in sorted(committed.items())
            if any(part in offsets for part in partitions)
        }
        result.append(TopicState(name, len(partitions), sum(ends[part] for part in partitions), lag))
    return result


if __name__ == "__main__":
    # docker-compose.yml: python -m cds_local.topics kafka:9092
    asyncio.run(create_missing(sys.argv[1]))
