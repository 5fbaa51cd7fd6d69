"""`/export/v1/usage.csv`: the usage of a token as a table."""

from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import Response, StreamingResponse

from cds_common.problems import problems
from cds_common.wire import cds_router
from cds_usage.api.exports import Exported, Pages, TableFilters
from cds_usage.application import usage_table

router = cds_router(prefix="/export/v1", tags=["export"])
_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


@router.get("/usage.csv", responses=_CSV | problems(400, 401, 403, 429, 503))
async def read_usage_table(export: Exported, filters: TableFilters) -> Response:
    """One line per value, in the order of the listing of Usage Segments and with its filters.

    A table that takes longer than the ingress waits breaks off with a connection error, never with a whole-looking end: narrow it then.
    """
    pages = await export.narrowed(filters, "usage-table", max_pages=None).started()
    headers = {"Content-Disposition": 'attachment; filename="usage.csv"'}
    return StreamingResponse(_table(pages), media_type="text/csv; charset=utf-8; header=present", headers=headers)


async def _table(pages: Pages) -> AsyncIterator[bytes]:
    yield usage_table.header()
    async for page in pages:
        for segment in page.taken():
            for lines in usage_table.lines(segment):
                yield lines
