"""One whole stack for all tests of this folder: PostgreSQL, Kafka, twelve processes, ingress, trace store; the demo utility loaded."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from cds_cli.demo_utility.generate import events
from cds_cli.journey.story import Story
from cds_cli.journey.wire import Wire
from cds_cli.loading.publish import end_offsets
from cds_common.events.utility import ReadingsRecordedV1, UtilityEvent
from cds_local.routes import SERVICES
from cds_local.stack import LocalStack
from tests.e2e.support import QUERIES, everybody_ready, finish, newcomer, scalar, send, settles

ROOT = Path(__file__).parents[2]
LAST_DAY = date(2026, 1, 10)
READINGS_FROM = datetime(2025, 10, 1, tzinfo=UTC)
RELAY_AGE_LIMIT = 4
"""Seconds: a worker whose bus is away says so this soon, so that a test can watch it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest work begins first."""
    mine = [item for item in items if item.path.is_relative_to(Path(__file__).parent)]
    items[:] = [*mine, *(item for item in items if not item.path.is_relative_to(Path(__file__).parent))]


def demo() -> Iterator[UtilityEvent]:
    """The demo utility with three and a half months of readings: enough for every story, quick to load."""
    return (event for event in events(LAST_DAY) if not isinstance(event, ReadingsRecordedV1) or event.start >= READINGS_FROM)


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    """A stack of its own on free ports, gone after the tests."""
    limits = {f"CDS_{service.upper()}_RELAY_AGE_LIMIT": str(RELAY_AGE_LIMIT) for service in SERVICES}
    # One Client reads through all modules; the tests of expiry have clocks of their own.
    limits["CDS_AUTH_ACCESS_TOKEN_LIFETIME"] = "7200"
    running = LocalStack(ROOT, port_choice="free", durable=False, environment=limits)
    try:
        running.up()
        yield running
    finally:
        running.down()


@pytest.fixture(scope="session", autouse=True)
def loaded(stack: LocalStack) -> LocalStack:
    """The stack with the demo utility in it."""
    send(stack, demo())
    # A form offers what auth knows of a customer: it learns that from accounts.
    settles(0, lambda: int(scalar(stack, "accounts", "SELECT count(*) FROM outbox WHERE published_at IS NULL")))
    finish(stack, asyncio.run(end_offsets(stack.kafka_bootstrap_servers, ["cds.resources"])))
    # A group is judged by the values of its members, and shown by its sums.
    settles(0, lambda: int(scalar(stack, "aggregation", "SELECT count(*) FROM dirty_day")), 120)
    return stack


@pytest.fixture
def whole(loaded: LocalStack) -> Iterator[None]:
    """For tests that end parts: every part is alive and ready before, and again after, whatever has failed between."""
    for part in loaded.part_names:
        loaded.start(part, wait=False)
    everybody_ready(loaded)
    yield
    for part in loaded.part_names:
        loaded.start(part)


@pytest.fixture(scope="session")
def story(loaded: LocalStack) -> Iterator[Story]:
    """The journey's client; the chapters of test_journey.py fill it in order."""
    wire = Wire(loaded.public_url)
    yield Story(wire)
    wire.close()


@pytest.fixture(scope="session")
def reader(loaded: LocalStack) -> Iterator[Story]:
    """A Client with direct access to the whole sandbox."""
    reading = newcomer(loaded, QUERIES, direct="cds_query_usage")
    yield reading
    reading.wire.close()
