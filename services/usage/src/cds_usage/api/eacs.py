"""`/cds/v1/eacs` and the data behind each certificate (CDS-WG3-01 §10.9)."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from starlette.responses import Response

from cds_common.paging import Paging
from cds_common.problems import problems
from cds_common.wire import cds_router, datetime_filter, id_list
from cds_usage.api.dependencies import Now, Reader, Tx, Viewer
from cds_usage.api.schemas import EacOut, EacsOut
from cds_usage.application.list_eacs import get_eac_data, list_eacs
from cds_usage.domain.errors import EacNotFound
from cds_usage.persistence.eacs_read import EacFilters

router = cds_router(prefix="/cds/v1")
Ids = list[str] | None


@router.get("/eacs", response_model=EacsOut, responses=problems(400, 401, 403, 429, 503))
async def list_certificates(
    access: Viewer,
    tx: Tx,
    now: Now,
    reader: Reader,
    paging: Paging,
    eac_ids: Annotated[Ids, id_list("cds_eac_ids")],
    eac_numbers: Annotated[Ids, id_list("eac_numbers")],
    beneficiaries: Annotated[Ids, id_list("beneficiaries")],
    before: Annotated[datetime | None, datetime_filter("before")],
    after: Annotated[datetime | None, datetime_filter("after")],
) -> EacsOut:
    """List Energy Attribute Certificates (§10.9.4)."""
    filters = EacFilters(_uuids(eac_ids), eac_numbers, beneficiaries, before, after)
    listed = await list_eacs(tx, reader, access, filters, paging, base_url=f"{paging.settings.public_url}/cds/v1/eacs", now=now)
    return EacsOut(eacs=[EacOut.model_validate(one) for one in listed.eacs], next=listed.next, previous=listed.previous)


@router.get("/eacs/{eac_id}/data", responses=problems(401, 403, 404, 429, 503))
async def read_certificate(eac_id: str, access: Viewer, tx: Tx, now: Now, reader: Reader) -> Response:
    """The data of one certificate, open to the same tokens as its entry in the listing (§10.9.1)."""
    known = _uuids([eac_id])
    if not known:
        raise EacNotFound("There is no such certificate")
    content, media_type = await get_eac_data(tx, reader, access, known[0], now)
    return Response(
        content, headers={"Content-Type": media_type, "Content-Disposition": "attachment", "Cache-Control": "private, no-store"}
    )


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
