"""An in-memory bus for event tests: handlers, retry and dead letters are the real ones, only Kafka is not there."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from faststream import BaseMiddleware
from faststream.kafka import KafkaBroker, KafkaRouter, TestKafkaBroker
from faststream.kafka.message import FAKE_CONSUMER
from pydantic import BaseModel

from cds_common.events.envelope import IntegrationEvent
from cds_common.kafka import RetryPolicy, build_broker
from cds_common.settings import CommonSettings

QUICK = RetryPolicy(attempts=3, first_pause=0.001, longest_pause=0.01, transient_budget=1.0)


@dataclass(frozen=True, slots=True)
class Parked:
    """A message that ended in `<topic>.dead`."""

    topic: str
    body: bytes
    headers: dict[str, str]


@dataclass(slots=True)
class MemoryBus:
    """Delivers what `publish` is given to the handlers under test, and keeps what they parked."""

    broker: KafkaBroker
    parked: list[Parked] = field(default_factory=list[Parked])

    async def publish(self, event: IntegrationEvent) -> None:
        """Deliver an event as the relay publishes it; returns when it is handled."""
        headers = {"event_type": event.event_type, "event_id": str(event.event_id), "content-type": "application/json"}
        await self.raw(event.topic, event.model_dump_json().encode(), key=event.key(), headers=headers)

    async def raw(self, topic: str, body: bytes | BaseModel, *, key: str = "key", headers: Mapping[str, str] | None = None) -> None:
        """Deliver any bytes."""
        data = body if isinstance(body, bytes) else body.model_dump_json().encode()
        await self.broker.publish(data, topic=topic, key=key.encode(), headers=dict(headers or {}))


@asynccontextmanager
async def memory_bus(
    settings: CommonSettings, routers: Iterable[KafkaRouter], *, context: Mapping[str, Any], retry: RetryPolicy = QUICK
) -> AsyncIterator[MemoryBus]:
    """Run the handlers of `routers` without Kafka. `context` holds what they ask for, at least `sessions`.

    A message that needs more than the retry policy's budget is dropped here, where Kafka would deliver it again.
    """
    broker = build_broker(settings, routers=routers, retry=retry)
    for name, value in {"settings": settings, **context}.items():
        broker.context.set_global(name, value)
    bus = MemoryBus(broker)
    broker.add_middleware(partial(_DeadLetterWatch, bus=bus))
    for subscriber in broker.subscribers:
        # A router that has run on a real bus in this process still holds its stopped consumer, which would never acknowledge.
        subscriber.parser._setup(FAKE_CONSUMER)  # noqa: SLF001  # pyright: ignore[reportAttributeAccessIssue,reportUnknownMemberType]
    async with TestKafkaBroker(broker):
        yield bus


class _DeadLetterWatch(BaseMiddleware[Any, Any]):
    __slots__ = ("_bus",)

    def __init__(self, msg: Any, /, *, context: Any, bus: MemoryBus) -> None:
        super().__init__(msg, context=context)
        self._bus = bus

    async def publish_scope(self, call_next: Any, cmd: Any) -> Any:
        if cmd.destination.endswith(".dead"):
            self._bus.parked.append(Parked(cmd.destination, cmd.body, dict(cmd.headers)))
        return await call_next(cmd)
