"""The Grants that reach Aggregations, and what auth was told about them."""

import json
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_aggregation.persistence.tables import grant_answer
from cds_common.access.status import ENDED_STATUSES
from cds_common.events.grants import GrantPublishedV1
from cds_common.grant_copy.tables import TABLES


async def held_grant(session: AsyncSession, grant_id: str) -> GrantPublishedV1 | None:
    """The Grant, locked, once it and its entitlements of the same `entries_version` are held and it has not ended."""
    grants, head = TABLES.grant_copy, TABLES.entitlement
    statement = (
        select(grants.c.body)
        .join(head, (head.c.grant_id == grants.c.grant_id) & (head.c.entries_version == grants.c.entries_version))
        .where(grants.c.grant_id == grant_id, grants.c.status.not_in(ENDED_STATUSES))
        .with_for_update(of=grants)
    )
    body = await session.scalar(statement)
    return None if body is None else GrantPublishedV1.model_validate(body)


async def reached_aggregations(session: AsyncSession, grant_id: str) -> list[UUID]:
    """The Aggregations whose usage the Grant opens."""
    thing = TABLES.entitlement_object.c
    mine = select(thing.object_id).where(thing.grant_id == grant_id, thing.kind == "aggregation", thing.reach).distinct()
    return sorted(await session.scalars(mine), key=str)


async def grants_reaching(session: AsyncSession, aggregation_id: UUID) -> list[str]:
    """The Grants that open the usage of an Aggregation."""
    thing = TABLES.entitlement_object.c
    found = select(thing.grant_id).where(thing.object_id == aggregation_id, thing.kind == "aggregation", thing.reach).distinct()
    return sorted(await session.scalars(found))


async def note_answer(session: AsyncSession, grant: GrantPublishedV1, answer: Sequence[str]) -> bool:
    """Remember what auth is told; False when it has been told the same before."""
    text = json.dumps(list(answer))
    row = insert(grant_answer).values(grant_id=grant.grant_id, entries_version=grant.entries_version, answer=text)
    row = row.on_conflict_do_update(
        index_elements=["grant_id"],
        set_={"entries_version": row.excluded.entries_version, "answer": row.excluded.answer},
        where=(grant_answer.c.entries_version != row.excluded.entries_version) | (grant_answer.c.answer != row.excluded.answer),
    )
    return await session.scalar(row.returning(grant_answer.c.grant_id)) is not None
