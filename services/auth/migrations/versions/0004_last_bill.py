"""When an account was billed last (CDS-WG3-01 §4.7), and the clients that customers connected with themselves (§4.1)."""

import sqlalchemy as sa
from alembic import op

revision = "0004_last_bill"
down_revision = "0003_requested_by"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "last_bill",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("statement_date", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_last_bill")),
    )
    op.create_table(
        "connected_client",
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("registration_id", sa.String(), nullable=False),
        sa.Column("client_name", sa.String(), nullable=False),
        sa.Column("connected", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "message_id", name=op.f("pk_connected_client")),
    )


def downgrade() -> None:
    op.drop_table("connected_client")
    op.drop_table("last_bill")
