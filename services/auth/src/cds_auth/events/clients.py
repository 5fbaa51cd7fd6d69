"""`cds.clients`: keeps this service's copy of the Client Objects and enforces what changed."""

from datetime import UTC, datetime
from typing import Annotated

from faststream import Context
from faststream.kafka import KafkaRouter

from cds_auth.application.apply_client import apply_client
from cds_auth.application.rules import AuthRules
from cds_common.events.clients import ClientPublishedV1
from cds_common.inbox import once
from cds_common.kafka import Sessions, event_type, subscriber

router = KafkaRouter()
clients = subscriber(router, "cds.clients", service="auth")


@clients(filter=event_type("client.published.v1"))
async def on_client(event: ClientPublishedV1, sessions: Sessions, rules: Annotated[AuthRules, Context("rules")]) -> None:
    """A Client changed."""
    async with once(sessions, consumer="auth.clients", event_id=event.event_id) as tx:
        if tx is not None:
            await apply_client(tx, event, rules=rules, now=datetime.now(UTC))


@clients
async def ignore_unknown(event: dict[str, object]) -> None:
    """Newer event types are not ours to fail on."""
