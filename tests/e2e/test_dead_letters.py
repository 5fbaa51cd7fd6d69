"""Messages that cannot be applied are parked with their reason, the rest goes on, and `cds dead` lists, shows and sends them again."""

import asyncio
import json
import uuid
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from rich.console import Console
from typer.testing import CliRunner

from cds_cli import dead_command
from cds_cli.journey.story import Story
from cds_cli.main import app
from cds_common.events.utility import UTILITY_EVENTS, UtilityEvent
from cds_local.stack import LocalStack
from tests.e2e.support import bill, energy, household, listing, query, readings, send, settles, until

pytestmark = [pytest.mark.slow]

FIRST = date(2026, 2, 1)


@pytest.fixture
def cds(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The `cds` command on this stack's broker."""
    monkeypatch.setenv("CDS_KAFKA_BOOTSTRAP_SERVERS", stack.kafka_bootstrap_servers)
    monkeypatch.setattr(dead_command, "out", Console(width=300))

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return run


def _put(stack: LocalStack, messages: list[tuple[type[UtilityEvent], bytes, bytes]]) -> None:
    """Bytes as they are, under the key and the event type of the topic."""

    async def put() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=stack.kafka_bootstrap_servers, acks="all")
        await producer.start()
        try:
            for kind, key, body in messages:
                await producer.send_and_wait(kind.topic, body, key=key, headers=[("event_type", kind.type_name().encode())])
        finally:
            await producer.stop()

    asyncio.run(put())


def test_a_bad_message_on_each_topic_is_parked_and_the_rest_goes_on(stack: LocalStack, reader: Story, cds: Any) -> None:
    refused = json.dumps({"event_id": str(uuid.uuid4()), "environment": "sandbox"}).encode()
    _put(stack, [(kind, key, body) for kind in UTILITY_EVENTS for key, body in ((b"DL-1", b"{not json"), (b"SP-DL-1", refused))])

    # Same keys, so the same partitions: what comes behind a bad message is not held up.
    send(stack, [*household("DL-1"), readings("DL-1", FIRST, [100] * 96), bill("DL-1", FIRST, Decimal("7.50"))])
    usage = query(reader, "cds_query_usage", account_numbers=["DL-1"], segment_start="P3Y")
    settles((96, Decimal("9.600")), lambda: energy(listing(reader, "usage_segments", usage)))
    bills = query(reader, "cds_query_bill_statements", account_numbers=["DL-1"], statement_date_start="infinite")
    assert [one["amount_due"] for one in listing(reader, "bill_statements", bills)] == [Decimal("7.50")]

    def all_parked() -> str | None:
        found = cds("dead", "list")
        return found if all(f"{kind.topic}.dead" in found for kind in UTILITY_EVENTS) else None

    parked = until("a dead letter on each topic", all_parked)
    # The reason names the members that are missing, and no value of the message.
    assert "source_time: missing" in parked
    assert "DL-1" not in parked


def test_a_parked_message_is_shown_and_sent_again_when_its_cause_is_gone(stack: LocalStack, reader: Story, cds: Any) -> None:
    day = readings("DL-2", FIRST + timedelta(days=1), [300] * 96)
    body = json.loads(day.model_dump_json())
    # A reading of a series without a value type: the source's fault.
    shape = body.pop("shape")
    _put(stack, [(type(day), b"SP-DL-2", json.dumps(body).encode())])
    topic = f"{day.topic}.dead"

    def parked() -> list[str] | None:
        rows = [line.split("│") for line in cds("dead", "list").splitlines() if topic in line and "│ shape: missing" in line]
        return rows[0][5].split() if rows else None

    partition, offset = until("the reading is parked", parked)
    shown = cds("dead", "show", topic, partition, offset)
    assert "original_topic utility.meter-readings" in shown
    assert "shape: missing" in shown
    assert "service usage" in shown
    assert str(day.event_id) in shown

    # Sent again unchanged it is parked again: nothing is applied by halves.
    cds("dead", "replay", topic, "--yes")
    send(stack, household("DL-2"))
    usage = query(reader, "cds_query_usage", account_numbers=["DL-2"], segment_start="P3Y")
    assert listing(reader, "usage_segments", usage) == []
    # The source sends the whole fact under the same event id: the earlier failure has left no mark that would swallow it.
    send(stack, [type(day).model_validate(body | {"shape": shape})])
    settles((96, Decimal("28.800")), lambda: energy(listing(reader, "usage_segments", usage)))


def test_only_dead_topics_are_sent_again(cds: Any) -> None:
    done = CliRunner().invoke(app, ["dead", "replay", "utility.bills", "--yes"])
    assert done.exit_code == 2
    assert "not a dead topic" in done.output
