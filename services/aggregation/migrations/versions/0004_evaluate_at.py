"""When a group is evaluated next: at once, soon after new sums, or when its window has moved on by a day."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE aggregation ADD COLUMN evaluate_at timestamptz NOT NULL DEFAULT now()")
    op.execute("ALTER TABLE aggregation ALTER COLUMN evaluate_at DROP DEFAULT")
    op.execute("DROP INDEX ix_aggregation_due")
    op.execute("ALTER TABLE aggregation DROP COLUMN due")
    op.execute("CREATE INDEX ix_aggregation_evaluate_at ON aggregation (evaluate_at) WHERE NOT is_part")


def downgrade() -> None:
    op.execute("DROP INDEX ix_aggregation_evaluate_at")
    op.execute("ALTER TABLE aggregation ADD COLUMN due boolean NOT NULL DEFAULT true")
    op.execute("ALTER TABLE aggregation ALTER COLUMN due DROP DEFAULT")
    op.execute("ALTER TABLE aggregation DROP COLUMN evaluate_at")
    op.execute("CREATE INDEX ix_aggregation_due ON aggregation (aggregation_id) WHERE due")
