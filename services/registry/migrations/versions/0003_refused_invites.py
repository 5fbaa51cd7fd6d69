"""Wrong invite codes, counted for all processes together."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "refused_invite",
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_refused_invite")),
    )
    op.create_index("ix_refused_invite_address_at", "refused_invite", ["address", "at"])
    op.create_index("ix_refused_invite_at", "refused_invite", ["at"])


def downgrade() -> None:
    op.drop_index("ix_refused_invite_at", table_name="refused_invite")
    op.drop_index("ix_refused_invite_address_at", table_name="refused_invite")
    op.drop_table("refused_invite")
