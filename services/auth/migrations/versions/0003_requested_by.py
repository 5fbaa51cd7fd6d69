"""What a Grant of the utility was asked for by, so that asking again finds it."""

import sqlalchemy as sa
from alembic import op

revision = "0003_requested_by"
down_revision = "0002_customer"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("grants", sa.Column("requested_by", sa.Text(), nullable=True))
    op.create_index(
        "uq_grants_requested_by",
        "grants",
        ["client_id", "requested_by"],
        unique=True,
        postgresql_where=sa.text("requested_by IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("uq_grants_requested_by", table_name="grants", postgresql_where=sa.text("requested_by IS NOT NULL"))
    op.drop_column("grants", "requested_by")
