"""The bus as every worker uses it: one broker with tracing, exact JSON, retry and dead letters."""

import asyncio
import dataclasses
import ssl
from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Any

from aiokafka import AIOKafkaProducer, ConsumerRecord
from faststream import AckPolicy, Context
from faststream.kafka import KafkaBroker, KafkaRouter
from faststream.kafka.opentelemetry import KafkaTelemetryMiddleware
from faststream.message import StreamMessage
from faststream.security import BaseSecurity, SASLScram512
from faststream.specification import AsyncAPI
from opentelemetry import trace

from cds_common import db, exact_json
from cds_common.groups import consumer_group
from cds_common.kafka_retry import ConsumerHealth, RetryPolicy, retry_middleware
from cds_common.settings import CommonSettings

__all__ = [
    "ConsumerHealth", "RetryPolicy", "Sessions", "asyncapi_document", "build_broker", "build_producer", "event_type", "subscriber",
]  # fmt: skip

Sessions = Annotated[db.Sessions, Context("sessions")]
"""Handler parameter: the sessions of this worker, for `once`."""


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
    batch_timeout_ms: int = 100,
    prompt: bool = False,
) -> Any:
    """Subscribe `router` to a topic by the conventions of the project: a group of its own, from the start, nothing acknowledged early.

    With `batch` the handler gets a list of at most `max_records` messages, and waits at most `batch_timeout_ms` for the first.
    `prompt` is for facts that somebody waits for, such as the end of a Grant: a fetch leaves out partitions whose last messages are
    still being handled, and what comes there meanwhile is only seen once that fetch has waited at the broker.
    """
    return router.subscriber(
        topic,
        group_id=consumer_group(service, topic),
        ack_policy=AckPolicy.NACK_ON_ERROR,
        auto_offset_reset="earliest",
        session_timeout_ms=10_000,
        heartbeat_interval_ms=1_000,  # members hear of a newcomer by their next heartbeat, and it reads only then
        fetch_max_wait_ms=50 if prompt else 500,
        batch=batch,
        max_records=max_records if batch else None,
        batch_timeout_ms=batch_timeout_ms,
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


class _Broker(KafkaBroker):
    """A broker whose subscribers join their groups side by side: each waits until its group has settled."""

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
