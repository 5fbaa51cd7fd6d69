"""`/cds/v1/service-points` (CDS-WG3-01 §10.3.5)."""

from typing import Annotated

from cds_accounts.api.dependencies import CurrentAccess, Now, Paging, SearchTerm, Tx, known_ids
from cds_accounts.api.schemas import ServicePointList, documented
from cds_accounts.application.list_objects import SERVICE_POINTS, list_objects
from cds_accounts.persistence.conditions import Condition, any_visible_of, contains, one_of
from cds_common.problems import problems
from cds_common.wire import CdsJSONResponse, cds_router, id_list

router = cds_router()

SEARCHED = (
    ("object_id", None),
    ("servicepoint_address", "include_service_point_addresses"),
    ("servicepoint_number", None),
    ("premise_numbers", "include_premises"),
)


@router.get("/cds/v1/service-points", responses=documented(ServicePointList) | problems(400, 401, 403, 429, 503))
async def list_service_points(
    access: CurrentAccess,
    tx: Tx,
    now: Now,
    paging: Paging,
    *,
    q: SearchTerm,
    cds_servicepoint_ids: Annotated[list[str] | None, id_list("cds_servicepoint_ids")],
    servicepoint_numbers: Annotated[list[str] | None, id_list("servicepoint_numbers")],
    current_servicecontracts: Annotated[list[str] | None, id_list("current_servicecontracts")],
    previous_servicecontracts: Annotated[list[str] | None, id_list("previous_servicecontracts")],
) -> CdsJSONResponse:
    """Service Points that the access token sees, newest change first."""
    conditions: list[Condition] = []
    if cds_servicepoint_ids is not None:
        conditions.append(one_of("cds_servicepoint_ids", "object_id", known_ids(cds_servicepoint_ids)))
    if servicepoint_numbers is not None:
        conditions.append(one_of("servicepoint_numbers", "servicepoint_number", servicepoint_numbers))
    if current_servicecontracts is not None:
        conditions.append(
            any_visible_of("current_servicecontracts", "current_servicecontracts", known_ids(current_servicecontracts), "service_contract")
        )
    if previous_servicecontracts is not None:
        conditions.append(
            any_visible_of(
                "previous_servicecontracts", "previous_servicecontracts", known_ids(previous_servicecontracts), "service_contract"
            )
        )
    if q is not None:
        conditions.append(contains(q, SEARCHED))
    return CdsJSONResponse(await list_objects(tx, SERVICE_POINTS, access, conditions, paging, now=now))
