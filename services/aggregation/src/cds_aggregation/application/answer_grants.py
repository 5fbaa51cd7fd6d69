"""Say whether a Grant that names Aggregations can be served, or whose consents are missing (CDS-WG3-01 §4.11, §10.7.7)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cds_aggregation.persistence.aggregations_write import load_members
from cds_aggregation.persistence.grants import grants_reaching, held_grant, note_answer, reached_aggregations
from cds_aggregation.persistence.resources import load_points
from cds_aggregation.persistence.tables import aggregation
from cds_common.access.entitlements import touched_services
from cds_common.events.grants import GrantPublishedV1, GrantReadinessV1, NeededConsent
from cds_common.grant_copy import mark_answered
from cds_common.outbox import record_event


async def answer_grants_of(session: AsyncSession, aggregation_id: UUID) -> None:
    """The Aggregation has changed: tell auth what that means for the Grants that reach it."""
    for grant_id in await grants_reaching(session, aggregation_id):
        await answer_grant(session, grant_id)


async def answer_grant(session: AsyncSession, grant_id: str) -> None:
    """Answer readiness when it is not yet, or no longer, as auth has heard it.

    A Grant waits while one of its Aggregations is not known or not evaluated: nothing is served unevaluated.
    """
    grant = await held_grant(session, grant_id)
    if grant is None:
        return
    if not any("aggregation" in touched_services(entry.scope_type, entry.details, entry.selection) for entry in grant.entries):
        return
    needed = await _needed(session, await reached_aggregations(session, grant_id))
    if needed is None:
        return
    outcome = "needs_consents" if needed else "ready"
    if await note_answer(session, grant, [outcome, *sorted(f"{one.customer_id} {one.aggregation_id}" for one in needed)]):
        # Auth keeps the word that was said last, so its moment is that of the decision, under the Grant's lock and by one clock: a round of
        # evaluations that began before another word was said may end after it.
        said_at: datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
        record_event(session, _readiness(grant, needed, said_at))
        await mark_answered(session, grant)


def _readiness(grant: GrantPublishedV1, needed: Sequence[NeededConsent], said_at: datetime) -> GrantReadinessV1:
    return GrantReadinessV1(
        occurred_at=said_at,
        grant_id=grant.grant_id,
        entries_version=grant.entries_version,
        service="aggregation",
        outcome="needs_consents" if needed else "ready",
        needed_consents=list(needed),
    )


async def _needed(session: AsyncSession, aggregation_ids: Sequence[UUID]) -> list[NeededConsent] | None:
    """The consents that these Aggregations need; None while that cannot be said of one of them."""
    table = aggregation.c
    rows = (await session.execute(select(aggregation).where(table.aggregation_id.in_(aggregation_ids)))).all()
    if len(rows) < len(aggregation_ids) or any(row.requirement == "sometimes" or row.evaluated_at is None for row in rows):
        return None
    needed = list[NeededConsent]()
    for row in sorted(rows, key=lambda row: str(row.aggregation_id)):
        if row.requirement == "always":
            needed += await _consents(session, row)
    return needed


async def _consents(session: AsyncSession, row: Any) -> list[NeededConsent]:
    """One consent per customer of a current contract at a member point."""
    points = await load_points(session, await load_members(session, row.aggregation_id))
    homes = dict[UUID, list[UUID]]()
    for state in points.values():
        for customer_id in state.customer_ids:
            homes.setdefault(customer_id, []).append(state.point_id)
    body = cast("dict[str, Any]", row.body)
    return [
        NeededConsent(
            customer_id=customer_id,
            aggregation_id=row.aggregation_id,
            aggregation_number=body["aggregation_number"] or row.ref,
            premise_numbers=sorted({number for point in own for number in points[point].premise_numbers}) or body["premise_numbers"],
            service_point_ids=sorted(own, key=str),
        )
        for customer_id, own in sorted(homes.items(), key=lambda pair: str(pair[0]))
    ]
