"""Exports that go through all segments of a token: what the Green Button endpoints and the CSV share."""

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from cds_common.clock import Now
from cds_common.grant_copy import Access, load_access
from cds_common.paging import Paging
from cds_common.tokens import AccessToken, Bearer
from cds_common.wire import datetime_filter, id_list
from cds_usage.api.dependencies import Reader
from cds_usage.application.list_segments import DrawnPage
from cds_usage.application.walk_segments import Walk
from cds_usage.domain.errors import SubscriptionNotFound
from cds_usage.persistence.segments_read import SegmentFilters


@dataclass(frozen=True, slots=True)
class Export:
    """One request for an export."""

    walk: Walk
    token: AccessToken
    public_url: str
    path: str
    now: datetime

    def of_grant(self, grant_id: str) -> "Export":
        """The same through one Grant of the token alone; any other is not found."""
        load = self.walk.access_of

        async def access_of(session: AsyncSession, now: datetime) -> Access:
            access = await load(session, now)
            if grant_id not in access.grant_ids:
                raise SubscriptionNotFound("The access token opens no such subscription")
            return access.through(grant_id)

        return replace(self, walk=replace(self.walk, access_of=access_of))

    def narrowed(self, filters: SegmentFilters, endpoint: str, *, max_pages: int | None) -> "Export":
        """The same with filters, under its own name in the access log."""
        return replace(self, walk=replace(self.walk, filters=filters, endpoint=endpoint, max_pages=max_pages))

    async def started(self) -> "Pages":
        """The pages, the first of them read: what is refused is refused before the answer begins."""
        pages = self.walk.pages()
        return Pages(await anext(pages), pages)


@dataclass(frozen=True, slots=True)
class Pages:
    """Pages of which the first is at hand."""

    first: DrawnPage
    rest: AsyncIterator[DrawnPage]

    async def __aiter__(self) -> AsyncIterator[DrawnPage]:
        yield self.first
        async for page in self.rest:
            yield page


async def _export(request: Request, token: Bearer, reader: Reader, paging: Paging, now: Now) -> Export:
    state = request.state

    async def access_of(session: AsyncSession, at: datetime) -> Access:
        return await load_access(session, token, now=at, settings=state.settings, peers=state.peers)

    walk = Walk(state.sessions, reader, access_of, _running(now), SegmentFilters(), paging, "exports")
    return Export(walk, token, state.settings.public_url, request.url.path, now)


def _running(now: datetime) -> Callable[[], datetime]:
    """A clock that goes on from `now`."""
    begun = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - begun)


Exported = Annotated[Export, Depends(_export)]
Ids = list[str] | None


async def _table_filters(
    segment_ids: Annotated[Ids, id_list("cds_usagesegment_ids")],
    account_ids: Annotated[Ids, id_list("cds_account_ids")],
    contract_ids: Annotated[Ids, id_list("cds_servicecontract_ids")],
    point_ids: Annotated[Ids, id_list("cds_servicepoint_ids")],
    meter_ids: Annotated[Ids, id_list("cds_meterdevice_ids")],
    before: Annotated[datetime | None, datetime_filter("before")],
    after: Annotated[datetime | None, datetime_filter("after")],
) -> SegmentFilters:
    given = {"account": account_ids, "service_contract": contract_ids, "service_point": point_ids, "meter_device": meter_ids}
    return SegmentFilters(segment_ids, before, after, {kind: ids for kind, ids in given.items() if ids is not None})  # type: ignore[misc]


TableFilters = Annotated[SegmentFilters, Depends(_table_filters)]
"""As in the listing of Usage Segments."""
