"""`/operator/api/v1`: requests, reviews and Messages, for the operator's tools. Bearer operator key."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.paging import Listing, Page, PageRequest, Paging, SortKey
from cds_common.problems import problems
from cds_common.wire import CdsJSONResponse, cds_router
from cds_registry.api import operator_schemas as schemas
from cds_registry.api.body_sizes import SMALL
from cds_registry.api.dependencies import Now, OfferOf, OperatorCaller, Tools, Tx
from cds_registry.api.schemas import MessageOut
from cds_registry.application.answer_request import Approval, approve_request, ask_client, reject_request, request_from_client
from cds_registry.application.documents import message_document
from cds_registry.application.notify_all import notify_all, write_to
from cds_registry.application.offer import Offer
from cds_registry.application.operators import Role
from cds_registry.persistence.messages import attachments_of, find_any_message, to_message
from cds_registry.persistence.operator_views import admin_clients, all_messages, waiting_requests
from cds_registry.persistence.tables import MessageRow

router = cds_router(prefix="/operator/api/v1", tags=["operator"], max_body_size=SMALL)

NO_STORE = {"Cache-Control": "no-store"}
REQUESTS = Listing(
    "requests", keys=(SortKey(MessageRow.modified, descending=True, nullable=False),), tie=MessageRow.message_id, tie_text=True
)
_ANSWERED = {201: {"model": MessageOut, "description": "The Message that tells the client"}}


async def requests_page(tx: AsyncSession, paging: PageRequest, offer: Offer, operator: str, **wanted: Any) -> dict[str, Any]:
    """A page of what waits, with whom each is about; the console shows the same."""
    page = await REQUESTS.page(tx, waiting_requests(**wanted), paging, identity=operator)
    rows: list[MessageRow] = page.scalars()
    admins = await admin_clients(tx, [row.registration_id for row in rows])
    files = await attachments_of(tx, [row.message_id for row in rows])
    requests = [
        {
            "message": message_document(to_message(row, files.get(row.message_id, ())), offer),
            "registration_id": row.registration_id,
            "client_name": admins[row.registration_id].details.get("client_name", admins[row.registration_id].client_id),
            "about_client": row.about_client,
        }
        for row in rows
    ]
    return {"requests": requests, "next": page.next, "previous": page.previous}


@router.get("/requests", responses={200: {"model": schemas.RequestsOut}, **problems(400, 401)})
async def list_requests(
    caller: OperatorCaller,
    tx: Tx,
    paging: Paging,
    offer: OfferOf,
    kind: Annotated[str | None, Query(alias="type", max_length=50, description="Message type")] = None,
    registration_id: Annotated[str | None, Query(max_length=100)] = None,
) -> CdsJSONResponse:
    """What waits: production and Grant requests, reviews of changes, forms, payments, support requests."""
    return CdsJSONResponse(
        await requests_page(tx, paging, offer, caller.name, kind=kind, registration_id=registration_id), headers=NO_STORE
    )


@router.post("/requests/{message_id}/approve", status_code=201, responses={**_ANSWERED, **problems(400, 401, 403, 404, 409, 503)})
async def approve(message_id: str, approval: schemas.ApprovalIn, caller: OperatorCaller, tx: Tx, tools: Tools, now: Now) -> CdsJSONResponse:
    """Approve: makes the production Client Object, the Grants or the change, and answers with a request_update `complete`."""
    caller.require(Role.reviewer)
    given = Approval(approval.note, approval.permission, approval.receipt_uri)
    answer = await approve_request(tx, message_id=message_id, approval=given, tools=tools, operator=caller.name, now=now)
    return CdsJSONResponse(message_document(answer, tools.offer), 201, NO_STORE)


@router.post("/requests/{message_id}/reject", status_code=201, responses={**_ANSWERED, **problems(400, 401, 403, 404, 409)})
async def reject(message_id: str, body: schemas.ReasonIn, caller: OperatorCaller, tx: Tx, offer: OfferOf, now: Now) -> CdsJSONResponse:
    """Reject with a reason: answers with a request_update `rejected`."""
    caller.require(Role.reviewer)
    answer = await reject_request(tx, message_id=message_id, reason=body.reason, operator=caller.name, now=now)
    return CdsJSONResponse(message_document(answer, offer), 201, NO_STORE)


@router.post("/messages/{message_id}/replies", status_code=201, responses={**_ANSWERED, **problems(400, 401, 403, 404)})
async def reply(message_id: str, body: schemas.TextIn, caller: OperatorCaller, tx: Tx, offer: OfferOf, now: Now) -> CdsJSONResponse:
    """Ask about a Message or answer it, by a private_message."""
    caller.require(Role.reviewer)
    answer = await ask_client(tx, message_id=message_id, name=body.name, description=body.description, operator=caller.name, now=now)
    return CdsJSONResponse(message_document(answer, offer), 201, NO_STORE)


@router.get("/messages", responses={200: {"model": schemas.OperatedMessagesOut}, **problems(400, 401)})
async def list_messages(
    caller: OperatorCaller,
    tx: Tx,
    paging: Paging,
    offer: OfferOf,
    registration_id: Annotated[str | None, Query(max_length=100)] = None,
    unanswered: Annotated[bool, Query(description="Only Messages of clients without a reply")] = False,
) -> CdsJSONResponse:
    """Messages of all registrations."""
    query = all_messages(registration_id=registration_id, unanswered=unanswered)
    page: Page = await REQUESTS.page(tx, query, paging, identity=caller.name)
    rows: list[MessageRow] = page.scalars()
    files = await attachments_of(tx, [row.message_id for row in rows])
    documents = [message_document(to_message(row, files.get(row.message_id, ())), offer) for row in rows]
    return CdsJSONResponse({"messages": documents, "next": page.next, "previous": page.previous}, headers=NO_STORE)


@router.get("/messages/{message_id}", responses={200: {"model": MessageOut}, **problems(401, 404)})
async def get_message(message_id: str, _caller: OperatorCaller, tx: Tx, offer: OfferOf) -> CdsJSONResponse:
    """One Message of any registration."""
    return CdsJSONResponse(message_document(await find_any_message(tx, message_id), offer), headers=NO_STORE)


@router.post("/registrations/{registration_id}/messages", status_code=201, responses={**_ANSWERED, **problems(400, 401, 403, 404)})
async def write(registration_id: str, body: schemas.TextIn, caller: OperatorCaller, tx: Tx, offer: OfferOf, now: Now) -> CdsJSONResponse:
    """Write a private_message to a registration."""
    caller.require(Role.reviewer)
    message = await write_to(
        tx, registration_id=registration_id, name=body.name, description=body.description, operator=caller.name, now=now
    )
    return CdsJSONResponse(message_document(message, offer), 201, NO_STORE)


@router.post("/registrations/{registration_id}/requests", status_code=201, responses={**_ANSWERED, **problems(400, 401, 403, 404)})
async def ask(
    registration_id: str, body: schemas.ServerRequestIn, caller: OperatorCaller, tx: Tx, offer: OfferOf, now: Now
) -> CdsJSONResponse:
    """Ask a registration for documents or answers (server_request)."""
    caller.require(Role.reviewer)
    message = await request_from_client(
        tx, registration_id=registration_id, name=body.name, description=body.description,
        fields=[each.model_dump() for each in body.fields], more_info=f"{offer.public_url}/docs/support",
        operator=caller.name, now=now,
    )  # fmt: skip
    return CdsJSONResponse(message_document(message, offer), 201, NO_STORE)


@router.post("/notifications", status_code=201, responses={201: {"model": schemas.SentOut}, **problems(400, 401, 403)})
async def notify(body: schemas.NotificationIn, caller: OperatorCaller, tx: Tx, now: Now) -> CdsJSONResponse:
    """Send a notification to every registration."""
    caller.require(Role.admin)
    moment: datetime = now
    sent = await notify_all(
        tx, name=body.name, description=body.description, related_uri=body.related_uri, operator=caller.name, now=moment
    )
    return CdsJSONResponse({"sent": sent}, 201, NO_STORE)
