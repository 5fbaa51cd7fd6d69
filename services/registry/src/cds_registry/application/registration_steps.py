"""The Messages that ask for what has to happen between registration and production (CDS-WG1-02 §3.6)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from cds_registry.application.notify import save_message, server_message, store_message
from cds_registry.application.offer import Offer
from cds_registry.domain.client import Client, ClientStatus
from cds_registry.domain.message import Message, MessageStatus, MessageType, RelatedType
from cds_registry.domain.scopes import RegistrationField
from cds_registry.persistence.messages import find_step

_REQUESTS: dict[str, tuple[MessageType, RelatedType, str]] = {
    "payment_required": (MessageType.PAYMENT_REQUEST, RelatedType.PAYMENT_FORM, "Payment"),
    "email_verification": (MessageType.ONLINE_FORM_REQUEST, RelatedType.ONLINE_FORM, "E-mail verification"),
    "sso_verification": (MessageType.ONLINE_FORM_REQUEST, RelatedType.ONLINE_FORM, "Sign-on verification"),
    "online_form": (MessageType.ONLINE_FORM_REQUEST, RelatedType.ONLINE_FORM, "Online form"),
    "pdf_form": (MessageType.PDF_FORM_REQUEST, RelatedType.PDF_FORM, "PDF form"),
}


async def ask_for_steps(
    session: AsyncSession, steps: Sequence[RegistrationField], clients: Sequence[Client], offer: Offer, now: datetime
) -> None:
    """One Message per step; an internal review begins as a production request of the server for each sandbox object."""
    for step in steps:
        if step.type == "internal_review":
            for client in clients:
                if client.status is ClientStatus.SANDBOX and _asks(client, step, offer):
                    await store_message(session, _review(client, step, offer, now))
        else:
            await store_message(session, _request(clients[0].registration_id, step, offer, now))


def _asks(client: Client, step: RegistrationField, offer: Offer) -> bool:
    return any(step.id == field.id for field in offer.catalogue.fields_of(client.scopes)[0])


def _review(client: Client, step: RegistrationField, offer: Offer, now: datetime) -> Message:
    return server_message(
        client.registration_id,
        MessageType.PRODUCTION_REQUEST,
        MessageStatus.PENDING,
        now,
        name="Review for production",
        description=f"{step.description} This review began with the registration; the answer comes as a reply to this Message.",
        related_uri=offer.client_uri(client.client_id),
        related_type=RelatedType.CLIENT,
        about_client=client.client_id,
        step=step.id,
    )


def _request(registration_id: str, step: RegistrationField, offer: Offer, now: datetime) -> Message:
    kind, related, title = _REQUESTS[step.type]
    extra: dict[str, Any] = {"amount": step.amount, "currency": step.currency} if kind is MessageType.PAYMENT_REQUEST else {}
    message = server_message(
        registration_id,
        kind,
        MessageStatus.OPEN,
        now,
        name=title,
        description=step.description,
        related_uri=f"{offer.public_url}/docs/forms/{step.id}.pdf" if related is RelatedType.PDF_FORM else "",
        related_type=related,
        step=step.id,
        **extra,
    )
    if related is RelatedType.PDF_FORM:
        return message
    return message.at(f"{offer.public_url}/registration/steps/{message.message_id}")


async def submit_step(session: AsyncSession, *, message_id: str, text: str, now: datetime) -> bool:
    """Note that a payment or form was submitted on its page: the request waits for the utility now, and a reply says so.

    What was written on the page becomes a client_submission made by the server (WG102-167). False: there is no such step.
    A step that is not open any more stays as it is.
    """
    request = await find_step(session, message_id, for_update=True)
    if request is None:
        return False
    if request.status is not MessageStatus.OPEN:
        return True
    written = ({"field": request.step or "answer", "description": text.replace("\x00", "")},)
    submission = server_message(
        request.registration_id,
        MessageType.CLIENT_SUBMISSION,
        MessageStatus.COMPLETE,
        now,
        name="",
        description="",
        previous_id=request.message_id,
        updates_requested=written,
    )
    await store_message(session, submission)
    await save_message(session, request.moved(MessageStatus.PENDING, now))
    reply = server_message(
        request.registration_id,
        MessageType.REQUEST_UPDATE,
        MessageStatus.PENDING,
        now,
        name=request.name,
        description="What was submitted on the page has arrived and is being reviewed.",
        previous_id=request.message_id,
    )
    await store_message(session, reply)
    return True
