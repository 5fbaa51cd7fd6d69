"""Requests and answers of the operator API."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from cds_common.events.clients import DirectPermission
from cds_common.wire import CdsDateTime, CdsModel
from cds_registry.api.schemas import ClientOut, MessageOut

RoleName = Literal["viewer", "reviewer", "admin"]
Storable = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""The database cannot hold NUL."""


class OperatorOut(CdsModel):
    """Who calls."""

    name: str
    role: RoleName


class NewOperatorOut(OperatorOut):
    """A fresh account; key and password are shown this once."""

    key: str = Field(description="Bearer key of the operator API")
    password: str = Field(description="Password of the console")


class NewOperatorIn(CdsModel):
    """A wanted account."""

    name: Storable = Field(min_length=1, max_length=100)
    role: RoleName


class RequestOut(CdsModel):
    """A Message that waits for someone, with whom it is about."""

    message: MessageOut
    registration_id: str
    client_name: str = Field(description="client_name of the registration's admin Client Object")
    about_client: str | None = Field(description="client_id of the Client Object that it is about")


class RequestsOut(CdsModel):
    """What waits, oldest change last."""

    requests: list[RequestOut]
    next: str | None
    previous: str | None


class ApprovalIn(CdsModel):
    """An approval."""

    note: Storable = Field(default="", max_length=20_000, description="Shown to the client")
    permission: DirectPermission | None = Field(default=None, description="production_request of a direct access Client: what it may see")
    receipt_uri: Storable | None = Field(default=None, max_length=2000, description="payment_request: the receipt")


class ReasonIn(CdsModel):
    """Why."""

    reason: Storable = Field(min_length=1, max_length=20_000, description="Shown to the client where it concerns the client")


class TextIn(CdsModel):
    """A text to a client."""

    name: Storable = Field(default="", max_length=500, description="Subject")
    description: Storable = Field(min_length=1, max_length=20_000)


class AskedFieldIn(CdsModel):
    """One thing that the utility asks for."""

    field: Storable = Field(default="", max_length=200, description="Identifier; made up when empty")
    name: Storable = Field(min_length=1, max_length=500)
    description: Storable = Field(min_length=1, max_length=20_000)


class ServerRequestIn(CdsModel):
    """A server_request: the client answers by a client_submission."""

    name: Storable = Field(min_length=1, max_length=500)
    description: Storable = Field(min_length=1, max_length=20_000)
    fields: list[AskedFieldIn] = Field(min_length=1, max_length=50)


class NotificationIn(CdsModel):
    """News to every registration."""

    name: Storable = Field(min_length=1, max_length=500)
    description: Storable = Field(min_length=1, max_length=20_000)
    related_uri: Storable | None = Field(default=None, max_length=2000)


class SentOut(CdsModel):
    """How many registrations got it."""

    sent: int


class RegistrationOut(CdsModel):
    """A registration."""

    registration_id: str
    created: CdsDateTime
    scopes: list[str]
    fields: dict[str, Any]
    client_name: str
    contacts: list[str]
    clients: int


class RegistrationsOut(CdsModel):
    """Registrations, newest first."""

    registrations: list[RegistrationOut]
    next: str | None
    previous: str | None


class OperatedClientOut(CdsModel):
    """A Client Object with what only the utility sees."""

    client: ClientOut
    registration_id: str
    environment: Literal["sandbox", "production"]
    kind: str
    client_uri_verified: bool
    pkce_exempt: bool
    permission: DirectPermission | None
    made_from: str | None


class OperatedClientsOut(CdsModel):
    """Client Objects of all registrations, last modified first."""

    clients: list[OperatedClientOut]
    next: str | None
    previous: str | None


class ClientSettingsIn(CdsModel):
    """What only the utility sets; a left-out member stays."""

    client_uri_verified: bool | None = Field(default=None, description="The form may show client_uri as a link")
    pkce_exempt: bool | None = None
    permission: DirectPermission | None = None


class OperatedMessagesOut(CdsModel):
    """Messages of all registrations or of one, last modified first."""

    messages: list[MessageOut]
    next: str | None
    previous: str | None


class OperatedFileOut(CdsModel):
    """A shared file."""

    file_id: str
    registration_id: str
    client_id: str
    name: str
    description: str
    mime_type: str
    size: int
    sha256: str
    created: CdsDateTime
    removed_at: CdsDateTime | None


class OperatedFilesOut(CdsModel):
    """Shared files of all registrations, newest first."""

    files: list[OperatedFileOut]
    next: str | None
    previous: str | None


class AuditOut(CdsModel):
    """An entry of the audit log."""

    position: int
    at: CdsDateTime
    actor: str
    action: str
    registration_id: str | None
    subject: str | None
    detail: dict[str, Any]
    hash: str


class AuditsOut(CdsModel):
    """Entries, newest first."""

    entries: list[AuditOut]
    next: str | None
    previous: str | None


class AuditCheckOut(CdsModel):
    """Whether the chain of hashes is whole."""

    sound: bool
    first_break: int | None = Field(description="Position of the first entry that does not fit")
