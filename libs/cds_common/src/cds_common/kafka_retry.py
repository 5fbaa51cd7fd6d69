"""What happens when a message cannot be handled: retry while the cause is outside, else park it in `<topic>.dead`."""

import asyncio
import copy
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pydantic
import structlog
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError
from fast_depends.exceptions import ValidationError as ArgumentsRefused
from faststream import BaseMiddleware
from faststream.exceptions import HandlerException, SubscriberNotFound
from faststream.kafka import KafkaBroker, KafkaMessage
from sqlalchemy import exc as sql

from cds_common.faults import growing_pause, is_transient
from cds_common.inbox import MessagePlace, current_place, current_records
from cds_common.metrics import DEAD_LETTERS, MESSAGE_RETRIES

log = structlog.get_logger(__name__)

Record = ConsumerRecord[bytes, bytes]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a consumer insists. Pauses grow by factor 2 up to `longest_pause`; all in seconds."""

    attempts: int = 3
    first_pause: float = 0.2
    longest_pause: float = 10.0
    transient_budget: float = 60.0
    """Time in one delivery after which a transient fault gives the message back to the bus, which delivers it again."""

    def pauses(self) -> Iterator[float]:
        """Endless growing pauses."""
        return (growing_pause(n, first=self.first_pause, longest=self.longest_pause) for n in itertools.count(1))


@dataclass(slots=True)
class ConsumerHealth:
    """Partitions that are held up by a transient fault right now, with its type; readiness shows them."""

    stalled: dict[tuple[str, int], str] = field(default_factory=dict[tuple[str, int], str])

    def freed(self, places: Iterable[tuple[str, int]]) -> None:
        """Messages of these partitions were handled or parked."""
        for place in places:
            self.stalled.pop(place, None)


def describe(error: BaseException) -> str:
    """Say what went wrong without values from the message: they may be personal."""
    if isinstance(error, pydantic.ValidationError):
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['type']}" for fault in faults[:10])
    if isinstance(error, ArgumentsRefused):
        return describe(error.original_error)
    if isinstance(error, sql.DBAPIError):
        constraint = getattr(getattr(error.orig, "__cause__", None), "constraint_name", None)
        return f"database refused: {getattr(error.orig, 'sqlstate', '?')} {constraint or ''}".strip()
    if isinstance(error, ValueError):
        return type(error).__name__
    return str(error)[:500]


def retry_middleware(broker: KafkaBroker, *, service: str, policy: RetryPolicy) -> Callable[..., BaseMiddleware[Any, Any]]:
    """Build the innermost middleware of `broker`; dead letters go out through the same broker."""
    parking = _Parking(broker, service, policy)

    def build(msg: Any, /, *, context: Any) -> _RetryMiddleware:
        return _RetryMiddleware(msg, context=context, parking=parking)

    return build


class _Parking:
    """Writes messages that cannot be applied to `<topic>.dead`, however long the bus needs."""

    def __init__(self, broker: KafkaBroker, service: str, policy: RetryPolicy) -> None:
        self.broker, self.service, self.policy, self.health = broker, service, policy, ConsumerHealth()
        broker.context.set_global("consumer_health", self.health)

    async def park(self, record: Record, error: BaseException) -> None:
        headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}  # Kafka allows null
        headers |= {
            "error": describe(error),
            "error_type": type(error).__name__,
            "original_topic": record.topic,
            "original_partition": str(record.partition),
            "original_offset": str(record.offset),
            "original_key": (record.key or b"").decode("utf-8", "replace"),
            "service": self.service,
        }
        for pause in self.policy.pauses():
            try:
                await self.broker.publish(record.value or b"", topic=f"{record.topic}.dead", key=record.key, headers=headers)
            except (KafkaError, OSError, TimeoutError) as fault:
                log.warning("dead_letter_waits", topic=record.topic, fault=type(fault).__name__)
                await asyncio.sleep(pause)
            else:
                break
        DEAD_LETTERS.labels(record.topic, type(error).__name__).inc()
        log.error(
            "message_parked", topic=record.topic, partition=record.partition, offset=record.offset,
            error_type=type(error).__name__, error=headers["error"],
        )  # fmt: skip


class _RetryMiddleware(BaseMiddleware[Any, Any]):
    __slots__ = ("_parking",)

    def __init__(self, msg: Any, /, *, context: Any, parking: _Parking) -> None:
        super().__init__(msg, context=context)
        self._parking = parking

    async def consume_scope(self, call_next: Callable[..., Any], msg: Any) -> Any:
        """Run the handler until it succeeds, the message is parked, or the bus must deliver it again."""
        records = _records(msg.raw_message)
        first = records[0]
        place_token = current_place.set(MessagePlace(first.topic, first.partition, first.offset))
        records_token = current_records.set(records)
        try:
            return await self._insist(call_next, msg, records)
        finally:
            current_records.reset(records_token)
            current_place.reset(place_token)

    async def after_processed(
        self,
        exc_type: Any = None,  # noqa: ARG002  # FastStream's signature
        exc_val: BaseException | None = None,
        exc_tb: Any = None,  # noqa: ARG002
    ) -> bool | None:
        """Park what never reached a handler: unreadable headers, or no handler for it."""
        if exc_val is None or not isinstance(exc_val, Exception) or isinstance(exc_val, HandlerException) or is_transient(exc_val):
            return False
        for record in _records(self.msg):
            await self._parking.park(record, exc_val)
        return True

    async def _insist(self, call_next: Callable[..., Any], msg: Any, records: tuple[Record, ...]) -> Any:
        policy, stalled = self._parking.policy, self._parking.health.stalled
        # A batch that comes again after its time may be another mixture: each of its partitions is held up, and freed, by itself.
        topic, places = records[0].topic, {(record.topic, record.partition) for record in records}
        loop = asyncio.get_running_loop()
        started, failures = loop.time(), 0
        for pause in policy.pauses():
            try:
                result = await call_next(msg)
            except HandlerException:
                raise  # an explicit ack, nack or reject of the handler
            except Exception as error:
                if is_transient(error):
                    stalled.update(dict.fromkeys(places, type(error).__name__))
                    log.warning("message_waits", topic=topic, partition=records[0].partition, error_type=type(error).__name__)
                    if loop.time() - started > policy.transient_budget:
                        raise
                else:
                    failures += 1
                    if failures >= policy.attempts or _never_better(error):
                        self._parking.health.freed(places)
                        return await self._give_up(call_next, msg, records, error)
                MESSAGE_RETRIES.labels(topic, type(error).__name__).inc()
                await asyncio.sleep(pause)
            else:
                self._parking.health.freed(places)
                return result
        raise AssertionError("pauses are endless")

    async def _give_up(self, call_next: Callable[..., Any], msg: Any, records: tuple[Record, ...], error: Exception) -> None:
        if len(records) == 1:
            await self._parking.park(records[0], error)
            return
        # One bad message must not take its batch along: it is looked for by halves, and parked on its own.
        middle = len(records) // 2
        for half in (records[:middle], records[middle:]):
            await self.consume_scope(call_next, _part(msg, half))


def _records(raw: Any) -> tuple[Record, ...]:
    return tuple(raw) if isinstance(raw, list | tuple) else (raw,)


def _part(msg: KafkaMessage, records: tuple[Record, ...]) -> KafkaMessage:
    part = copy.copy(msg)
    part.raw_message, part.body = records, [record.value or b"" for record in records]
    part.batch_headers = [{name: value.decode() for name, value in record.headers} for record in records]
    part.headers = part.batch_headers[0]
    return part


def _never_better(error: Exception) -> bool:
    return isinstance(error, pydantic.ValidationError | ArgumentsRefused | SubscriberNotFound | ValueError)
