"""The relay against a real Postgres and a real Kafka."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord
from opentelemetry import propagate, trace
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from cds_common import db, telemetry
from cds_common.events.envelope import IntegrationEvent
from cds_common.kafka import build_producer
from cds_common.message_tables import OUTBOX, OutboxRow
from cds_common.outbox import record_event
from cds_common.relay import Heartbeat, Relay, RelayOptions
from cds_common.testing.kafka import new_topic, read_all
from cds_common.testing.postgres import Database
from libs.cds_common.tests.builders import ThingChangedV1, a_change
from libs.cds_common.tests.conftest import SampleSettings, sample_settings

pytestmark = pytest.mark.kafka

FAST = RelayOptions(batch=20, poll=0.05, standby_poll=0.05, takeover_pause=0.2)


@pytest.fixture
async def topic(kafka_bootstrap: str) -> AsyncIterator[str]:
    async with new_topic(kafka_bootstrap) as name:
        yield name


@pytest.fixture
def sample(committed: Database, kafka_bootstrap: str) -> SampleSettings:
    return sample_settings(committed, kafka_bootstrap_servers=kafka_bootstrap)


@pytest.fixture
def sessions(committed_engine: AsyncEngine) -> db.Sessions:
    return async_sessionmaker(committed_engine, expire_on_commit=False)


@asynccontextmanager
async def relaying(settings: SampleSettings, **options: object) -> AsyncIterator[Relay]:
    relay = Relay(settings, lambda: build_producer(settings), **({"options": FAST} | options))  # type: ignore[arg-type]
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def record(sessions: db.Sessions, topic: str, *versions: tuple[str, int]) -> None:
    async with sessions.begin() as session:
        for thing, version in versions:
            event = a_change(thing, version)
            event_on_topic = type("Event", (ThingChangedV1,), {"topic": topic, "__module__": __name__})
            record_event(session, event_on_topic.model_validate(event.model_dump()))


async def drained(sessions: db.Sessions, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while True:
            async with sessions() as session:
                if not await session.scalar(select(func.count()).select_from(OUTBOX).where(OUTBOX.c.published_at.is_(None))):
                    return
            await asyncio.sleep(0.02)


def by_key(records: list[ConsumerRecord[bytes, bytes]]) -> dict[str, list[int]]:
    versions: dict[str, list[int]] = {}
    for found in records:
        assert found.key is not None
        assert found.value is not None
        versions.setdefault(found.key.decode(), []).append(json.loads(found.value)["version"])
    return versions


def without_repeats(versions: list[int]) -> list[int]:
    return list(dict.fromkeys(versions))


async def test_publishes_exact_body_headers_and_trace(
    kafka_bootstrap: str, topic: str, sample: SampleSettings, sessions: db.Sessions
) -> None:
    telemetry.set_up(sample, "worker")
    caller = propagate.extract({"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"})
    with trace.get_tracer("test").start_as_current_span("request", caller) as span:
        await record(sessions, topic, ("thing-1", 1))
    async with sessions() as session:
        stored = (await session.scalars(select(OutboxRow))).one()
    async with relaying(sample):
        await drained(sessions)
    (message,) = await read_all(kafka_bootstrap, topic)
    headers = dict(message.headers)
    assert message.value == stored.body.encode()
    assert headers["event_type"] == b"thing.changed.v1"
    assert headers["event_id"] == str(stored.event_id).encode()
    _, trace_id, parent_id, _ = headers["traceparent"].decode().split("-")
    assert trace_id == trace.format_trace_id(span.get_span_context().trace_id)
    assert parent_id != trace.format_span_id(span.get_span_context().span_id), "the publish span lies between"


async def test_keeps_order_per_key_over_batches(kafka_bootstrap: str, topic: str, sample: SampleSettings, sessions: db.Sessions) -> None:
    async with relaying(sample):
        for version in range(50):
            await record(sessions, topic, *((f"thing-{number}", version) for number in range(5)))
        await drained(sessions)
    assert by_key(await read_all(kafka_bootstrap, topic)) == {f"thing-{number}": list(range(50)) for number in range(5)}


async def test_what_is_recorded_soon_after_a_batch_goes_together(topic: str, sample: SampleSettings, sessions: db.Sessions) -> None:
    async with relaying(sample, options=RelayOptions(gather=0.3)) as relay:
        while not relay.leading:
            await asyncio.sleep(0.01)
        for number in range(10):
            await record(sessions, topic, (f"thing-{number}", 1))
        await drained(sessions)
    async with sessions() as session:
        transactions = await session.scalar(text("SELECT count(DISTINCT xmin::text) FROM outbox"))
    assert transactions is not None
    assert transactions <= 3, "each of the ten was committed by itself"


async def test_two_relays_compete_and_lose_no_order_when_the_leader_is_cut_off(
    kafka_bootstrap: str, topic: str, sample: SampleSettings, sessions: db.Sessions, committed: Database
) -> None:
    async with relaying(sample) as first, relaying(sample) as second:
        for version in range(120):
            await record(sessions, topic, *((f"thing-{number}", version) for number in range(3)))
            if version % 40 == 20:
                assert first.leading + second.leading <= 1
                await _cut_relays(committed)
        await drained(sessions)
    found = by_key(await read_all(kafka_bootstrap, topic))
    assert sorted(found) == ["thing-0", "thing-1", "thing-2"]
    for versions in found.values():
        # A message may come twice, as part of a batch sent again, but the last word on every key is the newest version.
        assert without_repeats(versions) == list(range(120))
        assert versions[-1] == 119


async def _cut_relays(database: Database) -> None:
    connection = await asyncpg.connect(database.dsn)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'cds-sample-relay' AND datname = current_database()"
    )
    await connection.close()


CHILD = """
import asyncio, sys
from cds_common.kafka import build_producer
from cds_common.relay import Relay, RelayOptions
from cds_common.settings import CommonSettings
class SampleSettings(CommonSettings):
    service = "sample"
