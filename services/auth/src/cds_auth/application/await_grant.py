"""Wait a moment for a new Grant: real clients read data at once and take an empty first listing as final (design §3)."""

import asyncio
import time
from datetime import timedelta

from cds_auth.domain.grant_status import GrantStatus
from cds_auth.persistence.grants import Grants
from cds_common.db import Sessions

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.2


async def await_grant(sessions: Sessions, grant_id: str, limit: timedelta) -> None:
    """Return when the Grant has left `pending`, at the latest after `limit`. No transaction stays open between the looks."""
    deadline = time.monotonic() + limit.total_seconds()
    pause = _FIRST_PAUSE
    while time.monotonic() < deadline:
        async with sessions() as tx:
            status = await Grants(tx).status(grant_id)
        if status is not GrantStatus.PENDING:
            return
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
