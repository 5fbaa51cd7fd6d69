"""Keep the copy of Grants and entitlements: the newest version wins, whatever the order of arrival."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.access.status import ENDED_STATUSES
from cds_common.events.grants import GrantPublishedV1
from cds_common.events.resources import EntitlementEntry, EntitlementsResolvedV1
from cds_common.grant_copy.entry import KINDS, SETS, WINDOWS, Kind, Sets, object_set
from cds_common.grant_copy.merge import merge_parts
from cds_common.grant_copy.tables import TABLES

_ROWS_PER_INSERT = 2_000
"""Rows of ten values: below the 32,767 parameters of one statement."""


async def apply_grant(
    session: AsyncSession, event: GrantPublishedV1, *, partition: int | None = None, checked_at: datetime | None = None
) -> bool:
    """Store `event` unless a newer version is held; an ended Grant loses its entitlements at once.

    `partition` is where the event lies on `cds.grants` (its heartbeats count for the Grant); `checked_at` says when auth
    was asked, for a read-through.

    Returns:
        Whether the copy holds this version now, perhaps since a read-through; False when it holds a newer one.
    """
    grants = TABLES.grant_copy
    values = _grant_values(event) | {"partition": partition, "checked_at": checked_at}
    stored = insert(grants).values(values)
    kept_place = {
        "partition": func.coalesce(stored.excluded.partition, grants.c.partition),
        "checked_at": func.greatest(stored.excluded.checked_at, grants.c.checked_at),
    }
    stored = stored.on_conflict_do_update(
        index_elements=[grants.c.grant_id],
        set_={name: stored.excluded[name] for name in _grant_values(event)} | kept_place,
        where=grants.c.version < stored.excluded.version,
    )
    changed = await session.scalar(stored.returning(grants.c.grant_id)) is not None
    if changed:
        if event.status in ENDED_STATUSES:
            await drop_entitlements(session, event.grant_id)
        return True
    place = {
        "partition": func.coalesce(partition, grants.c.partition),
        "checked_at": func.greatest(checked_at, grants.c.checked_at),
    }
    noted = update(grants).where(grants.c.grant_id == event.grant_id).values(place)
    return await session.scalar(noted.returning(grants.c.version)) == event.version


async def apply_entitlements(session: AsyncSession, event: EntitlementsResolvedV1) -> bool:
    """Store a resolution unless a newer one is held or the Grant has ended; parts wait until all are there.

    Returns:
        Whether the copy changed.
    """
    # Locks the Grant before its entitlements, as `apply_grant` and a read-through do: the other way round they would wait for each other.
    held = select(TABLES.grant_copy.c.status).where(TABLES.grant_copy.c.grant_id == event.grant_id).with_for_update()
    status = await session.scalar(held)
    if status in ENDED_STATUSES:
        return False
    if event.parts > 1:
        whole = await _collect(session, event)
        if whole is None:
            return False
        event = whole
    if not await _claim(session, event):
        return False
    for table in (TABLES.entitlement_entry, TABLES.entitlement_object):
        await session.execute(delete(table).where(table.c.grant_id == event.grant_id))
    if event.entries:
        await session.execute(insert(TABLES.entitlement_entry), [_entry_values(event.grant_id, entry) for entry in event.entries])
    for rows in _batches(_object_rows(event)):
        await session.execute(insert(TABLES.entitlement_object).values(rows))
    return True


async def drop_entitlements(session: AsyncSession, grant_id: str) -> None:
    """Forget what a Grant opened."""
    await session.execute(delete(TABLES.entitlement).where(TABLES.entitlement.c.grant_id == grant_id))
    await session.execute(delete(TABLES.entitlement_part).where(TABLES.entitlement_part.c.grant_id == grant_id))


async def _claim(session: AsyncSession, event: EntitlementsResolvedV1) -> bool:
    """Put the new version on the head row, which also locks the Grant's entitlements for this transaction."""
    head = TABLES.entitlement
    row = insert(head).values(
        grant_id=event.grant_id, entries_version=event.entries_version, version=event.version, environment=event.environment
    )
    row = row.on_conflict_do_update(
        index_elements=[head.c.grant_id],
        set_={name: row.excluded[name] for name in ("entries_version", "version", "environment")},
        where=head.c.version < row.excluded.version,
    )
    return await session.scalar(row.returning(head.c.grant_id)) is not None


