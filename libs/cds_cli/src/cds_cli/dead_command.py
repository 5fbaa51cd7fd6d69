"""`cds dead`: the messages that a service parked, why, and a way to send them again after the cause is gone."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import typer
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from rich.console import Console
from rich.table import Table

from cds_cli import connection
from cds_cli.loading.publish import partitions_of
from cds_common.events.topics import TOPICS

app = typer.Typer(no_args_is_help=True)
out = Console()
DEAD = tuple(topic.dead for topic in TOPICS)
READ_PAUSE_MS = 2000


async def _read(servers: str, topics: tuple[str, ...]) -> AsyncIterator[tuple[str, int, int, dict[str, str], bytes | None, bytes | None]]:
    """Every parked message: topic, partition, offset, headers, key, value."""
    partitions = await partitions_of(servers, topics)
    if not partitions:
        return
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False, auto_offset_reset="earliest", retry_backoff_ms=5)
    await consumer.start()
    try:
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        left = {partition for partition in partitions if ends[partition] > await consumer.position(partition)}
        while left:
            for records in (await consumer.getmany(timeout_ms=READ_PAUSE_MS)).values():
                for record in records:
                    headers = {name: value.decode("utf-8", "replace") for name, value in record.headers}
                    yield record.topic, record.partition, record.offset, headers, record.key, record.value
            left = {partition for partition in left if ends[partition] > await consumer.position(partition)}
    finally:
        await consumer.stop()


@app.command(name="list")
def list_dead() -> None:
    """Count the parked messages by topic, service and reason; `newest` is where `show` finds the last of them."""

    async def count() -> dict[tuple[str, str, str], tuple[int, str]]:
        found: dict[tuple[str, str, str], tuple[int, str]] = {}
        async for topic, partition, offset, headers, _, _ in _read(connection.kafka_bootstrap_servers(), DEAD):
            place = (topic, headers.get("service", "?"), headers.get("error", "?")[:120])
            found[place] = (found.get(place, (0, ""))[0] + 1, f"{partition} {offset}")
        return found

    table = Table("topic", "service", "reason", "count", "newest")
    for (topic, service, reason), (number, newest) in sorted(asyncio.run(count()).items()):
        table.add_row(topic, service, reason, str(number), newest)
    out.print(table)


@app.command()
def show(topic: str, partition: int, offset: int) -> None:
    """Show one parked message with its headers. The body may hold personal data: mind who looks."""

    async def find() -> tuple[dict[str, str], bytes | None] | None:
        async for _, at_partition, at_offset, headers, _, value in _read(connection.kafka_bootstrap_servers(), (topic,)):
            if (at_partition, at_offset) == (partition, offset):
                return headers, value
        return None

    found = asyncio.run(find())
    if found is None:
        out.print("There is no such message.")
        raise typer.Exit(1)
    headers, value = found
    for name, text in headers.items():
        out.print(f"[dim]{name}[/dim] {text}", highlight=False)
    out.print((value or b"").decode("utf-8", "replace"), markup=False, highlight=False)


@app.command()
def replay(topic: str, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Send every parked message of a dead topic to its first topic again, and take it off the list.

    What was applied meanwhile changes nothing; what still cannot be applied is parked anew with its reason.
    """
    if topic not in DEAD:
        raise typer.BadParameter(f"not a dead topic; there are: {', '.join(DEAD)}")
    if not yes:
        typer.confirm(f"Send everything in {topic} again?", abort=True)
    out.print(f"{asyncio.run(_send_again(connection.kafka_bootstrap_servers(), topic))} messages sent again.")


async def _send_again(servers: str, topic: str) -> int:
    number, done = 0, dict[TopicPartition, RecordsToDelete]()
    producer = AIOKafkaProducer(bootstrap_servers=servers, enable_idempotence=True, acks="all")
    await producer.start()
    try:
        async for _, partition, offset, headers, key, value in _read(servers, (topic,)):
            kept = {n: t for n, t in headers.items() if not n.startswith(("error", "original_")) and n != "service"}
            await producer.send_and_wait(
                headers.get("original_topic", topic.removesuffix(".dead")),
                value,
                key=key,
                headers=[(name, text.encode()) for name, text in kept.items()],
            )
            done[TopicPartition(topic, partition)] = RecordsToDelete(before_offset=offset + 1)
            number += 1
    finally:
        await producer.stop()
        await _take_off(servers, done)
    return number


async def _take_off(servers: str, sent: dict[TopicPartition, RecordsToDelete]) -> None:
    """Delete what was sent again, so that the list shows what is still parked, and a second replay does not send it once more."""
    if not sent:
        return
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.delete_records(sent)
    finally:
        await admin.close()
