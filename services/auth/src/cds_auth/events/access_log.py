"""`cds.access`: who read what, shown to the customer whose data it was."""

from typing import Any

from faststream.kafka import KafkaRouter

from cds_auth.persistence.customer_tables import AccessLogRow
from cds_auth.persistence.receipts import add_accesses
from cds_common.events.grants import AccessLoggedV1
from cds_common.inbox import once
from cds_common.kafka import Sessions, event_type, subscriber

router = KafkaRouter()
accesses = subscriber(router, "cds.access", service="auth")


@accesses(filter=event_type("access.logged.v1"))
async def on_access(event: AccessLoggedV1, sessions: Sessions) -> None:
    """One line per Grant that the request read through."""
    async with once(sessions, consumer="auth.access", event_id=event.event_id) as tx:
        if tx is not None:
            await add_accesses(tx, [_line(event, grant_id) for grant_id in dict.fromkeys(event.grant_ids)])


@accesses
async def ignore_unknown(event: dict[str, Any]) -> None:
    """Newer event types are not ours to fail on."""


def _line(event: AccessLoggedV1, grant_id: str) -> AccessLogRow:
    return AccessLogRow(
        event_id=event.event_id,
        at=event.occurred_at,
        grant_id=grant_id,
        client_id=event.client_id,
        service=event.service,
        endpoint=event.endpoint,
        object_count=event.object_count,
    )
