"""Messages that clients write (CDS-WG1-02 §6.9)."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from cds_registry.application.notify import new_id, save_message, server_message, store_message
from cds_registry.application.offer import Offer
from cds_registry.application.publish_client import client_snapshot
from cds_registry.domain.client import Client, ClientStatus
from cds_registry.domain.errors import ClientNotFound, InvalidMessage, MessageNotFound
from cds_registry.domain.message import Message, MessageStatus, MessageType, RelatedType
from cds_registry.domain.new_message import NewMessage
from cds_registry.persistence.clients import Clients, find_client
from cds_registry.persistence.messages import Messages

_ANSWERABLE = frozenset({MessageType.SERVER_REQUEST, MessageType.PDF_FORM_REQUEST})


async def create_message(
    session: AsyncSession, submitted: NewMessage, *, registration_id: str, creator: str, offer: Offer, now: datetime
) -> Message:
    """Store a Message of a client and let it have its effects.

    Raises:
        InvalidMessage: an address leads nowhere, or the Message does not fit what it answers.
    """
    previous = await _previous(session, submitted, registration_id, offer)
    about: Client | None = None
    if submitted.type is MessageType.PRODUCTION_REQUEST:
        about = await _sandbox_client(session, submitted, registration_id, offer)
    elif submitted.type is MessageType.GRANT_REQUEST:
        about = await _target_client(session, submitted, offer, now)
    elif submitted.type is MessageType.CLIENT_SUBMISSION and previous is not None:
        _check_submission(submitted, previous)
    message = Message(
        message_id=new_id(),
        registration_id=registration_id,
        version=1,
        type=submitted.type,
        status=submitted.status,
        read=True,
        creator=creator,
        created=now,
        modified=now,
        name=submitted.name,
        description=submitted.description,
        previous_id=previous.message_id if previous else None,
        updates_requested=submitted.updates_requested,
        grants_requested=submitted.grants_requested,
        attachments=submitted.attachments,
        related_uri=submitted.related_uri,
        related_type=related_type(submitted.related_uri, offer) if submitted.related_uri else None,
        about_client=about.client_id if about else None,
    )
    await store_message(session, message)
    if submitted.type is MessageType.CLIENT_SUBMISSION and previous is not None:
        await _note_submission(session, previous, now)
    return message


async def mark_message(session: AsyncSession, *, registration_id: str, message_id: str, body: object, now: datetime) -> Message:
    """Apply a PATCH: `read` only; other members are ignored (CDS-WG1-02 §6.11).

    Raises:
        MessageNotFound: not a Message of this registration.
        InvalidMessage: `read` is not true or false.
    """
    messages = Messages(session, registration_id)
    message = await messages.get(message_id, for_update=True)
    if not isinstance(body, Mapping):
        raise InvalidMessage("The body must be a JSON object")
    read: Any = body.get("read", message.read)  # pyright: ignore[reportUnknownMemberType]
    if not isinstance(read, bool):
        raise InvalidMessage("read must be true or false")
    return message if read is message.read else await save_message(session, message.marked(read, now))


def related_type(uri: str, offer: Offer) -> RelatedType:
    """What an address of ours leads to; anything else is more_info (the client does not say it, WG102-161)."""
    kinds = {
        "clients": (RelatedType.CLIENT_LIST, RelatedType.CLIENT),
        "grants": (RelatedType.GRANT_LIST, RelatedType.GRANT),
        "messages": (RelatedType.MESSAGE_LIST, RelatedType.MESSAGE),
        "credentials": (RelatedType.CREDENTIAL_LIST, RelatedType.CREDENTIAL),
    }
    found = re.fullmatch(re.escape(offer.public_url) + r"/cds/v1/([a-z]+)(/[^/?]+)?(\?.*)?", uri)
    if found and found[1] in kinds:
        return kinds[found[1]][1 if found[2] else 0]
    return RelatedType.DOCUMENTATION if uri.startswith(f"{offer.public_url}/docs/") else RelatedType.MORE_INFO


async def _previous(session: AsyncSession, submitted: NewMessage, registration_id: str, offer: Offer) -> Message | None:
    if submitted.previous_uri is None:
        return None
    message_id = submitted.previous_uri.removeprefix(offer.message_uri(""))
    try:
        return await Messages(session, registration_id).get(message_id, for_update=True)
    except MessageNotFound as error:
        raise InvalidMessage("previous_uri does not lead to a Message of this registration") from error


async def _sandbox_client(session: AsyncSession, submitted: NewMessage, registration_id: str, offer: Offer) -> Client:
    client_id = (submitted.related_uri or "").removeprefix(offer.client_uri(""))
    try:
        client = await Clients(session, registration_id).get(client_id)
    except ClientNotFound as error:
        raise InvalidMessage("related_uri does not lead to a Client Object of this registration") from error
    if ClientStatus.SANDBOX not in client.status_options:
        raise InvalidMessage("related_uri must lead to a Client Object with sandbox in its cds_status_options")
    return client


async def _target_client(session: AsyncSession, submitted: NewMessage, offer: Offer, now: datetime) -> Client:
    """The Client Object that the Grants are for: the client's own or another one that it works with (§6.1)."""
    client = await find_client(session, (submitted.related_uri or "").removeprefix(offer.client_uri("")))
    if client is None:
        raise InvalidMessage("related_uri does not lead to a Client Object")
    snapshot = client_snapshot(client, (), offer)
    for number, wanted in enumerate(submitted.grants_requested or ()):
        fault = offer.details_fault(snapshot, wanted["scope"], wanted["authorization_details"], flow="server", now=now)
        if fault:
            raise InvalidMessage(f"grants_requested/{number}: {fault}")
    return client


def _check_submission(submitted: NewMessage, previous: Message) -> None:
    if previous.type not in _ANSWERABLE:
        raise InvalidMessage("previous_uri of a client_submission must lead to a server_request or pdf_form_request")
    answers = submitted.updates_requested or ()
    if previous.type is MessageType.PDF_FORM_REQUEST:
        if not submitted.attachments and not any("uri" in answer for answer in answers):
            raise InvalidMessage("The form must be attached, or its uri given in updates_requested")
        return
    asked = {update["field"] for update in previous.updates_requested or ()}
    if any(answer["field"] not in asked for answer in answers):
        raise InvalidMessage("updates_requested must answer fields of the server_request")


async def _note_submission(session: AsyncSession, previous: Message, now: datetime) -> None:
    """The answered request waits for the server now (WG102-195); a PDF form also gets the reply that says so (WG102-075)."""
    if previous.status is MessageStatus.OPEN:
        await save_message(session, previous.moved(MessageStatus.PENDING, now))
    if previous.type is MessageType.PDF_FORM_REQUEST and previous.is_outstanding:
        await store_message(
            session,
            server_message(
                previous.registration_id,
                MessageType.REQUEST_UPDATE,
                MessageStatus.PENDING,
                now,
                name=previous.name,
                description="The form has arrived and is being reviewed.",
                previous_id=previous.message_id,
            ),
        )
