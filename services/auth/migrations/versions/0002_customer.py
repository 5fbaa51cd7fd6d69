"""Customers, logins, browser sessions, authorization requests, copies for the forms, receipts and the access log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002_customer"
down_revision = "0001_core"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accepted_terms",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("first_accepted", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_accepted_terms")),
    )
    op.create_table(
        "access_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("grant_id", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("object_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_log")),
    )
    op.create_index(
        "ix_access_log_grant_id_at", "access_log", ["grant_id", sa.literal_column("at desc"), sa.literal_column("id desc")], unique=False
    )
    op.create_table(
        "aggregation_copy",
        sa.Column("aggregation_id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("aggregation_number", sa.String(), nullable=True),
        sa.Column("service_point_ids", postgresql.ARRAY(sa.UUID()), nullable=False),
        sa.Column("member_aggregation_ids", postgresql.ARRAY(sa.UUID()), nullable=False),
        sa.Column("snapshot", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("aggregation_id", name=op.f("pk_aggregation_copy")),
    )
    op.create_index(
        "ix_aggregation_copy_member_aggregation_ids", "aggregation_copy", ["member_aggregation_ids"], unique=False, postgresql_using="gin"
    )
    op.create_index(
        "ix_aggregation_copy_service_point_ids", "aggregation_copy", ["service_point_ids"], unique=False, postgresql_using="gin"
    )
    op.create_table(
        "browser_session",
        sa.Column("session_hash", sa.LargeBinary(), nullable=False),
        sa.Column("environment", sa.String(), nullable=True),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("login_name", sa.String(), nullable=True),
        sa.Column("created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_seen", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("authenticated_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("oidc_state", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("session_hash", name=op.f("pk_browser_session")),
    )
    op.create_index("ix_browser_session_last_seen", "browser_session", ["last_seen"], unique=False)
    op.create_table(
        "consent_decision",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("grant_id", sa.Text(), nullable=True),
        sa.Column("receipt_id", sa.Uuid(), nullable=True),
        sa.Column("form_hash", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_decision")),
    )
    op.create_index(op.f("ix_consent_decision_grant_id"), "consent_decision", ["grant_id"], unique=False)
    op.create_table(
        "consent_request",
        sa.Column("txn", sa.String(), nullable=False),
        sa.Column("session_hash", sa.LargeBinary(), nullable=False),
        sa.Column("request", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("pushed_id", sa.Uuid(), nullable=True),
        sa.Column("created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("login_after", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("login_failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("decision", sa.String(), nullable=True),
        sa.Column("decided", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("outcome", sa.LargeBinary(), nullable=True),
        sa.Column("receipt_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("decision in ('approved', 'declined')", name=op.f("ck_consent_request_decision")),
        sa.PrimaryKeyConstraint("txn", name=op.f("pk_consent_request")),
    )
    op.create_index("ix_consent_request_expires", "consent_request", ["expires"], unique=False)
    op.create_index("ix_consent_request_pushed_id", "consent_request", ["pushed_id"], unique=False)
    op.create_index("ix_consent_request_session_hash", "consent_request", ["session_hash"], unique=False)
    op.create_table(
        "customer",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("customer_number", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_customer")),
    )
    op.create_index("ix_customer_number", "customer", ["environment", "customer_number"], unique=False)
    op.create_table(
        "customer_login",
        sa.Column("login_id", sa.Uuid(), server_default=sa.text("uuidv7()"), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("login_key", sa.String(), nullable=False),
        sa.Column("login_name", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("login_id", name=op.f("pk_customer_login")),
        sa.UniqueConstraint("environment", "login_key", name=op.f("uq_customer_login_environment_login_key")),
    )
    op.create_index(op.f("ix_customer_login_customer_id"), "customer_login", ["customer_id"], unique=False)
    op.create_table(
        "login_failure",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("subject_hash", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_failure")),
    )
    op.create_index("ix_login_failure_subject_at", "login_failure", ["subject_hash", "at"], unique=False)
    op.create_table(
        "oidc_identity",
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("last_login", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_oidc_identity")),
    )
    op.create_table(
        "receipt",
        sa.Column("receipt_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("token_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("confirmation", sa.String(), nullable=False),
        sa.Column("grant_id", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("snapshot", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("receipt_id", name=op.f("pk_receipt")),
        sa.UniqueConstraint("confirmation", name=op.f("uq_receipt_confirmation")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_receipt_token_hash")),
    )
    op.create_index(op.f("ix_receipt_customer_id"), "receipt", ["customer_id"], unique=False)
    op.create_index("ix_receipt_grant_id_created", "receipt", ["grant_id", "created"], unique=False)
    op.create_table(
        "resource_copy",
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("customer_ids", postgresql.ARRAY(sa.UUID()), nullable=False),
        sa.Column("snapshot", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("resource_id", name=op.f("pk_resource_copy")),
    )
    op.create_index("ix_resource_copy_customer_ids", "resource_copy", ["customer_ids"], unique=False, postgresql_using="gin")
    op.create_table(
        "receipt_mail",
        sa.Column("receipt_id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("due", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sent", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("given_up", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["receipt_id"], ["receipt.receipt_id"], name=op.f("fk_receipt_mail_receipt_id_receipt")),
        sa.PrimaryKeyConstraint("receipt_id", name=op.f("pk_receipt_mail")),
    )
    op.create_index(
        "ix_receipt_mail_due", "receipt_mail", ["due"], unique=False, postgresql_where=sa.text("sent is null and given_up is null")
    )


def downgrade() -> None:
    op.drop_index("ix_receipt_mail_due", table_name="receipt_mail", postgresql_where=sa.text("sent is null and given_up is null"))
    op.drop_table("receipt_mail")
    op.drop_index("ix_resource_copy_customer_ids", table_name="resource_copy", postgresql_using="gin")
    op.drop_table("resource_copy")
    op.drop_index("ix_receipt_grant_id_created", table_name="receipt")
    op.drop_index(op.f("ix_receipt_customer_id"), table_name="receipt")
    op.drop_table("receipt")
    op.drop_table("oidc_identity")
    op.drop_index("ix_login_failure_subject_at", table_name="login_failure")
    op.drop_table("login_failure")
    op.drop_index(op.f("ix_customer_login_customer_id"), table_name="customer_login")
    op.drop_table("customer_login")
    op.drop_index("ix_customer_number", table_name="customer")
    op.drop_table("customer")
    op.drop_index("ix_consent_request_session_hash", table_name="consent_request")
    op.drop_index("ix_consent_request_pushed_id", table_name="consent_request")
    op.drop_index("ix_consent_request_expires", table_name="consent_request")
    op.drop_table("consent_request")
    op.drop_index(op.f("ix_consent_decision_grant_id"), table_name="consent_decision")
    op.drop_table("consent_decision")
    op.drop_index("ix_browser_session_last_seen", table_name="browser_session")
    op.drop_table("browser_session")
    op.drop_index("ix_aggregation_copy_service_point_ids", table_name="aggregation_copy", postgresql_using="gin")
    op.drop_index("ix_aggregation_copy_member_aggregation_ids", table_name="aggregation_copy", postgresql_using="gin")
    op.drop_table("aggregation_copy")
    op.drop_index("ix_access_log_grant_id_at", table_name="access_log")
    op.drop_table("access_log")
    op.drop_table("accepted_terms")
