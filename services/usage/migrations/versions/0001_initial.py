"""Outbox, inbox, the copy of Grants, and the tables of values, segments, copies and EACs."""

from alembic import op

from cds_common.grant_copy import create_grant_copy_tables_v1, drop_grant_copy_tables_v1
from cds_common.message_tables import create_messaging_tables_v1, drop_messaging_tables_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_BLOCK = """
    first_s bigint NOT NULL, count integer NOT NULL, vals bytea NOT NULL,
    decimals smallint NOT NULL, decimals_each bytea, quality smallint NOT NULL, qualities_each bytea,
    source_min bigint NOT NULL, source_max bigint NOT NULL
"""

_TABLES = f"""
CREATE TABLE series_kind (
    kind_id integer GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_series_kind PRIMARY KEY,
    key text NOT NULL CONSTRAINT uq_series_kind_key UNIQUE, cadence text NOT NULL, shape jsonb NOT NULL
);
CREATE TABLE series (
    owner_id uuid, series_id uuid, environment text NOT NULL, owner_kind text NOT NULL, meter_device_id uuid, kind_id integer NOT NULL,
    CONSTRAINT pk_series PRIMARY KEY (owner_id, series_id)
);
CREATE TABLE day_block (
    owner_id uuid, series_id uuid, day date, interval_seconds integer, phase integer, {_BLOCK},
    sources_each bytea, fragment bytea, version integer NOT NULL,
    created timestamptz NOT NULL, modified timestamptz NOT NULL, synced timestamptz NOT NULL,
    CONSTRAINT pk_day_block PRIMARY KEY (owner_id, series_id, day, interval_seconds, phase)
) PARTITION BY RANGE (day);
CREATE TABLE day_block_history (
    owner_id uuid, series_id uuid, day date, interval_seconds integer, phase integer,
    seq bigint GENERATED ALWAYS AS IDENTITY, {_BLOCK}, recorded timestamptz NOT NULL,
    CONSTRAINT pk_day_block_history PRIMARY KEY (owner_id, series_id, day, interval_seconds, phase, seq)
) PARTITION BY RANGE (day);
CREATE TABLE usage_segment (
    segment_id uuid CONSTRAINT pk_usage_segment PRIMARY KEY, environment text NOT NULL, owner_kind text NOT NULL,
    owner_id uuid NOT NULL, service_point_id uuid, meter_device_id uuid, aggregation_id uuid,
    interval_seconds integer NOT NULL, phase integer NOT NULL, start_s bigint NOT NULL, end_s bigint NOT NULL,
    lo_s bigint NOT NULL, hi_s bigint NOT NULL,
    first_source bigint NOT NULL, kind_ids integer[] NOT NULL, account_ids uuid[] NOT NULL, contract_ids uuid[] NOT NULL,
    aggregation_number text COLLATE "C", account_number text COLLATE "C", contract_number text COLLATE "C",
    created timestamptz NOT NULL, modified timestamptz NOT NULL, synced timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX ix_usage_segment_owner ON usage_segment (owner_id, start_s);
CREATE INDEX ix_usage_segment_meter_device_id ON usage_segment (meter_device_id, start_s) WHERE meter_device_id IS NOT NULL;
CREATE INDEX ix_usage_segment_account_ids ON usage_segment USING gin (account_ids);
CREATE INDEX ix_usage_segment_contract_ids ON usage_segment USING gin (contract_ids);
CREATE INDEX ix_usage_segment_listing ON usage_segment (
    environment, aggregation_number NULLS FIRST, account_number NULLS FIRST, contract_number NULLS FIRST, start_s, modified DESC, segment_id
);
CREATE TABLE service_point_period (
    service_point_id uuid, no integer, start_s bigint, end_s bigint, contract_ids uuid[] NOT NULL, account_ids uuid[] NOT NULL,
    CONSTRAINT pk_service_point_period PRIMARY KEY (service_point_id, no)
);
CREATE TABLE contract_tenure (
    service_point_id uuid, contract_id uuid, seq smallint, account_id uuid, start_s bigint, end_s bigint,
    CONSTRAINT pk_contract_tenure PRIMARY KEY (service_point_id, contract_id, seq)
);
CREATE INDEX ix_contract_tenure_contract_id ON contract_tenure (contract_id);
CREATE INDEX ix_contract_tenure_account_id ON contract_tenure (account_id);
CREATE TABLE resource (
    resource_id uuid CONSTRAINT pk_resource PRIMARY KEY, environment text NOT NULL, kind text NOT NULL, version bigint NOT NULL,
    number text COLLATE "C", body jsonb NOT NULL
);
CREATE INDEX ix_resource_number ON resource (environment, kind, number);
CREATE TABLE aggregation_copy (
    aggregation_id uuid CONSTRAINT pk_aggregation_copy PRIMARY KEY, environment text NOT NULL, version bigint NOT NULL,
    aggregation_number text COLLATE "C"
);
CREATE TABLE aggregate_day (
    owner_id uuid, series_id uuid, day date, interval_seconds integer, phase integer, version bigint NOT NULL,
    CONSTRAINT pk_aggregate_day PRIMARY KEY (owner_id, series_id, day, interval_seconds, phase)
);
CREATE TABLE bill_copy (statement_id uuid CONSTRAINT pk_bill_copy PRIMARY KEY, version bigint NOT NULL);
CREATE TABLE bill_section_link (
    section_id uuid CONSTRAINT pk_bill_section_link PRIMARY KEY, statement_id uuid NOT NULL, environment text NOT NULL,
    account_id uuid NOT NULL, contract_ids uuid[] NOT NULL, service_point_ids uuid[] NOT NULL,
    start_date date NOT NULL, end_date date NOT NULL, start_s bigint NOT NULL, end_s bigint NOT NULL
);
CREATE INDEX ix_bill_section_link_statement_id ON bill_section_link (statement_id);
CREATE INDEX ix_bill_section_link_service_point_ids ON bill_section_link USING gin (service_point_ids);
CREATE TABLE eac_version (
    eac_id uuid, source_time timestamptz, environment text NOT NULL, newest boolean NOT NULL,
    beneficiary_type text NOT NULL, beneficiaries text[] NOT NULL, eac_numbers text[] NOT NULL, eac_format text NOT NULL,
    content bytea NOT NULL, content_type text NOT NULL, period_start timestamptz NOT NULL, period_end timestamptz NOT NULL,
    created timestamptz NOT NULL, modified timestamptz NOT NULL, synced timestamptz NOT NULL,
    CONSTRAINT pk_eac_version PRIMARY KEY (eac_id, source_time)
);
CREATE INDEX ix_eac_version_listing ON eac_version (environment, period_start DESC, created DESC, eac_id);
"""

_NAMES = (
    "eac_version", "aggregate_day", "bill_section_link", "bill_copy", "aggregation_copy", "resource", "contract_tenure",
    "service_point_period", "usage_segment", "day_block_history", "day_block", "series", "series_kind",
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
