"""`/operator/api/v1`: registrations, Client Objects, shared files, operator accounts and the audit log. Bearer operator key."""

from typing import Annotated, Any

from fastapi import Query
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from cds_common import exact_json
from cds_common.paging import Listing, PageRequest, Paging, SortKey
from cds_common.problems import problems
from cds_common.wire import CdsDateTime, CdsJSONResponse, cds_router
from cds_registry.api import operator_schemas as schemas
from cds_registry.api.body_sizes import LARGE, SMALL
from cds_registry.api.dependencies import Now, OfferOf, OperatorCaller, SettingsOf, StoreOf, Tools, Tx
from cds_registry.api.upload import read_upload
from cds_registry.application.documents import client_document, moment
from cds_registry.application.offer import Offer
from cds_registry.application.operate_clients import ClientSettings, disable_client, enable_client, set_client
from cds_registry.application.operators import Role, create_operator, disable_operator, renew_operator
from cds_registry.application.share_file import share_file, unshare_file
from cds_registry.domain.client import Client
from cds_registry.domain.errors import ClientNotFound
from cds_registry.persistence.audit import first_break
from cds_registry.persistence.clients import find_client, to_client
from cds_registry.persistence.operator_views import (
    AuditFilter,
    admin_clients,
    all_clients,
    all_files,
    all_registrations,
    audit_entries,
    client_counts,
)
from cds_registry.persistence.tables import AuditRow, ClientRow, RegistrationRow, SharedFileRow

router = cds_router(prefix="/operator/api/v1", tags=["operator"], max_body_size=SMALL)

NO_STORE = {"Cache-Control": "no-store"}
CLIENTS = Listing("operated", keys=(SortKey(ClientRow.modified, descending=True, nullable=False),), tie=ClientRow.client_id, tie_text=True)
REGISTRATIONS = Listing(
    "registrations",
    keys=(SortKey(RegistrationRow.created, descending=True, nullable=False),),
    tie=RegistrationRow.registration_id,
    tie_text=True,
)
FILES = Listing("shared", keys=(SortKey(SharedFileRow.created, descending=True, nullable=False),), tie=SharedFileRow.file_id, tie_text=True)
AUDIT = Listing("audit", keys=(SortKey(AuditRow.position, descending=True, nullable=False),), tie=AuditRow.position)


@router.get("/me", responses={200: {"model": schemas.OperatorOut}, **problems(401)})
async def me(caller: OperatorCaller) -> CdsJSONResponse:
    """Whose key this is."""
    return CdsJSONResponse({"name": caller.name, "role": caller.role.name}, headers=NO_STORE)


async def registrations_page(tx: AsyncSession, paging: PageRequest, operator: str) -> dict[str, Any]:
    """A page of registrations, newest first; the console shows the same."""
    page = await REGISTRATIONS.page(tx, all_registrations(), paging, identity=operator)
    rows: list[RegistrationRow] = page.scalars()
    ids = [row.registration_id for row in rows]
    admins, counts = await admin_clients(tx, ids), await client_counts(tx, ids)
    found = [
        {
            "registration_id": row.registration_id,
            "created": moment(row.created),
            "scopes": row.scopes,
            "fields": row.fields,
            "client_name": to_client(admins[row.registration_id]).name,
            "contacts": list(to_client(admins[row.registration_id]).metadata.contacts),
            "clients": counts[row.registration_id],
        }
        for row in rows
    ]
    return {"registrations": found, "next": page.next, "previous": page.previous}


@router.get("/registrations", responses={200: {"model": schemas.RegistrationsOut}, **problems(400, 401)})
async def list_registrations(caller: OperatorCaller, tx: Tx, paging: Paging) -> CdsJSONResponse:
    """All registrations, newest first."""
    return CdsJSONResponse(await registrations_page(tx, paging, caller.name), headers=NO_STORE)


@router.get("/clients", responses={200: {"model": schemas.OperatedClientsOut}, **problems(400, 401)})
async def list_clients(
    caller: OperatorCaller,
    tx: Tx,
    paging: Paging,
    offer: OfferOf,
    registration_id: Annotated[str | None, Query(max_length=100)] = None,
    status: Annotated[str | None, Query(max_length=20)] = None,
    kind: Annotated[str | None, Query(max_length=50)] = None,
    q: Annotated[str | None, Query(max_length=200, description="client_id, or a part of client_name")] = None,
) -> CdsJSONResponse:
    """Client Objects of all registrations, last modified first."""
    query = all_clients(registration_id=registration_id, status=status, kind=kind, search=q)
    page = await CLIENTS.page(tx, query, paging, identity=caller.name)
    found = [operated_client(to_client(row), offer) for row in page.scalars()]
    return CdsJSONResponse({"clients": found, "next": page.next, "previous": page.previous}, headers=NO_STORE)


