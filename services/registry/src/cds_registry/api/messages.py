"""`/cds/v1/messages`: the Messages API (CDS-WG1-02 §6)."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import Query
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from cds_common.paging import Listing, Page, PageRequest, Paging, SortKey
from cds_common.problems import problems
from cds_common.wire import CdsJSONResponse, cds_router, id_list
from cds_registry.api.body_sizes import LARGE, SMALL
from cds_registry.api.dependencies import Admin, Now, OfferOf, SettingsOf, Tools, Tx
from cds_registry.api.json_body import json_body, no_duplicates
from cds_registry.api.schemas import MessageOut, MessagesOut
from cds_registry.application.create_message import create_message, mark_message
from cds_registry.application.documents import message_document
from cds_registry.domain.errors import InvalidMessage
from cds_registry.domain.message import OUTSTANDING
from cds_registry.domain.new_message import read_message
from cds_registry.persistence.messages import Messages, attachments_of, to_message
from cds_registry.persistence.tables import MessageRow

router = cds_router(prefix="/cds/v1/messages", tags=["messages"], max_body_size=SMALL)

NO_STORE = {"Cache-Control": "no-store"}
MESSAGES = Listing(
    "messages", keys=(SortKey(MessageRow.modified, descending=True, nullable=False),), tie=MessageRow.message_id, tie_text=True
)
_LISTS = {
    "outstanding": MessageRow.status.in_([status.value for status in OUTSTANDING]),
    "unread": MessageRow.read.is_(False),
    "read": MessageRow.read.is_(True),
}
ListName = Literal["outstanding", "unread", "read"]


@router.get("", responses={200: {"model": MessagesOut, "description": "The three lists"}, **problems(400, 401, 403, 429)})
async def list_messages(
    caller: Admin,
    tx: Tx,
    paging: Paging,
    offer: OfferOf,
    message_ids: Annotated[list[str] | None, id_list("message_ids")],
    only: Annotated[ListName | None, Query(alias="list", description="Part of the page links: only this list is filled")] = None,
) -> CdsJSONResponse:
    """List Messages: outstanding, unread and read ones, each last modified first (§6.8)."""
    query = Messages(tx, caller.registration_id).visible()
    if message_ids is not None:
        query = query.where(MessageRow.message_id.in_(message_ids))
    body: dict[str, Any] = {}
    for name, condition in _LISTS.items():
        wanted = only in {None, name}
        page = await _page(tx, query.where(condition), paging, name, caller.registration_id) if wanted else Page((), None, None)
        body |= {name: page.scalars(), f"{name}_next": page.next, f"{name}_previous": page.previous}
    rows: list[MessageRow] = [row for name in _LISTS for row in body[name]]
    files = await attachments_of(tx, list({row.message_id for row in rows}))
    for name in _LISTS:
        body[name] = [message_document(to_message(row, files.get(row.message_id, ())), offer) for row in body[name]]
    return CdsJSONResponse(body, headers=NO_STORE)


async def _page(tx: AsyncSession, query: Select[Any], paging: PageRequest, name: str, identity: str) -> Page:
    """A page of one list; its links name the list, so that they fill only this one (WG102-184)."""
    others = tuple(pair for pair in paging.query if pair[0] != "list")
    return await MESSAGES.page(tx, query, replace(paging, query=(*others, ("list", name))), identity=identity)


@router.get("/{message_id}", responses={200: {"model": MessageOut, "description": "The Message"}, **problems(401, 403, 404, 429)})
async def get_message(message_id: str, caller: Admin, tx: Tx, offer: OfferOf) -> CdsJSONResponse:
    """One Message; reading it does not mark it as read (§6.10)."""
    return CdsJSONResponse(message_document(await Messages(tx, caller.registration_id).get(message_id), offer), headers=NO_STORE)


@router.post(
    "",
    status_code=201,
    responses={201: {"model": MessageOut, "description": "Made"}, **problems(400, 401, 403, 413, 429)},
    openapi_extra=json_body("previous_uri, type, name, description and what the type needs (§6.9)"),
    max_body_size=LARGE,
)
async def post_message(request: Request, caller: Admin, tx: Tx, tools: Tools, settings: SettingsOf, now: Now) -> CdsJSONResponse:
    """Write a Message to the utility (§6.9)."""
    body = await no_duplicates(request, InvalidMessage)
    submitted = read_message(body, max_attachment_bytes=settings.max_attachment_bytes)
    message = await create_message(
        tx, submitted, registration_id=caller.registration_id, creator=caller.client_id, offer=tools.offer, now=now
    )
    document = message_document(message, tools.offer)
    return CdsJSONResponse(document, 201, {**NO_STORE, "Location": document["uri"]})


@router.patch(
    "/{message_id}",
    responses={200: {"model": MessageOut, "description": "Done"}, **problems(400, 401, 403, 404, 413, 429)},
    openapi_extra=json_body("read: true or false"),
)
async def patch_message(message_id: str, request: Request, caller: Admin, tx: Tx, offer: OfferOf, now: Now) -> CdsJSONResponse:
    """Mark a Message as read or unread (§6.11)."""
    body = await no_duplicates(request, InvalidMessage)
    message = await mark_message(tx, registration_id=caller.registration_id, message_id=message_id, body=body, now=now)
    return CdsJSONResponse(message_document(message, offer), headers=NO_STORE)