settings = SampleSettings(database_url=sys.argv[1], kafka_bootstrap_servers=sys.argv[2], internal_key="k" * 40)
options = RelayOptions(batch=7, poll=0.05, standby_poll=0.05, takeover_pause=0.2)
asyncio.run(Relay(settings, lambda: build_producer(settings), options=options).run())
"""


async def test_killed_relay_loses_nothing_and_keeps_order(
    kafka_bootstrap: str, topic: str, sample: SampleSettings, sessions: db.Sessions, committed: Database, pytestconfig: pytest.Config
) -> None:
    await record(sessions, topic, *((f"thing-{number}", version) for version in range(100) for number in range(3)))
    for _ in range(2):
        child = subprocess.Popen([sys.executable, "-c", CHILD, committed.url, kafka_bootstrap], cwd=pytestconfig.rootpath)
        try:
            await _some_published(sessions)
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
    async with relaying(sample):
        await drained(sessions)
    found = by_key(await read_all(kafka_bootstrap, topic))
    assert {key: without_repeats(versions) for key, versions in found.items()} == {
        f"thing-{number}": list(range(100)) for number in range(3)
    }
    assert all(versions[-1] == 99 for versions in found.values())


async def _some_published(sessions: db.Sessions) -> None:
    counting = select(func.count()).select_from(OUTBOX).where(OUTBOX.c.published_at.is_not(None))
    async with sessions() as session:
        before = await session.scalar(counting) or 0
    async with asyncio.timeout(60):
        while True:
            async with sessions() as session:
                now = await session.scalar(counting) or 0
            if now > before or now == 300:
                return
            await asyncio.sleep(0.02)


async def test_row_that_commits_late_is_published_although_later_ids_were(
    kafka_bootstrap: str, topic: str, sample: SampleSettings, sessions: db.Sessions
) -> None:
    async with relaying(sample), sessions() as slow:
        await slow.begin()
        event_on_topic = type("Event", (ThingChangedV1,), {"topic": topic, "__module__": __name__})
        record_event(slow, event_on_topic.model_validate(a_change("slow", 1).model_dump()))
        await slow.flush()
        await record(sessions, topic, ("quick", 2))
        async with asyncio.timeout(10):
            while [*by_key(await read_all(kafka_bootstrap, topic))] != ["quick"]:
                await asyncio.sleep(0.05)
        await slow.commit()
        await drained(sessions)
    assert by_key(await read_all(kafka_bootstrap, topic)) == {"slow": [1], "quick": [2]}


async def test_failed_send_marks_nothing(sample: SampleSettings, sessions: db.Sessions) -> None:
    await record(sessions, "test.no-such-topic", ("thing-1", 1))
    options = RelayOptions(batch=20, poll=0.05, send_timeout=0.5)
    async with relaying(sample, options=options):
        await asyncio.sleep(1.5)
    async with sessions() as session:
        assert (await session.scalars(select(OUTBOX.c.published_at))).all() == [None]


async def test_goes_on_after_any_fault(kafka_bootstrap: str, topic: str, sample: SampleSettings, sessions: db.Sessions) -> None:
    faults: list[Exception] = [
        asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
        RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed"),
        ValueError("nobody thought of it"),
    ]
    left = list(faults)

    def producer() -> AIOKafkaProducer:
        if left:
            raise left.pop()
        return build_producer(sample)

    await record(sessions, topic, ("thing-1", 1))
    task = asyncio.create_task(Relay(sample, producer, options=FAST).run())
    try:
        await drained(sessions)
        assert not left
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert by_key(await read_all(kafka_bootstrap, topic)) == {"thing-1": [1]}


class SampleHeartbeatV1(IntegrationEvent):
    event_type: str = "sample.heartbeat.v1"
    as_of: datetime
    partition: int

    def key(self) -> str:
        return f"heartbeat-{self.partition}"


async def test_heartbeat_reaches_every_partition_and_only_when_all_is_published(
    kafka_bootstrap: str, topic: str, sample: SampleSettings, sessions: db.Sessions
) -> None:
    beat = Heartbeat(topic, lambda as_of, partition: SampleHeartbeatV1(as_of=as_of, partition=partition), timedelta(seconds=0.2))
    await record(sessions, topic, *(("thing-1", version) for version in range(60)))
    started = datetime.now(UTC)
    async with relaying(sample, heartbeat=beat):
        await drained(sessions)
        await asyncio.sleep(1.0)
    records = await read_all(kafka_bootstrap, topic)
    beats = [found for found in records if dict(found.headers)["event_type"] == b"sample.heartbeat.v1"]
    assert {found.partition for found in beats} == {0, 1, 2}
    last_change = max(found.timestamp for found in records if found.key == b"thing-1")
    for found in beats:
        assert found.value is not None
        as_of = datetime.fromisoformat(json.loads(found.value)["as_of"])
        assert as_of >= started - timedelta(seconds=5)
        assert found.timestamp >= last_change
        assert dict(found.headers)["traceparent"].endswith(b"-00"), "nobody who reads it begins a trace"


async def test_old_published_rows_are_deleted_and_unpublished_ones_kept(sample: SampleSettings, sessions: db.Sessions) -> None:
    await record(sessions, "test.no-such-topic", *(("thing-1", version) for version in range(3)))
    async with sessions.begin() as session:
        await session.execute(text("UPDATE outbox SET published_at = now() - interval '8 days' WHERE id = 1"))
        await session.execute(
            text("UPDATE outbox SET published_at = now() - interval '6 days', created_at = now() - interval '9 days' WHERE id = 2")
        )
        await session.execute(text("DELETE FROM outbox WHERE id = 3"))
    async with relaying(sample):
        async with asyncio.timeout(10):
            while (await _ids(sessions)) != [2]:
                await asyncio.sleep(0.05)


async def _ids(sessions: db.Sessions) -> list[int]:
    async with sessions() as session:
        return list((await session.scalars(select(OUTBOX.c.id).order_by(OUTBOX.c.id))).all())
