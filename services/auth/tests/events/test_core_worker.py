"""The worker as it runs: a real bus, the relay, the heartbeat, the clock."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from cds_auth.worker import PLAN
from cds_common.events.envelope import IntegrationEvent
from cds_common.events.grants import GrantReadinessV1
from cds_common.events.topics import TOPICS
from cds_common.testing.kafka import read_all
from cds_common.worker import running
from services.auth.tests.core_builders import a_consent_client
from services.auth.tests.core_driver import Core

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.fixture(scope="module")
def own_bus() -> Iterator[str]:
    """A broker of its own: the worker reads topics by their real names."""
    from cds_local.java import JavaMissing
    from cds_local.kafka import kafka

    try:
        with kafka() as broker:
            yield broker.bootstrap_servers
    except JavaMissing as error:
        pytest.skip(f"no Kafka can be had: {error}")


@asynccontextmanager
async def bus_with_topics(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, 1, 1) for topic in TOPICS for name in (topic.name, topic.dead)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    yield producer
    await producer.stop()


async def send(producer: AIOKafkaProducer, event: IntegrationEvent) -> None:
    headers = [("event_type", event.event_type.encode()), ("event_id", str(event.event_id).encode())]
    await producer.send_and_wait(event.topic, event.model_dump_json().encode(), key=event.key().encode(), headers=headers)


async def until(condition: Any, seconds: float = 30) -> None:
    deadline = datetime.now(UTC) + timedelta(seconds=seconds)
    while not await condition():
        assert datetime.now(UTC) < deadline, "it did not happen in time"
        await asyncio.sleep(0.1)


async def test_client_consent_readiness_expiry_over_a_real_bus(core: Core, own_bus: str) -> None:
    settings = core.settings.model_copy(update={"kafka_bootstrap_servers": own_bus, "worker_health_port": 0})
    async with bus_with_topics(own_bus) as producer, running(settings, PLAN):
        client = a_consent_client()
        await send(producer, client.snapshot)

        async def known() -> bool:
            return (await core.token(client, grant_type="refresh_token", refresh_token="x")).status_code == 400

        await until(known)
        code = await core.consent(client, ready=False)
        for service in ("accounts", "usage"):
            await send(producer, GrantReadinessV1(grant_id=code.grant.grant_id, entries_version=1, service=service, outcome="ready"))

        async def is_active() -> bool:
            return (await core.grant(code.grant.grant_id)).status == "active"

        await until(is_active)
        from dataclasses import replace

        soon = datetime.now(UTC) + timedelta(seconds=1)
        await core.change(code.grant.grant_id, lambda grant: replace(grant, not_after=soon, expires=soon).changed(soon))

        async def has_expired() -> bool:
            return (await core.grant(code.grant.grant_id)).status == "expired"

        await until(has_expired)

        async def is_published() -> bool:
            return "expired" in await statuses(own_bus, code.grant.grant_id)

        await until(is_published)
        assert await statuses(own_bus, code.grant.grant_id) == ["pending", "active", "active", "expired"]
        assert await heartbeat_is_later_than(own_bus, soon)


async def statuses(bootstrap: str, grant_id: str) -> list[str]:
    records = await read_all(bootstrap, "cds.grants")
    return [json.loads(record.value or b"")["status"] for record in records if record.key == grant_id.encode()]


async def heartbeat_is_later_than(bootstrap: str, moment: datetime) -> bool:
    async def beats() -> bool:
        records = await read_all(bootstrap, "cds.grants")
        found = [json.loads(record.value or b"")["as_of"] for record in records if record.key == b"heartbeat"]
        return any(datetime.fromisoformat(as_of) > moment for as_of in found)

    await until(beats)
    return True
