"""Messages in the database."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cds_registry.domain.errors import MessageNotFound
from cds_registry.domain.message import Attachment, Message, MessageStatus, MessageType, RelatedType
from cds_registry.persistence.tables import AttachmentRow, MessageRow

_LISTS = ("updates_requested", "grants_requested")


class Messages:
    """The Messages of one registration."""

    def __init__(self, session: AsyncSession, registration_id: str) -> None:
        self._session, self._registration_id = session, registration_id

    def visible(self) -> Select[MessageRow]:
        """All of them; listings add filter, order and page."""
        return select(MessageRow).where(MessageRow.registration_id == self._registration_id).execution_options(populate_existing=True)

    async def get(self, message_id: str, *, for_update: bool = False) -> Message:
        """One of them, with its attachments.

        Raises:
            MessageNotFound: there is none in this registration.
        """
        message = await self.find(message_id, for_update=for_update)
        if message is None:
            raise MessageNotFound(f"There is no Message {message_id} in this registration")
        return message

    async def find(self, message_id: str, *, for_update: bool = False) -> Message | None:
        """One of them with its attachments, if there is one."""
        query = self.visible().where(MessageRow.message_id == message_id)
        row = await self._session.scalar(query.with_for_update() if for_update else query)
        if row is None:
            return None
        return to_message(row, (await attachments_of(self._session, [message_id])).get(message_id, ()))

    async def add(self, message: Message) -> None:
        """Store a new one with its attachments."""
        self._session.add(MessageRow(**_columns(message)))
        await self._session.flush()
        self._session.add_all(
            AttachmentRow(
                message_id=message.message_id, position=position, filename=file.filename, mime_type=file.mime_type, content=file.content
            )
            for position, file in enumerate(message.attachments)
        )
        await self._session.flush()

    async def save(self, message: Message) -> None:
        """Store the next version of one that was read for update."""
        await self._session.execute(
            update(MessageRow)
            .where(MessageRow.message_id == message.message_id, MessageRow.registration_id == self._registration_id)
            .values(_columns(message))
            .execution_options(synchronize_session=False)
        )

    async def replies(self, message_id: str, kind: MessageType) -> list[Message]:
        """Replies of this type to a Message, for update, oldest first."""
        query = self.visible().where(MessageRow.previous_id == message_id, MessageRow.type == kind.value)
        rows = await self._session.scalars(query.order_by(MessageRow.created, MessageRow.message_id).with_for_update())
        return [to_message(row, ()) for row in rows]

    async def pending_changes(self, client_id: str) -> list[Message]:
        """The field_changes under review for a Client Object, for update."""
        query = self.visible().where(
            MessageRow.about_client == client_id,
            MessageRow.type == MessageType.FIELD_CHANGES.value,
            MessageRow.status == MessageStatus.PENDING.value,
        )
        rows = await self._session.scalars(query.order_by(MessageRow.created, MessageRow.message_id).with_for_update())
        return [to_message(row, ()) for row in rows]


async def find_any_message(session: AsyncSession, message_id: str, *, for_update: bool = False) -> Message:
    """A Message of any registration: for operators only.

    Raises:
        MessageNotFound: there is none.
    """
    query = select(MessageRow).where(MessageRow.message_id == message_id).execution_options(populate_existing=True)
    row = await session.scalar(query.with_for_update() if for_update else query)
    if row is None:
        raise MessageNotFound(f"There is no Message {message_id}")
    return to_message(row, (await attachments_of(session, [message_id])).get(message_id, ()))


async def attachments_of(session: AsyncSession, message_ids: Sequence[str]) -> dict[str, tuple[Attachment, ...]]:
    """Attachments by Message."""
    found: dict[str, tuple[Attachment, ...]] = {}
    if not message_ids:
        return found
    query = select(AttachmentRow).where(AttachmentRow.message_id.in_(message_ids))
    for row in await session.scalars(query.order_by(AttachmentRow.message_id, AttachmentRow.position)):
        found[row.message_id] = (*found.get(row.message_id, ()), Attachment(row.filename, row.mime_type, row.content))
    return found


def to_message(row: MessageRow, attachments: tuple[Attachment, ...]) -> Message:
    """A row as domain object."""
    names = [field.name for field in fields(Message) if field.name != "attachments"]
    values: dict[str, Any] = {name: getattr(row, name) for name in names}
    values["type"], values["status"] = MessageType(row.type), MessageStatus(row.status)
    values["related_type"] = RelatedType(row.related_type) if row.related_type else None
    for name in _LISTS:
        values[name] = None if values[name] is None else tuple(values[name])
    return Message(**values, attachments=attachments)


def _columns(message: Message) -> dict[str, Any]:
    names = [field.name for field in fields(Message) if field.name != "attachments"]
    values: dict[str, Any] = {name: getattr(message, name) for name in names}
    values["type"], values["status"] = message.type.value, message.status.value
    values["related_type"] = message.related_type.value if message.related_type else None
    for name in _LISTS:
        values[name] = None if values[name] is None else [dict(item) for item in values[name]]
    return values


async def find_step(session: AsyncSession, message_id: str, *, for_update: bool = False) -> Message | None:
    """The Message of a registration step, by the address that only its registration was told."""
    query = (
        select(MessageRow)
        .where(MessageRow.message_id == message_id, MessageRow.step.is_not(None))
        .execution_options(populate_existing=True)
    )
    row = await session.scalar(query.with_for_update() if for_update else query)
    return to_message(row, ()) if row is not None and row.type in _STEP_TYPES else None


_STEP_TYPES = frozenset({MessageType.PAYMENT_REQUEST.value, MessageType.ONLINE_FORM_REQUEST.value})
