"""`utility.accounts`: Accounts as the utility knows them."""

from datetime import UTC, datetime
from typing import Annotated, Any

from faststream import Context
from faststream.kafka import KafkaRouter

from cds_accounts.application.record_object import record_object
from cds_accounts.domain import versions
from cds_accounts.events.wake import Wake
from cds_accounts.settings import Settings
from cds_common.events.utility import AccountRecordedV1
from cds_common.inbox import once
from cds_common.kafka import Sessions, event_type, subscriber
from cds_common.utility.entities import covered_numbers, numbered_as_covered

router = KafkaRouter()
messages = subscriber(router, "utility.accounts", service="accounts")


@messages(filter=event_type(AccountRecordedV1.type_name()))
async def on_account(event: AccountRecordedV1, sessions: Sessions, wake: Wake, settings: Annotated[Settings, Context("settings")]) -> None:
    """Store the version; a repeated message changes nothing."""
    async with once(sessions, consumer="accounts.utility.accounts", event_id=event.event_id) as session:
        if session is not None:
            known = numbered_as_covered(event, covered_numbers(settings.utility_config))
            await record_object(session, versions.of_account(known), now=datetime.now(UTC))
    wake.set()


@messages
async def ignore_unknown(event: dict[str, Any]) -> None:
    """Newer event types are not ours to fail on."""
