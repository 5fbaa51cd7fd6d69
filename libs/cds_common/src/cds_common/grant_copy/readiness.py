"""Tell auth that this service can serve a Grant (design §3, Grants and readiness)."""

from typing import Literal

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.access.flags import touched_services
from cds_common.access.status import ENDED_STATUSES
from cds_common.events.grants import GrantPublishedV1, GrantReadinessV1
from cds_common.grant_copy.tables import TABLES
from cds_common.outbox import record_event

DataService = Literal["accounts", "billing", "usage", "aggregation"]


async def ready_grant(session: AsyncSession, grant_id: str) -> GrantPublishedV1 | None:
    """The Grant, once it and its entitlements of the same `entries_version` are held and no answer was given; else None."""
    grants, head = TABLES.grant_copy, TABLES.entitlement
    statement = (
        select(grants.c.body)
        .join(head, (head.c.grant_id == grants.c.grant_id) & (head.c.entries_version == grants.c.entries_version))
        .where(grants.c.grant_id == grant_id, grants.c.status.not_in(ENDED_STATUSES))
        .where(grants.c.answered_entries_version.is_distinct_from(grants.c.entries_version))
        .with_for_update(of=grants)
    )
    body = await session.scalar(statement)
    return None if body is None else GrantPublishedV1.model_validate(body)


async def mark_answered(session: AsyncSession, grant: GrantPublishedV1) -> None:
    """Remember that readiness of these entries was answered."""
    grants = TABLES.grant_copy
    await session.execute(update(grants).where(grants.c.grant_id == grant.grant_id).values(answered_entries_version=grant.entries_version))


async def answer_readiness(session: AsyncSession, grant_id: str, *, service: DataService) -> None:
    """Record `GrantReadinessV1` "ready" once per `entries_version`, if an entry of the Grant touches `service`."""
    grant = await ready_grant(session, grant_id)
    if grant is None:
        return
    touched = any(service in touched_services(entry.scope_type, entry.details, entry.selection) for entry in grant.entries)
    if touched:
        record_event(session, GrantReadinessV1(grant_id=grant_id, entries_version=grant.entries_version, service=service, outcome="ready"))
    await mark_answered(session, grant)
