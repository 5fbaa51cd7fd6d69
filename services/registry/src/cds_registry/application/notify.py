"""Messages that the server writes: the changelog of Client Objects and Credentials, and answers to requests."""

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.events.clients import MessagePublishedV1
from cds_common.outbox import record_event
from cds_registry.application.offer import Offer
from cds_registry.domain.client import Client
from cds_registry.domain.credential import Credential
from cds_registry.domain.message import Message, MessageStatus, MessageType, RelatedType
from cds_registry.persistence.messages import Messages


def new_id() -> str:
    """An identifier of 128 random bits."""
    return secrets.token_hex(16)


def server_message(registration_id: str, kind: MessageType, status: MessageStatus, now: datetime, **members: Any) -> Message:
    """A Message of the server: unread, creator null (WG102-155)."""
    return Message(
        message_id=new_id(),
        registration_id=registration_id,
        version=1,
        type=kind,
        status=status,
        read=False,
        creator=None,
        created=now,
        modified=now,
        **members,
    )


async def store_message(session: AsyncSession, message: Message) -> Message:
    """Store a new Message and publish that it exists."""
    await Messages(session, message.registration_id).add(message)
    _publish(session, message)
    return message


async def save_message(session: AsyncSession, message: Message) -> Message:
    """Store a changed Message and publish that it changed."""
    await Messages(session, message.registration_id).save(message)
    _publish(session, message)
    return message


async def tell_client_change(session: AsyncSession, client: Client, what: str, offer: Offer, now: datetime) -> None:
    """The changelog entry of a Client Object: added, removed or changed after registration (CDS-WG1-02 §5.3)."""
    await store_message(
        session,
        server_message(
            client.registration_id,
            MessageType.PRIVATE_MESSAGE,
            MessageStatus.COMPLETE,
            now,
            name=f"Client Object {what.split(':', 1)[0]}",
            description=f"The Client Object {client.client_id} ({client.scope}) was {what}.",
            related_uri=offer.client_uri(client.client_id),
            related_type=RelatedType.CLIENT,
            about_client=client.client_id,
        ),
    )


async def tell_credential_change(session: AsyncSession, credential: Credential, what: str, offer: Offer, now: datetime) -> None:
    """The changelog entry of a Credential: added or changed after registration (CDS-WG1-02 §7.3)."""
    await store_message(
        session,
        server_message(
            credential.registration_id,
            MessageType.PRIVATE_MESSAGE,
            MessageStatus.COMPLETE,
            now,
            name=f"Credential {what}",
            description=f"The Credential {credential.credential_id} of the Client Object {credential.client_id} was {what}.",
            related_uri=offer.credential_uri(credential.credential_id),
            related_type=RelatedType.CREDENTIAL,
            about_client=credential.client_id,
        ),
    )


def _publish(session: AsyncSession, message: Message) -> None:
    record_event(
        session,
        MessagePublishedV1(
            message_id=message.message_id,
            registration_id=message.registration_id,
            version=message.version,
            type=message.type.value,
            status=message.status.value,
            created_by_client=message.creator is not None,
        ),
    )
