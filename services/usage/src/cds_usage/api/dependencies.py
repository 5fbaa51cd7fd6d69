"""Parameters that endpoints of this service ask for."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from cds_common.clock import Now
from cds_common.db import Tx
from cds_common.grant_copy import Access, load_access
from cds_common.tokens import Bearer
from cds_usage.application.list_segments import SegmentReader

__all__ = ["Bearer", "Now", "Reader", "Tx", "Viewer"]


async def _viewer(token: Bearer, tx: Tx, now: Now, request: Request) -> Access:
    return await load_access(tx, token, now=now, settings=request.state.settings, peers=request.state.peers)


async def _reader(request: Request) -> SegmentReader:
    reader: SegmentReader = request.state.reader
    return reader


Viewer = Annotated[Access, Depends(_viewer)]
"""What the token opens right now; an endpoint that shows customer data takes it."""
Reader = Annotated[SegmentReader, Depends(_reader)]
"""Time zone, value formats and kinds of series."""
