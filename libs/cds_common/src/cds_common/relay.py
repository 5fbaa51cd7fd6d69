"""Publishes the outbox: in order per key, at least once, one relay at a time."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind

from cds_common import exact_json, metrics
from cds_common.events.envelope import IntegrationEvent
from cds_common.faults import growing_pause, is_transient
from cds_common.message_tables import NOTIFY_CHANNEL
from cds_common.settings import CommonSettings
from cds_common.telemetry import is_unrecorded, untraced

log = structlog.get_logger(__name__)
tracer = trace.get_tracer(__name__)

Connection: TypeAlias = asyncpg.Connection

_LOCK_KEY = 0x0CD5_0B0C
_SHORTEST_REST = 0.1
_TAKE = """
    SELECT id, event_id, topic, key, event_type, body, headers FROM outbox
    WHERE published_at IS NULL ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
"""
_MARK = "UPDATE outbox SET published_at = clock_timestamp() WHERE id = ANY($1::bigint[])"
_PURGE = """
    DELETE FROM outbox WHERE id IN (
        SELECT id FROM outbox WHERE published_at < clock_timestamp() - $1::interval ORDER BY published_at LIMIT 1000)
"""
_PURGE_INBOX = """
    DELETE FROM inbox WHERE (consumer, event_id) IN (
        SELECT consumer, event_id FROM inbox WHERE received_at < clock_timestamp() - $1::interval ORDER BY received_at LIMIT 1000)
"""
_AGE = "SELECT coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 FROM outbox WHERE published_at IS NULL"
_DRAINED = "SELECT NOT EXISTS (SELECT FROM outbox WHERE published_at IS NULL)"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A sign of life on every partition of `topic`: all that was committed before the given moment has been published.

    `event` makes the message from that moment and the partition number.
    """

    topic: str
    event: Callable[[datetime, int], IntegrationEvent]
    interval: timedelta = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class RelayOptions:
    """All times in seconds."""

    batch: int = 500
    poll: float = 5.0
    """Between two looks at the outbox that nothing woke; the database tells of new rows when their transaction commits."""
    gather: float = 0.03
    """Waited after a batch: what is recorded meanwhile goes in one transaction and one request to the bus. The first never waits."""
    send_timeout: float = 20.0
    standby_poll: float = 1.0
    takeover_pause: float = 1.0
    """Waited after another relay's lock has become free: messages it had under way have then arrived or been dropped."""
    look_interval: float = 5.0
    """Between two looks at the age of what is unpublished, for the metric."""
    purge_interval: float = 60.0
    longest_pause: float = 10.0


