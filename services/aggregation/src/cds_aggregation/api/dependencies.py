"""Parameters that endpoints of this service ask for."""

from typing import Annotated

from fastapi import Depends, Query
from starlette.requests import Request

from cds_aggregation.domain.rules import Rules
from cds_common.clock import Now
from cds_common.db import Tx
from cds_common.errors import FieldFault
from cds_common.grant_copy import Access, load_access
from cds_common.problems import ProblemError, generic
from cds_common.tokens import Bearer

__all__ = ["Bearer", "Now", "SearchTerm", "Tx", "UtilityRules", "Viewer"]


async def _viewer(token: Bearer, tx: Tx, now: Now, request: Request) -> Access:
    return await load_access(tx, token, now=now, settings=request.state.settings, peers=request.state.peers)


def _rules(request: Request) -> Rules:
    rules: Rules = request.state.rules
    return rules


Viewer = Annotated[Access, Depends(_viewer)]
"""What the token opens right now; an endpoint that shows customer data takes it."""
UtilityRules = Annotated[Rules, Depends(_rules)]
"""The utility's declarations about groups."""


MAX_TERM = 200


def _term(
    request: Request, _documented: Annotated[str | None, Query(alias="q", description="One search term, ignoring case")] = None
) -> str | None:
    values = [value for value in request.query_params.getlist("q") if value]
    if len(values) > 1 or any(len(value) > MAX_TERM or "\x00" in value for value in values):
        detail = f"must be given once, with at most {MAX_TERM} characters"
        raise ProblemError(generic(400), f"q {detail}", faults=(FieldFault("#query/q", detail),))
    return values[0] if values else None


SearchTerm = Annotated[str | None, Depends(_term)]
"""`q`, or None when it is absent or empty."""
