"""The bus as every worker uses it: one broker with tracing, exact JSON, retry and dead letters."""

import asyncio
import dataclasses
import ssl
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from faststream import AckPolicy, BaseMiddleware, Context
from faststream.kafka import KafkaBroker, KafkaRouter
from faststream.kafka.opentelemetry import KafkaTelemetryMiddleware
from faststream.message import StreamMessage
from faststream.security import BaseSecurity, SASLScram512
from faststream.specification import AsyncAPI
from opentelemetry import propagate, trace

from cds_common import db, exact_json
from cds_common.groups import consumer_group
from cds_common.kafka_retry import ConsumerHealth, RetryPolicy, retry_middleware
from cds_common.settings import CommonSettings
from cds_common.telemetry import is_unrecorded, untraced

tracer = trace.get_tracer(__name__)

__all__ = [
    "ConsumerHealth", "RetryPolicy", "Sessions", "asyncapi_document", "build_broker", "build_producer", "continued", "event_type",
    "subscriber",
]  # fmt: skip

Sessions = Annotated[db.Sessions, Context("sessions")]
"""Handler parameter: the sessions of this worker, for `once`."""

_WAIT_MS = 2_000
"""How long a consumer with nothing to read waits for an answer; partitions that it gets from another are asked for only then."""
_TURN_MS = 60_000
_NEVER_SECONDS = 1e6


def event_type(*names: str) -> Callable[[StreamMessage[Any]], bool]:
    """Filter of a handler: only messages whose `event_type` header is one of `names`."""
    wanted = frozenset(names)

    def chosen(message: StreamMessage[Any]) -> bool:
        return message.headers.get("event_type") in wanted

    return chosen


def subscriber(
    router: KafkaRouter,
    topic: str,
    *,
    service: str,
    batch: bool = False,
    max_records: int = 200,
) -> Any:
    """Subscribe `router` to a topic by the conventions of the project: a group of its own, from the start, nothing acknowledged early.

    With `batch` the handler gets a list of at most `max_records` messages, those that are there.
    """
    return router.subscriber(
        topic,
        group_id=consumer_group(service, topic),
        ack_policy=AckPolicy.NACK_ON_ERROR,
        auto_offset_reset="earliest",
        session_timeout_ms=10_000,
        heartbeat_interval_ms=1_000,  # members hear of a newcomer by their next heartbeat, and it reads only then
        fetch_max_wait_ms=_WAIT_MS,
        consumer_timeout_ms=_WAIT_MS,
        batch=batch,
        max_records=max_records if batch else None,
    )


async def _parse(raw: Any, parse: Callable[[Any], Awaitable[StreamMessage[Any]]]) -> StreamMessage[Any]:
    """Kafka allows headers without a value and in any bytes: one such message must not take its batch along."""
    try:
        return await parse(raw)
    except (AttributeError, UnicodeDecodeError):
        return await parse(tuple(map(_readable, raw)) if isinstance(raw, tuple) else _readable(raw))


def _readable(record: ConsumerRecord[Any, Any]) -> ConsumerRecord[Any, Any]:
    headers = [(name, (value or b"").decode("utf-8", "replace").encode()) for name, value in record.headers]
    return dataclasses.replace(record, headers=headers)


async def _decode(message: StreamMessage[Any]) -> Any:
    """Read JSON with exact numbers, whatever the content type says; a batch gives a list (Kafka hands a tuple, the test bus a list)."""
    if isinstance(message.raw_message, list | tuple):
        bodies: Any = message.body
        return [_typed(exact_json.decode(body), headers) for body, headers in zip(bodies, message.batch_headers, strict=True)]
    return exact_json.decode(message.body)


def _typed(body: Any, headers: dict[str, str]) -> Any:
    """A batch does not show its headers to the handler: what a header alone says about the type is said by the body as well."""
    if isinstance(body, dict) and "event_type" not in body and "event_type" in headers:
        return {**body, "event_type": headers["event_type"]}
    return body


class _QuietBatches(BaseMiddleware[Any, Any]):
    """A batch of messages whose traces nobody records makes no trace of its own; the next middleware would begin one for each batch."""

    async def consume_scope(self, call_next: Callable[..., Awaitable[Any]], msg: StreamMessage[Any]) -> Any:
        """Handle the batch, or message."""
        if msg.batch_headers and all(is_unrecorded(headers.get("traceparent", "")) for headers in msg.batch_headers):
            with untraced():
                return await call_next(msg)
        return await call_next(msg)


@contextmanager
def continued(record: ConsumerRecord[Any, Any]) -> Iterator[None]:
    """Handle one message of a batch in the trace of its own producer."""
    attributes = {
        "messaging.system": "kafka",
        "messaging.operation": "process",
        "messaging.destination_publish.name": record.topic,
        "messaging.kafka.destination.partition": record.partition,
        "messaging.kafka.message.offset": record.offset,
    }
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    with tracer.start_as_current_span(f"{record.topic} process", propagate.extract(headers), trace.SpanKind.CONSUMER, attributes):
        yield


