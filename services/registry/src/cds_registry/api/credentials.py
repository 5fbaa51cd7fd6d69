"""`/cds/v1/credentials`: the Credentials API (CDS-WG1-02 §7)."""

from datetime import datetime
from typing import Annotated

from starlette.requests import Request

from cds_common.oauth_errors import NO_STORE
from cds_common.paging import Listing, Paging, SortKey
from cds_common.problems import problems
from cds_common.wire import CdsJSONResponse, cds_router, datetime_filter, id_list
from cds_registry.api.body_sizes import SMALL
from cds_registry.api.dependencies import Admin, Now, Tools, Tx
from cds_registry.api.json_body import json_body, no_duplicates
from cds_registry.api.schemas import CredentialOut, CredentialsOut
from cds_registry.application.documents import credential_document
from cds_registry.application.manage_credentials import create_credential, modify_credential
from cds_registry.domain.errors import InvalidCredentialRequest
from cds_registry.persistence.credentials import Credentials, to_credential
from cds_registry.persistence.tables import CredentialRow

router = cds_router(prefix="/cds/v1/credentials", tags=["credentials"], max_body_size=SMALL)

CREDENTIALS = Listing(
    "credentials",
    keys=(SortKey(CredentialRow.modified, descending=True, nullable=False),),
    tie=CredentialRow.credential_id,
    tie_text=True,
)


@router.get("", responses={200: {"model": CredentialsOut, "description": "The Credentials"}, **problems(400, 401, 403, 429)})
async def list_credentials(
    caller: Admin,
    tx: Tx,
    paging: Paging,
    tools: Tools,
    credential_ids: Annotated[list[str] | None, id_list("credential_ids")],
    client_ids: Annotated[list[str] | None, id_list("client_ids")],
    after: Annotated[datetime | None, datetime_filter("after")],
    before: Annotated[datetime | None, datetime_filter("before")],
) -> CdsJSONResponse:
    """List Credentials with their secrets, last modified first (§7.3)."""
    query = Credentials(tx, caller.registration_id).visible()
    if credential_ids is not None:
        query = query.where(CredentialRow.credential_id.in_(credential_ids))
    if client_ids is not None:
        query = query.where(CredentialRow.client_id.in_(client_ids))
    if after is not None:
        query = query.where(CredentialRow.created >= after)
    if before is not None:
        query = query.where(CredentialRow.created <= before)
    page = await CREDENTIALS.page(tx, query, paging, identity=caller.registration_id)
    found = [to_credential(row) for row in page.scalars()]
    credentials = [credential_document(each, tools.box.open(each.secret_encrypted), tools.offer) for each in found]
    return CdsJSONResponse({"credentials": credentials, "next": page.next, "previous": page.previous}, headers=NO_STORE)


@router.get("/{credential_id}", responses={200: {"model": CredentialOut, "description": "The Credential"}, **problems(401, 403, 404, 429)})
async def get_credential(credential_id: str, caller: Admin, tx: Tx, tools: Tools) -> CdsJSONResponse:
    """One Credential with its secret (§7.4)."""
    found = await Credentials(tx, caller.registration_id).get(credential_id)
    return CdsJSONResponse(credential_document(found, tools.box.open(found.secret_encrypted), tools.offer), headers=NO_STORE)


@router.post(
    "",
    status_code=201,
    responses={201: {"model": CredentialOut, "description": "Made"}, **problems(400, 401, 403, 413, 429)},
    openapi_extra=json_body("client_id: the Client Object that gets a new Credential"),
)
async def post_credential(request: Request, caller: Admin, tx: Tx, tools: Tools, now: Now) -> CdsJSONResponse:
    """Make a Credential (§7.5)."""
    body = await no_duplicates(request, InvalidCredentialRequest)
    made, secret = await create_credential(tx, registration_id=caller.registration_id, body=body, tools=tools, actor=caller.actor, now=now)
    document = credential_document(made, secret, tools.offer)
    return CdsJSONResponse(document, 201, {**NO_STORE, "Location": document["uri"]})


@router.patch(
    "/{credential_id}",
    responses={200: {"model": CredentialOut, "description": "Done"}, **problems(400, 401, 403, 404, 413, 429, 503)},
    openapi_extra=json_body("client_secret_expires_at: seconds since 1970, from now up to the present value"),
)
async def patch_credential(credential_id: str, request: Request, caller: Admin, tx: Tx, tools: Tools, now: Now) -> CdsJSONResponse:
    """Give a Credential an end; one that is now is enforced everywhere before the answer (§7.6)."""
    body = await no_duplicates(request, InvalidCredentialRequest)
    changed = await modify_credential(
        tx, registration_id=caller.registration_id, credential_id=credential_id, body=body, tools=tools, actor=caller.actor, now=now
    )
    return CdsJSONResponse(credential_document(changed, tools.box.open(changed.secret_encrypted), tools.offer), headers=NO_STORE)
