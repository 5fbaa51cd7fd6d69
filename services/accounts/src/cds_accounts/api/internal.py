"""`/internal/...`: asked by the other data services and by auth, never routed by the ingress."""

from typing import Annotated

from fastapi import Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from cds_accounts.adapters.peers import AccountsPeers
from cds_accounts.api.dependencies import Now, Tx
from cds_accounts.application.match_preselections import preselections_match
from cds_common.events.grants import GrantEntry
from cds_common.ids import Environment
from cds_common.internal import internal_caller
from cds_common.problems import ProblemError, generic
from cds_common.wire import CdsJSONResponse, CdsModel, cds_router

router = cds_router(include_in_schema=False)

Auth = Annotated[str, Depends(internal_caller("auth"))]
DataService = Annotated[str, Depends(internal_caller("billing", "usage", "aggregation"))]


@router.get("/internal/entitlements/{grant_id}")
async def read_entitlements(
    _caller: DataService, request: Request, grant_id: Annotated[str, Path(min_length=1, max_length=200)]
) -> Response:
    """The entitlements of a Grant whose events have not arrived, resolved on the spot; 404 when there is no such Grant."""
    peers: AccountsPeers = request.state.peers
    resolved = await peers.entitlements(grant_id)
    if resolved is None:
        raise ProblemError(generic(404), "There is no such Grant")
    return CdsJSONResponse(resolved.model_dump_json().encode())


class PreselectionIn(CdsModel):
    """A direct-access entry of a Grant that is not made yet."""

    environment: Environment
    entry: GrantEntry


class PreselectionOut(CdsModel):
    """What became of it."""

    matches: bool


@router.post("/internal/preselections")
async def match_preselections(_caller: Auth, body: PreselectionIn, request: Request, tx: Tx, now: Now) -> PreselectionOut:
    """Whether the entry would open anything (CDS-WG3-01 §7.4.3)."""
    zone = request.state.settings.zone()
    return PreselectionOut(matches=await preselections_match(tx, body.entry, body.environment, zone=zone, now=now))
