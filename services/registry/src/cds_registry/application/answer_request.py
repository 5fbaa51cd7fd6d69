"""How an operator settles what waits: production and Grant requests, reviews, forms, payments (CDS-WG1-02 §6.2, §6.9)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.events.clients import DirectPermission
from cds_registry.application.make_production import make_production
from cds_registry.application.modify_client import ClientTools, store_changed_client
from cds_registry.application.notify import (
    new_id,
    save_message,
    server_message,
    store_message,
)
from cds_registry.application.operate_clients import MAX_PERMISSION_BYTES
from cds_registry.application.publish_client import client_snapshot
from cds_registry.domain.client import Client
from cds_registry.domain.errors import ClientNotFound, GrantRefused, InvalidOperatorRequest, ReasonMissing, RequestNotOpen
from cds_registry.domain.message import OUTSTANDING, REVIEWED_BY_OPERATOR, Message, MessageStatus, MessageType, RelatedType
from cds_registry.domain.review import apply_change
from cds_registry.domain.scopes import ScopeKind
from cds_registry.persistence.audit import AuditEntry, append
from cds_registry.persistence.clients import find_registration, lock_client
from cds_registry.persistence.messages import Messages, find_any_message


@dataclass(frozen=True, slots=True)
class Related:
    """Where the answer leads, as CDS-WG1-02 §6.3 demands for some types."""

    uri: str | None = None
    type: RelatedType | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """What an operator may say with an approval."""

    note: str = ""
    permission: DirectPermission | None = None
    """production_request of a direct access Client: what it may see."""
    receipt_uri: str | None = None
    """payment_request: the receipt."""


async def approve_request(
    session: AsyncSession, *, message_id: str, approval: Approval, tools: ClientTools, operator: str, now: datetime
) -> Message:
    """Do what the request asks for and answer it with a request_update `complete`; gives the answer.

    Raises:
        RequestNotOpen: settled already, or not a request.
        GrantRefused: auth cannot make one of the Grants; nothing changes here.
        TransientError: auth is not reachable; nothing changes here.
    """
    request = await _open_request(session, message_id)
    related = await _effect(session, request, approval, tools, now)
    answer = await _settle(session, request, MessageStatus.COMPLETE, approval.note or "The request was approved.", related, now)
    detail = {"type": request.type.value, "note": approval.note}
    await append(session, AuditEntry(now, f"operator:{operator}", "request.approved", request.registration_id, message_id, detail))
    return answer


async def reject_request(session: AsyncSession, *, message_id: str, reason: str, operator: str, now: datetime) -> Message:
    """Answer a request with a request_update `rejected` and the reason.

    Raises:
        RequestNotOpen: settled already, or not a request.
        ReasonMissing: no reason is given.
    """
    if not reason.strip():
        raise ReasonMissing("A rejection needs its reason")
    request = await _open_request(session, message_id)
    answer = await _settle(session, request, MessageStatus.REJECTED, reason.strip(), Related(), now)
    detail = {"type": request.type.value, "reason": reason}
    await append(session, AuditEntry(now, f"operator:{operator}", "request.rejected", request.registration_id, message_id, detail))
    return answer


async def _open_request(session: AsyncSession, message_id: str) -> Message:
    request = await find_any_message(session, message_id, for_update=True)
    if request.type not in REVIEWED_BY_OPERATOR or request.status not in OUTSTANDING:
        raise RequestNotOpen(f"The Message {message_id} is no open request")
    return request


async def _effect(session: AsyncSession, request: Message, approval: Approval, tools: ClientTools, now: datetime) -> Related:
    match request.type:
        case MessageType.PRODUCTION_REQUEST:
            client = await _make_production_client(session, request, approval, tools, now)
            return Related(tools.offer.client_uri(client.client_id), RelatedType.CLIENT)
        case MessageType.GRANT_REQUEST:
            grant_ids = await _make_grants(session, request, tools, now)
            ids = quote(" ".join(grant_ids))
            return Related(f"{tools.offer.public_url}/cds/v1/grants?grant_ids={ids}", RelatedType.GRANT_LIST)
        case MessageType.FIELD_CHANGES:
            await _apply_changes(session, request, tools, now)
            return Related(request.related_uri, request.related_type)
        case MessageType.PAYMENT_REQUEST:
            receipt = approval.receipt_uri or f"{tools.offer.public_url}/registration/steps/{request.message_id}"
            return Related(receipt, RelatedType.PAYMENT_RECEIPT)
        case _:
            return Related()


async def _settle(session: AsyncSession, request: Message, status: MessageStatus, text: str, related: Related, now: datetime) -> Message:
    """Answer, and move the request and older answers along, so that nothing settled stays outstanding (WG102-168)."""
    answer = await store_message(
        session,
        server_message(
            request.registration_id,
            MessageType.REQUEST_UPDATE,
            status,
            now,
            name=f"{'Approved' if status is MessageStatus.COMPLETE else 'Rejected'}: {request.name}"[:500],
            description=text,
            previous_id=request.message_id,
            related_uri=related.uri,
            related_type=related.type,
            about_client=request.about_client,
        ),
    )
    older = await Messages(session, request.registration_id).replies(request.message_id, MessageType.REQUEST_UPDATE)
    for update in older:
        if update.message_id != answer.message_id and update.is_outstanding:
            await save_message(session, update.moved(status, now))
    # A support_request has no status `rejected`; what is answered is done (CDS-WG1-02 §6.3).
    final = MessageStatus.COMPLETE if request.type is MessageType.SUPPORT_REQUEST else status
    settles_related = status is MessageStatus.COMPLETE and request.type in {MessageType.PRODUCTION_REQUEST, MessageType.GRANT_REQUEST}
    changes: dict[str, Any] = {"related_uri": related.uri, "related_type": related.type} if settles_related else {}
    if status is MessageStatus.REJECTED and request.creator is None:
        changes["description"] = text
    await save_message(session, request.moved(final, now, **changes))
    return answer


async def _make_production_client(session: AsyncSession, request: Message, approval: Approval, tools: ClientTools, now: datetime) -> Client:
    """What a production request asks for, with what the operator permits (WG102-111)."""
    sandbox = await lock_client(session, request.about_client or "")
    permission = approval.permission or await _registered_permission(session, sandbox)
    if permission is not None and len(permission.model_dump_json()) > MAX_PERMISSION_BYTES:
        raise InvalidOperatorRequest(f"A permission has at most {MAX_PERMISSION_BYTES} bytes; use account types or everything")
    if sandbox.kind is ScopeKind.DIRECT and permission is None:
        raise InvalidOperatorRequest("permission is needed: what the direct access Client may see")
    purposes = [replace(purpose, reviewed=True) for purpose in sandbox.purposes]
    return await make_production(session, sandbox, purposes=purposes, permission=permission, tools=tools, now=now)


async def _registered_permission(session: AsyncSession, client: Client) -> DirectPermission | None:
    registration = await find_registration(session, client.registration_id)
    stored = registration.permission if registration else None
    return DirectPermission.model_validate(stored) if stored is not None and client.kind is ScopeKind.DIRECT else None


async def _make_grants(session: AsyncSession, request: Message, tools: ClientTools, now: datetime) -> list[str]:
    """The wanted Grants. All are checked before the first is made; auth makes each only once, however often it is asked."""
    client = await lock_client(session, request.about_client or "")
    snapshot = client_snapshot(client, (), tools.offer)
    for number, wanted in enumerate(request.grants_requested or ()):
        fault = tools.offer.details_fault(snapshot, wanted["scope"], wanted["authorization_details"], flow="server", now=now)
        if fault:
            raise GrantRefused(f"grants_requested/{number}: {fault}")
    grant_ids: list[str] = []
    for number, wanted in enumerate(request.grants_requested or ()):
        grant_ids += await tools.auth.create_grants(
            client_id=client.client_id,
            scope=wanted["scope"],
            authorization_details=wanted["authorization_details"],
            requested_by=f"{request.message_id}:{number}",
        )
    return grant_ids


async def _apply_changes(session: AsyncSession, request: Message, tools: ClientTools, now: datetime) -> None:
    before = await lock_client(session, request.about_client or "")
    after = before
    defaults = frozenset(purpose.id for purpose in tools.offer.server_purposes)
    for update in request.updates_requested or ():
        after = apply_change(after, update, default_ids=defaults, now=now)
    await store_changed_client(session, before, after, tools=tools, now=now)


async def ask_client(session: AsyncSession, *, message_id: str, name: str, description: str, operator: str, now: datetime) -> Message:
    """A question or answer about a Message, as private_message to its registration (WG102-198)."""
    if not description.strip() or len(description) > 20_000 or len(name) > 500:
        raise InvalidOperatorRequest("description is required (at most 20,000 characters), name has at most 500")
    about = await find_any_message(session, message_id)
    answer = server_message(
        about.registration_id,
        MessageType.PRIVATE_MESSAGE,
        MessageStatus.COMPLETE,
        now,
        name=name.strip() or f"About: {about.name}"[:500],
        description=description.strip(),
        previous_id=about.message_id,
    )
    await store_message(session, answer)
    await append(session, AuditEntry(now, f"operator:{operator}", "message.sent", about.registration_id, answer.message_id))
    return answer


async def request_from_client(
    session: AsyncSession, *, registration_id: str, name: str, description: str, fields: Sequence[dict[str, str]],
    more_info: str, operator: str, now: datetime,
) -> Message:  # fmt: skip
    """A server_request: the client answers its fields by a client_submission."""
    if await find_registration(session, registration_id) is None:
        raise ClientNotFound(f"There is no registration {registration_id}")
    updates = tuple({"field": each.get("field") or new_id(), "name": each["name"], "description": each["description"]} for each in fields)
    if not updates or not name.strip() or not description.strip():
        raise InvalidOperatorRequest("name, description and at least one field with name and description are needed")
    message = server_message(
        registration_id,
        MessageType.SERVER_REQUEST,
        MessageStatus.OPEN,
        now,
        name=name.strip()[:500],
        description=description.strip()[:20_000],
        updates_requested=updates,
        related_uri=more_info,
        related_type=RelatedType.MORE_INFO,
    )
    await store_message(session, message)
    await append(session, AuditEntry(now, f"operator:{operator}", "message.sent", registration_id, message.message_id))
    return message
