"""`/cds/v1/meter-devices` (CDS-WG3-01 §10.4.5)."""

from typing import Annotated

from cds_accounts.api.dependencies import CurrentAccess, Now, Paging, SearchTerm, Tx, known_ids
from cds_accounts.api.schemas import MeterDeviceList, documented
from cds_accounts.application.list_objects import METER_DEVICES, list_objects
from cds_accounts.persistence.conditions import Condition, any_visible_of, contains, one_of
from cds_common.problems import problems
from cds_common.wire import CdsJSONResponse, cds_router, id_list

router = cds_router()

NUMBERS = "include_meter_numbers"
SEARCHED = (("object_id", None), ("meter_number", NUMBERS))


@router.get("/cds/v1/meter-devices", responses=documented(MeterDeviceList) | problems(400, 401, 403, 429, 503))
async def list_meter_devices(
    access: CurrentAccess,
    tx: Tx,
    now: Now,
    paging: Paging,
    *,
    q: SearchTerm,
    cds_meterdevice_ids: Annotated[list[str] | None, id_list("cds_meterdevice_ids")],
    meter_number: Annotated[list[str] | None, id_list("meter_number")],
    meter_numbers: Annotated[list[str] | None, id_list("meter_numbers")],
    current_servicepoints: Annotated[list[str] | None, id_list("current_servicepoints")],
    previous_servicepoints: Annotated[list[str] | None, id_list("previous_servicepoints")],
) -> CdsJSONResponse:
    """Meter Devices that the access token sees, newest change first; `meter_numbers` says the same as `meter_number`."""
    conditions: list[Condition] = []
    if cds_meterdevice_ids is not None:
        conditions.append(one_of("cds_meterdevice_ids", "object_id", known_ids(cds_meterdevice_ids)))
    for name, numbers in (("meter_number", meter_number), ("meter_numbers", meter_numbers)):
        if numbers is not None:
            conditions.append(one_of(name, "meter_number", numbers, NUMBERS))
    if current_servicepoints is not None:
        conditions.append(
            any_visible_of("current_servicepoints", "current_servicepoints", known_ids(current_servicepoints), "service_point")
        )
    if previous_servicepoints is not None:
        conditions.append(
            any_visible_of("previous_servicepoints", "previous_servicepoints", known_ids(previous_servicepoints), "service_point")
        )
    if q is not None:
        conditions.append(contains(q, SEARCHED))
    return CdsJSONResponse(await list_objects(tx, METER_DEVICES, access, conditions, paging, now=now))
