"""`cds.aggregations`: which points an Aggregation groups, for Grants that reach Aggregations."""

from typing import Any

from faststream.kafka import KafkaRouter

from cds_accounts.events.wake import Wake
from cds_accounts.persistence.aggregations import Aggregations
from cds_accounts.persistence.refresh_queue import RefreshQueue
from cds_common.events.values import AggregationPublishedV1
from cds_common.inbox import once
from cds_common.kafka import Sessions, event_type, subscriber

router = KafkaRouter()
messages = subscriber(router, "cds.aggregations", service="accounts")


@messages(filter=event_type(AggregationPublishedV1.type_name()))
async def on_aggregation(event: AggregationPublishedV1, sessions: Sessions, wake: Wake) -> None:
    """Keep the newest version; Grants that depend on it are resolved again."""
    async with once(sessions, consumer="accounts.aggregations", event_id=event.event_id) as session:
        if session is not None and await Aggregations(session).apply(event):
            await RefreshQueue(session).add("aggregation", [event.aggregation_id])
    wake.set()


@messages
async def ignore_unknown(event: dict[str, Any]) -> None:
    """Newer event types are not ours to fail on."""
