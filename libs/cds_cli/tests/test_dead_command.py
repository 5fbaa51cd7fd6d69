"""`cds dead` on a real broker: list with reason and count, show, and a replay that leaves only what is parked anew."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer
from rich.console import Console
from typer.testing import CliRunner

from cds_cli import dead_command
from cds_cli.main import app
from cds_common.testing.kafka import new_topic, read_all

pytestmark = [pytest.mark.kafka]
REASONS = ["shape: missing", "shape: missing", "not JSON"]


@pytest.fixture
async def topic(kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """A topic with three messages in its dead topic."""
    async with new_topic(kafka_bootstrap, partitions=1) as first:
        producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap)
        await producer.start()
        for place, reason in enumerate(REASONS):
            headers = {"event_type": "readings.recorded.v1", "error": reason, "original_topic": first, "service": "usage"}
            encoded = [(name, text.encode()) for name, text in headers.items()]
            await producer.send_and_wait(f"{first}.dead", f"message {place}".encode(), key=b"SP-1", headers=encoded)
        await producer.stop()
        monkeypatch.setenv("CDS_KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)
        monkeypatch.setattr(dead_command, "DEAD", (f"{first}.dead",))
        monkeypatch.setattr(dead_command, "READ_PAUSE_MS", 100)
        monkeypatch.setattr(dead_command, "out", Console(width=300))
        yield first


async def run(*arguments: str) -> str:
    done = await asyncio.to_thread(CliRunner().invoke, app, ["dead", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


async def listed() -> list[tuple[str, str]]:
    lines = [line for line in (await run("list")).splitlines() if line.startswith("│")]
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]
    return [(reason, count) for _, _, reason, count, _ in rows]


async def test_a_replay_sends_each_message_once_with_its_key_and_takes_it_off_the_list(topic: str, kafka_bootstrap: str) -> None:
    dead = f"{topic}.dead"
    assert await listed() == [("not JSON", "1"), ("shape: missing", "2")]
    assert "message 2" in await run("show", dead, "0", "2")

    assert "3 messages sent again" in await run("replay", dead, "--yes")
    assert await listed() == []
    assert "0 messages sent again" in await run("replay", dead, "--yes")

    again = await read_all(kafka_bootstrap, topic)
    assert [record.value for record in again] == [b"message 0", b"message 1", b"message 2"]
    assert {(record.key, tuple(name for name, _ in record.headers)) for record in again} == {(b"SP-1", ("event_type",))}
