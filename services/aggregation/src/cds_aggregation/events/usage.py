"""`cds.usage`: the days of all Service Points, taken in batches."""

from typing import Annotated

from faststream import Context
from faststream.kafka import KafkaRouter

from cds_aggregation.application.ingest import ingest_usage
from cds_aggregation.domain.rules import Rules
from cds_aggregation.persistence.partitions import Partitions
from cds_common.events.values import UsageDaysV1
from cds_common.kafka import Sessions, subscriber

router = KafkaRouter()
UtilityRules = Annotated[Rules, Context("rules")]
MonthlyPartitions = Annotated[Partitions, Context("partitions")]
usage = subscriber(router, UsageDaysV1.topic, service="aggregation", batch=True, max_records=500)


@usage
async def on_usage(messages: list[dict[str, object]], sessions: Sessions, rules: UtilityRules, partitions: MonthlyPartitions) -> None:
    """One transaction per batch."""
    await ingest_usage(sessions, partitions, rules, messages)