@router.get("/clients/{client_id}", responses={200: {"model": schemas.OperatedClientOut}, **problems(401, 404)})
async def get_client(client_id: str, _caller: OperatorCaller, tx: Tx, offer: OfferOf) -> CdsJSONResponse:
    """One Client Object."""
    client = await find_client(tx, client_id)
    if client is None:
        raise ClientNotFound(f"There is no Client Object {client_id}")
    return CdsJSONResponse(operated_client(client, offer), headers=NO_STORE)


@router.patch("/clients/{client_id}", responses={200: {"model": schemas.OperatedClientOut}, **problems(400, 401, 403, 404, 503)})
async def patch_client(
    client_id: str, body: schemas.ClientSettingsIn, caller: OperatorCaller, tx: Tx, tools: Tools, now: Now
) -> CdsJSONResponse:
    """Set what only the utility sets."""
    caller.require(Role.admin)
    wanted = ClientSettings(body.client_uri_verified, body.pkce_exempt, body.permission)
    client = await set_client(tx, client_id=client_id, wanted=wanted, tools=tools, operator=caller.name, now=now)
    return CdsJSONResponse(operated_client(client, tools.offer), headers=NO_STORE)


@router.post("/clients/{client_id}/disable", responses={200: {"model": schemas.OperatedClientOut}, **problems(400, 401, 403, 404, 503)})
async def disable(client_id: str, body: schemas.ReasonIn, caller: OperatorCaller, tx: Tx, tools: Tools, now: Now) -> CdsJSONResponse:
    """Put a Client Object out of use at once; only an operator can undo it."""
    caller.require(Role.admin)
    client = await disable_client(tx, client_id=client_id, reason=body.reason, tools=tools, operator=caller.name, now=now)
    return CdsJSONResponse(operated_client(client, tools.offer), headers=NO_STORE)


@router.post("/clients/{client_id}/enable", responses={200: {"model": schemas.OperatedClientOut}, **problems(400, 401, 403, 404)})
async def enable(client_id: str, caller: OperatorCaller, tx: Tx, tools: Tools, now: Now) -> CdsJSONResponse:
    """Let a disabled Client Object work again, with a new Credential."""
    caller.require(Role.admin)
    client = await enable_client(tx, client_id=client_id, tools=tools, operator=caller.name, now=now)
    return CdsJSONResponse(operated_client(client, tools.offer), headers=NO_STORE)


@router.get("/files", responses={200: {"model": schemas.OperatedFilesOut}, **problems(400, 401)})
async def list_files(
    caller: OperatorCaller, tx: Tx, paging: Paging, registration_id: Annotated[str | None, Query(max_length=100)] = None
) -> CdsJSONResponse:
    """Files that are or were shared, newest first."""
    page = await FILES.page(tx, all_files(registration_id=registration_id), paging, identity=caller.name)
    files = [operated_file(row) for row in page.scalars()]
    return CdsJSONResponse({"files": files, "next": page.next, "previous": page.previous}, headers=NO_STORE)


@router.post(
    "/registrations/{registration_id}/files",
    status_code=201,
    responses={201: {"model": schemas.OperatedFileOut}, **problems(400, 401, 403, 404, 409, 413, 503)},
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
    },
    max_body_size=LARGE,
)
async def post_file(
    registration_id: str,
    request: Request,
    caller: OperatorCaller,
    tx: Tx,
    tools: Tools,
    store: StoreOf,
    settings: SettingsOf,
    now: Now,
    name: Annotated[str, Query(min_length=1, max_length=255, description="File name with extension")],
    description: Annotated[str, Query(max_length=2000)] = "",
    scope: Annotated[str | None, Query(max_length=200, description="Server-Provided Files scope; the first one when left out")] = None,
) -> CdsJSONResponse:
    """Share the body as a file with a registration; its Content-Type is kept."""
    caller.require(Role.reviewer)
    file = await read_upload(request, name=name, description=description, limit=settings.max_file_bytes)
    row = await share_file(
        tx, file, registration_id=registration_id, scope=scope, store=store, auth=tools.auth, offer=tools.offer,
        operator=caller.name, now=now,
    )  # fmt: skip
    return CdsJSONResponse(operated_file(row), 201, NO_STORE)


