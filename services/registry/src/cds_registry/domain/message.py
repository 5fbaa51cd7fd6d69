"""Messages: types, statuses and how one answers another (CDS-WG1-02 §6)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any


class MessageType(StrEnum):
    """CDS-WG1-02 §6.2."""

    NOTIFICATION = "notification"
    PRIVATE_MESSAGE = "private_message"
    PRODUCTION_REQUEST = "production_request"
    SUPPORT_REQUEST = "support_request"
    GRANT_REQUEST = "grant_request"
    FIELD_CHANGES = "field_changes"
    SERVER_REQUEST = "server_request"
    CLIENT_SUBMISSION = "client_submission"
    PAYMENT_REQUEST = "payment_request"
    ONLINE_FORM_REQUEST = "online_form_request"
    PDF_FORM_REQUEST = "pdf_form_request"
    REQUEST_UPDATE = "request_update"


class MessageStatus(StrEnum):
    """CDS-WG1-02 §6.3."""

    COMPLETE = "complete"
    OPEN = "open"
    PENDING = "pending"
    REJECTED = "rejected"
    ERRORED = "errored"


class RelatedType(StrEnum):
    """CDS-WG1-02 §6.4."""

    MORE_INFO = "more_info"
    DOCUMENTATION = "documentation"
    SUPPORT = "support"
    ONLINE_FORM = "online_form"
    PDF_FORM = "pdf_form"
    PAYMENT_FORM = "payment_form"
    PAYMENT_RECEIPT = "payment_receipt"
    CLIENT_LIST = "client_list"
    CLIENT = "client"
    GRANT_LIST = "grant_list"
    GRANT = "grant"
    MESSAGE_LIST = "message_list"
    MESSAGE = "message"
    CREDENTIAL_LIST = "credential_list"
    CREDENTIAL = "credential"


_ANSWERED_REQUESTS = frozenset(
    {
        MessageType.PRODUCTION_REQUEST, MessageType.GRANT_REQUEST, MessageType.FIELD_CHANGES, MessageType.SERVER_REQUEST,
        MessageType.PAYMENT_REQUEST, MessageType.ONLINE_FORM_REQUEST, MessageType.PDF_FORM_REQUEST, MessageType.REQUEST_UPDATE,
    }
)  # fmt: skip
_STATUSES: dict[MessageStatus, frozenset[MessageType]] = {
    MessageStatus.COMPLETE: frozenset(MessageType),
    MessageStatus.OPEN: frozenset(
        {
            MessageType.SERVER_REQUEST, MessageType.PAYMENT_REQUEST, MessageType.ONLINE_FORM_REQUEST, MessageType.PDF_FORM_REQUEST,
            MessageType.REQUEST_UPDATE,
        }
    ),
    MessageStatus.PENDING: _ANSWERED_REQUESTS | {MessageType.SUPPORT_REQUEST},
    MessageStatus.REJECTED: _ANSWERED_REQUESTS,
    MessageStatus.ERRORED: _ANSWERED_REQUESTS - {MessageType.PRODUCTION_REQUEST, MessageType.GRANT_REQUEST},
}  # fmt: skip
OUTSTANDING = frozenset({MessageStatus.OPEN, MessageStatus.PENDING})
REVIEWED_BY_OPERATOR = _ANSWERED_REQUESTS - {MessageType.REQUEST_UPDATE} | {MessageType.SUPPORT_REQUEST}
"""Types that an operator settles by approving or rejecting."""


def may_have(kind: MessageType, status: MessageStatus) -> bool:
    """Whether a Message of this type may have this status (WG102-169, -170)."""
    return kind in _STATUSES[status]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a Message, kept as it was sent."""

    filename: str
    mime_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """A Message; `previous_id` and related addresses are kept, addresses of Messages are made when shown."""

    message_id: str
    registration_id: str
    version: int
    type: MessageType
    status: MessageStatus
    read: bool
    creator: str | None
    created: datetime
    modified: datetime
    name: str
    description: str
    previous_id: str | None = None
    updates_requested: tuple[Mapping[str, Any], ...] | None = None
    grants_requested: tuple[Mapping[str, Any], ...] | None = None
    attachments: tuple[Attachment, ...] = ()
    related_uri: str | None = None
    related_type: RelatedType | None = None
    amount: Decimal | None = None
    currency: str | None = None
    about_client: str | None = None
    """client_id of the Client Object that the Message is about (target, sandbox object, changed object); not shown."""
    step: str | None = None
    """Registration Field that asked for this step; not shown."""

    def __post_init__(self) -> None:
        """Hold the status matrix whatever the code around does."""
        if not may_have(self.type, self.status):
            raise ValueError(f"a {self.type} is never {self.status}")

    @property
    def is_outstanding(self) -> bool:
        """Whether someone still has to act."""
        return self.status in OUTSTANDING

    def moved(self, status: MessageStatus, now: datetime, **changes: Any) -> "Message":
        """The next version with another status."""
        return replace(self, version=self.version + 1, status=status, modified=max(now, self.modified), **changes)

    def marked(self, read: bool, now: datetime) -> "Message":  # the wire member is a boolean
        """The next version, read or unread again."""
        return replace(self, version=self.version + 1, read=read, modified=max(now, self.modified))

    def at(self, related_uri: str) -> "Message":
        """The same Message leading to this address."""
        return replace(self, related_uri=related_uri)
