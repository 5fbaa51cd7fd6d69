"""Tables of the usage database; every key of a value starts with the series' owner (Service Point or Aggregation)."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase

from cds_common.db import TYPE_MAP, new_metadata
from cds_common.grant_copy import grant_copy_tables
from cds_common.message_tables import inbox_table, outbox_table


class Base(DeclarativeBase):
    """Declarative base of this service: named constraints, aware datetimes, exact decimals."""

    metadata = new_metadata()
    type_annotation_map = TYPE_MAP


_MOMENT = TIMESTAMP(timezone=True)
_CODE_POINTS = Text(collation="C")

outbox = outbox_table(Base.metadata)
inbox = inbox_table(Base.metadata)
GRANTS = grant_copy_tables(Base.metadata)

series_kind = Table(
    "series_kind",
    Base.metadata,
    Column("kind_id", Integer, Identity(always=True), primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("cadence", Text, nullable=False),
    Column("shape", JSONB, nullable=False),
)

series = Table(
    "series",
    Base.metadata,
    Column("owner_id", Uuid, primary_key=True),
    Column("series_id", Uuid, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("owner_kind", Text, nullable=False),
    Column("meter_device_id", Uuid, nullable=True),
    Column("kind_id", Integer, nullable=False),
)


def _block_columns() -> list[Column[object]]:
    """Columns of `domain.packing.PackedBlock`."""
    return [
        Column("first_s", BigInteger, nullable=False),
        Column("count", Integer, nullable=False),
        Column("vals", LargeBinary, nullable=False),
        Column("decimals", SmallInteger, nullable=False),
        Column("decimals_each", LargeBinary, nullable=True),
        Column("quality", SmallInteger, nullable=False),
        Column("qualities_each", LargeBinary, nullable=True),
        Column("source_min", BigInteger, nullable=False),
        Column("source_max", BigInteger, nullable=False),
    ]


day_block = Table(
    "day_block",
    Base.metadata,
    Column("owner_id", Uuid, primary_key=True),
    Column("series_id", Uuid, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("interval_seconds", Integer, primary_key=True, autoincrement=False),
    Column("phase", Integer, primary_key=True, autoincrement=False),
    *_block_columns(),
    Column("sources_each", LargeBinary, nullable=True),
    # Rows of JSON, ready to send; null where the values differ in quality and so belong to several columns.
    Column("fragment", LargeBinary, nullable=True),
    Column("version", Integer, nullable=False),
    Column("created", _MOMENT, nullable=False),
    Column("modified", _MOMENT, nullable=False),
    Column("synced", _MOMENT, nullable=False),
    postgresql_partition_by="RANGE (day)",
)

day_block_history = Table(
    "day_block_history",
    Base.metadata,
    Column("owner_id", Uuid, primary_key=True),
    Column("series_id", Uuid, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("interval_seconds", Integer, primary_key=True, autoincrement=False),
    Column("phase", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    *_block_columns(),
    Column("recorded", _MOMENT, nullable=False),
    postgresql_partition_by="RANGE (day)",
)

supply_mix_note = Table(
    "supply_mix_note",
    Base.metadata,
    Column("owner_id", Uuid, primary_key=True),
    Column("series_id", Uuid, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("interval_seconds", Integer, primary_key=True, autoincrement=False),
    Column("phase", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    Column("first_s", BigInteger, nullable=False),
    Column("source", BigInteger, nullable=False),
    Column("intensities", ARRAY(Numeric), nullable=False),
    Column("eac_ids", ARRAY(Uuid), nullable=False),
)

usage_segment = Table(
    "usage_segment",
    Base.metadata,
    Column("segment_id", Uuid, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("owner_kind", Text, nullable=False),
    Column("owner_id", Uuid, nullable=False),
    Column("service_point_id", Uuid, nullable=True),
    Column("meter_device_id", Uuid, nullable=True),
    Column("aggregation_id", Uuid, nullable=True),
    Column("interval_seconds", Integer, nullable=False),
    Column("phase", Integer, nullable=False),
    Column("start_s", BigInteger, nullable=False),
    Column("end_s", BigInteger, nullable=False),
    # Bounds of all rows that the segment can ever have; a Grant's window cuts only what lies inside.
    Column("lo_s", BigInteger, nullable=False),
    Column("hi_s", BigInteger, nullable=False),
    Column("first_source", BigInteger, nullable=False),
    Column("kind_ids", ARRAY(Integer), nullable=False),
    Column("account_ids", ARRAY(Uuid), nullable=False),
    Column("contract_ids", ARRAY(Uuid), nullable=False),
    Column("aggregation_number", _CODE_POINTS, nullable=True),
    Column("account_number", _CODE_POINTS, nullable=True),
    Column("contract_number", _CODE_POINTS, nullable=True),
    Column("created", _MOMENT, nullable=False),
    Column("modified", _MOMENT, nullable=False),
    Column("synced", _MOMENT, nullable=False),
    Index("ix_usage_segment_owner", "owner_id", "start_s"),
    Index("ix_usage_segment_meter_device_id", "meter_device_id", "start_s", postgresql_where=text("meter_device_id IS NOT NULL")),
    Index("ix_usage_segment_account_ids", "account_ids", postgresql_using="gin"),
    Index("ix_usage_segment_contract_ids", "contract_ids", postgresql_using="gin"),
    # `modified`, the tie-breaker of the order, is left to the sort: with it every new day of values would touch all indexes.
    Index(
        "ix_usage_segment_listing",
        "environment", text("aggregation_number NULLS FIRST"), text("account_number NULLS FIRST"), text("contract_number NULLS FIRST"),
        "start_s", "segment_id",
    ),
)  # fmt: skip

service_point_period = Table(
    "service_point_period",
    Base.metadata,
    Column("service_point_id", Uuid, primary_key=True),
    Column("no", Integer, primary_key=True, autoincrement=False),
    Column("start_s", BigInteger, nullable=True),
    Column("end_s", BigInteger, nullable=True),
    Column("contract_ids", ARRAY(Uuid), nullable=False),
    Column("account_ids", ARRAY(Uuid), nullable=False),
)

contract_tenure = Table(
    "contract_tenure",
    Base.metadata,
    Column("service_point_id", Uuid, primary_key=True),
    Column("contract_id", Uuid, primary_key=True),
    Column("seq", SmallInteger, primary_key=True, autoincrement=False),
    Column("account_id", Uuid, nullable=True),
    Column("start_s", BigInteger, nullable=True),
    Column("end_s", BigInteger, nullable=True),
    Index("ix_contract_tenure_contract_id", "contract_id"),
    Index("ix_contract_tenure_account_id", "account_id"),
)

resource = Table(
    "resource",
    Base.metadata,
    Column("resource_id", Uuid, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("number", _CODE_POINTS, nullable=True),
    Column("body", JSONB, nullable=False),
    Index("ix_resource_number", "environment", "kind", "number"),
)

aggregation_copy = Table(
    "aggregation_copy",
    Base.metadata,
    Column("aggregation_id", Uuid, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("aggregation_number", _CODE_POINTS, nullable=True),
)

aggregate_day = Table(
    "aggregate_day",
    Base.metadata,
    Column("owner_id", Uuid, primary_key=True),
    Column("series_id", Uuid, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("interval_seconds", Integer, primary_key=True, autoincrement=False),
    Column("phase", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
)

bill_copy = Table(
    "bill_copy",
    Base.metadata,
    Column("statement_id", Uuid, primary_key=True),
    Column("version", BigInteger, nullable=False),
)

bill_section_link = Table(
    "bill_section_link",
    Base.metadata,
    Column("section_id", Uuid, primary_key=True),
    Column("statement_id", Uuid, nullable=False, index=True),
    Column("environment", Text, nullable=False),
    Column("account_id", Uuid, nullable=False),
    Column("contract_ids", ARRAY(Uuid), nullable=False),
    Column("service_point_ids", ARRAY(Uuid), nullable=False),
    Column("start_date", Date, nullable=False),
    Column("end_date", Date, nullable=False),
    Column("start_s", BigInteger, nullable=False),
    Column("end_s", BigInteger, nullable=False),
    Index("ix_bill_section_link_service_point_ids", "service_point_ids", postgresql_using="gin"),
)

eac_version = Table(
    "eac_version",
    Base.metadata,
    Column("eac_id", Uuid, primary_key=True),
    Column("source_time", _MOMENT, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("newest", Boolean, nullable=False),
    Column("beneficiary_type", Text, nullable=False),
    Column("beneficiaries", ARRAY(Text), nullable=False),
    Column("eac_numbers", ARRAY(Text), nullable=False),
    Column("eac_format", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("period_start", _MOMENT, nullable=False),
    Column("period_end", _MOMENT, nullable=False),
    Column("created", _MOMENT, nullable=False),
    Column("modified", _MOMENT, nullable=False),
    Column("synced", _MOMENT, nullable=False),
    Index("ix_eac_version_listing", "environment", text("period_start DESC"), text("created DESC"), "eac_id"),
)
