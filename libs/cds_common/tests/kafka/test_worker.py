"""A whole worker: messages in from Kafka, effects in Postgres, events out to Kafka, probes, a quiet end."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from faststream.kafka import KafkaRouter
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from cds_common import telemetry
from cds_common.inbox import once
from cds_common.kafka import Sessions, event_type, subscriber
from cds_common.message_tables import INBOX
from cds_common.outbox import record_event
from cds_common.testing.kafka import new_topic, read_all
from cds_common.testing.postgres import Database
from cds_common.worker import WorkerPlan, running
from libs.cds_common.tests.builders import ThingChangedV1, a_change
from libs.cds_common.tests.conftest import SampleSettings, sample_settings

pytestmark = pytest.mark.kafka

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def topics(kafka_bootstrap: str) -> AsyncIterator[tuple[str, str]]:
    async with new_topic(kafka_bootstrap) as incoming, new_topic(kafka_bootstrap) as outgoing:
        yield incoming, outgoing


@pytest.fixture
async def worker_settings(committed: Database, committed_engine: AsyncEngine, kafka_bootstrap: str) -> SampleSettings:
    async with committed_engine.begin() as connection:
        await connection.execute(text("CREATE TABLE alembic_version (version_num text)"))
        await connection.execute(text("INSERT INTO alembic_version VALUES ('0001')"))
    return sample_settings(committed, kafka_bootstrap_servers=kafka_bootstrap, worker_health_port=free_port())


def sample_router(incoming: str, outgoing: str, group: str) -> KafkaRouter:
    router = KafkaRouter()
    things = subscriber(router, incoming, service=group)

    @things(filter=event_type("thing.changed.v1"))
    async def on_change(event: ThingChangedV1, sessions: Sessions) -> None:
        async with once(sessions, consumer="sample.things", event_id=event.event_id) as tx:
            if tx is not None:
                if event.version < 0:
                    raise RuntimeError("negative versions break the rule")
                derived = type("Derived", (ThingChangedV1,), {"topic": outgoing, "__module__": __name__})
                record_event(tx, derived(thing_id=event.thing_id, version=event.version + 1000))

    @things
    async def ignore_unknown(event: Any) -> None: ...

    return router


async def send(bootstrap: str, topic: str, *bodies: tuple[str, bytes], flags: str = "01") -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    for key, body in bodies:
        headers = [("event_type", b"thing.changed.v1"), ("traceparent", f"00-{TRACE_ID}-00f067aa0ba902b7-{flags}".encode())]
        await producer.send_and_wait(topic, body, key=key.encode(), headers=headers)
    await producer.stop()


async def eventually(bootstrap: str, topic: str, count: int) -> list[Any]:
    async with asyncio.timeout(30):
        while len(found := await read_all(bootstrap, topic)) < count:
            await asyncio.sleep(0.1)
    return found


async def test_worker_handles_parks_and_publishes(
    worker_settings: SampleSettings, topics: tuple[str, str], kafka_bootstrap: str, committed_engine: AsyncEngine
) -> None:
    incoming, outgoing = topics
    event = a_change("thing-1", 1)
    good, twice = event.model_dump_json().encode(), a_change("thing-1", 2).model_dump_json().encode()
    bad, broken = a_change("thing-1", -1).model_dump_json().encode(), b"\x00 not json"
    await send(kafka_bootstrap, incoming, ("thing-1", good), ("thing-1", good), ("thing-1", bad), ("thing-1", broken), ("thing-1", twice))
    telemetry.set_up(worker_settings, "worker")
    plan = WorkerPlan(routers=[sample_router(incoming, outgoing, incoming)])
    async with (
        running(worker_settings, plan),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{worker_settings.worker_health_port}") as probe,
    ):
        published = await eventually(kafka_bootstrap, outgoing, 2)
        parked = await eventually(kafka_bootstrap, f"{incoming}.dead", 2)
        ready, metrics = await probe.get("/health/ready"), await probe.get("/metrics")
    assert [json.loads(found.value)["version"] for found in published] == [1001, 1002]
    assert [(found.value, dict(found.headers)["error_type"]) for found in parked] == [(bad, b"RuntimeError"), (broken, b"JSONDecodeError")]
    assert {dict(found.headers)["traceparent"].decode().split("-")[1] for found in published} == {TRACE_ID}, "one trace over every hop"
    assert dict(parked[0].headers)["original_offset"] == b"2"
    assert parked[0].key == b"thing-1"
    assert ready.status_code == 200, ready.text
    assert set(ready.json()["parts"]) == {"database", "outbox", "consumers"}
    assert 'cds_dead_letters_total{error_type="RuntimeError"' in metrics.text
    async with async_sessionmaker(committed_engine)() as session:
        assert await session.scalar(select(func.count()).select_from(INBOX)) == 2


@pytest.mark.parametrize("batch", [False, True])
async def test_what_comes_while_a_message_is_handled_is_seen_when_that_is_done(
    worker_settings: SampleSettings, topics: tuple[str, str], kafka_bootstrap: str, *, batch: bool
) -> None:
    incoming, _ = topics
    seen, second = asyncio.Event(), asyncio.Event()
    router = KafkaRouter()
    things = subscriber(router, incoming, service=incoming, batch=batch)

    async def handle(versions: list[int]) -> None:
        if 1 in versions:
            seen.set()
            await asyncio.sleep(0.4)
        if 2 in versions:
            second.set()

    if batch:

        @things
        async def on_batch(events: list[ThingChangedV1]) -> None:
            await handle([event.version for event in events])
    else:

        @things
        async def on_change(event: ThingChangedV1) -> None:
            await handle([event.version])

    async with running(worker_settings, WorkerPlan(routers=[router])):
        await asyncio.sleep(0.5)
        await send(kafka_bootstrap, incoming, ("thing-1", a_change("thing-1", 1).model_dump_json().encode()))
        async with asyncio.timeout(10):
            await seen.wait()
        await asyncio.sleep(0.2)
        await send(kafka_bootstrap, incoming, ("thing-1", a_change("thing-1", 2).model_dump_json().encode()))
        async with asyncio.timeout(1):
            await second.wait()


@pytest.mark.parametrize(("flags", "traced"), [("00", False), ("01", True)])
async def test_a_batch_that_nobody_traces_begins_no_trace(
    worker_settings: SampleSettings, topics: tuple[str, str], kafka_bootstrap: str, flags: str, *, traced: bool
) -> None:
    incoming, _ = topics
    told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    router = KafkaRouter()
    things = subscriber(router, incoming, service=incoming, batch=True)

    @things
    async def on_batch(_events: list[ThingChangedV1]) -> None:
        told.set_result(is_instrumentation_enabled())

    async with running(worker_settings, WorkerPlan(routers=[router])):
        await send(kafka_bootstrap, incoming, ("thing-1", a_change("thing-1", 1).model_dump_json().encode()), flags=flags)
        async with asyncio.timeout(10):
            assert await told is traced


@pytest.mark.parametrize("batch", [False, True])
async def test_headers_that_are_no_text_hold_nobody_up(
    worker_settings: SampleSettings, topics: tuple[str, str], kafka_bootstrap: str, *, batch: bool
) -> None:
    incoming, _ = topics
    seen: list[int] = []
    router = KafkaRouter()
    things = subscriber(router, incoming, service=incoming, batch=batch)
    if batch:

        @things
        async def on_batch(events: list[ThingChangedV1]) -> None:
            seen.extend(event.version for event in events)
    else:

        @things
        async def on_change(event: ThingChangedV1) -> None:
            seen.append(event.version)

    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap)
    await producer.start()
    odd: Any = (None, b"\xff\xfe", b"text")
    for version, value in enumerate(odd):
        await producer.send(incoming, a_change("thing-1", version).model_dump_json().encode(), key=b"thing-1", headers=[("odd", value)])
    await producer.stop()
    async with running(worker_settings, WorkerPlan(routers=[router])), asyncio.timeout(30):
        while len(seen) < 3:
            await asyncio.sleep(0.05)
    assert seen == [0, 1, 2]
    assert await read_all(kafka_bootstrap, f"{incoming}.dead") == []


async def test_message_waits_for_its_database_and_is_then_handled_once(
    worker_settings: SampleSettings, topics: tuple[str, str], kafka_bootstrap: str, committed_engine: AsyncEngine
) -> None:
    incoming, outgoing = topics
    async with committed_engine.begin() as connection:
        await connection.execute(text("ALTER TABLE inbox RENAME TO inbox_away"))
        # A lock that cannot be had is a passing fault; the table under its name is there, but nobody gets in.
        await connection.execute(text("CREATE TABLE inbox (LIKE inbox_away INCLUDING ALL)"))
    await send(kafka_bootstrap, incoming, ("thing-1", a_change("thing-1", 5).model_dump_json().encode()))
    blocker = await committed_engine.connect()
    await blocker.execute(text("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE"))
    async with committed_engine.begin() as connection:
        await connection.execute(text("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET lock_timeout = 200', current_database()); END $$"))
    plan = WorkerPlan(routers=[sample_router(incoming, outgoing, incoming)])
    async with (
        running(worker_settings, plan),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{worker_settings.worker_health_port}") as probe,
    ):
        async with asyncio.timeout(20):
            while not (held := (await probe.get("/health/ready")).json()["parts"]["consumers"].get("stalled")):
                await asyncio.sleep(0.1)
        assert len(held) == 1
        assert await read_all(kafka_bootstrap, f"{incoming}.dead") == []
        await blocker.rollback()
        await blocker.close()
        published = await eventually(kafka_bootstrap, outgoing, 1)
    assert [json.loads(found.value)["version"] for found in published] == [1005]


async def test_worker_starts_while_the_bus_is_away_and_says_so(worker_settings: SampleSettings) -> None:
    away = worker_settings.model_copy(update={"kafka_bootstrap_servers": f"127.0.0.1:{free_port()}"})
    router = sample_router("test.in", "test.out", "away")

    async def run() -> None:
        async with running(away, WorkerPlan(routers=[router])):
            await asyncio.sleep(30)

    task = asyncio.create_task(run())
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{away.worker_health_port}") as probe:
        async with asyncio.timeout(15):
            while True:
                try:
                    ready, live = await probe.get("/health/ready"), await probe.get("/health/live")
                    break
                except httpx.ConnectError:
                    await asyncio.sleep(0.1)
    assert (live.status_code, ready.status_code) == (200, 503)
    assert ready.json()["parts"]["consumers"]["not_connected"] == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


CHILD = """
import sys
from cds_common.worker import WorkerPlan, run_worker
from libs.cds_common.tests.conftest import SampleSettings
from libs.cds_common.tests.kafka.test_worker import sample_router
values = {"database_url": sys.argv[1], "kafka_bootstrap_servers": sys.argv[2], "worker_health_port": int(sys.argv[3])}
settings = SampleSettings(**values, internal_key="k" * 40)
run_worker(settings, WorkerPlan(routers=[sample_router(sys.argv[4], sys.argv[5], sys.argv[4])]))
"""


async def test_worker_process_ends_quietly_on_sigterm(
    worker_settings: SampleSettings, topics: tuple[str, str], kafka_bootstrap: str, committed: Database, pytestconfig: pytest.Config
) -> None:
    command = [sys.executable, "-c", CHILD, committed.url, kafka_bootstrap, str(worker_settings.worker_health_port), *topics]
    child = subprocess.Popen(command, cwd=pytestconfig.rootpath, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    await send(kafka_bootstrap, topics[0], ("thing-1", a_change("thing-1", 5).model_dump_json().encode()))
    try:
        await eventually(kafka_bootstrap, topics[1], 1)
        child.send_signal(signal.SIGTERM)
        output, _ = await asyncio.to_thread(child.communicate, timeout=20)
    finally:
        child.kill()
    assert child.returncode == 0, output
    lines = [json.loads(line) for line in output.splitlines()]
    assert [line["event"] for line in lines if line["event"].startswith("worker_")] == ["worker_started", "worker_stopped"]
    assert [line for line in lines if line["level"] in {"error", "critical"}] == []
