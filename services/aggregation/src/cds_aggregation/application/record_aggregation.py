"""Take in an Aggregation of the utility: its members, and those of the groups that hold it (CDS-WG3-01 §10.7)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cds_aggregation.domain.membership import members_of
from cds_aggregation.persistence.aggregations_write import (
    find_aggregation,
    load_graph,
    lock_graph,
    mark_neighbours_due,
    save_aggregation,
    set_children,
    set_members,
    with_ancestors,
)  # fmt: skip
from cds_aggregation.persistence.member_days import mark_all_dirty
from cds_common.events.utility import AggregationRecordedV1
from cds_common.ids import resource_id

_CRITERIA = {
    "account_type": "account_types", "account_program_number": "account_program_numbers", "service_type": "service_types",
    "rateplan_code": "rateplan_code", "service_program_number": "service_program_numbers", "servicepoint_type": "servicepoint_types",
    "meter_type": "meter_types", "meter_app_number": "meter_app_numbers",
}  # fmt: skip
_PLACES = {"country": "countries", "province": "provinces", "municipality": "municipalities", "premise_number": "premise_numbers"}
_OPENNESS = frozenset({"public", "listed", "confidential"})


async def record_aggregation(session: AsyncSession, event: AggregationRecordedV1, now: datetime) -> list[UUID]:
    """Store an Aggregation unless newer facts are held; gives the Aggregations that have to be refreshed.

    Raises:
        ValueError: its types ask for fields that are missing, or it is public and confidential at once.
    """
    check_types(event)
    await lock_graph(session)
    aggregation_id = resource_id(event.environment, "aggregation", event.aggregation_ref)
    held = await find_aggregation(session, aggregation_id)
    if held is not None and held.source_time > event.source_time:
        return []
    await save_aggregation(session, aggregation_id, _values(event), now)
    children = [resource_id(event.environment, "aggregation", ref) for ref in event.member_aggregation_refs]
    await set_children(session, aggregation_id, children, is_part=False)
    return await _follow_members(session, aggregation_id, event.environment)


async def _follow_members(session: AsyncSession, aggregation_id: UUID, environment: str) -> list[UUID]:
    points, below = await load_graph(session, environment)
    changed = await with_ancestors(session, aggregation_id)
    for one in changed:
        if await set_members(session, one, members_of(one, points, below)):
            await mark_all_dirty(session, one)
            await mark_neighbours_due(session, one)
    return changed


def check_types(event: AggregationRecordedV1) -> None:
    """Demand what the types of an Aggregation ask for (§10.7.2).

    Raises:
        ValueError: something is missing or contradicts itself.
    """
    types = set(event.aggregation_types)
    if len(types & _OPENNESS) != 1:
        raise ValueError("an aggregation is one of public, listed and confidential")
    missing = [field for kind, field in _CRITERIA.items() if kind in types and field not in event.criteria]
    missing += [field for kind, field in _PLACES.items() if kind in types and not getattr(event, field)]
    if missing:
        raise ValueError(f"an aggregation of these types needs {', '.join(missing)}")
    if any("geographic" in region.types and region.geojson is None for region in event.regions):
        raise ValueError("a geographic region needs its GeoJSON")


def _values(event: AggregationRecordedV1) -> dict[str, object]:
    body = event.model_dump(
        mode="json", exclude={"event_type", "event_id", "occurred_at", "correlation_id", "servicepoint_refs", "member_aggregation_refs"}
    )
    body["additional_fields"] = event.additional()
    for shown, region in zip(body["regions"], event.regions, strict=True):
        shown["additional_fields"] = region.additional()
    points = [resource_id(event.environment, "service_point", ref) for ref in event.servicepoint_refs]
    return {
        "environment": event.environment,
        "ref": event.aggregation_ref,
        "is_part": False,
        "source_time": event.source_time,
        "body": body,
        "point_ids": list(dict.fromkeys(points)),
    }
