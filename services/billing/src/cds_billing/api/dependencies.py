"""Parameters that endpoints of this service ask for."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends
from starlette.requests import Request

from cds_common.clock import Now
from cds_common.db import Tx
from cds_common.grant_copy import Access, load_access
from cds_common.tokens import Bearer

__all__ = ["Bearer", "Now", "Tx", "Viewer", "uuids"]


async def _viewer(token: Bearer, tx: Tx, now: Now, request: Request) -> Access:
    return await load_access(tx, token, now=now, settings=request.state.settings, peers=request.state.peers)


Viewer = Annotated[Access, Depends(_viewer)]
"""What the token opens right now; an endpoint that shows customer data takes it."""


def uuids(values: list[str] | None) -> list[UUID] | None:
    """Ids of a filter in the form in which they were issued; anything else matches nothing (CDS-WG3-01 §10)."""
    if values is None:
        return None
    found: list[UUID] = []
    for value in values:
        try:
            one = UUID(value)
        except ValueError:
            continue
        if str(one) == value:
            found.append(one)
    return found
