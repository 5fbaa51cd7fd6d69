"""What a customer sees and ends of the Grants that concern them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.rules import AuthRules
from cds_auth.application.settle_grant import change_grant
from cds_auth.domain.grant import Grant
from cds_auth.domain.grant_status import GrantStatus
from cds_auth.persistence.grants import Grants


async def get_grant(tx: AsyncSession, grant_id: str) -> Grant:
    """The Grant; the caller knows why it may be seen.

    Raises:
        GrantNotFound: there is none.
    """
    return await Grants(tx).get(grant_id)


async def list_customer_grants(tx: AsyncSession, customer_id: UUID, *, limit: int = 1000) -> list[Grant]:
    """All Grants that the customer authorized or is asked to, last changed first."""
    return await Grants(tx).list_of_customer(customer_id, limit)


async def revoke_grant_by_customer(tx: AsyncSession, grant_id: str, *, now: datetime, rules: AuthRules) -> Grant:
    """End a Grant on its customer's word; one that has ended stays as it is.

    Raises:
        GrantNotFound: there is none.
    """

    def revoke(grant: Grant) -> Grant:
        return grant if grant.is_ended else grant.end(GrantStatus.REVOKED, now)

    return await change_grant(tx, grant_id, revoke, rules=rules, now=now)
