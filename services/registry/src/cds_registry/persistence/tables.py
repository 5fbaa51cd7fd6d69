"""Tables of the registry database."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from cds_common.db import TYPE_MAP, new_metadata
from cds_common.message_tables import inbox_table, outbox_table


class Base(DeclarativeBase):
    """Declarative base of this service: named constraints, aware datetimes, exact decimals."""

    metadata = new_metadata()
    type_annotation_map = TYPE_MAP | {str: Text, dict[str, Any]: JSONB, list[Any]: JSONB, list[str]: ARRAY(Text), bytes: LargeBinary}


outbox = outbox_table(Base.metadata)
inbox = inbox_table(Base.metadata)


class RegistrationRow(Base):
    """One registration request that succeeded; its Client Objects, Credentials and Messages hang on it."""

    __tablename__ = "registration"

    registration_id: Mapped[str] = mapped_column(primary_key=True)
    created: Mapped[datetime]
    scopes: Mapped[list[str]]
    fields: Mapped[dict[str, Any]]
    invite: Mapped[str | None]
    """Which invitation was used (its position and scopes in the configuration, never the code)."""
    permission: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """DirectPermission that the invitation gave."""


class ClientRow(Base):
    """A Client Object."""

    __tablename__ = "client"
    __table_args__ = (
        CheckConstraint("status IN ('production', 'sandbox', 'disabled')", name="status"),
        CheckConstraint("environment IN ('production', 'sandbox')", name="environment"),
        CheckConstraint("NOT (status_options @> ARRAY['production', 'sandbox'])", name="one_environment"),
        Index("ix_client_listing", "registration_id", text("modified DESC"), "client_id"),
    )

    client_id: Mapped[str] = mapped_column(primary_key=True)
    registration_id: Mapped[str] = mapped_column(ForeignKey("registration.registration_id"))
    version: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str]
    environment: Mapped[str]
    status: Mapped[str]
    status_options: Mapped[list[str]]
    registered_scopes: Mapped[list[str]]
    scopes: Mapped[list[str]]
    response_types: Mapped[list[str]]
    grant_types: Mapped[list[str]]
    auth_method: Mapped[str | None]
    details: Mapped[dict[str, Any]] = mapped_column("metadata_members")
    """Members of RFC 7591 §2 that the client gave."""
    redirect_uris: Mapped[list[str]]
    server_redirect_uri: Mapped[str | None]
    default_scope: Mapped[str | None]
    default_redirect_uri: Mapped[str | None]
    default_authorization_details: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    purposes: Mapped[list[Any]]
    fields: Mapped[dict[str, Any]]
    client_uri_verified: Mapped[bool]
    pkce_exempt: Mapped[bool]
    permission: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    made_from: Mapped[str | None]
    created: Mapped[datetime]
    modified: Mapped[datetime]


class CredentialRow(Base):
    """A Credential; the secret is encrypted, its verifier is a keyed hash."""

    __tablename__ = "credential"
    __table_args__ = (Index("ix_credential_listing", "registration_id", text("modified DESC"), "credential_id"),)

    credential_id: Mapped[str] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("client.client_id"), index=True)
    registration_id: Mapped[str] = mapped_column(ForeignKey("registration.registration_id"))
    created: Mapped[datetime]
    modified: Mapped[datetime]
    secret_encrypted: Mapped[bytes]
    secret_hmac: Mapped[str]
    expires_at: Mapped[datetime | None]


class MessageRow(Base):
    """A Message."""

    __tablename__ = "message"
    __table_args__ = (
        Index("ix_message_listing", "registration_id", text("modified DESC"), "message_id"),
        Index("ix_message_previous", "previous_id"),
        Index("ix_message_outstanding", text("modified DESC"), "message_id", postgresql_where=text("status IN ('open', 'pending')")),
    )

    message_id: Mapped[str] = mapped_column(primary_key=True)
    registration_id: Mapped[str] = mapped_column(ForeignKey("registration.registration_id"))
    version: Mapped[int] = mapped_column(BigInteger)
    type: Mapped[str]
    status: Mapped[str]
    read: Mapped[bool]
    creator: Mapped[str | None]
    created: Mapped[datetime]
    modified: Mapped[datetime]
    name: Mapped[str]
    description: Mapped[str]
    previous_id: Mapped[str | None] = mapped_column(ForeignKey("message.message_id"))
    updates_requested: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    grants_requested: Mapped[list[Any] | None] = mapped_column(JSONB(none_as_null=True))
    related_uri: Mapped[str | None]
    related_type: Mapped[str | None]
    amount: Mapped[Decimal | None]
    currency: Mapped[str | None]
    about_client: Mapped[str | None]
    step: Mapped[str | None]


class AttachmentRow(Base):
    """A file of a Message, as it was sent."""

    __tablename__ = "message_attachment"

    message_id: Mapped[str] = mapped_column(ForeignKey("message.message_id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    filename: Mapped[str]
    mime_type: Mapped[str]
    content: Mapped[bytes]


class GrantCopyRow(Base):
    """The newest state of a Grant of a client admin or grant admin Client, or of one that shares files."""

    __tablename__ = "grant_copy"

    grant_id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    client_id: Mapped[str]
    registration_id: Mapped[str]
    status: Mapped[str]
    not_before: Mapped[datetime | None]
    not_after: Mapped[datetime | None]
    file_ids: Mapped[list[str]]
    """Files named by its enabled entries."""
    revoked_token_parts: Mapped[list[str]]
    tokens_not_before: Mapped[datetime | None]


class GrantHeartbeatRow(Base):
    """Per partition of `cds.grants`: everything that auth committed before `as_of` has arrived here."""

    __tablename__ = "grant_heartbeat"

    partition: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    as_of: Mapped[datetime]


class SharedFileRow(Base):
    """A Server-Provided File; its bytes are in the file store under `store_key`."""

    __tablename__ = "shared_file"
    __table_args__ = (Index("ix_shared_file_registration", "registration_id", text("modified DESC"), "file_id"),)

    file_id: Mapped[str] = mapped_column(primary_key=True)
    registration_id: Mapped[str] = mapped_column(ForeignKey("registration.registration_id"))
    client_id: Mapped[str] = mapped_column(ForeignKey("client.client_id"))
    created: Mapped[datetime]
    modified: Mapped[datetime]
    mime_type: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    name: Mapped[str]
    description: Mapped[str]
    store_key: Mapped[str]
    removed_at: Mapped[datetime | None]


class OperatorRow(Base):
    """A person or tool of the utility that works with the console or the operator API."""

    __tablename__ = "operator"
    __table_args__ = (CheckConstraint("role IN ('viewer', 'reviewer', 'admin')", name="role"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    password_hash: Mapped[str | None]
    """argon2id; None = no login to the console."""
    key_hash: Mapped[str | None] = mapped_column(unique=True)
    """SHA-256 of a 256-bit key; None = no access to the operator API."""
    created: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class OperatorSessionRow(Base):
    """A login to the console; the cookie's value is kept hashed."""

    __tablename__ = "operator_session"

    session_hash: Mapped[str] = mapped_column(primary_key=True)
    operator: Mapped[str] = mapped_column(ForeignKey("operator.name"))
    created: Mapped[datetime]
    expires: Mapped[datetime] = mapped_column(index=True)


class RefusedInviteRow(Base):
    """A wrong invite code and where it came from; kept for an hour."""

    __tablename__ = "refused_invite"
    __table_args__ = (Index("ix_refused_invite_address_at", "address", "at"),)

    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    address: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)


class AuditRow(Base):
    """What happened and who did it, append-only; each row holds the hash of the one before."""

    __tablename__ = "audit_entry"

    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str]
    action: Mapped[str]
    registration_id: Mapped[str | None] = mapped_column(index=True)
    subject: Mapped[str | None]
    detail: Mapped[str]
    """Canonical JSON text, as it was hashed."""
    previous_hash: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)


class PublishedDocumentRow(Base):
    """When a published document (server metadata, a coverage entry) went live and when its content last changed."""

    __tablename__ = "published_document"

    name: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]
    created: Mapped[datetime]
    updated: Mapped[datetime]
