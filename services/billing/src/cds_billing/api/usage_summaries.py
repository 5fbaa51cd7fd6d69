"""Green Button's UsageSummary beside the Bill Sections, for the same access tokens (NAESB REQ.21)."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from starlette.responses import Response

from cds_billing.api.dependencies import Now, Tx, Viewer
from cds_billing.application.list_bills import list_bill_sections
from cds_billing.domain.errors import UsageSummaryNotFound
from cds_billing.domain.usage_summary import usage_summary
from cds_billing.persistence.listings import SectionFilter
from cds_billing.settings import Settings
from cds_common import espi
from cds_common.paging import Paging
from cds_common.problems import problems
from cds_common.wire import cds_router, date_filter

PATH = f"{espi.BASE}/UsageSummary"
_XML: dict[int | str, dict[str, Any]] = {200: {"content": {espi.MEDIA_TYPE: {"schema": {"type": "string"}}}}}

router = cds_router(prefix=PATH, tags=["green-button"])


@router.get("", responses=_XML | problems(400, 401, 403, 429, 503))
async def list_usage_summaries(
    access: Viewer,
    tx: Tx,
    now: Now,
    paging: Paging,
    before: Annotated[date | None, date_filter("before")],
    after: Annotated[date | None, date_filter("after")],
) -> Response:
    """One entry per Bill Section that the token sees, a hundred per feed; the link `next` leads on."""
    listed = await list_bill_sections(tx, access, SectionFilter(before=before, after=after), paging, now=now)
    entries = [_entry(section, paging.settings) for section in listed.items]
    feed = espi.whole_feed(paging.settings.public_url, PATH, "Green Button usage summaries", entries, following=listed.next, now=now)
    return Response(feed, media_type=espi.MEDIA_TYPE)


@router.get("/{section_id}", responses=_XML | problems(400, 401, 403, 404, 429, 503))
async def read_usage_summary(section_id: UUID, access: Viewer, tx: Tx, now: Now, paging: Paging) -> Response:
    """The entry of one Bill Section."""
    listed = await list_bill_sections(tx, access, SectionFilter(section_ids=[section_id]), paging, now=now)
    if not listed.items:
        raise UsageSummaryNotFound("There is no such summary for this access token")
    entry = _entry(listed.items[0], paging.settings)
    return Response(entry.xml(paging.settings.public_url, alone=True), media_type=espi.MEDIA_TYPE)


def _entry(section: dict[str, Any], settings: Any) -> espi.Entry:
    zoned: Settings = settings
    title = f"{section['start_date']} to {section['end_date']}"
    content = usage_summary(section, zoned.zone())
    return espi.Entry(f"{PATH}/{section['cds_billsection_id']}", title, content, section["cds_created"], section["cds_modified"])
