"""`/cds/v1/aggregations` and the maps of their regions (CDS-WG3-01 §10.7)."""

from typing import Annotated
from uuid import UUID

from starlette.responses import Response

from cds_aggregation.api.dependencies import Now, SearchTerm, Tx, UtilityRules, Viewer
from cds_aggregation.api.schemas import AggregationOut, AggregationsOut
from cds_aggregation.application.list_aggregations import get_region_map, list_aggregations
from cds_aggregation.domain.errors import RegionNotFound
from cds_aggregation.persistence.aggregations_read import AggregationFilters
from cds_common.paging import Paging
from cds_common.problems import problems
from cds_common.wire import cds_router, id_list

router = cds_router(prefix="/cds/v1/aggregations")
Ids = list[str] | None


@router.get("", response_model=AggregationsOut, responses=problems(400, 401, 403, 429, 503))
async def list_all(
    access: Viewer,
    tx: Tx,
    now: Now,
    rules: UtilityRules,
    paging: Paging,
    aggregation_ids: Annotated[Ids, id_list("cds_aggregation_ids")],
    numbers: Annotated[Ids, id_list("aggregation_numbers")],
    types: Annotated[Ids, id_list("aggregation_types")],
    q: SearchTerm,
) -> AggregationsOut:
    """List Aggregations (§10.7.8), last modified first."""
    filters = AggregationFilters(_uuids(aggregation_ids), numbers, types, q)
    listed = await list_aggregations(tx, access, filters, paging, rules, now)
    shown = [AggregationOut.model_validate(one) for one in listed.aggregations]
    return AggregationsOut(aggregations=shown, next=listed.next, previous=listed.previous)


@router.get("/{aggregation_id}/regions/{region_id}/geojson", responses=problems(401, 403, 404, 429, 503))
async def read_region(aggregation_id: str, region_id: str, access: Viewer, tx: Tx, now: Now) -> Response:
    """The map of a region, open to the same tokens as its Aggregation (§10.7.4)."""
    known = _uuids([aggregation_id])
    if not known:
        raise RegionNotFound("There is no such map")
    content = await get_region_map(tx, access, known[0], region_id, now)
    return Response(content, media_type="application/geo+json", headers={"Cache-Control": "private, no-store"})


def _uuids(values: Ids) -> list[UUID] | None:
    """Ids in the form in which they were issued; anything else matches nothing."""
    if values is None:
        return None
    found = list[UUID]()
    for value in values:
        try:
            one = UUID(value)
        except ValueError:
            continue
        if str(one) == value:
            found.append(one)
    return found
