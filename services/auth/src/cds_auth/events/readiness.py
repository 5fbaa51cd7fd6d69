"""`cds.readiness`: the data services say what they can serve, and Grants open."""

from datetime import UTC, datetime
from typing import Annotated

from faststream import Context
from faststream.kafka import KafkaRouter

from cds_auth.application.apply_readiness import apply_readiness
from cds_auth.application.rules import AuthRules
from cds_common.events.grants import GrantReadinessV1
from cds_common.inbox import once
from cds_common.kafka import Sessions, event_type, subscriber

router = KafkaRouter()
readiness = subscriber(router, "cds.readiness", service="auth")


@readiness(filter=event_type("grant.readiness.v1"))
async def on_readiness(event: GrantReadinessV1, sessions: Sessions, rules: Annotated[AuthRules, Context("rules")]) -> None:
    """A data service can serve a Grant, or names the consents that are missing."""
    async with once(sessions, consumer="auth.readiness", event_id=event.event_id) as tx:
        if tx is not None:
            await apply_readiness(tx, event, rules=rules, now=datetime.now(UTC))


@readiness
async def ignore_unknown(event: dict[str, object]) -> None:
    """Newer event types are not ours to fail on."""