class Relay:
    """Moves rows of one service's outbox to the bus until it is cancelled.

    The lock, the rows and their marks live on one database connection: who loses it has marked nothing and publishes nothing more.
    """

    def __init__(
        self,
        settings: CommonSettings,
        producer: Callable[[], AIOKafkaProducer],
        *,
        heartbeat: Heartbeat | None = None,
        options: RelayOptions | None = None,
    ) -> None:
        self._settings, self._new_producer, self._heartbeat = settings, producer, heartbeat
        self.options = options or RelayOptions()
        self._dsn = settings.database_url.get_secret_value().replace("postgresql+asyncpg://", "postgresql://", 1)
        self._wake = asyncio.Event()
        self._beat_at = self._look_at = self._purge_at = float("-inf")
        self.leading = False

    async def run(self) -> None:
        """Lead when possible, wait as a standby otherwise; every failure is repeated with a growing pause."""
        failures = 0
        while True:
            started = time.monotonic()
            try:
                await self._session()
            except Exception as error:  # whatever it is, nothing was marked; consumers must not end with it, and readiness shows the wait
                failures = 1 if time.monotonic() - started > 30 else failures + 1
                metrics.OUTBOX_FAILURES.labels(self._settings.service, type(error).__name__).inc()
                log.warning("relay_failed", error_type=type(error).__name__, failures=failures, exc_info=not is_transient(error))
                await asyncio.sleep(growing_pause(failures, longest=self.options.longest_pause))

    async def _session(self) -> None:
        with untraced():
            connection = await asyncpg.connect(
                self._dsn, timeout=5, command_timeout=30, server_settings={"application_name": f"cds-{self._settings.service}-relay"}
            )
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def note_loss(*_: object) -> None:
            self._wake.set()
            if not lost.done():
                lost.set_result(None)

        connection.add_termination_listener(note_loss)
        producer: AIOKafkaProducer | None = None
        try:
            await self._become_leader(connection)
            producer = self._new_producer()
            await producer.start()
            self._set_leading(leading=True)
            await self._lead(connection, producer, lost)
        finally:
            self._set_leading(leading=False)
            connection.terminate()
            if producer is not None:
                await _abandon(producer)

    def _set_leading(self, *, leading: bool) -> None:
        self.leading = leading
        metrics.RELAY_LEADER.labels(self._settings.service).set(int(leading))

    async def _become_leader(self, connection: Connection) -> None:
        """Wait for the lock, which ends with the connection."""
        waited = False
        while True:
            with untraced():
                if await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK_KEY):
                    break
            waited = True
            await asyncio.sleep(self.options.standby_poll)
        if waited:
            await asyncio.sleep(self.options.takeover_pause)
        await connection.add_listener(NOTIFY_CHANNEL, lambda *_: self._wake.set())

    async def _lead(self, connection: Connection, producer: AIOKafkaProducer, lost: asyncio.Future[None]) -> None:
        while True:
            self._wake.clear()
            with untraced():
                taken = await self._publish_batch(connection, producer, lost)
                if taken == self.options.batch:
                    continue
                await self._beat(connection, producer, lost)
                await self._housekeeping(connection)
            if taken:
                await asyncio.sleep(self.options.gather)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._rest()):
                    await self._wake.wait()

    def _rest(self) -> float:
        """Seconds until there is something to do though nothing was written."""
        until_beat = self._beat_at - time.monotonic() if self._heartbeat else self.options.poll
        return min(self.options.poll, max(until_beat, _SHORTEST_REST))

    async def _publish_batch(self, connection: Connection, producer: AIOKafkaProducer, lost: asyncio.Future[None]) -> int:
        """Publish the oldest rows and mark them in the same transaction; a failure marks nothing."""
        async with connection.transaction():
            rows = await connection.fetch(_TAKE, self.options.batch)
            if rows:
                await self._bounded(_send_rows(producer, rows), lost)
                await connection.execute(_MARK, [row["id"] for row in rows])
        metrics.OUTBOX_PUBLISHED.labels(self._settings.service).inc(len(rows))
        return len(rows)

    async def _bounded(self, sending: Coroutine[Any, Any, None], lost: asyncio.Future[None]) -> None:
        """Wait for the bus, but not past the loss of the lock: another relay may lead by then."""
        task = asyncio.create_task(sending)
        try:
            await asyncio.wait({task, lost}, timeout=self.options.send_timeout, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ConnectionResetError("lock lost") if lost.done() else TimeoutError("the bus did not answer")
            task.result()
        finally:
            task.cancel()

    async def _beat(self, connection: Connection, producer: AIOKafkaProducer, lost: asyncio.Future[None]) -> None:
        if self._heartbeat is None or time.monotonic() < self._beat_at:
            return
        # The moment is taken before the look: whatever was committed before it is seen by the look, so "drained" covers it.
        as_of = await connection.fetchval("SELECT clock_timestamp()")
        assert isinstance(as_of, datetime)  # noqa: S101  # asyncpg's types do not know
        if not await connection.fetchval(_DRAINED):
            return
        await self._bounded(_send_heartbeat(producer, self._heartbeat, as_of), lost)
        self._beat_at = time.monotonic() + self._heartbeat.interval.total_seconds()

    async def _housekeeping(self, connection: Connection) -> None:
        if time.monotonic() < self._look_at:
            return
        metrics.OUTBOX_AGE.labels(self._settings.service).set(float(await connection.fetchval(_AGE) or 0))
        self._look_at = time.monotonic() + self.options.look_interval
        if time.monotonic() < self._purge_at:
            return
        deleted = _count(await connection.execute(_PURGE, self._settings.outbox_retention))
        deleted = max(deleted, _count(await connection.execute(_PURGE_INBOX, self._settings.inbox_retention)))
        # A full portion means that more is waiting.
        self._purge_at = time.monotonic() + (0 if deleted == 1000 else self.options.purge_interval)


async def _send_rows(producer: AIOKafkaProducer, rows: Sequence[Any]) -> None:
    """Hand all rows over in order, then wait for every answer; order per partition is the producer's (idempotent, one batch in flight)."""
    answers: list[asyncio.Future[Any]] = []
    for row in rows:
        headers = {"event_type": row["event_type"], "event_id": str(row["event_id"]), "content-type": "application/json"}
        headers |= _traced(row, exact_json.decode(row["headers"]))
        pairs = [(name, value.encode()) for name, value in headers.items()]
        answers.append(await producer.send(row["topic"], row["body"].encode(), key=row["key"].encode(), headers=pairs))
    await asyncio.gather(*answers)


def _traced(row: Any, stored: dict[str, str]) -> dict[str, str]:
    """The headers that go with the event: those of the change, its trace followed by the sending. An unrecorded trace only passes on."""
    if is_unrecorded(stored.get("traceparent", "")):
        return stored
    attributes = {
        "messaging.system": "kafka",
        "messaging.destination.name": row["topic"],
        "messaging.message.id": str(row["event_id"]),
        "messaging.kafka.message.key": row["key"],
    }
    headers = {name: value for name, value in stored.items() if name == "correlation_id"}
    with tracer.start_as_current_span(f"{row['topic']} publish", propagate.extract(stored), SpanKind.PRODUCER, attributes):
        propagate.inject(headers)
    return headers


async def _send_heartbeat(producer: AIOKafkaProducer, heartbeat: Heartbeat, as_of: datetime) -> None:
    answers: list[asyncio.Future[Any]] = []
    trace_headers: dict[str, str] = {}
    propagate.inject(trace_headers)  # the relay is untraced: who reads the heartbeat shall not record a trace of it either
    untold = [(name, value.encode()) for name, value in trace_headers.items()]
    for partition in sorted(await producer.partitions_for(heartbeat.topic)):
        message = heartbeat.event(as_of, partition)
        headers = [("event_type", message.event_type.encode()), ("content-type", b"application/json"), *untold]
        body = message.model_dump_json().encode()
        answers.append(await producer.send(heartbeat.topic, body, key=message.key().encode(), partition=partition, headers=headers))
    await asyncio.gather(*answers)


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Stop at once instead of flushing: what is still in the buffer is unmarked and will be sent again, in order, by the next leader."""
    producer._closed = True  # noqa: SLF001  # the public stop() waits for the buffer to drain
    with contextlib.suppress(KafkaError, OSError, asyncio.CancelledError):
        if producer._sender.sender_task is not None:  # noqa: SLF001
            await producer._sender.close()  # noqa: SLF001
    await producer.client.close()


def _count(status: str) -> int:
    return int(status.rsplit(" ", 1)[-1])
