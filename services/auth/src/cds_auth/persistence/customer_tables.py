"""Tables of the customer half: who can log in, their sessions and requests, what forms list, and the receipts."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Identity, Index, LargeBinary, Text, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cds_auth.persistence.tables import Base


class CustomerRow(Base):
    """Newest snapshot of `cds.customers`; the only place of name and e-mail in this service."""

    __tablename__ = "customer"
    __table_args__ = (Index("ix_customer_number", "environment", "customer_number"),)

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    environment: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
    customer_number: Mapped[str | None]
    name: Mapped[str]
    email: Mapped[str | None]


class CustomerLoginRow(Base):
    """A way to log in: name in the form in which it is compared, and an argon2id hash."""

    __tablename__ = "customer_login"
    __table_args__ = (UniqueConstraint("environment", "login_key"),)

    login_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("uuidv7()"))
    environment: Mapped[str]
    login_key: Mapped[str]
    login_name: Mapped[str]
    password_hash: Mapped[str]
    customer_id: Mapped[UUID] = mapped_column(index=True)
    origin: Mapped[str]
    created: Mapped[datetime]


class ConnectedClientRow(Base):
    """A registration that a customer opened to their own data, by logging in for its step (CDS-WG3-01 §4.1)."""

    __tablename__ = "connected_client"

    customer_id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[str] = mapped_column(primary_key=True)
    registration_id: Mapped[str]
    client_name: Mapped[str]
    connected: Mapped[datetime]


class LastBillRow(Base):
    """Date of the newest bill of an account, from `cds.bills`."""

    __tablename__ = "last_bill"

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    environment: Mapped[str]
    statement_date: Mapped[date]


class OidcIdentityRow(Base):
    """A person of an identity provider and the customer that the provider's claim named at the last login."""

    __tablename__ = "oidc_identity"

    issuer: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[UUID]
    last_login: Mapped[datetime]


