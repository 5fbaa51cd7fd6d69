"""Bring a Grant to the state that follows from what the data services and its sub-Grants say (design §3, CDS-WG3-01 §4.11)."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.rules import AuthRules
from cds_auth.application.sub_grants import match_sub_grants
from cds_auth.application.write_grant import write_grant
from cds_auth.domain.errors import GrantAlreadyEnded
from cds_auth.domain.grant import Grant, GrantEntry, Readiness
from cds_auth.domain.grant_status import GrantStatus
from cds_auth.persistence.grants import Grants
from cds_auth.persistence.readiness import ReadinessWords
from cds_common.access.entitlements import touched_services

Change = Callable[[Grant], Grant]


def touched(entry: GrantEntry) -> frozenset[str]:
    """The data services that have to be ready before the entry can be served."""
    return frozenset(touched_services(entry.scope_type, dict(entry.details or {}), None))


async def settled(tx: AsyncSession, grant: Grant, *, rules: AuthRules, now: datetime) -> Grant:
    """The Grant (locked or new) as it has to be now; sub-Grants are made and dropped on the way. It is not written."""
    if grant.is_ended:
        return grant
    outcomes, needed = await ReadinessWords(tx).of(grant.grant_id, grant.entries_version)
    complete = False
    if "needs_consents" in outcomes.values():
        complete = await match_sub_grants(tx, grant, needed, rules=rules, now=now)
    return grant.settle(Readiness(outcomes, complete), touched, now, eta=now + rules.grant_eta)


async def change_grant(
    tx: AsyncSession, grant_id: str, change: Change, *, rules: AuthRules, now: datetime, registration_id: str | None = None
) -> Grant:
    """Lock a Grant, change it, settle it, write it, and let its parent or its sub-Grants follow.

    Raises:
        GrantNotFound: there is none, or it belongs to another registration.
    """
    before = await Grants(tx).get_for_update(grant_id, registration_id=registration_id)
    after = await settled(tx, change(before), rules=rules, now=now)
    if after != before:
        await write_grant(tx, after)
        await follow(tx, before, after, rules=rules, now=now)
    return after


async def follow(tx: AsyncSession, before: Grant, after: Grant, *, rules: AuthRules, now: datetime) -> None:
    """What a changed Grant means for its parent (whose row is locked already) and for its sub-Grants."""
    if before.status is after.status:
        return
    if after.parent is not None:
        await change_grant(tx, after.parent, lambda parent: parent, rules=rules, now=now)
    if after.ended_as is not None:
        await _end_children(tx, after.grant_id, after.ended_as, now)


async def _end_children(tx: AsyncSession, parent_id: str, status: GrantStatus, now: datetime) -> None:
    """Consents that were asked for one Grant have no use after it."""
    for child in await Grants(tx).children(parent_id):
        locked = await Grants(tx).get_for_update(child.grant_id)
        try:
            await write_grant(tx, locked.end(status, now))
        except GrantAlreadyEnded:
            continue
