"""Green Button beside the CDS APIs: `/espi/1_1/resource/...` for the same access tokens (NAESB REQ.21).

A subscription is a Grant. Account data is in accounts, bills are in billing: the standard keeps personal data in feeds of its own.
"""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from starlette.responses import Response, StreamingResponse

from cds_common import espi
from cds_common.problems import problems
from cds_common.wire import cds_router, datetime_filter
from cds_usage.api.exports import Export, Exported, Pages
from cds_usage.application.green_button_feed import GreenButtonFeed
from cds_usage.application.walk_segments import FEED_PAGES
from cds_usage.domain.errors import SubscriptionNotFound
from cds_usage.persistence.segments_read import SegmentFilters

SUBSCRIPTION = f"{espi.BASE}/Subscription"
SUMMARIES = f"{espi.BASE}/UsageSummary"
_XML: dict[int | str, dict[str, Any]] = {200: {"content": {espi.MEDIA_TYPE: {"schema": {"type": "string"}}}}}
_ANSWERS = _XML | problems(400, 401, 403, 404, 429, 503)

router = cds_router(prefix=espi.BASE, tags=["green-button"])
Since = Annotated[datetime | None, datetime_filter("published-min")]
Until = Annotated[datetime | None, datetime_filter("published-max")]


@router.get("/Batch/Subscription/{grant_id}", responses=_ANSWERS)
async def read_subscription(grant_id: str, export: Exported, since: Since, until: Until) -> Response:
    """All of a Grant's usage in one feed: Usage Points, Meter Readings, Reading Types and Interval Blocks.

    `published-min` and `published-max` choose blocks that overlap that time. A very long feed ends with a link `next`.
    """
    return await _feed(export.of_grant(grant_id), grant_id, since, until, lambda _path: True, "Green Button subscription")


@router.get("/Subscription/{grant_id}/UsagePoint", responses=_ANSWERS)
@router.get("/Subscription/{grant_id}/UsagePoint/{usage_point}/MeterReading", responses=_ANSWERS)
@router.get("/Subscription/{grant_id}/UsagePoint/{usage_point}/MeterReading/{meter_reading}/IntervalBlock", responses=_ANSWERS)
async def list_resources(
    grant_id: str, export: Exported, since: Since, until: Until, usage_point: UUID | None = None, meter_reading: UUID | None = None
) -> Response:
    """One kind of entries below a Grant, a Usage Point or a Meter Reading."""
    kind = "IntervalBlock" if meter_reading else "MeterReading" if usage_point else "UsagePoint"
    return await _feed(export.of_grant(grant_id), grant_id, since, until, _listed_in(export.path), f"Green Button {kind}")


@router.get("/Subscription/{grant_id}/UsagePoint/{usage_point}", responses=_ANSWERS)
@router.get("/Subscription/{grant_id}/UsagePoint/{usage_point}/MeterReading/{meter_reading}", responses=_ANSWERS)
@router.get("/Subscription/{grant_id}/UsagePoint/{usage_point}/MeterReading/{meter_reading}/IntervalBlock/{block}", responses=_ANSWERS)
async def read_resource(
    grant_id: str,
    export: Exported,
    usage_point: UUID,  # noqa: ARG001  # a part of the path, which is compared as a whole
    meter_reading: UUID | None = None,  # noqa: ARG001
    block: UUID | None = None,  # noqa: ARG001
) -> Response:
    """One entry."""
    return await _one(export.of_grant(grant_id), f"{SUBSCRIPTION}/{grant_id}")


@router.get("/ReadingType", responses=_ANSWERS)
async def list_reading_types(export: Exported) -> Response:
    """The Reading Types of all that the token opens."""
    return await _feed(export, "", None, None, _listed_in(export.path), "Green Button ReadingType")


@router.get("/ReadingType/{reading_type}", responses=_ANSWERS)
async def read_reading_type(reading_type: UUID, export: Exported) -> Response:  # noqa: ARG001
    """One Reading Type."""
    return await _one(export, SUBSCRIPTION)


def _listed_in(collection: str) -> Callable[[str], bool]:
    return lambda path: path.rpartition("/")[0] == collection


async def _feed(
    export: Export, grant_id: str, since: datetime | None, until: datetime | None, wanted: Callable[[str], bool], title: str
) -> Response:
    narrowed = export.narrowed(SegmentFilters(after=since, before=until), "green-button", max_pages=FEED_PAGES)
    feed = GreenButtonFeed(f"{SUBSCRIPTION}/{grant_id}", summaries=SUMMARIES, wanted=wanted)
    return StreamingResponse(_entries(narrowed, await narrowed.started(), feed, title), media_type=espi.MEDIA_TYPE)


async def _entries(export: Export, pages: Pages, feed: GreenButtonFeed, title: str) -> AsyncIterator[bytes]:
    newest = max((segment.modified for segment in pages.first.segments), default=export.now)
    yield espi.feed_head(export.public_url, export.path, title, newest)
    following = None
    async for page in pages:
        for segment in page.taken():
            for entry in feed.entries(segment):
                yield entry.xml(export.public_url)
        following = page.next
    yield espi.feed_tail(following)


async def _one(export: Export, subscription: str) -> Response:
    feed = GreenButtonFeed(subscription, summaries=SUMMARIES, wanted=lambda path: path == export.path)
    async for page in await export.narrowed(SegmentFilters(), "green-button", max_pages=None).started():
        for segment in page.segments:
            for entry in feed.entries(segment):
                return Response(entry.xml(export.public_url, alone=True), media_type=espi.MEDIA_TYPE)
    raise SubscriptionNotFound("There is no such resource")
