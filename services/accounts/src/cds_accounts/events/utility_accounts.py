"""`utility.accounts`: Accounts as the utility knows them."""

from datetime import UTC, datetime
from typing import Annotated

from faststream import Context
from faststream.kafka import KafkaRouter

from cds_accounts.application.record_object import record_object
from cds_accounts.domain import versions
from cds_accounts.events.wake import Wake
from cds_accounts.settings import Settings
from cds_common.batches import events_of
from cds_common.events.utility import AccountRecordedV1
from cds_common.inbox import once_each
from cds_common.kafka import Sessions, subscriber
from cds_common.utility.entities import covered_numbers, numbered_as_covered

router = KafkaRouter()
recorded = subscriber(router, AccountRecordedV1.topic, service="accounts", batch=True)


@recorded
async def on_accounts(
    messages: list[dict[str, object]], sessions: Sessions, wake: Wake, settings: Annotated[Settings, Context("settings")]
) -> None:
    """Store the versions; a repeated message changes nothing."""
    async with once_each(sessions, consumer="accounts.utility.accounts", events=events_of(AccountRecordedV1, messages)) as (session, new):
        for event in new:
            known = numbered_as_covered(event, covered_numbers(settings.utility_config))
            await record_object(session, versions.of_account(known), now=datetime.now(UTC))
    wake.set()
