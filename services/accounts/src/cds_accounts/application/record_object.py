"""Store what the utility says about an object; everything that follows from it is done by the refresher."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from cds_accounts.domain.versions import ObjectVersion
from cds_accounts.persistence.refresh_queue import RefreshQueue
from cds_accounts.persistence.versions import Recorded, Versions


async def record_object(session: AsyncSession, version: ObjectVersion, *, now: datetime) -> Recorded:
    """Store a version and have it published; data that was only confirmed leads to nothing else.

    A version of the past is queued as well: Grants that are frozen at that time may reach something else by it.
    """
    recorded = await Versions(session).record(version, now)
    if recorded is not Recorded.CONFIRMED:
        await RefreshQueue(session).add(version.kind, [version.object_id])
    return recorded
