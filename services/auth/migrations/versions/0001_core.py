"""Clients, Grants, codes, tokens, signing keys, operators; outbox and inbox."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from cds_common.message_tables import create_messaging_tables_v1, drop_messaging_tables_v1

revision = "0001_core"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_messaging_tables_v1()
    op.create_table(
        "client",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("registration_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("snapshot", postgresql.JSONB(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("environment IN ('sandbox', 'production')", name=op.f("ck_client_environment")),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_client")),
    )
    op.create_index("ix_client_registration_id", "client", ["registration_id"], unique=False)
    op.create_index("ix_client_disabled", "client", ["client_id"], unique=False, postgresql_where=sa.text("status = 'disabled'"))
    op.create_table(
        "client_assertion",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("jti_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "jti_hash", name=op.f("pk_client_assertion")),
    )
    op.create_index("ix_client_assertion_expires", "client_assertion", ["expires"], unique=False)
    op.create_table(
        "grants",
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("entries_version", sa.BigInteger(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("registration_id", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("customer_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("entries", postgresql.JSONB(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("states", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("receipt_confirmations", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("replacing", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("replaced_by", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("modified", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("not_before", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("not_after", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("expires", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("eta", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("ended_as", sa.Text(), nullable=True),
        sa.Column("suspended_by", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("starts_later", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("lacks_consents", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("mark", sa.Text(), nullable=True),
        sa.Column("request_hash", sa.LargeBinary(), nullable=True),
        sa.Column("revoked_parts", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("tokens_not_before", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("environment IN ('sandbox', 'production')", name=op.f("ck_grants_environment")),
        sa.ForeignKeyConstraint(["parent"], ["grants.grant_id"], name=op.f("fk_grants_parent_grants")),
        sa.PrimaryKeyConstraint("grant_id", name=op.f("pk_grants")),
    )
    op.create_index("ix_grants_client_id", "grants", ["client_id"], unique=False)
    op.create_index("ix_grants_suspended", "grants", ["client_id"], unique=False, postgresql_where=sa.text("status = 'suspended'"))
    op.create_index("ix_grants_customer_ids", "grants", ["customer_ids"], unique=False, postgresql_using="gin")
    op.create_index("ix_grants_eta", "grants", ["eta"], unique=False, postgresql_where=sa.text("eta IS NOT NULL"))
    op.create_index(
        "ix_grants_not_after", "grants", ["not_after"], unique=False, postgresql_where=sa.text("not_after IS NOT NULL AND ended_as IS NULL")
    )
    op.create_index(
        "ix_grants_not_before", "grants", ["not_before"], unique=False, postgresql_where=sa.text("starts_later AND ended_as IS NULL")
    )
    op.create_index("ix_grants_parent", "grants", ["parent"], unique=False, postgresql_where=sa.text("parent IS NOT NULL"))
    op.create_index("ix_grants_receipt_confirmations", "grants", ["receipt_confirmations"], unique=False, postgresql_using="gin")
    op.create_index("ix_grants_registration_id_modified_grant_id", "grants", ["registration_id", "modified", "grant_id"], unique=False)
    op.create_index("ix_grants_states", "grants", ["states"], unique=False, postgresql_using="gin")
    op.create_index(
        "uq_grants_request",
        "grants",
        ["client_id", "request_hash"],
        unique=True,
        postgresql_where=sa.text("ended_as IS NULL AND request_hash IS NOT NULL"),
    )
    op.create_table(
        "operator_audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_audit")),
    )
    op.create_index("ix_operator_audit_target", "operator_audit", ["target"], unique=False)
    op.create_table(
        "operator_key",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("revoked", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_operator_key")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_operator_key_key_hash")),
    )
    op.create_table(
        "pushed_request",
        sa.Column("pushed_id", sa.Uuid(), nullable=False),
        sa.Column("uri_hash", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("request", postgresql.JSONB(), nullable=False),
        sa.Column("created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("used", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("pushed_id", name=op.f("pk_pushed_request")),
        sa.UniqueConstraint("uri_hash", name=op.f("uq_pushed_request_uri_hash")),
    )
    op.create_index("ix_pushed_request_expires", "pushed_request", ["expires"], unique=False)
    op.create_table(
        "signing_key",
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("private_key", sa.LargeBinary(), nullable=False),
        sa.Column("public_jwk", postgresql.JSONB(), nullable=False),
        sa.Column("created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("signs_from", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("published_until", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("seq", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_signing_key")),
    )
    op.create_table(
        "grant_readiness",
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("entries_version", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("needed_consents", postgresql.JSONB(), nullable=False),
        sa.Column("said_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("outcome IN ('ready', 'needs_consents')", name=op.f("ck_grant_readiness_outcome")),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.grant_id"], name=op.f("fk_grant_readiness_grant_id_grants"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("grant_id", "service", name=op.f("pk_grant_readiness")),
    )
    op.create_table(
        "token_family",
        sa.Column("family_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("revoked", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.grant_id"], name=op.f("fk_token_family_grant_id_grants")),
        sa.PrimaryKeyConstraint("family_id", name=op.f("pk_token_family")),
    )
    op.create_index("ix_token_family_grant_id", "token_family", ["grant_id"], unique=False)
    op.create_index("ix_token_family_client_id_created", "token_family", ["client_id", "created"], unique=False)
    op.create_table(
        "authorization_code",
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("redirect_uri_sent", sa.Boolean(), nullable=False),
        sa.Column("code_challenge", sa.Text(), nullable=True),
        sa.Column("created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("family_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["family_id"], ["token_family.family_id"], name=op.f("fk_authorization_code_family_id_token_family")),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.grant_id"], name=op.f("fk_authorization_code_grant_id_grants")),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_authorization_code")),
    )
    op.create_index("ix_authorization_code_expires", "authorization_code", ["expires"], unique=False)
    op.create_table(
        "refresh_token",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("family_id", sa.Text(), nullable=False),
        sa.Column("credential", sa.Text(), nullable=False),
        sa.Column("issued", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("used", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["family_id"], ["token_family.family_id"], name=op.f("fk_refresh_token_family_id_token_family")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_refresh_token")),
    )
    op.create_index("ix_refresh_token_expires", "refresh_token", ["expires"], unique=False)
    op.create_index("ix_refresh_token_family_id", "refresh_token", ["family_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_refresh_token_family_id", table_name="refresh_token")
    op.drop_index("ix_refresh_token_expires", table_name="refresh_token")
    op.drop_table("refresh_token")
    op.drop_index("ix_authorization_code_expires", table_name="authorization_code")
    op.drop_table("authorization_code")
    op.drop_index("ix_token_family_client_id_created", table_name="token_family")
    op.drop_index("ix_token_family_grant_id", table_name="token_family")
    op.drop_table("token_family")
    op.drop_table("grant_readiness")
    op.drop_table("signing_key")
    op.drop_index("ix_pushed_request_expires", table_name="pushed_request")
    op.drop_table("pushed_request")
    op.drop_table("operator_key")
    op.drop_index("ix_operator_audit_target", table_name="operator_audit")
    op.drop_table("operator_audit")
    op.drop_index("uq_grants_request", table_name="grants", postgresql_where=sa.text("ended_as IS NULL AND request_hash IS NOT NULL"))
    op.drop_index("ix_grants_states", table_name="grants", postgresql_using="gin")
    op.drop_index("ix_grants_registration_id_modified_grant_id", table_name="grants")
    op.drop_index("ix_grants_receipt_confirmations", table_name="grants", postgresql_using="gin")
    op.drop_index("ix_grants_parent", table_name="grants", postgresql_where=sa.text("parent IS NOT NULL"))
    op.drop_index("ix_grants_not_before", table_name="grants", postgresql_where=sa.text("starts_later AND ended_as IS NULL"))
    op.drop_index("ix_grants_not_after", table_name="grants", postgresql_where=sa.text("not_after IS NOT NULL AND ended_as IS NULL"))
    op.drop_index("ix_grants_eta", table_name="grants", postgresql_where=sa.text("eta IS NOT NULL"))
    op.drop_index("ix_grants_customer_ids", table_name="grants", postgresql_using="gin")
    op.drop_index("ix_grants_suspended", table_name="grants", postgresql_where=sa.text("status = 'suspended'"))
    op.drop_index("ix_grants_client_id", table_name="grants")
    op.drop_table("grants")
    op.drop_index("ix_client_assertion_expires", table_name="client_assertion")
    op.drop_table("client_assertion")
    op.drop_index("ix_client_disabled", table_name="client", postgresql_where=sa.text("status = 'disabled'"))
    op.drop_index("ix_client_registration_id", table_name="client")
    op.drop_table("client")
    drop_messaging_tables_v1()
