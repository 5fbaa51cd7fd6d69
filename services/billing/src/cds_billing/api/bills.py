"""`/cds/v1/bill-statements`, `/cds/v1/bill-sections` and the bill files (CDS-WG3-01 §10.5, §10.6)."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Response
from starlette.requests import Request

from cds_billing.api.dependencies import Now, Tx, Viewer, uuids
from cds_billing.api.schemas import BillSectionsOut, BillStatementsOut
from cds_billing.application.list_bills import get_bill_file, list_bill_sections, list_bill_statements
from cds_billing.persistence.listings import SectionFilter, StatementFilter
from cds_common.paging import Paging
from cds_common.problems import problems
from cds_common.wire import cds_router, date_filter, id_list

FILES = "/cds/v1/bill-files"
Ids = list[str] | None
Before = Annotated[date | None, date_filter("before")]
After = Annotated[date | None, date_filter("after")]

router = cds_router(prefix="/cds/v1")


@router.get("/bill-statements", response_model=BillStatementsOut, responses=problems(400, 401, 403, 429, 503))
async def list_statements(
    *,
    access: Viewer,
    tx: Tx,
    now: Now,
    paging: Paging,
    statement_ids: Annotated[Ids, id_list("cds_billstatement_ids")],
    account_ids: Annotated[Ids, id_list("cds_account_ids")],
    account_numbers: Annotated[Ids, id_list("account_numbers")],
    before: Before,
    after: After,
) -> BillStatementsOut:
    """List Bill Statements (§10.5.4)."""
    wanted = StatementFilter(uuids(statement_ids), uuids(account_ids), account_numbers, before, after)
    listed = await list_bill_statements(tx, access, wanted, paging, now=now, file_base=paging.settings.public_url + FILES)
    return BillStatementsOut(bill_statements=listed.items, next=listed.next, previous=listed.previous)


@router.get("/bill-sections", response_model=BillSectionsOut, responses=problems(400, 401, 403, 429, 503))
async def list_sections(
    *,
    access: Viewer,
    tx: Tx,
    now: Now,
    paging: Paging,
    section_ids: Annotated[Ids, id_list("cds_billsection_ids")],
    statement_ids: Annotated[Ids, id_list("cds_billstatement_ids")],
    account_ids: Annotated[Ids, id_list("cds_account_ids")],
    account_numbers: Annotated[Ids, id_list("account_numbers")],
    contract_ids: Annotated[Ids, id_list("cds_servicecontract_ids")],
    contract_numbers: Annotated[Ids, id_list("contract_numbers")],
    before: Before,
    after: After,
) -> BillSectionsOut:
    """List Bill Sections (§10.6.9)."""
    wanted = SectionFilter(
        uuids(section_ids), uuids(statement_ids), uuids(account_ids), account_numbers, uuids(contract_ids), contract_numbers, before, after
    )
    listed = await list_bill_sections(tx, access, wanted, paging, now=now)
    return BillSectionsOut(bill_sections=listed.items, next=listed.next, previous=listed.previous)


@router.get("/bill-files/{file_id}", responses=problems(401, 403, 404, 429, 503))
async def read_file(file_id: UUID, access: Viewer, tx: Tx, now: Now, request: Request) -> Response:
    """The printed bill (§10.5.1), with the media type that its statement announces."""
    found = await get_bill_file(tx, access, file_id, now=now)
    etag = f'"{found.sha256.hex()}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'attachment; filename="bill-{found.file_id}.pdf"',
    }
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.mimetype, headers=headers)