async def _collect(session: AsyncSession, event: EntitlementsResolvedV1) -> EntitlementsResolvedV1 | None:
    """Keep a part; give the whole once all parts of this version are held."""
    parts = TABLES.entitlement_part
    held_version = await session.scalar(select(TABLES.entitlement.c.version).where(TABLES.entitlement.c.grant_id == event.grant_id))
    if held_version is not None and held_version >= event.version:
        return None
    # The lock makes two parts that arrive at once see each other.
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(event.grant_id, 0))))
    row = insert(parts).values(
        grant_id=event.grant_id, version=event.version, part=event.part, parts=event.parts, body=event.model_dump_json()
    )
    await session.execute(row.on_conflict_do_nothing())
    mine = (parts.c.grant_id == event.grant_id) & (parts.c.version == event.version)
    count = await session.scalar(select(func.count()).select_from(parts).where(mine))
    if count != event.parts:
        return None
    bodies = await session.scalars(select(parts.c.body).where(mine).order_by(parts.c.part))
    whole = merge_parts([EntitlementsResolvedV1.model_validate_json(body) for body in bodies])
    await session.execute(delete(parts).where(parts.c.grant_id == event.grant_id, parts.c.version <= event.version))
    return whole


def _grant_values(event: GrantPublishedV1) -> dict[str, Any]:
    return {
        "grant_id": event.grant_id,
        "version": event.version,
        "entries_version": event.entries_version,
        "client_id": event.client_id,
        "registration_id": event.registration_id,
        "environment": event.environment,
        "status": event.status,
        "not_before": event.not_before,
        "not_after": event.not_after,
        "enabled_entries": [entry.entry_no for entry in event.entries if entry.enabled],
        "scopes": [entry.scope for entry in event.entries],
        "scope_types": [entry.scope_type for entry in event.entries],
        "revoked_token_parts": event.revoked_token_parts,
        "tokens_not_before": event.tokens_not_before,
        "body": event.model_dump(mode="json"),
    }


def _entry_values(grant_id: str, entry: EntitlementEntry) -> dict[str, Any]:
    return {
        "grant_id": grant_id,
        "entry_no": entry.entry_no,
        "scope": entry.scope,
        "scope_type": entry.scope_type,
        "flags": entry.flags,
        "value_formats": entry.value_formats,
        "customer_numbers": entry.customer_numbers,
        "rateplan_codes": entry.rateplan_codes,
        "program_numbers": entry.program_numbers,
        "sections_by_account": entry.sections_by_account,
        "shown_account_programs": entry.shown_account_programs,
        "shown_service_programs": entry.shown_service_programs,
        **{f"{sets}_all": [kind for kind in KINDS if object_set(getattr(entry, sets), kind).all] for sets in SETS},
        **{name: getattr(entry, name) for name in WINDOWS},
    }


def _object_rows(event: EntitlementsResolvedV1) -> Iterator[dict[str, Any]]:
    for entry in event.entries:
        for kind in KINDS:
            yield from _rows_of_kind(event.grant_id, entry, kind)


def _rows_of_kind(grant_id: str, entry: EntitlementEntry, kind: Kind) -> Iterator[dict[str, Any]]:
    """One row per object and time; a time that stands in several sets shares its row."""
    times = {sets: _times(entry, sets, kind) for sets in SETS}
    seq: dict[UUID, int] = {}
    for key in dict.fromkeys(key for found in times.values() for key in found):
        object_id, start, end = key
        number = seq[object_id] = seq.get(object_id, -1) + 1
        yield {
            "grant_id": grant_id, "entry_no": entry.entry_no, "kind": kind, "object_id": object_id, "seq": number,
            "starts_at": start, "ends_at": end, **{sets: key in found for sets, found in times.items()},
        }  # fmt: skip


def _times(entry: EntitlementEntry, sets: Sets, kind: Kind) -> dict[tuple[UUID, datetime | None, datetime | None], None]:
    return {(one.id, one.start, one.end): None for one in object_set(getattr(entry, sets), kind).objects}


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _ROWS_PER_INSERT:
            yield batch
            batch = []
    if batch:
        yield batch