@router.delete("/files/{file_id}", responses={200: {"model": schemas.OperatedFileOut}, **problems(401, 403, 404)})
async def delete_file(file_id: str, caller: OperatorCaller, tx: Tx, tools: Tools, now: Now) -> CdsJSONResponse:
    """Stop sharing a file at once."""
    caller.require(Role.reviewer)
    row = await unshare_file(tx, file_id=file_id, auth=tools.auth, operator=caller.name, now=now)
    return CdsJSONResponse(operated_file(row), headers=NO_STORE)


@router.get("/audit", responses={200: {"model": schemas.AuditsOut}, **problems(400, 401)})
async def list_audit(
    caller: OperatorCaller,
    tx: Tx,
    paging: Paging,
    actor: Annotated[str | None, Query(max_length=200)] = None,
    action: Annotated[str | None, Query(max_length=100)] = None,
    registration_id: Annotated[str | None, Query(max_length=100)] = None,
    subject: Annotated[str | None, Query(max_length=200)] = None,
    after: CdsDateTime | None = None,
    before: CdsDateTime | None = None,
) -> CdsJSONResponse:
    """Search the audit log, newest first."""
    wanted = AuditFilter(actor, action, registration_id, subject, after, before)
    page = await AUDIT.page(tx, audit_entries(wanted), paging, identity=caller.name)
    entries = [audit_document(row) for row in page.scalars()]
    return CdsJSONResponse({"entries": entries, "next": page.next, "previous": page.previous}, headers=NO_STORE)


@router.get("/audit/verification", responses={200: {"model": schemas.AuditCheckOut}, **problems(401, 403)})
async def verify_audit(caller: OperatorCaller, tx: Tx) -> CdsJSONResponse:
    """Check the chain of hashes from the first entry to the last."""
    caller.require(Role.admin)
    broken = await first_break(tx)
    return CdsJSONResponse({"sound": broken is None, "first_break": broken}, headers=NO_STORE)


@router.post("/operators", status_code=201, responses={201: {"model": schemas.NewOperatorOut}, **problems(400, 401, 403, 409)})
async def post_operator(body: schemas.NewOperatorIn, caller: OperatorCaller, tx: Tx, now: Now) -> CdsJSONResponse:
    """Make an operator account; key and password are shown this once."""
    caller.require(Role.admin)
    made = await create_operator(tx, body.name, Role[body.role], created_by=f"operator:{caller.name}", now=now)
    return CdsJSONResponse({"name": made.name, "role": made.role.name, "key": made.key, "password": made.password}, 201, NO_STORE)


@router.post("/operators/{name}/renew", responses={200: {"model": schemas.NewOperatorOut}, **problems(401, 403, 404)})
async def renew(name: str, caller: OperatorCaller, tx: Tx, now: Now) -> CdsJSONResponse:
    """Give an account a new key and password; the old ones stop working."""
    caller.require(Role.admin)
    made = await renew_operator(tx, name, created_by=f"operator:{caller.name}", now=now)
    return CdsJSONResponse({"name": made.name, "role": made.role.name, "key": made.key, "password": made.password}, headers=NO_STORE)


@router.delete("/operators/{name}", status_code=204, responses=problems(401, 403, 404))
async def delete_operator(name: str, caller: OperatorCaller, tx: Tx, now: Now) -> None:
    """End an operator account."""
    caller.require(Role.admin)
    await disable_operator(tx, name, disabled_by=f"operator:{caller.name}", now=now)


def operated_client(client: Client, offer: Offer) -> dict[str, Any]:
    """A Client Object with what only the utility sees."""
    return {
        "client": client_document(client, offer),
        "registration_id": client.registration_id,
        "environment": client.environment,
        "kind": client.kind.value,
        "client_uri_verified": client.client_uri_verified,
        "pkce_exempt": client.pkce_exempt,
        "permission": client.permission.model_dump(mode="json") if client.permission else None,
        "made_from": client.made_from,
    }


def operated_file(row: SharedFileRow) -> dict[str, Any]:
    """A shared file."""
    names = ("file_id", "registration_id", "client_id", "name", "description", "mime_type", "size", "sha256")
    times = {"created": moment(row.created), "removed_at": moment(row.removed_at) if row.removed_at else None}
    return {name: getattr(row, name) for name in names} | times


def audit_document(row: AuditRow) -> dict[str, Any]:
    """An entry of the audit log."""
    names = ("position", "actor", "action", "registration_id", "subject", "hash")
    return {name: getattr(row, name) for name in names} | {"at": moment(row.at), "detail": exact_json.decode(row.detail)}