class LoginFailureRow(Base):
    """Failed logins of the last minutes, by the name tried and by where it came from (keyed hashes)."""

    __tablename__ = "login_failure"
    __table_args__ = (Index("ix_login_failure_subject_at", "subject_hash", "at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    subject_hash: Mapped[bytes]
    at: Mapped[datetime]


class BrowserSessionRow(Base):
    """A browser: before login only a holder for its requests, after login the customer's session."""

    __tablename__ = "browser_session"
    __table_args__ = (Index("ix_browser_session_last_seen", "last_seen"),)

    session_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    environment: Mapped[str | None]
    customer_id: Mapped[UUID | None]
    login_name: Mapped[str | None]
    created: Mapped[datetime]
    last_seen: Mapped[datetime]
    authenticated_at: Mapped[datetime | None]
    oidc_state: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class ConsentRequestRow(Base):
    """An authorization request between the Client's link and the customer's decision."""

    __tablename__ = "consent_request"
    __table_args__ = (
        Index("ix_consent_request_session_hash", "session_hash"),
        Index("ix_consent_request_expires", "expires"),
        Index("ix_consent_request_pushed_id", "pushed_id"),
        CheckConstraint("decision in ('approved', 'declined')", name="decision"),
    )

    txn: Mapped[str] = mapped_column(primary_key=True)
    session_hash: Mapped[bytes]
    request: Mapped[dict[str, Any]] = mapped_column(JSONB)
    environment: Mapped[str]
    client_id: Mapped[str]
    pushed_id: Mapped[UUID | None]
    created: Mapped[datetime]
    expires: Mapped[datetime]
    login_after: Mapped[datetime | None]
    """Only a login after this moment counts (prompt=login, log in as someone else)."""
    login_failures: Mapped[int] = mapped_column(server_default=text("0"))
    decision: Mapped[str | None]
    decided: Mapped[datetime | None]
    outcome: Mapped[bytes | None]
    """The redirect of the decision, encrypted: repeated for a short time to the browser that pressed twice."""
    receipt_id: Mapped[UUID | None]


class ResourceCopyRow(Base):
    """Newest snapshot of one account, contract, point or meter of `cds.resources`."""

    __tablename__ = "resource_copy"
    __table_args__ = (Index("ix_resource_copy_customer_ids", "customer_ids", postgresql_using="gin"),)

    resource_id: Mapped[UUID] = mapped_column(primary_key=True)
    environment: Mapped[str]
    kind: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
    customer_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    snapshot: Mapped[dict[str, Any]] = mapped_column(JSON)
    """A `KeptResource`; kept as text, since customers have thousands and nothing looks into it."""


class AggregationCopyRow(Base):
    """Newest snapshot of one Aggregation of `cds.aggregations`."""

    __tablename__ = "aggregation_copy"
    __table_args__ = (
        Index("ix_aggregation_copy_service_point_ids", "service_point_ids", postgresql_using="gin"),
        Index("ix_aggregation_copy_member_aggregation_ids", "member_aggregation_ids", postgresql_using="gin"),
    )

    aggregation_id: Mapped[UUID] = mapped_column(primary_key=True)
    environment: Mapped[str]
    version: Mapped[int] = mapped_column(BigInteger)
    aggregation_number: Mapped[str | None]
    service_point_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    member_aggregation_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    snapshot: Mapped[dict[str, Any]] = mapped_column(JSONB)


class ReceiptRow(Base):
    """What a customer approved, word for word; written once and never changed (§9.4)."""

    __tablename__ = "receipt"
    __table_args__ = (Index("ix_receipt_grant_id_created", "grant_id", "created"),)

    receipt_id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    token_encrypted: Mapped[bytes]
    """The address must be shown again (list, newer receipt), so it is encrypted beside its hash."""
    confirmation: Mapped[str] = mapped_column(unique=True)
    grant_id: Mapped[str]
    client_id: Mapped[str]
    customer_id: Mapped[UUID] = mapped_column(index=True)
    environment: Mapped[str]
    created: Mapped[datetime]
    language: Mapped[str]
    snapshot: Mapped[dict[str, Any]] = mapped_column(JSONB)


class ReceiptMailRow(Base):
    """A notification that has to be sent; the address lives here only until it is."""

    __tablename__ = "receipt_mail"
    __table_args__ = (Index("ix_receipt_mail_due", "due", postgresql_where=text("sent is null and given_up is null")),)

    receipt_id: Mapped[UUID] = mapped_column(ForeignKey("receipt.receipt_id"), primary_key=True)
    address: Mapped[str | None]
    due: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    sent: Mapped[datetime | None]
    given_up: Mapped[datetime | None]


class AcceptedTermsRow(Base):
    """A version of the terms that somebody accepted, kept so that a receipt can show it for good."""

    __tablename__ = "accepted_terms"

    digest: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str]
    text: Mapped[str]
    first_accepted: Mapped[datetime]


class DecisionRow(Base):
    """Audit trail of the form: who decided what, when, on which text. Append-only."""

    __tablename__ = "consent_decision"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str]
    """approved, declined, login_cancelled, login_failed, no_preselections or revoked."""
    client_id: Mapped[str]
    customer_id: Mapped[UUID | None]
    grant_id: Mapped[str | None] = mapped_column(Text, index=True)
    receipt_id: Mapped[UUID | None]
    form_hash: Mapped[bytes | None]
    """SHA-256 of the receipt snapshot, so that a changed text shows."""


class AccessLogRow(Base):
    """Who read what through which Grant, from `cds.access`; ids stay with the data services, only counts are kept here."""

    __tablename__ = "access_log"
    __table_args__ = (Index("ix_access_log_grant_id_at", "grant_id", text("at desc"), text("id desc")),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    event_id: Mapped[UUID]
    at: Mapped[datetime]
    grant_id: Mapped[str]
    client_id: Mapped[str]
    service: Mapped[str]
    endpoint: Mapped[str]
    object_count: Mapped[int]
