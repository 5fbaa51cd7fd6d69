"""`/cds/v1/clients`: the Clients API (CDS-WG1-02 §5)."""

from typing import Annotated

from starlette.requests import Request

from cds_common.paging import Listing, Paging, SortKey
from cds_common.problems import problems
from cds_common.wire import CdsJSONResponse, cds_router, id_list
from cds_registry.api.body_sizes import SMALL
from cds_registry.api.dependencies import Admin, Now, OfferOf, Tools, Tx
from cds_registry.api.json_body import json_body, no_duplicates
from cds_registry.api.schemas import ClientOut, ClientsOut, refused_registration
from cds_registry.application.documents import client_document
from cds_registry.application.modify_client import modify_client
from cds_registry.domain.errors import InvalidClientMetadata
from cds_registry.persistence.clients import Clients, to_client
from cds_registry.persistence.tables import ClientRow

router = cds_router(prefix="/cds/v1/clients", tags=["clients"], max_body_size=SMALL)

NO_STORE = {"Cache-Control": "no-store"}
CLIENTS = Listing("clients", keys=(SortKey(ClientRow.modified, descending=True, nullable=False),), tie=ClientRow.client_id, tie_text=True)


@router.get(
    "", responses={200: {"model": ClientsOut, "description": "The Client Objects of the registration"}, **problems(400, 401, 403, 429)}
)
async def list_clients(
    caller: Admin, tx: Tx, paging: Paging, offer: OfferOf, client_ids: Annotated[list[str] | None, id_list("client_ids")]
) -> CdsJSONResponse:
    """List Client Objects, last modified first (§5.3)."""
    query = Clients(tx, caller.registration_id).visible()
    if client_ids is not None:
        query = query.where(ClientRow.client_id.in_(client_ids))
    page = await CLIENTS.page(tx, query, paging, identity=caller.registration_id)
    clients = [client_document(to_client(row), offer) for row in page.scalars()]
    return CdsJSONResponse({"clients": clients, "next": page.next, "previous": page.previous}, headers=NO_STORE)


@router.get("/{client_id}", responses={200: {"model": ClientOut, "description": "The Client Object"}, **problems(401, 403, 404, 429)})
async def get_client(client_id: str, caller: Admin, tx: Tx, offer: OfferOf) -> CdsJSONResponse:
    """One Client Object (§5.4)."""
    client = await Clients(tx, caller.registration_id).get(client_id)
    return CdsJSONResponse(client_document(client, offer), headers=NO_STORE)


@router.put(
    "/{client_id}",
    responses={
        200: {"model": ClientOut, "description": "All changes were made"},
        202: {"model": ClientOut, "description": "Some changes wait for a review; Messages tell its result"},
        **refused_registration(),
        **problems(401, 403, 404, 413, 429, 503),
    },
    openapi_extra=json_body("The full new state; left-out members go back to their default"),
)
async def put_client(client_id: str, request: Request, caller: Admin, tx: Tx, tools: Tools, now: Now) -> CdsJSONResponse:
    """Modify a Client Object (§5.5, RFC 7592 §2.2)."""
    body = await no_duplicates(request, InvalidClientMetadata)
    client, waits = await modify_client(
        tx, registration_id=caller.registration_id, client_id=client_id, body=body, tools=tools, actor=caller.actor, now=now
    )
    return CdsJSONResponse(client_document(client, tools.offer), 202 if waits else 200, NO_STORE)
