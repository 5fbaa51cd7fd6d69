"""Which programs an entry of a Grant shows."""

from cds_common.grant_copy import add_shown_programs_v2, drop_shown_programs_v2

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_shown_programs_v2()


def downgrade() -> None:
    drop_shown_programs_v2()
