"""Tables of the auth database that the token and Grant half owns; the customer half's are in `customer_tables.py`."""

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase

from cds_common.db import TYPE_MAP, new_metadata
from cds_common.message_tables import inbox_table, outbox_table


class Base(DeclarativeBase):
    """Declarative base of this service: named constraints, aware datetimes, exact decimals."""

    metadata = new_metadata()
    type_annotation_map = TYPE_MAP


metadata = Base.metadata
outbox = outbox_table(metadata)
inbox = inbox_table(metadata)

_MOMENT = TIMESTAMP(timezone=True)
_NO_TEXTS = text("'{}'::text[]")

client = Table(
    "client",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("registration_id", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("environment", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("snapshot", JSONB, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Index("ix_client_registration_id", "registration_id"),
    Index("ix_client_disabled", "client_id", postgresql_where=text("status = 'disabled'")),
    CheckConstraint("environment IN ('sandbox', 'production')", name="environment"),
)
"""Copy of the Client Objects; registry owns them. `snapshot` is the newest `ClientPublishedV1`, `event_id` its id."""

grants = Table(
    "grants",
    metadata,
    Column("grant_id", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("entries_version", BigInteger, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("registration_id", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("customer_ids", ARRAY(Uuid), nullable=False),
    Column("status", Text, nullable=False),
    Column("entries", JSONB, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("states", ARRAY(Text), nullable=False, server_default=_NO_TEXTS),
    Column("receipt_confirmations", ARRAY(Text), nullable=False, server_default=_NO_TEXTS),
    Column("parent", Text, ForeignKey("grants.grant_id"), nullable=True),
    Column("replacing", ARRAY(Text), nullable=False, server_default=_NO_TEXTS),
    Column("replaced_by", ARRAY(Text), nullable=False, server_default=_NO_TEXTS),
    Column("created", _MOMENT, nullable=False),
    Column("modified", _MOMENT, nullable=False),
    Column("not_before", _MOMENT, nullable=True),
    Column("not_after", _MOMENT, nullable=True),
    Column("expires", _MOMENT, nullable=True),
    Column("eta", _MOMENT, nullable=True),
    Column("ended_as", Text, nullable=True),
    Column("suspended_by", ARRAY(Text), nullable=False, server_default=_NO_TEXTS),
    Column("starts_later", Boolean, nullable=False, server_default=text("false")),
    Column("lacks_consents", Boolean, nullable=False, server_default=text("false")),
    Column("mark", Text, nullable=True),
    Column("request_hash", LargeBinary, nullable=True),
    Column("requested_by", Text, nullable=True),
    Column("revoked_parts", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("tokens_not_before", _MOMENT, nullable=True),
    CheckConstraint("environment IN ('sandbox', 'production')", name="environment"),
    # One Grant per distinct request, also when two identical token requests arrive at once.
    Index(
        "uq_grants_request",
        "client_id",
        "request_hash",
        unique=True,
        postgresql_where=text("ended_as IS NULL AND request_hash IS NOT NULL"),
    ),
    # One Grant per request that the utility approved, however often registry asks for it.
    Index("uq_grants_requested_by", "client_id", "requested_by", unique=True, postgresql_where=text("requested_by IS NOT NULL")),
    Index("ix_grants_registration_id_modified_grant_id", "registration_id", "modified", "grant_id"),
    Index("ix_grants_client_id", "client_id"),
    Index("ix_grants_suspended", "client_id", postgresql_where=text("status = 'suspended'")),
    Index("ix_grants_parent", "parent", postgresql_where=text("parent IS NOT NULL")),
    Index("ix_grants_customer_ids", "customer_ids", postgresql_using="gin"),
    Index("ix_grants_states", "states", postgresql_using="gin"),
    Index("ix_grants_receipt_confirmations", "receipt_confirmations", postgresql_using="gin"),
    Index("ix_grants_not_before", "not_before", postgresql_where=text("starts_later AND ended_as IS NULL")),
    Index("ix_grants_not_after", "not_after", postgresql_where=text("not_after IS NOT NULL AND ended_as IS NULL")),
    Index("ix_grants_eta", "eta", postgresql_where=text("eta IS NOT NULL")),
)
"""The Grants (CDS-WG1-02 §8). `scopes` holds scope ids and details types, for the filter of that name."""

grant_readiness = Table(
    "grant_readiness",
    metadata,
    Column("grant_id", Text, ForeignKey("grants.grant_id", ondelete="CASCADE"), primary_key=True),
    Column("service", Text, primary_key=True),
    Column("entries_version", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("needed_consents", JSONB, nullable=False),
    Column("said_at", _MOMENT, nullable=False),
    CheckConstraint("outcome IN ('ready', 'needs_consents')", name="outcome"),
)
"""The newest word of each data service about a Grant."""

token_family = Table(
    "token_family",
    metadata,
    Column("family_id", Text, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("grant_id", Text, ForeignKey("grants.grant_id"), nullable=False),
    Column("subject", Text, nullable=False),
    Column("created", _MOMENT, nullable=False),
    Column("revoked", _MOMENT, nullable=True),
    Column("reason", Text, nullable=True),
    Index("ix_token_family_grant_id", "grant_id"),
    Index("ix_token_family_client_id_created", "client_id", "created"),
)
"""All tokens that come from one authorization code."""

authorization_code = Table(
    "authorization_code",
    metadata,
    Column("code_hash", LargeBinary, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("grant_id", Text, ForeignKey("grants.grant_id"), nullable=False),
    Column("subject", Text, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("redirect_uri_sent", Boolean, nullable=False),
    Column("code_challenge", Text, nullable=True),
    Column("created", _MOMENT, nullable=False),
    Column("expires", _MOMENT, nullable=False),
    Column("family_id", Text, ForeignKey("token_family.family_id"), nullable=True),
    Index("ix_authorization_code_expires", "expires"),
)
"""Codes as SHA-256; `family_id` is set by the redemption."""

refresh_token = Table(
    "refresh_token",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("family_id", Text, ForeignKey("token_family.family_id"), nullable=False),
    Column("credential", Text, nullable=False),
    Column("issued", _MOMENT, nullable=False),
    Column("expires", _MOMENT, nullable=False),
    Column("used", _MOMENT, nullable=True),
    Index("ix_refresh_token_family_id", "family_id"),
    Index("ix_refresh_token_expires", "expires"),
)
"""Refresh tokens as SHA-256; a used one that comes back ends its family (RFC 9700 §4.14). `credential`: tag of the Credential."""

pushed_request = Table(
    "pushed_request",
    metadata,
    Column("pushed_id", Uuid, primary_key=True),
    Column("uri_hash", LargeBinary, nullable=False, unique=True),
    Column("client_id", Text, nullable=False),
    Column("request", JSONB, nullable=False),
    Column("created", _MOMENT, nullable=False),
    Column("expires", _MOMENT, nullable=False),
    Column("used", _MOMENT, nullable=True),
    Index("ix_pushed_request_expires", "expires"),
)
"""Pushed authorization requests (RFC 9126), already validated."""

client_assertion = Table(
    "client_assertion",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("jti_hash", LargeBinary, primary_key=True),
    Column("expires", _MOMENT, nullable=False),
    Index("ix_client_assertion_expires", "expires"),
)
"""Assertions that were used to authenticate, until they run out (RFC 7523 §3)."""

signing_key = Table(
    "signing_key",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("private_key", LargeBinary, nullable=False),
    Column("public_jwk", JSONB, nullable=False),
    Column("created", _MOMENT, nullable=False),
    Column("signs_from", _MOMENT, nullable=False),
    Column("published_until", _MOMENT, nullable=True),
    Column("seq", Integer, Identity(always=True), nullable=False),
)
"""ES256 keys; `private_key` is encrypted. A key signs from `signs_from` until a newer one does."""

operator_key = Table(
    "operator_key",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("key_hash", LargeBinary, nullable=False, unique=True),
    Column("created", _MOMENT, nullable=False),
    Column("expires", _MOMENT, nullable=True),
    Column("revoked", _MOMENT, nullable=True),
)
"""Keys of the operator API, as keyed hashes."""

operator_audit = Table(
    "operator_audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", _MOMENT, nullable=False),
    Column("operator", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("note", Text, nullable=False, server_default=text("''")),
    Column("previous_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Index("ix_operator_audit_target", "target"),
)
"""What operators did; each row's hash covers the row before, so that a gap or a change shows."""
