"""The objects of the specification as the OpenAPI document shows them; answers are built in `application.documents`."""

from typing import Any

from pydantic import ConfigDict, Field

from cds_common.problems import problems
from cds_common.wire import CdsDateTime, CdsDecimal, CdsModel


class ClientOut(CdsModel):
    """Client Object (CDS-WG1-02 §5.1, CDS-WG3-01 §8.1); submitted Registration Fields and RFC 7591 metadata come besides."""

    model_config = ConfigDict(extra="allow")

    client_id: str
    client_id_issued_at: int = Field(description="Seconds since 1970")
    scope: str
    redirect_uris: list[str]
    response_types: list[str]
    grant_types: list[str]
    token_endpoint_auth_method: str | None
    client_name: str
    contacts: list[str]
    authorization_details_types: list[str]
    cds_created: CdsDateTime
    cds_modified: CdsDateTime
    cds_client_uri: str
    cds_status: str
    cds_status_options: list[str]
    cds_server_metadata: str
    cds_default_scope: str | None = None
    cds_default_redirect_uri: str | None = None
    cds_default_authorization_details: list[dict[str, Any]] | None = None
    cds_purposes: dict[str, Any] | None = None


class RegisteredOut(ClientOut):
    """Registration response (CDS-WG1-02 §4.2, RFC 7591 §3.2.1)."""

    client_secret: str
    client_secret_expires_at: int


class RegistrationErrorOut(CdsModel):
    """Why a registration or a change of a Client Object is refused (RFC 7591 §3.2.2)."""

    error: str = Field(examples=["invalid_client_metadata", "invalid_redirect_uri"])
    error_description: str


def refused_registration() -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route that answers in the form of RFC 7591; a body that cannot be read at all is a problem document."""
    answer = problems(400)[400]
    return {400: {"model": RegistrationErrorOut, "description": "Refused", "content": answer["content"]}}


class ClientsOut(CdsModel):
    """Client list (CDS-WG1-02 §5.3)."""

    clients: list[ClientOut]
    next: str | None
    previous: str | None


class CredentialOut(CdsModel):
    """Credential (CDS-WG1-02 §7.1)."""

    credential_id: str
    uri: str
    client_id: str
    created: CdsDateTime
    modified: CdsDateTime
    type: str
    client_secret: str
    client_secret_expires_at: int = Field(description="Seconds since 1970, 0 for never")


class CredentialsOut(CdsModel):
    """Credential list (CDS-WG1-02 §7.3)."""

    credentials: list[CredentialOut]
    next: str | None
    previous: str | None


class MessageOut(CdsModel):
    """Message (CDS-WG1-02 §6.1)."""

    message_id: str
    uri: str
    previous_uri: str | None
    type: str
    read: bool
    creator: str | None
    created: CdsDateTime
    modified: CdsDateTime
    status: str
    name: str
    description: str
    updates_requested: list[dict[str, Any]] | None = None
    grants_requested: list[dict[str, Any]] | None = None
    attachments: list[dict[str, Any]] | None = None
    related_uri: str | None = None
    related_type: str | None = None
    amount: CdsDecimal | None = None
    currency: str | None = None


class MessagesOut(CdsModel):
    """The three Message lists (CDS-WG1-02 §6.8)."""

    outstanding: list[MessageOut]
    outstanding_next: str | None
    outstanding_previous: str | None
    unread: list[MessageOut]
    unread_next: str | None
    unread_previous: str | None
    read: list[MessageOut]
    read_next: str | None
    read_previous: str | None


class FileOut(CdsModel):
    """Server-Provided File (CDS-WG1-02 §9.1)."""

    file_id: str
    uri: str
    created: CdsDateTime
    modified: CdsDateTime
    mime_type: str
    size: int
    name: str
    description: str
    download_uri: str


class FilesOut(CdsModel):
    """Server-Provided File list (CDS-WG1-02 §9.2)."""

    files: list[FileOut]
    next: str | None
    previous: str | None
