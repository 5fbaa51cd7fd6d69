"""The copy of accounts' resources as far as groups need it: who lives at a point, and what is there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_aggregation.persistence.tables import resource
from cds_common.events.resources import ResourcePublishedV1

_KEPT = {"customer_ids", "account_ids", "current_contract_ids", "meter_devices", "premise_numbers", "service_points"}


async def store_resource(session: AsyncSession, event: ResourcePublishedV1) -> bool:
    """Keep the newest version. Returns whether the copy changed."""
    row = insert(resource).values(
        resource_id=event.resource_id,
        environment=event.environment,
        kind=event.kind,
        version=event.version,
        body=event.model_dump(mode="json", include=_KEPT),
    )
    row = row.on_conflict_do_update(
        index_elements=["resource_id"],
        set_={name: row.excluded[name] for name in ("environment", "kind", "version", "body")},
        where=resource.c.version < row.excluded.version,
    )
    return await session.scalar(row.returning(resource.c.resource_id)) is not None


@dataclass(frozen=True, slots=True)
class PointState:
    """A Service Point as it is now."""

    point_id: UUID
    premise_numbers: tuple[str, ...]
    meter_ids: tuple[UUID, ...]
    contract_ids: tuple[UUID, ...]
    account_ids: tuple[UUID, ...]
    customer_ids: tuple[UUID, ...]
    """One per current contract: who is asked for a consent."""
    contracts_known: bool


async def load_points(session: AsyncSession, point_ids: Sequence[UUID]) -> dict[UUID, PointState]:
    """The points among `point_ids` that have arrived."""
    points = await _bodies(session, point_ids)
    contracts = await _bodies(session, {UUID(one) for body in points.values() for one in body["current_contract_ids"]})
    return {point_id: _state(point_id, body, contracts) for point_id, body in points.items()}


def _state(point_id: UUID, body: dict[str, Any], contracts: dict[UUID, dict[str, Any]]) -> PointState:
    current = [UUID(one) for one in body["current_contract_ids"]]
    known = [contracts[one] for one in current if one in contracts]
    return PointState(
        point_id,
        tuple(body["premise_numbers"]),
        tuple(UUID(link["id"]) for link in body["meter_devices"] if link["end"] is None),
        tuple(current),
        tuple(dict.fromkeys(UUID(one) for contract in known for one in contract["account_ids"])),
        tuple(dict.fromkeys(UUID(contract["customer_ids"][0]) for contract in known if contract["customer_ids"])),
        all(one in contracts and contracts[one]["customer_ids"] for one in current),
    )


async def _bodies(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
    wanted = list(ids)
    found = dict[UUID, dict[str, Any]]()
    for start in range(0, len(wanted), 5000):
        chunk = wanted[start : start + 5000]
        for row in await session.execute(select(resource.c.resource_id, resource.c.body).where(resource.c.resource_id.in_(chunk))):
            found[row.resource_id] = row.body
    return found


def points_near(event: ResourcePublishedV1) -> list[UUID]:
    """The Service Points whose state a changed resource may change."""
    if event.kind == "service_point":
        return [event.resource_id]
    if event.kind in {"service_contract", "meter_device"}:
        return [link.id for link in event.service_points]
    return []
