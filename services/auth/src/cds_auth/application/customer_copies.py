"""A customer became known or changed: keep the snapshot, and give a test account its published login."""

from collections.abc import Iterable

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.customer_logins import create_test_login
from cds_auth.domain.customer_errors import LoginNameTaken
from cds_auth.persistence import customer_copies
from cds_common.events.resources import CustomerPublishedV1
from cds_common.ids import resource_id
from cds_common.utility.parts import TestAccount

log = structlog.get_logger(__name__)


async def record_customer(tx: AsyncSession, event: CustomerPublishedV1, test_accounts: Iterable[TestAccount]) -> None:
    """Keep the snapshot unless a newer one is here. Passwords that everybody can read open the sandbox only."""
    await customer_copies.store_customer(tx, event)
    if event.environment != "sandbox":
        return
    for account in test_accounts:
        if resource_id("sandbox", "customer", account.customer_ref) == event.customer_id:
            try:
                await create_test_login(
                    tx,
                    login_name=account.login_name,
                    password=account.password,
                    customer_id=event.customer_id,
                    now=event.occurred_at,
                )
            except LoginNameTaken:
                log.warning("test_login_name_taken")
