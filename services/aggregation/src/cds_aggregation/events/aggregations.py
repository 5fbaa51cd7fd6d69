"""`utility.aggregations`: groups and their members."""

from datetime import UTC, datetime
from typing import Annotated

from faststream import Context
from faststream.kafka import KafkaRouter

from cds_aggregation.application.record_aggregation import record_aggregation
from cds_aggregation.application.refresh import refresh
from cds_aggregation.domain.rules import Rules
from cds_common.events.utility import AggregationRecordedV1
from cds_common.inbox import once
from cds_common.kafka import Sessions, event_type, subscriber

router = KafkaRouter()
UtilityRules = Annotated[Rules, Context("rules")]
aggregations = subscriber(router, AggregationRecordedV1.topic, service="aggregation")


@aggregations(filter=event_type(AggregationRecordedV1.type_name()))
async def on_aggregation(event: AggregationRecordedV1, sessions: Sessions, rules: UtilityRules) -> None:
    """Store a group; it and the groups that hold it are published anew."""
    now = datetime.now(UTC)
    async with once(sessions, consumer="aggregation.aggregations", event_id=event.event_id) as session:
        if session is not None:
            for aggregation_id in await record_aggregation(session, event, now):
                await refresh(session, aggregation_id, rules, now)


@aggregations
async def ignore_unknown(event: dict[str, object]) -> None:
    """Newer event types are not ours to fail on."""
