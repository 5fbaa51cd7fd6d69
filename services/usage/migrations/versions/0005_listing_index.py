"""The index of the listing without `modified`: a segment that only grows then changes no index (heap-only tuples)."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ORDER = "environment, aggregation_number NULLS FIRST, account_number NULLS FIRST, contract_number NULLS FIRST, start_s"


def upgrade() -> None:
    op.execute("DROP INDEX ix_usage_segment_listing")
    op.execute(f"CREATE INDEX ix_usage_segment_listing ON usage_segment ({_ORDER}, segment_id)")


def downgrade() -> None:
    op.execute("DROP INDEX ix_usage_segment_listing")
    op.execute(f"CREATE INDEX ix_usage_segment_listing ON usage_segment ({_ORDER}, modified DESC, segment_id)")
