"""The batch of days as a worker takes it: partitions first, then inbox rows and effect in one transaction."""

from collections.abc import Sequence

from cds_aggregation.application.record_usage import record_usage
from cds_aggregation.domain.rules import Rules
from cds_aggregation.persistence.inbox_batch import claim_events
from cds_aggregation.persistence.partitions import Partitions
from cds_common.db import Sessions
from cds_common.events.values import UsageDayV1


async def ingest_usage(sessions: Sessions, partitions: Partitions, rules: Rules, messages: Sequence[dict[str, object]]) -> int:
    """Handle a batch; returns how many messages were new.

    Raises:
        ValueError: a message is not valid; the bus then offers each message of the batch alone.
    """
    known = [message for message in messages if message.get("event_type") == UsageDayV1.type_name()]
    events = [UsageDayV1.model_validate(message) for message in known]  # newer types are not ours to fail on
    if not events:
        return 0
    await partitions.ensure(event.day for event in events)
    async with sessions.begin() as session:
        new = await claim_events(session, consumer="aggregation.usage", event_ids=[event.event_id for event in events])
        await record_usage(session, [event for event in events if event.event_id in new], rules.timezone)
    return len(new)
