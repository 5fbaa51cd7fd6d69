"""Client Objects, Credentials, Messages, copies of Grants, shared files, operators and the audit log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("registration_id", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_audit_entry"),
        sa.UniqueConstraint("hash", name="uq_audit_entry_hash"),
    )
    op.create_index("ix_audit_entry_at", "audit_entry", ["at"])
    op.create_index("ix_audit_entry_registration_id", "audit_entry", ["registration_id"])
    op.create_table(
        "grant_copy",
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("registration_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("not_before", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("not_after", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("file_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("revoked_token_parts", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("tokens_not_before", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("grant_id", name="pk_grant_copy"),
    )
    op.create_table(
        "grant_heartbeat",
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("as_of", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("partition", name="pk_grant_heartbeat"),
    )
    op.create_table(
        "operator",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("key_hash", sa.Text(), nullable=True),
        sa.Column("created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("role IN ('viewer', 'reviewer', 'admin')", name="ck_operator_role"),
        sa.PrimaryKeyConstraint("name", name="pk_operator"),
        sa.UniqueConstraint("key_hash", name="uq_operator_key_hash"),
    )
    op.create_table(
        "published_document",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_published_document"),
    )
    op.create_table(
        "registration",
        sa.Column("registration_id", sa.Text(), nullable=False),
        sa.Column("created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("fields", postgresql.JSONB(), nullable=False),
        sa.Column("invite", sa.Text(), nullable=True),
        sa.Column("permission", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint("registration_id", name="pk_registration"),
    )
    op.create_table(
        "client",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("registration_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("status_options", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("registered_scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("response_types", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("grant_types", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("auth_method", sa.Text(), nullable=True),
        sa.Column("metadata_members", postgresql.JSONB(), nullable=False),
        sa.Column("redirect_uris", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("server_redirect_uri", sa.Text(), nullable=True),
        sa.Column("default_scope", sa.Text(), nullable=True),
        sa.Column("default_redirect_uri", sa.Text(), nullable=True),
        sa.Column("default_authorization_details", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("purposes", postgresql.JSONB(), nullable=False),
        sa.Column("fields", postgresql.JSONB(), nullable=False),
        sa.Column("client_uri_verified", sa.Boolean(), nullable=False),
        sa.Column("pkce_exempt", sa.Boolean(), nullable=False),
        sa.Column("permission", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("made_from", sa.Text(), nullable=True),
        sa.Column("created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("modified", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("NOT (status_options @> ARRAY['production', 'sandbox'])", name="ck_client_one_environment"),
        sa.CheckConstraint("environment IN ('production', 'sandbox')", name="ck_client_environment"),
        sa.CheckConstraint("status IN ('production', 'sandbox', 'disabled')", name="ck_client_status"),
        sa.ForeignKeyConstraint(["registration_id"], ["registration.registration_id"], name="fk_client_registration_id_registration"),
        sa.PrimaryKeyConstraint("client_id", name="pk_client"),
    )
    op.create_index("ix_client_listing", "client", ["registration_id", sa.literal_column("modified DESC"), "client_id"])
    op.create_table(
        "message",
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("registration_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("read", sa.Boolean(), nullable=False),
        sa.Column("creator", sa.Text(), nullable=True),
        sa.Column("created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("modified", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("previous_id", sa.Text(), nullable=True),
        sa.Column("updates_requested", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("grants_requested", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("related_uri", sa.Text(), nullable=True),
        sa.Column("related_type", sa.Text(), nullable=True),
        sa.Column("amount", sa.Numeric(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("about_client", sa.Text(), nullable=True),
        sa.Column("step", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["previous_id"], ["message.message_id"], name="fk_message_previous_id_message"),
        sa.ForeignKeyConstraint(["registration_id"], ["registration.registration_id"], name="fk_message_registration_id_registration"),
        sa.PrimaryKeyConstraint("message_id", name="pk_message"),
    )
    op.create_index("ix_message_listing", "message", ["registration_id", sa.literal_column("modified DESC"), "message_id"])
    op.create_index(
        "ix_message_outstanding",
        "message",
        [sa.literal_column("modified DESC"), "message_id"],
        unique=False,
        postgresql_where=sa.text("status IN ('open', 'pending')"),
    )
    op.create_index("ix_message_previous", "message", ["previous_id"])
    op.create_table(
        "operator_session",
        sa.Column("session_hash", sa.Text(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["operator"], ["operator.name"], name="fk_operator_session_operator_operator"),
        sa.PrimaryKeyConstraint("session_hash", name="pk_operator_session"),
    )
    op.create_index("ix_operator_session_expires", "operator_session", ["expires"])
    op.create_table(
        "credential",
        sa.Column("credential_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("registration_id", sa.Text(), nullable=False),
        sa.Column("created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("modified", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("secret_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("secret_hmac", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["client.client_id"], name="fk_credential_client_id_client"),
        sa.ForeignKeyConstraint(["registration_id"], ["registration.registration_id"], name="fk_credential_registration_id_registration"),
        sa.PrimaryKeyConstraint("credential_id", name="pk_credential"),
    )
    op.create_index("ix_credential_client_id", "credential", ["client_id"])
    op.create_index("ix_credential_listing", "credential", ["registration_id", sa.literal_column("modified DESC"), "credential_id"])
    op.create_table(
        "message_attachment",
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("mime_type", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["message.message_id"], name="fk_message_attachment_message_id_message"),
        sa.PrimaryKeyConstraint("message_id", "position", name="pk_message_attachment"),
    )
    op.create_table(
        "shared_file",
        sa.Column("file_id", sa.Text(), nullable=False),
        sa.Column("registration_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("modified", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("mime_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("store_key", sa.Text(), nullable=False),
        sa.Column("removed_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["client.client_id"], name="fk_shared_file_client_id_client"),
        sa.ForeignKeyConstraint(["registration_id"], ["registration.registration_id"], name="fk_shared_file_registration_id_registration"),
        sa.PrimaryKeyConstraint("file_id", name="pk_shared_file"),
    )
    op.create_index("ix_shared_file_registration", "shared_file", ["registration_id", sa.literal_column("modified DESC"), "file_id"])


def downgrade() -> None:
    op.drop_index("ix_shared_file_registration", table_name="shared_file")
    op.drop_table("shared_file")
    op.drop_table("message_attachment")
    op.drop_index("ix_credential_listing", table_name="credential")
    op.drop_index("ix_credential_client_id", table_name="credential")
    op.drop_table("credential")
    op.drop_index("ix_operator_session_expires", table_name="operator_session")
    op.drop_table("operator_session")
    op.drop_index("ix_message_previous", table_name="message")
    op.drop_index("ix_message_outstanding", table_name="message", postgresql_where=sa.text("status IN ('open', 'pending')"))
    op.drop_index("ix_message_listing", table_name="message")
    op.drop_table("message")
    op.drop_index("ix_client_listing", table_name="client")
    op.drop_table("client")
    op.drop_table("registration")
    op.drop_table("published_document")
    op.drop_table("operator")
    op.drop_table("grant_heartbeat")
    op.drop_table("grant_copy")
    op.drop_index("ix_audit_entry_registration_id", table_name="audit_entry")
    op.drop_index("ix_audit_entry_at", table_name="audit_entry")
    op.drop_table("audit_entry")
