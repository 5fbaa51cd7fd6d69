"""Bills, their files, and the copies of Grants and contract numbers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from cds_common.grant_copy import create_grant_copy_tables_v1, drop_grant_copy_tables_v1

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    create_grant_copy_tables_v1()
    op.create_table(
        "bill_statement",
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", MOMENT, nullable=False),
        sa.Column("valid_to", MOMENT, nullable=True),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("account_number", sa.Text(), nullable=False),
        sa.Column("statement_date", sa.Date(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=True),
        sa.Column("file_mimetype", sa.Text(), nullable=True),
        sa.Column("body", postgresql.JSONB(), nullable=False),
        sa.Column("cds_created", MOMENT, nullable=False),
        sa.Column("cds_modified", MOMENT, nullable=False),
        sa.Column("cds_synced", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("statement_id", "valid_from", name="pk_bill_statement"),
    )
    op.create_index(
        "ix_bill_statement_current", "bill_statement", ["statement_id"], unique=True, postgresql_where=sa.text("valid_to IS NULL")
    )
    op.create_index("ix_bill_statement_account", "bill_statement", ["account_id", "statement_date"])
    op.create_index(
        "ix_bill_statement_listed",
        "bill_statement",
        ["environment", sa.text("statement_date DESC"), sa.text("cds_modified DESC"), "statement_id"],
    )
    op.create_table(
        "bill_section",
        sa.Column("section_id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", MOMENT, nullable=False),
        sa.Column("valid_to", MOMENT, nullable=True),
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("account_number", sa.Text(), nullable=False),
        sa.Column("sort_contract_number", sa.Text(), nullable=True),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=False),
        sa.Column("contract_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("point_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("meter_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("related_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("body", postgresql.JSONB(), nullable=False),
        sa.Column("cds_created", MOMENT, nullable=False),
        sa.Column("cds_modified", MOMENT, nullable=False),
        sa.Column("cds_synced", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("section_id", "valid_from", name="pk_bill_section"),
    )
    op.create_index("ix_bill_section_current", "bill_section", ["section_id"], unique=True, postgresql_where=sa.text("valid_to IS NULL"))
    op.create_index("ix_bill_section_account", "bill_section", ["account_id", "start_date"])
    op.create_index("ix_bill_section_statement", "bill_section", ["statement_id"])
    op.create_index("ix_bill_section_contracts", "bill_section", ["contract_ids"], postgresql_using="gin")
    op.create_table(
        "bill_file",
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("mimetype", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("file_id", name="pk_bill_file"),
    )
    op.create_index("ix_bill_file_statement_id", "bill_file", ["statement_id"])
    op.create_table(
        "contract_copy",
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("contract_number", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("contract_id", name="pk_contract_copy"),
    )
    op.create_index("ix_contract_copy_contract_number", "contract_copy", ["contract_number"])


def downgrade() -> None:
    for table in ("contract_copy", "bill_file", "bill_section", "bill_statement"):
        op.drop_table(table)
    drop_grant_copy_tables_v1()
