"""Empties the store of a data service and fills it again from its topics."""

import asyncio
from collections.abc import Mapping

import asyncpg
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from cds_cli.loading.publish import Sent, end_offsets
from cds_common.groups import groups_of
from cds_local.stack import LocalStack

REBUILT = ("accounts", "billing", "usage", "aggregation")
"""registry and auth own facts that no topic gives back."""
LAST_WORDS_SECONDS = 30
READING_SECONDS = 600
_SAID_ALL = """
    SELECT NOT EXISTS (SELECT FROM outbox WHERE published_at IS NULL) AND NOT EXISTS (SELECT FROM access_log WHERE chain_no IS NULL)
"""


class RebuildFailed(Exception):
    """The service did not read its topics to their ends in time; it goes on reading."""


def rebuild_store(stack: LocalStack, service: str) -> None:
    """Drop the service's database, migrate a new one, and wait until the worker has read every topic from the start.

    What the service has said but not published yet (events, the log of who read what) goes out before; a store that is too
    broken to be asked is dropped as it is.

    Raises:
        RebuildFailed: not everything was read in ten minutes.
    """
    api, worker = f"{service}-api", f"{service}-worker"
    stack.stop(api)
    asyncio.run(_last_words(_database_url(stack, service)))
    stack.stop(worker)
    stack.postgres.sql(f"DROP DATABASE {service} WITH (FORCE);")
    stack.postgres.ensure_databases({service: stack.secrets[f"{service.upper()}_DATABASE_PASSWORD"]})
    stack.migrate(service)
    ends = asyncio.run(_from_the_start(stack.kafka_bootstrap_servers, service))
    stack.start(worker)
    taken = asyncio.run(_read_to(stack.kafka_bootstrap_servers, ends))
    stack.start(api)
    if not taken:
        raise RebuildFailed(f"{service} has not read everything after {READING_SECONDS} s: see `cds topics`")


def _database_url(stack: LocalStack, service: str) -> str:
    return stack.environment(service)[f"CDS_{service.upper()}_DATABASE_URL"].replace("postgresql+asyncpg://", "postgresql://", 1)


async def _last_words(database_url: str) -> None:
    try:
        connection = await asyncpg.connect(database_url, timeout=5)
    except (OSError, asyncpg.PostgresError):
        return
    try:
        for _ in range(LAST_WORDS_SECONDS * 5):
            if await connection.fetchval(_SAID_ALL):
                return
            await asyncio.sleep(0.2)
    except asyncpg.PostgresError:
        return
    finally:
        await connection.close()


async def _from_the_start(servers: str, service: str) -> dict[str, Sent]:
    """Put the service's groups, none of which may run, before the first message of each partition they have read.

    Returns where the partitions end now, by group.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        groups = [group for group, *_ in await admin.list_consumer_groups() if group.startswith(groups_of(service))]
        read = {group: list(await admin.list_consumer_group_offsets(group)) for group in groups}
        return {group: await _rewind(servers, group, partitions) for group, partitions in read.items() if partitions}
    finally:
        await admin.close()


async def _rewind(servers: str, group: str, partitions: list[TopicPartition]) -> Sent:
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, group_id=group, enable_auto_commit=False, retry_backoff_ms=5)
    await consumer.start()
    try:
        consumer.assign(partitions)
        begins = await consumer.beginning_offsets(partitions)
        await consumer.commit({partition: OffsetAndMetadata(begins[partition], "") for partition in partitions})
    finally:
        await consumer.stop()
    ends = await end_offsets(servers, {partition.topic for partition in partitions})
    return {partition: end for partition, end in ends.items() if partition in begins and end > begins[partition]}


async def _read_to(servers: str, ends: Mapping[str, Sent]) -> bool:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        async with asyncio.timeout(READING_SECONDS):
            while True:
                if all([await _has_read(admin, group, wanted) for group, wanted in ends.items()]):
                    return True
                await asyncio.sleep(0.25)
    except TimeoutError:
        return False
    finally:
        await admin.close()


async def _has_read(admin: AIOKafkaAdminClient, group: str, ends: Sent) -> bool:
    read = await admin.list_consumer_group_offsets(group)
    return all(partition in read and read[partition].offset >= end for partition, end in ends.items())
