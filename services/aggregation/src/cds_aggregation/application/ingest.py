"""The batch of days as a worker takes it: partitions first, then inbox rows and effect in one transaction."""

from collections.abc import Sequence

from cds_aggregation.application.record_usage import record_usage
from cds_aggregation.domain.rules import Rules
from cds_aggregation.persistence.partitions import Partitions
from cds_common.batches import events_of, shares
from cds_common.db import Sessions
from cds_common.events.values import UsageDaysV1
from cds_common.inbox import once_each

MAX_DAYS = 2_000
"""Days in one transaction: about a second of work, well below the time limit of a statement."""


async def ingest_usage(sessions: Sessions, partitions: Partitions, rules: Rules, messages: Sequence[dict[str, object]]) -> int:
    """Handle a batch in transactions of about `MAX_DAYS` days; returns how many messages were new.

    Raises:
        ValueError: a message is not valid; the bus then offers each message of the batch alone.
    """
    events = events_of(UsageDaysV1, messages)
    return sum([await _ingest(sessions, partitions, rules, share) for share in shares(events, lambda event: len(event.days), MAX_DAYS)])


async def _ingest(sessions: Sessions, partitions: Partitions, rules: Rules, events: Sequence[UsageDaysV1]) -> int:
    await partitions.ensure(day.day for event in events for day in event.days)
    async with once_each(sessions, consumer="aggregation.usage", events=events) as (session, new):
        await record_usage(session, [day for event in new for day in event.days], rules.timezone)
    return len(new)
