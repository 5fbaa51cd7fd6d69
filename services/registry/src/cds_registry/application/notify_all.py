"""Messages that an operator starts: to one registration, or news to all of them (CDS-WG1-02 §6.2)."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from cds_registry.application.notify import server_message, store_message
from cds_registry.domain.addresses import address_fault
from cds_registry.domain.errors import ClientNotFound, InvalidOperatorRequest
from cds_registry.domain.message import Message, MessageStatus, MessageType, RelatedType
from cds_registry.persistence.audit import AuditEntry, append
from cds_registry.persistence.clients import find_registration
from cds_registry.persistence.operator_views import every_registration_id


async def write_to(session: AsyncSession, *, registration_id: str, name: str, description: str, operator: str, now: datetime) -> Message:
    """A private_message to a registration.

    Raises:
        ClientNotFound: there is no such registration.
    """
    if await find_registration(session, registration_id) is None:
        raise ClientNotFound(f"There is no registration {registration_id}")
    if not name.strip():
        raise InvalidOperatorRequest("name, the subject, is required")
    message = server_message(
        registration_id, MessageType.PRIVATE_MESSAGE, MessageStatus.COMPLETE, now, name=name.strip(), description=description
    )
    await store_message(session, message)
    await append(session, AuditEntry(now, f"operator:{operator}", "message.sent", registration_id, message.message_id))
    return message


async def notify_all(session: AsyncSession, *, name: str, description: str, related_uri: str | None, operator: str, now: datetime) -> int:
    """The same notification to every registration; gives how many there are."""
    if related_uri is not None and (fault := address_fault(related_uri)):
        raise InvalidOperatorRequest(f"related_uri {fault}")
    registrations = await every_registration_id(session)
    related = RelatedType.MORE_INFO if related_uri else None
    for registration_id in registrations:
        message = server_message(
            registration_id, MessageType.NOTIFICATION, MessageStatus.COMPLETE, now, name=name, description=description,
            related_uri=related_uri, related_type=related,
        )  # fmt: skip
        await store_message(session, message)
    await append(
        session, AuditEntry(now, f"operator:{operator}", "notification.sent", None, None, {"name": name, "to": len(registrations)})
    )
    return len(registrations)
