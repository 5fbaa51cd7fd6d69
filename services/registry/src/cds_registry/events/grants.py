"""`cds.grants`: the small copy by which tokens are checked here."""

from datetime import UTC, datetime

from faststream.kafka import KafkaRouter

from cds_common.events.grants import GrantPublishedV1, GrantsHeartbeatV1
from cds_common.inbox import current_place, once
from cds_common.kafka import Sessions, event_type, subscriber
from cds_registry.persistence.grants import concerns_registry, keep_grant, keep_heartbeat

router = KafkaRouter()
grants = subscriber(router, "cds.grants", service="registry")


@grants(filter=event_type(GrantPublishedV1.type_name()))
async def on_grant(event: GrantPublishedV1, sessions: Sessions) -> None:
    """Keep the newest version of Grants that open something here; all others are none of our business."""
    if not concerns_registry(event):
        return
    async with once(sessions, consumer="registry.grants", event_id=event.event_id) as session:
        if session is not None:
            await keep_grant(session, event)


@grants(filter=event_type(GrantsHeartbeatV1.type_name()))
async def on_heartbeat(event: GrantsHeartbeatV1, sessions: Sessions) -> None:
    """Note how fresh the copy is. One a second and partition, and repeating it changes nothing: no inbox row."""
    place = current_place.get()
    async with sessions.begin() as session:
        await keep_heartbeat(session, place.partition if place else 0, min(event.as_of, datetime.now(UTC)))


@grants
async def ignore_unknown(event: dict[str, object]) -> None:
    """Newer event types are not ours to fail on."""
