"""The key to which answers are encrypted, and the indexes of the operator's search in the access log."""

from cds_common.grant_copy import add_answers_v3, drop_answers_v3

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_answers_v3()


def downgrade() -> None:
    drop_answers_v3()
