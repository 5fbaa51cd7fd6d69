"""`cds.access`: who read what, shown to the customer whose data it was."""

from typing import Any

from faststream.kafka import KafkaRouter

from cds_auth.persistence.receipts import add_accesses
from cds_common.events.grants import AccessesLoggedV1, LoggedAccess
from cds_common.inbox import once
from cds_common.kafka import Sessions, event_type, subscriber

router = KafkaRouter()
accesses = subscriber(router, "cds.access", service="auth")


@accesses(filter=event_type("accesses.logged.v1"))
async def on_accesses(event: AccessesLoggedV1, sessions: Sessions) -> None:
    """One line for each Grant that a request read through."""
    async with once(sessions, consumer="auth.access", event_id=event.event_id) as tx:
        if tx is not None:
            lines = [_line(event, each, grant_id) for each in event.accesses for grant_id in dict.fromkeys(each.grant_ids)]
            await add_accesses(tx, lines)


@accesses
async def ignore_unknown(event: dict[str, Any]) -> None:
    """Newer event types are not ours to fail on."""


def _line(event: AccessesLoggedV1, access: LoggedAccess, grant_id: str) -> dict[str, Any]:
    return {
        "event_id": event.event_id,
        "at": access.at,
        "grant_id": grant_id,
        "client_id": access.client_id,
        "service": event.service,
        "endpoint": access.endpoint,
        "object_count": access.object_count,
    }
