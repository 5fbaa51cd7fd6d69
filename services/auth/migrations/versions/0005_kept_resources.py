"""Kept resources as the text that is read: making it from JSONB took most of what a form of thousands asks of the database."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005_kept_resources"
down_revision = "0004_last_bill"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("resource_copy", "snapshot", type_=sa.JSON(), postgresql_using="snapshot::json")


def downgrade() -> None:
    op.alter_column("resource_copy", "snapshot", type_=postgresql.JSONB(), postgresql_using="snapshot::jsonb")
