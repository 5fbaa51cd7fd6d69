"""Outbox and inbox, the copy of Grants, and the tables of this service."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from cds_common.grant_copy import create_grant_copy_tables_v1, drop_grant_copy_tables_v1
from cds_common.message_tables import create_messaging_tables_v1, drop_messaging_tables_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "grant_seed",
    "refresh_queue",
    "resolution",
    "published_resource",
    "aggregation_copy",
    "customer",
    "meter_device",
    "service_point",
    "service_contract",
    "account",
)


def upgrade() -> None:
    create_messaging_tables_v1()
    create_grant_copy_tables_v1()
    op.create_table(
        "account",
        sa.Column("version_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("cds_account_id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("newest", sa.Boolean(), nullable=False),
        sa.Column("cds_created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("cds_modified", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("cds_synced", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("cds_account_parent", sa.Uuid(), nullable=True),
        sa.Column("customer_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("customer_number", sa.Text(), nullable=True),
        sa.Column("account_number", sa.Text(), nullable=False),
        sa.Column("account_name", sa.Text(), nullable=True),
        sa.Column("account_address", sa.Text(), nullable=True),
        sa.Column("account_types", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("account_status", sa.Text(), nullable=False),
        sa.Column("contact_values", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("program_numbers", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_account")),
    )
    op.create_index("ix_account_account_number", "account", ["environment", "account_number"], unique=False)
    op.create_index("ix_account_customer_ids", "account", ["customer_ids"], unique=False, postgresql_using="gin")
    op.create_index(
        "ix_account_history",
        "account",
        ["cds_account_id", sa.literal_column("valid_from DESC"), sa.literal_column("version_id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_account_recent",
        "account",
        ["environment", sa.literal_column("cds_modified DESC"), "cds_account_id"],
        unique=False,
        postgresql_where=sa.text("newest"),
    )
    op.create_index("uq_account_newest", "account", ["cds_account_id"], unique=True, postgresql_where=sa.text("newest"))
    op.create_table(
        "aggregation_copy",
        sa.Column("aggregation_id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("aggregation_number", sa.Text(), nullable=True),
        sa.Column("service_point_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("member_aggregation_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("aggregation_id", name=op.f("pk_aggregation_copy")),
    )
    op.create_index(
        "ix_aggregation_copy_member_aggregation_ids", "aggregation_copy", ["member_aggregation_ids"], unique=False, postgresql_using="gin"
    )
    op.create_index("ix_aggregation_copy_number", "aggregation_copy", ["environment", "aggregation_number"], unique=False)
    op.create_index(
        "ix_aggregation_copy_service_point_ids", "aggregation_copy", ["service_point_ids"], unique=False, postgresql_using="gin"
    )
    op.create_table(
        "customer",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("customer_number", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("login_name", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_customer")),
    )
    op.create_table(
        "meter_device",
        sa.Column("version_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("cds_meterdevice_id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("newest", sa.Boolean(), nullable=False),
        sa.Column("cds_created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("cds_modified", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("cds_synced", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("meter_number", sa.Text(), nullable=True),
        sa.Column("meter_types", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("app_numbers", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("current_servicepoints", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("previous_servicepoints", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("placements", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("point_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_meter_device")),
    )
    op.create_index(
        "ix_meter_device_history",
        "meter_device",
        ["cds_meterdevice_id", sa.literal_column("valid_from DESC"), sa.literal_column("version_id DESC")],
        unique=False,
    )
    op.create_index("ix_meter_device_meter_number", "meter_device", ["environment", "meter_number"], unique=False)
    op.create_index("ix_meter_device_point_ids", "meter_device", ["point_ids"], unique=False, postgresql_using="gin")
    op.create_index(
        "ix_meter_device_recent",
        "meter_device",
        ["environment", sa.literal_column("cds_modified DESC"), "cds_meterdevice_id"],
        unique=False,
        postgresql_where=sa.text("newest"),
    )
    op.create_index("uq_meter_device_newest", "meter_device", ["cds_meterdevice_id"], unique=True, postgresql_where=sa.text("newest"))
    op.create_table(
        "published_resource",
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("customer_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.PrimaryKeyConstraint("resource_id", name=op.f("pk_published_resource")),
    )
    op.create_table(
        "refresh_queue",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("since", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("retry_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refresh_queue")),
    )
    op.create_table(
        "resolution",
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("entries_version", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("grant_id", name=op.f("pk_resolution")),
    )
    op.create_table(
        "service_contract",
        sa.Column("version_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("cds_servicecontract_id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("newest", sa.Boolean(), nullable=False),
        sa.Column("cds_created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("cds_modified", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("cds_synced", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("cds_account_id", sa.Uuid(), nullable=False),
        sa.Column("account_number", sa.Text(), nullable=True),
        sa.Column("contract_number", sa.Text(), nullable=True),
        sa.Column("contract_address", sa.Text(), nullable=True),
        sa.Column("contract_types", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("contract_status", sa.Text(), nullable=False),
        sa.Column("contract_start", sa.Date(), nullable=False),
        sa.Column("contract_end", sa.Date(), nullable=True),
        sa.Column("service_types", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("rateplan_code", sa.Text(), nullable=False),
        sa.Column("rateplan_name", sa.Text(), nullable=False),
        sa.Column("program_numbers", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_service_contract")),
    )
    op.create_index("ix_service_contract_cds_account_id", "service_contract", ["cds_account_id"], unique=False)
    op.create_index("ix_service_contract_contract_number", "service_contract", ["environment", "contract_number"], unique=False)
    op.create_index(
        "ix_service_contract_history",
        "service_contract",
        ["cds_servicecontract_id", sa.literal_column("valid_from DESC"), sa.literal_column("version_id DESC")],
        unique=False,
    )
    op.create_index(
        "ix_service_contract_recent",
        "service_contract",
        ["environment", sa.literal_column("cds_modified DESC"), "cds_servicecontract_id"],
        unique=False,
        postgresql_where=sa.text("newest"),
    )
    op.create_index(
        "uq_service_contract_newest", "service_contract", ["cds_servicecontract_id"], unique=True, postgresql_where=sa.text("newest")
    )
    op.create_table(
        "service_point",
        sa.Column("version_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("cds_servicepoint_id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("newest", sa.Boolean(), nullable=False),
        sa.Column("cds_created", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("cds_modified", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("cds_synced", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("servicepoint_number", sa.Text(), nullable=True),
        sa.Column("servicepoint_types", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("servicepoint_address", sa.Text(), nullable=True),
        sa.Column("premise_numbers", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("current_servicecontracts", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("previous_servicecontracts", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("contract_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_service_point")),
    )
    op.create_index("ix_service_point_contract_ids", "service_point", ["contract_ids"], unique=False, postgresql_using="gin")
    op.create_index(
        "ix_service_point_history",
        "service_point",
        ["cds_servicepoint_id", sa.literal_column("valid_from DESC"), sa.literal_column("version_id DESC")],
        unique=False,
    )
    op.create_index("ix_service_point_premise_numbers", "service_point", ["premise_numbers"], unique=False, postgresql_using="gin")
    op.create_index(
        "ix_service_point_recent",
        "service_point",
        ["environment", sa.literal_column("cds_modified DESC"), "cds_servicepoint_id"],
        unique=False,
        postgresql_where=sa.text("newest"),
    )
    op.create_index("ix_service_point_servicepoint_number", "service_point", ["environment", "servicepoint_number"], unique=False)
    op.create_index("uq_service_point_newest", "service_point", ["cds_servicepoint_id"], unique=True, postgresql_where=sa.text("newest"))
    op.create_table(
        "grant_seed",
        sa.Column("grant_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["grant_copy.grant_id"], name=op.f("fk_grant_seed_grant_id_grant_copy"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("grant_id", "kind", "subject", name=op.f("pk_grant_seed")),
    )
    op.create_index("ix_grant_seed_subject", "grant_seed", ["kind", "subject"], unique=False)


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    drop_grant_copy_tables_v1()
    drop_messaging_tables_v1()
