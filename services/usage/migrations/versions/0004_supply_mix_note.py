"""What stands beside the shares of a supply mix: carbon intensities and certificates."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE supply_mix_note (
            owner_id uuid, series_id uuid, day date, interval_seconds integer, phase integer,
            seq bigint GENERATED ALWAYS AS IDENTITY, first_s bigint NOT NULL, source bigint NOT NULL,
            intensities numeric[] NOT NULL, eac_ids uuid[] NOT NULL,
            CONSTRAINT pk_supply_mix_note PRIMARY KEY (owner_id, series_id, day, interval_seconds, phase, seq)
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE supply_mix_note")
