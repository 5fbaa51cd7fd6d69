"""Readiness of consumers: they are connected, not held up, and not far behind."""

from typing import Any

from aiokafka import AIOKafkaConsumer
from faststream.kafka import KafkaBroker

from cds_common.health import Check
from cds_common.kafka_retry import ConsumerHealth


def consumers_check(broker: KafkaBroker, lag_limit: int) -> Check:
    """Every subscriber has joined its group; messages behind, by the brokers' last answers, are at most `lag_limit`."""

    async def check() -> dict[str, Any]:
        health: ConsumerHealth = broker.context.get("consumer_health")
        lag, idle = 0, 0
        for subscriber in broker.subscribers:
            consumer: AIOKafkaConsumer | None = getattr(subscriber, "consumer", None)
            if consumer is None or not subscriber.running:
                idle += 1
                continue
            for partition in consumer.assignment():
                end = consumer.highwater(partition)
                position = consumer._subscription.subscription.assignment.state_value(partition).position if end else None  # noqa: SLF001
                lag += max(0, end - position) if end and position is not None else 0
        stalled = {f"{topic}/{partition}": error for (topic, partition), error in health.stalled.items()}
        return {"ok": idle == 0 and lag <= lag_limit and not stalled, "lag": lag, "not_connected": idle, "stalled": stalled}

    return check
