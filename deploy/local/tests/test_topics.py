"""Every topic of the one list exists with its settings, each with a place for messages that can't be applied."""

from datetime import timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from cds_common.events.topics import TOPICS, Topic
from cds_local import topics
from cds_local.stack import LocalStack


def test_state_topic_is_compacted_and_its_segments_close_soon() -> None:
    settings = topics.settings_of(Topic("cds.x", "x", compacted=True, retention=None))
    assert settings["cleanup.policy"] == "compact"
    assert settings["segment.ms"] == settings["max.compaction.lag.ms"] == "600000"


def test_other_topic_keeps_facts_for_its_time() -> None:
    assert topics.settings_of(Topic("t", "x", retention=timedelta(days=2)))["retention.ms"] == "172800000"
    assert topics.settings_of(Topic("t", "x", retention=None))["retention.ms"] == "-1"


@pytest.mark.kafka
async def test_broker_holds_every_topic_as_listed(stack: LocalStack) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap_servers)
    await admin.start()
    try:
        described = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics(await admin.list_topics())}
    finally:
        await admin.close()
    for topic in TOPICS:
        assert described[topic.name] == topic.partitions
        assert described[topic.dead] == 1


@pytest.mark.kafka
async def test_broker_keeps_to_the_settings_of_a_topic(stack: LocalStack) -> None:
    servers = stack.kafka_bootstrap_servers
    wanted = (Topic("test.state", "test", compacted=True, retention=None), Topic("test.facts", "test", retention=timedelta(days=2)))
    assert sorted(await topics.create_missing(servers, wanted)) == ["test.facts", "test.facts.dead", "test.state", "test.state.dead"]
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        names = ("test.state", "test.facts", "test.state.dead")
        answers: list[Any] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    finally:
        await admin.close()
    settings = {name: {entry[0]: entry[1] for entry in entries} for *_, name, entries in answers[0].resources}
    assert settings["test.state"]["cleanup.policy"] == "compact"
    assert settings["test.state"]["max.compaction.lag.ms"] == "600000"
    assert settings["test.facts"]["cleanup.policy"] == "delete"
    assert settings["test.facts"]["retention.ms"] == "172800000"
    assert settings["test.state.dead"]["cleanup.policy"] == "delete"
    assert settings["test.state.dead"]["retention.ms"] == "2592000000"


@pytest.mark.kafka
async def test_topics_are_created_once(stack: LocalStack) -> None:
    assert await topics.create_missing(stack.kafka_bootstrap_servers) == []


@pytest.mark.kafka
async def test_writing_to_an_unknown_topic_does_not_make_it(stack: LocalStack) -> None:
    servers = stack.kafka_bootstrap_servers
    async with AIOKafkaProducer(bootstrap_servers=servers, request_timeout_ms=2_000, metadata_max_age_ms=500) as producer:
        with pytest.raises(KafkaError):
            await producer.send_and_wait("nobody.made.this", b"{}")
    async with AIOKafkaConsumer(bootstrap_servers=servers) as consumer:
        assert "nobody.made.this" not in await consumer.topics()


@pytest.mark.kafka
async def test_states_tell_how_far_a_group_is_behind(stack: LocalStack) -> None:
    servers = stack.kafka_bootstrap_servers
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        for number in range(5):
            await producer.send_and_wait("cds.messages", b"{}", key=str(number).encode())
    async with AIOKafkaConsumer("cds.messages", bootstrap_servers=servers, group_id="reader", auto_offset_reset="earliest") as consumer:
        read = 0
        while read < 5:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                read += len(records)
        await consumer.commit()
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        for number in range(3):
            await producer.send_and_wait("cds.messages", b"{}", key=str(number).encode())
    state = next(state for state in await topics.states(servers) if state.name == "cds.messages")
    assert (state.partitions, state.end, state.lag["reader"]) == (3, 8, 3)
