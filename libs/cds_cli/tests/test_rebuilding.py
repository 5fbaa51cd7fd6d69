"""Where a service's consumer groups stand when its store is made again."""

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from cds_cli.rebuilding import _from_the_start, _has_read
from cds_common.groups import consumer_group


async def test_groups_of_the_service_begin_anew_and_those_of_others_stay(kafka_bootstrap: str) -> None:
    topics = ["rebuilt.read", "rebuilt.never-read"]
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 2, 1) for topic in topics])
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap) as producer:
        for n in range(3):
            await producer.send_and_wait("rebuilt.read", str(n).encode(), partition=1)
    for service in ("rebuilt", "rebuiltx"):
        for topic in topics:
            group = consumer_group(service, topic)
            async with AIOKafkaConsumer(
                topic, bootstrap_servers=kafka_bootstrap, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False
            ) as consumer:
                if topic == "rebuilt.read":
                    for _ in range(3):
                        await consumer.getone()
                    await consumer.commit()
    mine, others = consumer_group("rebuilt", "rebuilt.read"), consumer_group("rebuiltx", "rebuilt.read")

    ends = await _from_the_start(kafka_bootstrap, "rebuilt")

    assert {partition.partition: end for partition, end in ends[mine].items()} == {1: 3}
    assert list(ends) == [mine]
    assert not await _has_read(admin, mine, ends[mine])
    assert await _has_read(admin, others, ends[mine])
    await admin.close()
