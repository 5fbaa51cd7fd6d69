"""Work off the refresh queue: publish what changed about objects, then resolve the Grants that this concerns.

One refresher works at a time over all processes, and only on committed data: see `persistence.refresh_queue` for why.
"""

from datetime import datetime
from typing import cast
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cds_accounts.application.resolve_grant import resolve_grant
from cds_accounts.domain.snapshots import Neighbourhood
from cds_accounts.persistence.neighbourhoods import Neighbourhoods, Seeds
from cds_accounts.persistence.published import PublishedResources
from cds_accounts.persistence.refresh_queue import Queued, RefreshQueue, SubjectKind
from cds_accounts.persistence.resolutions import Resolutions
from cds_accounts.persistence.versions import Versions
from cds_common.db import Sessions
from cds_common.events.resources import ResourceKind
from cds_common.faults import is_transient
from cds_common.ids import Environment
from cds_common.telemetry import untraced

log = structlog.get_logger(__name__)

_LOCK = 0x7265_6672  # "refr"
_KINDS: frozenset[str] = frozenset({"account", "service_contract", "service_point", "meter_device"})


async def refresh_batch(sessions: Sessions, *, zone: ZoneInfo, now: datetime) -> int:
    """Handle up to one batch of the queue in one transaction; return how many entries it had."""
    with untraced():
        async with sessions() as session:
            if not await RefreshQueue(session).has_work(now):
                return 0
    async with sessions.begin() as session:
        if not await session.scalar(select(func.pg_try_advisory_xact_lock(_LOCK))):
            return 0
        queue = RefreshQueue(session)
        entries = await queue.take(now)
        if entries:
            concerned = await _concerned(session, entries, zone=zone, now=now)
            attempts = {entry.subject: entry.attempts for entry in entries if entry.kind == "grant"}
            for grant_id in sorted(concerned | attempts.keys()):
                await _resolve(session, grant_id, attempts.get(grant_id, 0), zone=zone, now=now)
            await queue.done(entries)
    return len(entries)


async def _concerned(session: AsyncSession, entries: list[Queued], *, zone: ZoneInfo, now: datetime) -> set[str]:
    """Refresh all objects together; if that fails, one after another, so that a bad one holds up no other."""
    try:
        async with session.begin_nested():
            return await _refresh_objects(session, entries, zone=zone, now=now)
    except Exception as error:
        if is_transient(error):
            raise
        log.warning("objects_refreshed_one_by_one", error_type=type(error).__name__)
    found: set[str] = set()
    for entry in entries:
        try:
            async with session.begin_nested():
                found |= await _refresh_objects(session, [entry], zone=zone, now=now)
        except Exception as error:
            if is_transient(error):
                raise
            log.exception("object_not_refreshed", kind=entry.kind, subject=entry.subject, error_type=type(error).__name__)
            await RefreshQueue(session).failed(cast("SubjectKind", entry.kind), entry.subject, entry.attempts, now)
    return found


async def _refresh_objects(session: AsyncSession, entries: list[Queued], *, zone: ZoneInfo, now: datetime) -> set[str]:
    """Publish objects and give the Grants that are concerned."""
    changed = Seeds()
    for entry in entries:
        if entry.kind in _KINDS:
            changed.of(cast("ResourceKind", entry.kind)).add(UUID(entry.subject))
    aggregations = {UUID(entry.subject) for entry in entries if entry.kind == "aggregation"}
    customers: set[UUID] = set()
    objects: set[UUID] = changed.everything() | aggregations
    environments: set[Environment] = set()
    if changed.everything():
        neighbourhoods = Neighbourhoods(session, zone)
        depending = await neighbourhoods.depending_on(changed)
        neighbourhood = await neighbourhoods.around(depending)
        if await _renumber(session, neighbourhood, now):
            neighbourhood = await neighbourhoods.around(depending)
        published, customers = await PublishedResources(session, now).publish(neighbourhood.snapshots(depending.everything()))
        objects |= {one.resource_id for one in published}
        environments = {one.environment for one in published}
    if aggregations:
        environments |= {"sandbox", "production"}
    return set(await Resolutions(session).depending_on(customers=customers, objects=objects, environments=environments))


async def _renumber(session: AsyncSession, neighbourhood: Neighbourhood, now: datetime) -> bool:
    """A contract repeats its account's present number (CDS-WG3-01 §10.2.1): a renumbered, or late, account changes it."""
    accounts, versions = neighbourhood.rows["account"], Versions(session)
    stale = [
        (contract, accounts[contract.cds_account_id])
        for contract in neighbourhood.rows["service_contract"].values()
        if contract.cds_account_id in accounts and accounts[contract.cds_account_id].account_number != contract.account_number
    ]
    for contract, owner in stale:
        await versions.renumber(contract, owner.account_number, valid_from=owner.valid_from, now=now)
    return bool(stale)


async def _resolve(session: AsyncSession, grant_id: str, attempts: int, *, zone: ZoneInfo, now: datetime) -> None:
    """One Grant that cannot be resolved must not hold up the others: it is tried again later."""
    try:
        async with session.begin_nested():
            await resolve_grant(session, grant_id, zone=zone, now=now)
    except Exception as error:
        if is_transient(error):
            raise  # the database's trouble, not the Grant's: the whole batch is tried again
        log.exception("grant_not_resolved", grant_id=grant_id, attempts=attempts, error_type=type(error).__name__)
        await RefreshQueue(session).failed("grant", grant_id, attempts, now)


async def drain(sessions: Sessions, *, zone: ZoneInfo, now: datetime) -> int:
    """Handle batches until the queue is empty; return how many entries were handled."""
    total = 0
    while handled := await refresh_batch(sessions, zone=zone, now=now):
        total += handled
    return total
