"""The copy of accounts' resources, and what usage derives from it: contract tenures and periods of Service Points."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.events.resources import ResourcePublishedV1
from cds_usage.domain.segments import ContractTenure, Period
from cds_usage.persistence.tables import contract_tenure, resource, service_point_period


async def store_resource(session: AsyncSession, event: ResourcePublishedV1) -> bool:
    """Keep the newest version. Returns whether the copy changed."""
    row = upsert(resource).values(
        resource_id=event.resource_id,
        environment=event.environment,
        kind=event.kind,
        version=event.version,
        number=event.number,
        body=event.model_dump(mode="json", include={"account_ids", "contracts", "service_points"}),
    )
    fields = ("environment", "kind", "version", "number", "body")
    row = row.on_conflict_do_update(
        index_elements=["resource_id"],
        set_={name: row.excluded[name] for name in fields},
        where=resource.c.version < row.excluded.version,
    )
    return await session.scalar(row.returning(resource.c.resource_id)) is not None


@dataclass(frozen=True, slots=True)
class PointLink:
    """A contract as its Service Point names it, with what the copy of the contract adds (None while it has not arrived)."""

    contract_id: UUID
    start: datetime | None
    end: datetime | None
    contract: dict[str, Any] | None


async def load_point_links(session: AsyncSession, point_id: UUID) -> list[PointLink] | None:
    """The contracts of a Service Point; None while the point itself is not known."""
    body = await session.scalar(select(resource.c.body).where(resource.c.resource_id == point_id, resource.c.kind == "service_point"))
    if body is None:
        return None
    named: list[dict[str, Any]] = body["contracts"]
    ids = [UUID(link["id"]) for link in named]
    rows = await session.execute(select(resource.c.resource_id, resource.c.body).where(resource.c.resource_id.in_(ids)))
    contracts = {row.resource_id: row.body for row in rows}
    return [PointLink(UUID(link["id"]), _moment(link["start"]), _moment(link["end"]), contracts.get(UUID(link["id"]))) for link in named]


_POINTS_NAMING = text("""
    SELECT resource_id FROM resource
    WHERE kind = 'service_point' AND (
        resource_id IN (SELECT service_point_id FROM contract_tenure WHERE contract_id = :contract) OR resource_id = ANY (:points)
    )
""")


async def points_of_contract(session: AsyncSession, contract_id: UUID, named: Iterable[UUID]) -> set[UUID]:
    """Service Points that name the contract, or that it names."""
    rows = await session.scalars(_POINTS_NAMING, {"contract": contract_id, "points": list(named)})
    return set(rows)


async def save_tenures(session: AsyncSession, point_id: UUID, tenures: Sequence[ContractTenure], periods: Sequence[Period]) -> None:
    """Put the tenures and periods of a Service Point anew."""
    await session.execute(delete(contract_tenure).where(contract_tenure.c.service_point_id == point_id))
    await session.execute(delete(service_point_period).where(service_point_period.c.service_point_id == point_id))
    if tenures:
        rows = [
            {
                "service_point_id": point_id, "contract_id": tenure.contract_id, "seq": seq, "account_id": tenure.account_id,
                "start_s": tenure.start, "end_s": tenure.end,
            }
            for seq, tenure in enumerate(tenures)
        ]  # fmt: skip
        await session.execute(insert(contract_tenure), rows)
    rows = [
        {
            "service_point_id": point_id, "no": no, "start_s": period.start, "end_s": period.end,
            "contract_ids": list(period.contract_ids), "account_ids": list(period.account_ids),
        }
        for no, period in enumerate(periods)
    ]  # fmt: skip
    await session.execute(insert(service_point_period), rows)


_RENUMBER = {
    "account": text("""
        UPDATE usage_segment s SET account_number = (SELECT min(r.number) FROM resource r WHERE r.resource_id = ANY (s.account_ids))
        WHERE s.account_ids @> ARRAY[CAST(:id AS uuid)]
    """),
    "service_contract": text("""
        UPDATE usage_segment s SET contract_number = (SELECT min(r.number) FROM resource r WHERE r.resource_id = ANY (s.contract_ids))
        WHERE s.contract_ids @> ARRAY[CAST(:id AS uuid)]
    """),
}
NUMBERED = frozenset(_RENUMBER)
"""Kinds whose numbers segments are sorted by."""


async def renumber(session: AsyncSession, kind: str, resource_id: UUID) -> None:
    """Sort the segments of an account or contract, whose lock is held, by its number of now."""
    await session.execute(_RENUMBER[kind], {"id": resource_id})


def _moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
