"""All segments of a token, page by page: an export is as long as it likes while one page is held at a time."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.db import Sessions
from cds_common.grant_copy import Access
from cds_common.paging import PageRequest
from cds_usage.application.list_segments import DrawnPage, SegmentReader, list_segments
from cds_usage.persistence.segments_read import SegmentFilters

FEED_PAGES = 6
"""Pages of one feed: a year of 50 meters, some 300 MB of XML. It then names the address of the next one."""


@dataclass(frozen=True, slots=True)
class Walk:
    """What is read and by whom.

    `access_of` loads the token's access anew for each page, in the page's own transaction: a Grant that ends meanwhile ends
    the export, and what was sent is logged before it is.
    """

    sessions: Sessions
    reader: SegmentReader
    access_of: Callable[[AsyncSession, datetime], Awaitable[Access]]
    clock: Callable[[], datetime]
    filters: SegmentFilters
    paging: PageRequest
    endpoint: str
    max_pages: int | None = FEED_PAGES

    async def pages(self) -> AsyncIterator[DrawnPage]:
        """Up to `max_pages` pages; the last one has `next` when there are more.

        Raises:
            InvalidToken: every Grant of the token has ended.
            InsufficientScope: the token has no customer-data scope.
            ProblemError: 400, the page link is not one of this list.
        """
        paging, number = self.paging, 0
        while self.max_pages is None or number < self.max_pages:
            number += 1
            async with self.sessions.begin() as session:
                now = self.clock()
                access = await self.access_of(session, now)
                page = await list_segments(session, self.reader, access, self.filters, paging, now, endpoint=self.endpoint)
            yield page
            if page.next is None:
                return
            paging = paging.following(page.next)
