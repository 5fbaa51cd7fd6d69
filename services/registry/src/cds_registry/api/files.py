"""`/cds/v1/files`: the Server-Provided Files API (CDS-WG1-02 §9)."""

import re
from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from cds_common.paging import Listing, Paging, SortKey
from cds_common.problems import ProblemError, ProblemType, problems
from cds_common.wire import CdsJSONResponse, cds_router, id_list
from cds_registry.api.body_sizes import SMALL
from cds_registry.api.conditional import has_same
from cds_registry.api.dependencies import Files, OfferOf, StoreOf, Tx
from cds_registry.api.schemas import FileOut, FilesOut
from cds_registry.application.documents import moment
from cds_registry.application.offer import Offer
from cds_registry.persistence.shared_files import SharedFiles
from cds_registry.persistence.tables import SharedFileRow

router = cds_router(prefix="/cds/v1/files", tags=["files"], max_body_size=SMALL)

NO_STORE = {"Cache-Control": "no-store"}
FILES = Listing("files", keys=(SortKey(SharedFileRow.modified, descending=True, nullable=False),), tie=SharedFileRow.file_id, tie_text=True)
RANGE_NOT_SATISFIABLE = ProblemType(416, "range-not-satisfiable", "The range lies outside the file")
_RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))")


@router.get("", responses={200: {"model": FilesOut, "description": "The files of the Grants"}, **problems(400, 401, 403, 429)})
async def list_files(
    caller: Files, tx: Tx, paging: Paging, offer: OfferOf, file_ids: Annotated[list[str] | None, id_list("file_ids")]
) -> CdsJSONResponse:
    """List the files that the Grants of the token name, last modified first (§9.2)."""
    query = SharedFiles(tx, caller.registration_id, caller.file_ids).visible()
    if file_ids is not None:
        query = query.where(SharedFileRow.file_id.in_(file_ids))
    page = await FILES.page(tx, query, paging, identity=f"{caller.registration_id}:{' '.join(sorted(caller.file_ids))}")
    files = [file_document(row, offer) for row in page.scalars()]
    return CdsJSONResponse({"files": files, "next": page.next, "previous": page.previous}, headers=NO_STORE)


@router.get("/{file_id}", responses={200: {"model": FileOut, "description": "The file object"}, **problems(401, 403, 404, 429)})
async def get_file(file_id: str, caller: Files, tx: Tx, offer: OfferOf) -> CdsJSONResponse:
    """One file object (§9.3)."""
    row = await SharedFiles(tx, caller.registration_id, caller.file_ids).get(file_id)
    return CdsJSONResponse(file_document(row, offer), headers=NO_STORE)


@router.get(
    "/{file_id}/content",
    responses={
        200: {"description": "The bytes", "content": {"application/octet-stream": {}}},
        206: {"description": "A range of the bytes"},
        304: {"description": "The client has these bytes"},
        **problems(401, 403, 404, 416, 429),
    },
)
async def download(file_id: str, request: Request, caller: Files, tx: Tx, store: StoreOf) -> Response:
    """The bytes of a file, as a whole or by one Range (§9.4, RFC 9110 §14)."""
    row = await SharedFiles(tx, caller.registration_id, caller.file_ids).get(file_id)
    etag = f'"{row.sha256}"'
    # Before Range, which is ignored when this holds (RFC 9110 §13.2.2).
    if has_same(request, etag):
        return Response(status_code=304, headers={**NO_STORE, "ETag": etag})
    start, length = _wanted(request, etag, row.size)
    headers = {
        **NO_STORE,
        "Accept-Ranges": "bytes",
        "Content-Length": str(length),
        # Set here, since a media type of text would gain a charset that nobody knows.
        "Content-Type": row.mime_type,
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(row.name, safe='')}",
        "ETag": etag,
    }
    content = await _begun(store.read(row.store_key, start, length))
    if length == row.size:
        return StreamingResponse(content, 200, headers)
    headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{row.size}"
    return StreamingResponse(content, 206, headers)


def file_document(row: SharedFileRow, offer: Offer) -> dict[str, Any]:
    """The Server-Provided File object (§9.1)."""
    uri = f"{offer.public_url}/cds/v1/files/{row.file_id}"
    return {
        "file_id": row.file_id,
        "uri": uri,
        "created": moment(row.created),
        "modified": moment(row.modified),
        "mime_type": row.mime_type,
        "size": row.size,
        "name": row.name,
        "description": row.description,
        "download_uri": f"{uri}/content",
    }


async def _begun(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same pieces, the first one fetched already: a store that is away is a 503 and not a broken answer."""
    first = await anext(pieces)

    async def whole() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    return whole()


def _wanted(request: Request, etag: str, size: int) -> tuple[int, int]:
    """Start and length; a malformed or conditional-but-changed Range is ignored, one outside the file is refused."""
    found = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if found is None or request.headers.get("if-range", etag) != etag:
        return 0, size
    if found[3] is not None:
        length = min(int(found[3]), size)
        start = size - length
    else:
        start = int(found[1])
        end = min(int(found[2]) if found[2] else size - 1, size - 1)
        length = end - start + 1
        if found[2] and int(found[2]) < start:
            return 0, size
    if length <= 0 or start >= size:
        raise ProblemError(RANGE_NOT_SATISFIABLE, "The range lies outside the file", headers={"Content-Range": f"bytes */{size}"})
    return start, length
