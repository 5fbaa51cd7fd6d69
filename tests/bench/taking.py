"""How fast workers of usage take readings in, and the bare loops beside them."""

import asyncio
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any

import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from cds_common.ids import resource_id
from cds_local import parts, ports, processes
from cds_usage.domain.packing import unpack_values
from tests.bench.messages import GROUP, Message, Progress, end_offsets, publish
from tests.bench.world import ROOT, World

PATIENCE_SECONDS = 300
WORKER = "usage-worker"
Row = tuple[Any, ...]


class _Event(msgspec.Struct):
    servicepoint_ref: str
    start: datetime
    source_time: datetime
    values: list[int]


_decode = msgspec.json.Decoder(_Event).decode


def taken_by(world: World, messages: Sequence[Message], workers: int = 1) -> float:
    """Readings a second from the workers' first commit on: the backlog lies in Kafka before they start."""
    world.stack.stop(WORKER)
    servers = world.stack.kafka_bootstrap_servers
    ends = asyncio.run(publish(servers, messages))
    with _workers(world, workers):
        share, seconds = asyncio.run(_drained(servers, ends))
    world.stack.start(WORKER)
    return sum(each.count for each in messages) * share / seconds


async def _drained(servers: str, ends: dict[TopicPartition, int]) -> tuple[float, float]:
    """(share, seconds) of the backlog that was worked on after the first commit was seen."""
    async with Progress(servers, ends) as progress:
        whole = left = await progress.left()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while left == whole:
            await asyncio.sleep(0.02)
            left = await progress.left()
        began, at_begin = time.monotonic(), left
        while left:
            assert time.monotonic() < deadline, f"{left} of {whole} messages were not taken in"
            await asyncio.sleep(0.02)
            left = await progress.left()
        return at_begin / whole, time.monotonic() - began


@contextmanager
def _workers(world: World, count: int) -> Iterator[None]:
    """Workers of usage, each a process of its own in the same consumer group."""
    environment = world.stack.environment("usage")
    with ExitStack() as running:
        started: list[tuple[processes.Running, int]] = []
        for number in range(count):
            port = ports.free_port()
            log = world.stack.layout.logs / f"bench-usage-worker-{number}.log"
            own = environment | {"CDS_USAGE_WORKER_HEALTH_PORT": str(port)}
            started.append((processes.start(parts.worker_command("usage", own, log, ROOT)), port))
            running.callback(processes.stop, started[-1][0])
        yield


def stored_sum(world: World, prefix: str, points: int) -> tuple[int, int]:
    """(number, sum) of the values that usage holds of these points, read from the stored blocks."""
    ids = [resource_id("sandbox", "service_point", f"{prefix}-{point}") for point in range(points)]
    count = total = 0
    for row in world.sql("usage", "SELECT count, vals FROM day_block WHERE owner_id = ANY($1)", ids):
        known = [value for value in unpack_values(row["vals"], row["count"]) if value is not None]
        count, total = count + len(known), total + sum(known)
    return count, total


_BLOCK = "CREATE TABLE bench_block (point text, day date, source bigint NOT NULL, vals bytea NOT NULL, PRIMARY KEY (point, day))"
_READING = "CREATE TABLE bench_single (point text, at timestamptz, source bigint NOT NULL, value bigint NOT NULL, PRIMARY KEY (point, at))"


def bare_blocks(world: World, messages: Sequence[Message]) -> float:
    """Readings a second of a loop without rules: decode, pack, COPY, upsert."""

    def row(event: _Event) -> Row:
        return event.servicepoint_ref, event.start.date(), int(event.source_time.timestamp()), array("i", event.values).tobytes()

    return asyncio.run(_bare(world, messages, _BLOCK, "bench_block", "(point, day) DO UPDATE SET vals = excluded.vals", row))


def bare_singles(world: World, messages: Sequence[Message]) -> float:
    """The same with a row per reading."""

    def row(event: _Event) -> Row:
        return event.servicepoint_ref, event.start, int(event.source_time.timestamp()), event.values[0]

    return asyncio.run(_bare(world, messages, _READING, "bench_single", "(point, at) DO UPDATE SET value = excluded.value", row))


async def _bare(world: World, messages: Sequence[Message], create: str, table: str, conflict: str, row: Callable[[_Event], Row]) -> float:
    """Reads in the worker's place while it is stopped, and commits in its group, so that it does not read them again."""
    servers = world.stack.kafka_bootstrap_servers
    world.stack.stop(WORKER)
    before = await end_offsets(servers)
    after = await publish(servers, messages)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers, group_id=GROUP, enable_auto_commit=False, retry_backoff_ms=5, max_partition_fetch_bytes=2**20
    )
    await consumer.start()
    connection = await asyncpg.connect(world.dsn("usage"))
    try:
        consumer.assign(list(before))
        for partition, offset in before.items():
            consumer.seek(partition, offset)
        await connection.execute(f"DROP TABLE IF EXISTS {table}; {create}; CREATE TEMPORARY TABLE bench_in (LIKE {table})")
        left, began = len(messages), time.monotonic()
        while left:
            found = await consumer.getmany(timeout_ms=1000, max_records=5000)
            events = [_decode(record.value) for records in found.values() for record in records]
            async with connection.transaction():
                await connection.copy_records_to_table("bench_in", records=[row(event) for event in events])
                await connection.execute(f"INSERT INTO {table} SELECT * FROM bench_in ON CONFLICT {conflict}")
                await connection.execute("TRUNCATE bench_in")
            left -= len(events)
        seconds = time.monotonic() - began
        await consumer.commit(after)
    finally:
        await connection.execute(f"DROP TABLE IF EXISTS {table}")
        await connection.close()
        await consumer.stop()
    world.stack.start(WORKER)
    return sum(each.count for each in messages) / seconds
