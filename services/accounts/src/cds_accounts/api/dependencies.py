"""Parameters that endpoints of this service ask for."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from starlette.requests import Request

from cds_accounts.settings import Settings
from cds_common.clock import Now
from cds_common.db import Tx
from cds_common.errors import FieldFault
from cds_common.grant_copy import Access, Peers, load_access
from cds_common.paging import Paging
from cds_common.problems import ProblemError, generic
from cds_common.tokens import Bearer

__all__ = ["Bearer", "CurrentAccess", "Now", "Paging", "SearchTerm", "Tx", "known_ids"]

MAX_TERM = 200


async def current_access(request: Request, token: Bearer, tx: Tx, now: Now) -> Access:
    """What the token of this request opens now."""
    settings: Settings = request.state.settings
    peers: Peers = request.state.peers
    return await load_access(tx, token, now=now, settings=settings, peers=peers)


CurrentAccess = Annotated[Access, Depends(current_access, scope="function")]


async def _search_term(
    request: Request, _documented: Annotated[str | None, Query(alias="q", description="One search term, ignoring case")] = None
) -> str | None:
    """The term as it was given, spaces included (WG3D-013); an empty one counts as absent."""
    values = [value for value in request.query_params.getlist("q") if value]
    if len(values) > 1 or any(len(value) > MAX_TERM or "\x00" in value for value in values):
        detail = f"must be given once, with at most {MAX_TERM} characters"
        raise ProblemError(generic(400), detail, faults=(FieldFault("#query/q", detail),))
    return values[0] if values else None


SearchTerm = Annotated[str | None, Depends(_search_term)]


def known_ids(values: list[str]) -> list[UUID]:
    """Those values that are ids in the form in which this server issues them; others can match nothing."""
    found: list[UUID] = []
    for value in values:
        try:
            one = UUID(value)
        except ValueError:
            continue
        if str(one) == value:
            found.append(one)
    return found
