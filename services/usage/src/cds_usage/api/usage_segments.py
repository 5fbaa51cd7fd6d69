"""`/cds/v1/usage-segments` (CDS-WG3-01 §10.8.8)."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Annotated

from starlette.responses import Response, StreamingResponse

from cds_common.grant_copy.entry import Kind
from cds_common.paging import Paging
from cds_common.problems import problems
from cds_common.wire import cds_router, datetime_filter, id_list
from cds_usage.api.dependencies import Now, Reader, Tx, Viewer
from cds_usage.api.schemas import UsageSegmentsOut
from cds_usage.application.list_segments import list_segments
from cds_usage.persistence.segments_read import SegmentFilters

router = cds_router(prefix="/cds/v1")
Ids = list[str] | None
_IN_ONE_PIECE = 4
"""Segments (some 45 kB for a month of quarter hours) up to which a page is sent at once."""


@router.get("/usage-segments", responses={200: {"model": UsageSegmentsOut}} | problems(400, 401, 403, 429, 503))
async def list_usage_segments(
    access: Viewer,
    tx: Tx,
    now: Now,
    reader: Reader,
    paging: Paging,
    segment_ids: Annotated[Ids, id_list("cds_usagesegment_ids")],
    account_ids: Annotated[Ids, id_list("cds_account_ids")],
    account_numbers: Annotated[Ids, id_list("account_numbers")],
    contract_ids: Annotated[Ids, id_list("cds_servicecontract_ids")],
    contract_numbers: Annotated[Ids, id_list("contract_numbers")],
    point_ids: Annotated[Ids, id_list("cds_servicepoint_ids")],
    point_numbers: Annotated[Ids, id_list("servicepoint_numbers")],
    meter_ids: Annotated[Ids, id_list("cds_meterdevice_ids")],
    meter_numbers: Annotated[Ids, id_list("meter_numbers")],
    billsection_ids: Annotated[Ids, id_list("cds_billsection_ids")],
    aggregation_ids: Annotated[Ids, id_list("cds_aggregation_ids")],
    aggregation_numbers: Annotated[Ids, id_list("aggregation_numbers")],
    before: Annotated[datetime | None, datetime_filter("before")],
    after: Annotated[datetime | None, datetime_filter("after")],
) -> Response:
    """List Usage Segments. `before` and `after` choose overlapping segments, they never cut one."""
    ids: dict[Kind, Ids] = {
        "account": account_ids, "service_contract": contract_ids, "service_point": point_ids, "meter_device": meter_ids,
        "aggregation": aggregation_ids,
    }  # fmt: skip
    numbers: dict[Kind, Ids] = {
        "account": account_numbers, "service_contract": contract_numbers, "service_point": point_numbers, "meter_device": meter_numbers,
        "aggregation": aggregation_numbers,
    }  # fmt: skip
    filters = SegmentFilters(segment_ids, before, after, _given(ids), _given(numbers), billsection_ids)
    page = await list_segments(tx, reader, access, filters, paging, now)
    headers = {"ETag": page.etag()}
    if len(page.segments) <= _IN_ONE_PIECE:
        return Response(b"".join(page), media_type="application/json", headers=headers)
    return StreamingResponse(_pieces(page), media_type="application/json", headers=headers)


async def _pieces(page: Iterable[bytes]) -> AsyncIterator[bytes]:
    """The page as it is written, other requests in between; not handed to a thread piece by piece."""
    for piece in page:
        yield piece
        await asyncio.sleep(0)


def _given(filters: dict[Kind, Ids]) -> dict[Kind, list[str]]:
    return {kind: values for kind, values in filters.items() if values is not None}
