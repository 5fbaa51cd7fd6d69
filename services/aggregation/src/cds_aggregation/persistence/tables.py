"""Tables of the aggregation database."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Identity,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)  # fmt: skip
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

aggregation = Table(
    "aggregation",
    Base.metadata,
    Column("aggregation_id", Uuid, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("ref", Text, nullable=False),
    # Parts of a large Aggregation are made by the Server (CDS-WG3-01 §10.7.1); nobody can ask for their usage.
    Column("is_part", Boolean, nullable=False),
    Column("source_time", _MOMENT, nullable=False),
    Column("body", JSONB, nullable=False),
    Column("point_ids", ARRAY(Uuid), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("requirement", Text, nullable=False),
    Column("evaluated_at", _MOMENT, nullable=True),
    Column("evaluate_at", _MOMENT, nullable=False),
    Column("has_data", Boolean, nullable=False),
    Column("created", _MOMENT, nullable=False),
    Column("synced", _MOMENT, nullable=False),
    Index("ix_aggregation_evaluate_at", "evaluate_at", postgresql_where=text("NOT is_part")),
)

aggregation_version = Table(
    "aggregation_version",
    Base.metadata,
    Column("aggregation_id", Uuid, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("newest", Boolean, nullable=False),
    Column("valid_from", _MOMENT, nullable=False),
    Column("modified", _MOMENT, nullable=False),
    Column("aggregation_number", _CODE_POINTS, nullable=True),
    Column("aggregation_types", ARRAY(Text), nullable=False),
    Column("requirement", Text, nullable=False),
    Column("has_data", Boolean, nullable=False),
    Column("addresses", ARRAY(Text), nullable=False),
    # Regions, criteria and names, as the source gave them.
    Column("body", JSONB, nullable=False),
    Column("account_ids", ARRAY(Uuid), nullable=False),
    Column("contract_ids", ARRAY(Uuid), nullable=False),
    Column("point_ids", ARRAY(Uuid), nullable=False),
    Column("meter_ids", ARRAY(Uuid), nullable=False),
    Column("child_ids", ARRAY(Uuid), nullable=False),
    Index("ix_aggregation_version_listing", "environment", text("modified DESC"), "aggregation_id", postgresql_where=text("newest")),
    Index("ix_aggregation_version_number", "environment", "aggregation_number", postgresql_where=text("newest")),
)

aggregation_child = Table(
    "aggregation_child",
    Base.metadata,
    Column("parent_id", Uuid, primary_key=True),
    Column("child_id", Uuid, primary_key=True),
    Column("is_part", Boolean, nullable=False),
    Index("ix_aggregation_child_child_id", "child_id"),
)

aggregation_member = Table(
    "aggregation_member",
    Base.metadata,
    Column("aggregation_id", Uuid, primary_key=True),
    Column("service_point_id", Uuid, primary_key=True),
    Index("ix_aggregation_member_service_point_id", "service_point_id"),
)

resource = Table(
    "resource",
    Base.metadata,
    Column("resource_id", Uuid, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("body", JSONB, nullable=False),
)

sum_kind = Table(
    "sum_kind",
    Base.metadata,
    Column("kind_id", Integer, Identity(always=True), primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("shape", JSONB, nullable=False),
)


def _day_key() -> list[Column[object]]:
    return [
        Column("day", Date, primary_key=True),
        Column("interval_seconds", Integer, primary_key=True, autoincrement=False),
        Column("phase", Integer, primary_key=True, autoincrement=False),
    ]


member_day = Table(
    "member_day",
    Base.metadata,
    Column("service_point_id", Uuid, primary_key=True),
    Column("series_id", Uuid, primary_key=True),
    *_day_key(),
    Column("kind_id", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("first_s", BigInteger, nullable=False),
    Column("decimals", SmallInteger, nullable=False),
    # A JSON array of scaled integers: sums need no bound.
    Column("vals", Text, nullable=False),
    Column("amount", Numeric, nullable=False),
    Column("source_time", _MOMENT, nullable=True),
    postgresql_partition_by="RANGE (day)",
)

member_span = Table(
    "member_span",
    Base.metadata,
    Column("service_point_id", Uuid, primary_key=True),
    Column("kind_id", Integer, primary_key=True, autoincrement=False),
    Column("first_day", Date, nullable=False),
    Column("last_day", Date, nullable=False),
)

sum_day = Table(
    "sum_day",
    Base.metadata,
    Column("aggregation_id", Uuid, primary_key=True),
    Column("kind_id", Integer, primary_key=True, autoincrement=False),
    *_day_key(),
    Column("version", BigInteger, nullable=False),
    Column("first_s", BigInteger, nullable=False),
    Column("decimals", SmallInteger, nullable=False),
    Column("vals", Text, nullable=False),
)

dirty_day = Table(
    "dirty_day",
    Base.metadata,
    Column("aggregation_id", Uuid, primary_key=True),
    Column("kind_id", Integer, primary_key=True, autoincrement=False),
    *_day_key(),
)

grant_answer = Table(
    "grant_answer",
    Base.metadata,
    Column("grant_id", Text, primary_key=True),
    Column("entries_version", BigInteger, nullable=False),
    Column("answer", Text, nullable=False),
)
