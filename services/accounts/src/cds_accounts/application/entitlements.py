"""Entitlements for a data service that meets a Grant before its events arrive (design §3 b)."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from cds_accounts.application.resolve_grant import resolve_grant
from cds_accounts.persistence.refresh_queue import RefreshQueue
from cds_accounts.persistence.resolutions import Resolutions
from cds_common.events.grants import GrantPublishedV1
from cds_common.events.resources import EntitlementsResolvedV1
from cds_common.grant_copy import apply_grant


async def read_entitlements(
    session: AsyncSession, grant: GrantPublishedV1, *, zone: ZoneInfo, now: datetime
) -> EntitlementsResolvedV1 | None:
    """The entitlements of `grant` (as auth has it now), resolved on the spot if they are not held for these entries.

    The Grant is queued too: a change of relations that commits at the same time is then not missed.

    Raises:
        TooManyObjects: the Grant's filters match more than a list can hold.
    """
    await apply_grant(session, grant, checked_at=now)
    resolutions = Resolutions(session)
    held = await resolutions.find(grant.grant_id)
    if held is None or held.entries_version < grant.entries_version:
        await resolve_grant(session, grant.grant_id, zone=zone, now=now)
        await RefreshQueue(session).add("grant", [grant.grant_id])
        held = await resolutions.find(grant.grant_id)
    return None if held is None else EntitlementsResolvedV1.model_validate_json(held.body)
