"""A Message as a client submits it (CDS-WG1-02 §6.9)."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from cds_registry.domain.addresses import address_fault
from cds_registry.domain.errors import AttachmentsTooLarge, InvalidMessage
from cds_registry.domain.message import Attachment, MessageStatus, MessageType

CLIENT_TYPES = frozenset(
    {
        MessageType.PRIVATE_MESSAGE, MessageType.PRODUCTION_REQUEST, MessageType.SUPPORT_REQUEST, MessageType.GRANT_REQUEST,
        MessageType.CLIENT_SUBMISSION,
    }
)  # fmt: skip
_WITH_SUBJECT = frozenset({MessageType.PRIVATE_MESSAGE, MessageType.SUPPORT_REQUEST})
_MAX_NAME, _MAX_TEXT, _MAX_ITEMS, _MAX_FILES = 500, 20_000, 100, 20
_MIME_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}(\s*;[\x20-\x7e]{0,100})?")


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A well-formed Message; whether its addresses lead to anything is checked by the use case."""

    type: MessageType
    name: str
    description: str
    previous_uri: str | None
    related_uri: str | None
    updates_requested: tuple[Mapping[str, Any], ...] | None
    grants_requested: tuple[Mapping[str, Any], ...] | None
    attachments: tuple[Attachment, ...]

    @property
    def status(self) -> MessageStatus:
        """The first status (WG102-194)."""
        done = self.type in {MessageType.PRIVATE_MESSAGE, MessageType.CLIENT_SUBMISSION}
        return MessageStatus.COMPLETE if done else MessageStatus.PENDING


def read_message(body: object, *, max_attachment_bytes: int) -> NewMessage:
    """Read and check a submitted Message; members that the server sets are ignored.

    Raises:
        InvalidMessage: a member is missing or has a wrong form.
        AttachmentsTooLarge: all attachments together exceed `max_attachment_bytes` before Base64.
    """
    if not isinstance(body, Mapping):
        raise InvalidMessage("The body must be a JSON object")
    members = cast("Mapping[str, Any]", body)
    kind = _type(members.get("type"))
    submission = kind is MessageType.CLIENT_SUBMISSION
    name, description = _text(members, "name", _MAX_NAME), _text(members, "description", _MAX_TEXT)
    if submission and (name or description):
        raise InvalidMessage("name and description of a client_submission must be empty strings")
    if kind in _WITH_SUBJECT and not name.strip():
        raise InvalidMessage("name must not be blank")
    previous = _address(members, "previous_uri")
    if submission and previous is None:
        raise InvalidMessage("previous_uri of a client_submission must be the uri of the answered Message")
    related = _address(members, "related_uri")
    if related is None and kind in {MessageType.GRANT_REQUEST, MessageType.PRODUCTION_REQUEST}:
        raise InvalidMessage("related_uri must be the cds_client_uri of the Client Object that the request is about")
    attachments = _attachments(members.get("attachments"), max_attachment_bytes)
    return NewMessage(
        type=kind,
        name=name,
        description=description,
        previous_uri=previous,
        related_uri=related,
        updates_requested=_updates(members.get("updates_requested")) if submission else None,
        grants_requested=_grants(members.get("grants_requested")) if kind is MessageType.GRANT_REQUEST else None,
        attachments=attachments,
    )


def _type(value: object) -> MessageType:
    if not isinstance(value, str) or value not in {kind.value for kind in CLIENT_TYPES}:
        raise InvalidMessage(f"type must be one of {', '.join(sorted(kind.value for kind in CLIENT_TYPES))}")
    return MessageType(value)


def _text(members: Mapping[str, Any], name: str, limit: int) -> str:
    value = members.get(name)
    if not isinstance(value, str) or len(value) > limit or "\x00" in value:
        raise InvalidMessage(f"{name} must be a string of at most {limit} characters")
    return value


def _address(members: Mapping[str, Any], name: str) -> str | None:
    value = members.get(name)
    if value is None:
        return None
    if fault := address_fault(value):
        raise InvalidMessage(f"{name} {fault}")
    return str(value)


def _updates(value: object) -> tuple[Mapping[str, Any], ...]:
    """The answers of a client_submission: each names its field and has a text or an address."""
    answers: list[Mapping[str, Any]] = []
    for item in _objects(value, "updates_requested"):
        field, text, address = item.get("field"), item.get("description"), item.get("uri")
        if not isinstance(field, str) or not 0 < len(field) <= _MAX_NAME:
            raise InvalidMessage("every entry of updates_requested must have a field")
        if text is not None and (not isinstance(text, str) or len(text) > _MAX_TEXT):
            raise InvalidMessage("description in updates_requested must be a string")
        if address is not None and (fault := address_fault(address)):
            raise InvalidMessage(f"uri in updates_requested {fault}")
        if text is None and address is None:
            raise InvalidMessage("every entry of updates_requested must have a description or a uri")
        answer = {"field": field, "description": text, "uri": address}
        answers.append({name: member for name, member in answer.items() if member is not None})
    return tuple(answers)


def _grants(value: object) -> tuple[Mapping[str, Any], ...]:
    wanted: list[Mapping[str, Any]] = []
    for item in _objects(value, "grants_requested"):
        scope, details = item.get("scope"), item.get("authorization_details")
        entries: list[Any] = cast("list[Any]", details) if isinstance(details, list) else [None]
        if not isinstance(scope, str) or len(scope) > _MAX_TEXT or not all(isinstance(entry, Mapping) for entry in entries):
            raise InvalidMessage("every entry of grants_requested must have scope (string) and authorization_details (array of objects)")
        if len(entries) > _MAX_ITEMS or not (scope.strip() or entries):
            raise InvalidMessage("an entry of grants_requested asks for nothing or for too much")
        wanted.append({"scope": scope, "authorization_details": entries})
    return tuple(wanted)


def _objects(value: object, name: str) -> list[Mapping[str, Any]]:
    items = cast("list[Any]", value) if isinstance(value, list) else []
    if not 0 < len(items) <= _MAX_ITEMS or not all(isinstance(item, Mapping) for item in items):
        raise InvalidMessage(f"{name} must be an array of 1 to {_MAX_ITEMS} objects")
    return items


def _attachments(value: object, limit: int) -> tuple[Attachment, ...]:
    if value is None or value == []:
        return ()
    items = cast("list[Any]", value) if isinstance(value, list) else []
    if not 0 < len(items) <= _MAX_FILES or not all(isinstance(item, Mapping) for item in items):
        raise InvalidMessage(f"attachments must be an array of at most {_MAX_FILES} objects")
    files = [_attachment(item) for item in items]
    if sum(len(file.content) for file in files) > limit:
        raise AttachmentsTooLarge(f"All attachments of a Message together have at most {limit} bytes")
    return tuple(files)


def _attachment(item: Mapping[str, Any]) -> Attachment:
    filename, mime_type, data = item.get("filename"), item.get("mime_type"), item.get("data")
    if not isinstance(filename, str) or not 0 < len(filename) <= 255 or not filename.isprintable():
        raise InvalidMessage("filename of an attachment must be one line of 1 to 255 characters")
    if not isinstance(mime_type, str) or not _MIME_TYPE.fullmatch(mime_type):
        raise InvalidMessage("mime_type of an attachment must be a MIME type (application/octet-stream when unknown)")
    if not isinstance(data, str):
        raise InvalidMessage("data of an attachment must be Base64")
    try:
        return Attachment(filename, mime_type, base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError) as error:
        raise InvalidMessage("data of an attachment must be Base64 (RFC 4648)") from error
