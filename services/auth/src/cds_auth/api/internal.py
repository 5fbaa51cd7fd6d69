"""What the other services ask at once (design §3); never routed by the ingress."""

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from cds_auth.api.dependencies import Clients, Keys, Now, Rules, Tx
from cds_auth.api.schemas import ClosedFileIn, GrantIdsOut, KeyOrderIn, NewKeyOut, ServerGrantIn
from cds_auth.application.apply_client import apply_client
from cds_auth.application.grants_of_customer import get_grant
from cds_auth.application.server_grants import close_file, make_server_grant
from cds_auth.application.write_grant import snapshot
from cds_auth.persistence.operators import Operators
from cds_common.events.clients import ClientPublishedV1
from cds_common.internal import internal_caller
from cds_common.problems import problems
from cds_common.wire import cds_router

router = cds_router(prefix="/internal", include_in_schema=False)

Readers = Annotated[str, Depends(internal_caller("registry", "accounts", "billing", "usage", "aggregation"))]
RegistryOnly = Annotated[str, Depends(internal_caller("registry"))]


@router.get("/grants/{grant_id}", responses=problems(401, 404))
async def read_grant(grant_id: str, caller: Readers, tx: Tx) -> Response:  # noqa: ARG001  # the parameter is the guard
    """The Grant as `cds.grants` will bring it."""
    return Response(snapshot(await get_grant(tx, grant_id)).model_dump_json(), media_type="application/json")


@router.post("/clients", status_code=204, responses=problems(400, 401))
async def enforce_client(client: ClientPublishedV1, caller: RegistryOnly, tx: Tx, rules: Rules, now: Now) -> Response:  # noqa: ARG001
    """Enforce a Client's state before registry answers (CDS-WG1-02 §7.6). Safe to repeat."""
    await apply_client(tx, client, rules=rules, now=now)
    return Response(status_code=204)


@router.post("/grants", status_code=201, response_model=GrantIdsOut, responses=problems(400, 401, 404))
async def create_grant(
    wanted: ServerGrantIn,
    caller: RegistryOnly,  # noqa: ARG001  # the parameter is the guard
    tx: Tx,
    rules: Rules,
    clients: Clients,
    now: Now,
) -> GrantIdsOut:
    """Make a Grant that an operator approved or shares. Safe to repeat with the same `requested_by_message`."""
    grant = await make_server_grant(
        tx,
        client_id=wanted.client_id,
        scope=wanted.scope,
        authorization_details=wanted.authorization_details,
        not_before=wanted.not_before,
        not_after=wanted.not_after,
        requested_by=wanted.requested_by_message,
        rules=rules,
        clients=clients,
        now=now,
    )
    return GrantIdsOut(grant_ids=[grant.grant_id])


@router.post("/grants/close-file", response_model=GrantIdsOut, responses=problems(400, 401))
async def end_file(closed: ClosedFileIn, caller: RegistryOnly, tx: Tx, rules: Rules, now: Now) -> GrantIdsOut:  # noqa: ARG001
    """Take a file that is shared no longer out of every Grant; gives the Grants that had it. Safe to repeat."""
    return GrantIdsOut(grant_ids=await close_file(tx, client_id=closed.client_id, file_id=closed.file_id, rules=rules, now=now))


@router.post("/keys/rotate", response_model=NewKeyOut, responses=problems(400, 401))
async def rotate_keys(order: KeyOrderIn, caller: RegistryOnly, tx: Tx, keys: Keys, now: Now) -> NewKeyOut:
    """Make a new signing key, ordered at the console by an operator whom registry has checked."""
    kid = await keys.rotate(tx, now, at_once=order.at_once)
    await Operators(tx).record(f"{caller}:{order.operator}", "signing_key.rotate", kid, order.note, now)
    return NewKeyOut(kid=kid)
