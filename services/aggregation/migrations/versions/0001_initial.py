"""Outbox, inbox, the copy of Grants, Aggregations with their versions, and members' days with their sums."""

from alembic import op

from cds_common.grant_copy import create_grant_copy_tables_v1, drop_grant_copy_tables_v1
from cds_common.message_tables import create_messaging_tables_v1, drop_messaging_tables_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_DAY = "day date, interval_seconds integer, phase integer"

_TABLES = f"""
CREATE TABLE aggregation (
    aggregation_id uuid CONSTRAINT pk_aggregation PRIMARY KEY, environment text NOT NULL, ref text NOT NULL, is_part boolean NOT NULL,
    source_time timestamptz NOT NULL, body jsonb NOT NULL, point_ids uuid[] NOT NULL, version bigint NOT NULL,
    requirement text NOT NULL, evaluated_at timestamptz, due boolean NOT NULL, has_data boolean NOT NULL,
    created timestamptz NOT NULL, synced timestamptz NOT NULL
);
CREATE INDEX ix_aggregation_due ON aggregation (aggregation_id) WHERE due;
CREATE TABLE aggregation_version (
    aggregation_id uuid, version bigint, environment text NOT NULL, newest boolean NOT NULL, valid_from timestamptz NOT NULL,
    modified timestamptz NOT NULL, aggregation_number text COLLATE "C", aggregation_types text[] NOT NULL, requirement text NOT NULL,
    has_data boolean NOT NULL, addresses text[] NOT NULL, body jsonb NOT NULL, account_ids uuid[] NOT NULL,
    contract_ids uuid[] NOT NULL, point_ids uuid[] NOT NULL, meter_ids uuid[] NOT NULL, child_ids uuid[] NOT NULL,
    CONSTRAINT pk_aggregation_version PRIMARY KEY (aggregation_id, version)
);
CREATE INDEX ix_aggregation_version_listing ON aggregation_version (environment, modified DESC, aggregation_id) WHERE newest;
CREATE INDEX ix_aggregation_version_number ON aggregation_version (environment, aggregation_number) WHERE newest;
CREATE TABLE aggregation_child (
    parent_id uuid, child_id uuid, is_part boolean NOT NULL, CONSTRAINT pk_aggregation_child PRIMARY KEY (parent_id, child_id)
);
CREATE INDEX ix_aggregation_child_child_id ON aggregation_child (child_id);
CREATE TABLE aggregation_member (
    aggregation_id uuid, service_point_id uuid, CONSTRAINT pk_aggregation_member PRIMARY KEY (aggregation_id, service_point_id)
);
CREATE INDEX ix_aggregation_member_service_point_id ON aggregation_member (service_point_id);
CREATE TABLE resource (
    resource_id uuid CONSTRAINT pk_resource PRIMARY KEY, environment text NOT NULL, kind text NOT NULL, version bigint NOT NULL,
    body jsonb NOT NULL
);
CREATE TABLE sum_kind (
    kind_id integer GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_sum_kind PRIMARY KEY,
    key text NOT NULL CONSTRAINT uq_sum_kind_key UNIQUE, shape jsonb NOT NULL
);
CREATE TABLE member_day (
    service_point_id uuid, series_id uuid, {_DAY}, kind_id integer NOT NULL, version bigint NOT NULL, first_s bigint NOT NULL,
    decimals smallint NOT NULL, vals text NOT NULL, amount numeric NOT NULL, source_time timestamptz,
    CONSTRAINT pk_member_day PRIMARY KEY (service_point_id, series_id, day, interval_seconds, phase)
) PARTITION BY RANGE (day);
CREATE TABLE member_span (
    service_point_id uuid, kind_id integer, first_day date NOT NULL, last_day date NOT NULL,
    CONSTRAINT pk_member_span PRIMARY KEY (service_point_id, kind_id)
);
CREATE TABLE sum_day (
    aggregation_id uuid, kind_id integer, {_DAY}, version bigint NOT NULL, first_s bigint NOT NULL, decimals smallint NOT NULL,
    vals text NOT NULL, CONSTRAINT pk_sum_day PRIMARY KEY (aggregation_id, kind_id, day, interval_seconds, phase)
);
CREATE TABLE dirty_day (
    aggregation_id uuid, kind_id integer, {_DAY},
    CONSTRAINT pk_dirty_day PRIMARY KEY (aggregation_id, kind_id, day, interval_seconds, phase)
);
CREATE TABLE grant_answer (
    grant_id text CONSTRAINT pk_grant_answer PRIMARY KEY, entries_version bigint NOT NULL, answer text NOT NULL
);
"""

_NAMES = (
    "grant_answer", "dirty_day", "sum_day", "member_span", "member_day", "sum_kind", "resource", "aggregation_member",
    "aggregation_child", "aggregation_version", "aggregation",
)  # fmt: skip


def upgrade() -> None:
    create_messaging_tables_v1()
    create_grant_copy_tables_v1()
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    for name in _NAMES:
        op.execute(f"DROP TABLE {name}")
    drop_grant_copy_tables_v1()
    drop_messaging_tables_v1()