class PatientConsumer(AIOKafkaConsumer):
    """A consumer that sleeps at the broker until something comes, and then sees it at once, whichever partition it came to.

    aiokafka asks for more a tenth of a second after an answer, without the partitions whose messages nobody has taken yet. What comes to
    these is then seen only when that request has waited its time at the broker. Here a request waits until everything was taken, and so
    asks for all partitions; it may wait long.
    """

    async def start(self) -> None:
        """Join the group."""
        await super().start()
        assert self._fetcher is not None  # noqa: S101  # made by the line above
        self._fetcher._prefetch_backoff = _NEVER_SECONDS  # noqa: SLF001  # no parameter of the consumer leads there

    async def getmany(
        self,
        *partitions: TopicPartition,
        timeout_ms: int = 0,  # noqa: ARG002  # aiokafka's signature
        max_records: int | None = None,
    ) -> dict[TopicPartition, list[ConsumerRecord[Any, Any]]]:
        """Wait for messages as long as it takes, whatever `timeout_ms`; nothing only from a consumer that ends."""
        while not (found := await super().getmany(*partitions, timeout_ms=_TURN_MS, max_records=max_records)):
            if self._closed:
                break
        return found


class _Broker(KafkaBroker):
    """A broker of patient consumers, whose subscribers join their groups side by side: each waits until its group has settled."""

    async def _connect(self) -> Callable[..., AIOKafkaConsumer]:
        builder: Any = await super()._connect()
        self.config.broker_config.builder = partial(PatientConsumer, **builder.keywords)
        return self.config.broker_config.builder

    async def start(self) -> None:
        await self.connect()
        joined = await asyncio.gather(*(subscriber.start() for subscriber in self.subscribers), return_exceptions=True)
        for outcome in joined:
            if isinstance(outcome, BaseException):
                raise outcome
        for publisher in self.publishers:
            await publisher.start()
        self.running = True


def build_broker(settings: CommonSettings, *, routers: Iterable[KafkaRouter] = (), retry: RetryPolicy | None = None) -> KafkaBroker:
    """The broker of a worker, not yet connected. Set the context global `sessions` before it starts.

    Its producer is idempotent and waits for all replicas. Topics are created by the operator, never by the way.
    """
    broker = _Broker(
        settings.kafka_bootstrap_servers.split(","),
        client_id=f"cds-{settings.service}",
        security=_security(settings),
        acks="all",
        enable_idempotence=True,
        allow_auto_create_topics=False,
        request_timeout_ms=10_000,
        graceful_timeout=15.0,
        parser=_parse,
        decoder=_decode,
        routers=tuple(routers),
        logger=None,
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )
    broker.add_middleware(_QuietBatches)
    broker.add_middleware(KafkaTelemetryMiddleware(tracer_provider=trace.get_tracer_provider()))
    broker.add_middleware(retry_middleware(broker, service=settings.service, policy=retry or RetryPolicy()))
    return broker


def build_producer(settings: CommonSettings) -> AIOKafkaProducer:
    """The relay's own producer: idempotent, so that a retried batch neither doubles nor overtakes."""
    scram = settings.kafka_username is not None
    return AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        client_id=f"cds-{settings.service}-relay",
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
        linger_ms=5,
        request_timeout_ms=10_000,
        security_protocol=_protocol(settings),
        ssl_context=_ssl(settings),
        sasl_mechanism="SCRAM-SHA-512" if scram else "PLAIN",
        sasl_plain_username=settings.kafka_username,
        sasl_plain_password=settings.kafka_password.get_secret_value() if settings.kafka_password else None,
    )


def asyncapi_document(settings: CommonSettings, routers: Iterable[KafkaRouter]) -> dict[str, Any]:
    """The AsyncAPI document of a service: what its worker reads (what it publishes is in the contracts of `cds_common.events`)."""
    document = AsyncAPI(
        build_broker(settings, routers=routers),
        title=f"cds-server {settings.service}",
        version="1",
        schema_version="3.0.0",
    )
    return document.to_specification().to_jsonable()


def _ssl(settings: CommonSettings) -> ssl.SSLContext | None:
    return ssl.create_default_context(cafile=str(settings.kafka_ca_file)) if settings.kafka_ca_file else None


def _protocol(settings: CommonSettings) -> str:
    secured = "SSL" if settings.kafka_ca_file else "PLAINTEXT"
    return f"SASL_{secured}" if settings.kafka_username else secured


def _security(settings: CommonSettings) -> BaseSecurity | None:
    context = _ssl(settings)
    if settings.kafka_username and settings.kafka_password:
        password = settings.kafka_password.get_secret_value()
        return SASLScram512(username=settings.kafka_username, password=password, ssl_context=context, use_ssl=context is not None)
    return BaseSecurity(ssl_context=context, use_ssl=True) if context else None
