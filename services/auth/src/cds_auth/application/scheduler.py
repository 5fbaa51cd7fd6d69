"""What the clock does to Grants, and the sweeping of rows that time has made useless. It keeps nothing in memory."""

import asyncio
from datetime import UTC, datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.apply_client import keep_step
from cds_auth.application.rules import AuthRules
from cds_auth.application.settle_grant import change_grant
from cds_auth.domain.grant import Grant
from cds_auth.domain.grant_status import GrantStatus
from cds_auth.persistence.clients import Clients
from cds_auth.persistence.grants import Grants
from cds_auth.persistence.sweeping import sweep
from cds_common.db import Sessions
from cds_common.telemetry import untraced

log = structlog.get_logger(__name__)

_BATCH = 200
_SWEEP_EVERY = 600


async def run_clock(sessions: Sessions, rules: AuthRules, *, interval_seconds: float) -> None:
    """Let the clock work for ever. Several workers may do so at once: each Grant is changed under its lock."""
    round_no = 0
    while True:
        with untraced():
            moved = await tick(sessions, rules, datetime.now(UTC))
            if round_no % max(1, int(_SWEEP_EVERY / interval_seconds)) == 0:
                async with sessions.begin() as tx:
                    await sweep(tx, datetime.now(UTC))
        round_no += 1
        if moved < _BATCH:
            await asyncio.sleep(interval_seconds)


async def tick(sessions: Sessions, rules: AuthRules, now: datetime) -> int:
    """Move every Grant whose time has come, each in a transaction of its own; returns how many."""
    async with sessions() as tx:
        due = await Grants(tx).due(now, _BATCH)
        behind = await Grants(tx).ids_out_of_step(_BATCH)
    for grant_id in due:
        async with sessions.begin() as tx:
            await move_by_clock(tx, grant_id, rules=rules, now=now)
    for grant_id in behind:
        async with sessions.begin() as tx:
            await _follow_client(tx, grant_id, rules=rules, now=now)
    return max(len(due), len(behind))


async def _follow_client(tx: AsyncSession, grant_id: str, *, rules: AuthRules, now: datetime) -> None:
    """Finish what a change of a Client with very many Grants began."""
    grant = await Grants(tx).get(grant_id)
    client = await Clients(tx).find(grant.client_id)
    if client is not None:
        await keep_step(tx, grant_id, disabled=client.status == "disabled", rules=rules, now=now)


async def move_by_clock(tx: AsyncSession, grant_id: str, *, rules: AuthRules, now: datetime) -> Grant:
    """Begin, expire or postpone one Grant (CDS-WG1-02 §8.2)."""

    def move(grant: Grant) -> Grant:
        if grant.is_ended:
            return grant
        if grant.not_after is not None and grant.not_after <= now:
            return grant.end(GrantStatus.EXPIRED, now)
        if grant.starts_later and grant.not_before is not None and grant.not_before <= now:
            return grant.start(now)
        if grant.status is GrantStatus.PENDING and grant.eta is not None and grant.eta <= now:
            log.warning("grant_late", grant_id=grant_id, since=grant.modified.isoformat())
            return grant.postpone(now + rules.grant_eta, now)
        return grant

    return await change_grant(tx, grant_id, move, rules=rules, now=now)
