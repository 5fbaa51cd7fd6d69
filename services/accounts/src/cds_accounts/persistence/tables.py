"""Tables of the accounts database.

Each of the four kinds of object has one append-only table of versions; the present is the row that is `newest`. A version
says since when it was true at the source (`valid_from`) and since when we know (`recorded_at`), so that a Grant with
`sync_until` finds what was valid then, late data included (CDS-WG3-01 §7.3.1).
"""

from typing import Any

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKeyConstraint,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase

from cds_common.db import TYPE_MAP, new_metadata
from cds_common.events.resources import ResourceKind
from cds_common.grant_copy import grant_copy_tables
from cds_common.message_tables import inbox_table, outbox_table

_MOMENT = TIMESTAMP(timezone=True)


class Base(DeclarativeBase):
    """Declarative base of this service: named constraints, aware datetimes, exact decimals."""

    metadata = new_metadata()
    type_annotation_map = TYPE_MAP


outbox = outbox_table(Base.metadata)
inbox = inbox_table(Base.metadata)
copies = grant_copy_tables(Base.metadata)


def _versions(name: str, id_name: str, *columns: Column[Any] | Index) -> Table:
    """A table of versions. `object_id` is the Python name of the id that the specification calls `id_name`."""
    table = Table(
        name,
        Base.metadata,
        Column("version_id", BigInteger, Identity(always=True), primary_key=True),
        Column(id_name, Uuid, key="object_id", nullable=False),
        Column("environment", Text, nullable=False),
        Column("ref", Text, nullable=False),
        Column("valid_from", _MOMENT, nullable=False),
        Column("recorded_at", _MOMENT, nullable=False),
        Column("newest", Boolean, nullable=False),
        Column("cds_created", _MOMENT, nullable=False),
        Column("cds_modified", _MOMENT, nullable=False),
        Column("cds_synced", _MOMENT, nullable=False),
        Column("digest", LargeBinary, nullable=False),
        # JSON text of the properties that are answered as they are; text, since jsonb would be rendered anew on each read.
        Column("document", Text, nullable=False),
        *columns,
    )
    Index(f"uq_{name}_newest", table.c.object_id, unique=True, postgresql_where=text("newest"))
    Index(f"ix_{name}_history", table.c.object_id, table.c.valid_from.desc(), table.c.version_id.desc())
    Index(f"ix_{name}_recent", table.c.environment, table.c.cds_modified.desc(), table.c.object_id, postgresql_where=text("newest"))
    return table


def _texts(name: str) -> Column[Any]:
    return Column(name, ARRAY(Text), nullable=False)


def _ids(name: str) -> Column[Any]:
    return Column(name, ARRAY(Uuid), nullable=False)


account = _versions(
    "account",
    "cds_account_id",
    Column("cds_account_parent", Uuid, nullable=True),
    _ids("customer_ids"),
    Column("customer_number", Text, nullable=True),
    Column("account_number", Text, nullable=False),
    Column("account_name", Text, nullable=True),
    Column("account_address", Text, nullable=True),
    _texts("account_types"),
    Column("account_status", Text, nullable=False),
    _texts("contact_values"),
    _texts("program_numbers"),
)
Index("ix_account_customer_ids", account.c.customer_ids, postgresql_using="gin")
Index("ix_account_account_number", account.c.environment, account.c.account_number)

service_contract = _versions(
    "service_contract",
    "cds_servicecontract_id",
    Column("cds_account_id", Uuid, nullable=False),
    # The account's number, copied here so that a frozen contract keeps the number of its time; NULL until the account is known.
    Column("account_number", Text, nullable=True),
    Column("contract_number", Text, nullable=True),
    Column("contract_address", Text, nullable=True),
    _texts("contract_types"),
    Column("contract_status", Text, nullable=False),
    Column("contract_start", Date, nullable=False),
    Column("contract_end", Date, nullable=True),
    _texts("service_types"),
    Column("rateplan_code", Text, nullable=False),
    Column("rateplan_name", Text, nullable=False),
    _texts("program_numbers"),
)
Index("ix_service_contract_cds_account_id", service_contract.c.cds_account_id)
Index("ix_service_contract_contract_number", service_contract.c.environment, service_contract.c.contract_number)

service_point = _versions(
    "service_point",
    "cds_servicepoint_id",
    Column("servicepoint_number", Text, nullable=True),
    _texts("servicepoint_types"),
    Column("servicepoint_address", Text, nullable=True),
    _texts("premise_numbers"),
    _ids("current_servicecontracts"),
    _ids("previous_servicecontracts"),
    _ids("contract_ids"),
)
Index("ix_service_point_contract_ids", service_point.c.contract_ids, postgresql_using="gin")
Index("ix_service_point_premise_numbers", service_point.c.premise_numbers, postgresql_using="gin")
Index("ix_service_point_servicepoint_number", service_point.c.environment, service_point.c.servicepoint_number)

meter_device = _versions(
    "meter_device",
    "cds_meterdevice_id",
    Column("meter_number", Text, nullable=True),
    _texts("meter_types"),
    _texts("app_numbers"),
    _ids("current_servicepoints"),
    _ids("previous_servicepoints"),
    # [{"id": ..., "start": ..., "end": ...}]: where the meter was, and when.
    Column("placements", JSONB, nullable=False),
    _ids("point_ids"),
)
Index("ix_meter_device_point_ids", meter_device.c.point_ids, postgresql_using="gin")
Index("ix_meter_device_meter_number", meter_device.c.environment, meter_device.c.meter_number)

VERSIONS: dict[ResourceKind, Table] = {
    "account": account,
    "service_contract": service_contract,
    "service_point": service_point,
    "meter_device": meter_device,
}

customer = Table(
    "customer",
    Base.metadata,
    Column("customer_id", Uuid, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("valid_from", _MOMENT, nullable=False),
    Column("customer_number", Text, nullable=True),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=True),
    Column("login_name", Text, nullable=True),
)

published_resource = Table(
    "published_resource",
    Base.metadata,
    Column("resource_id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    _ids("customer_ids"),
)

refresh_queue = Table(
    "refresh_queue",
    Base.metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    # A kind of object, "aggregation" or "grant".
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("since", _MOMENT, nullable=False, server_default=func.clock_timestamp()),
    Column("attempts", BigInteger, nullable=False, server_default=text("0")),
    Column("retry_at", _MOMENT, nullable=True),
)

resolution = Table(
    "resolution",
    Base.metadata,
    Column("grant_id", Text, primary_key=True),
    Column("entries_version", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("body", Text, nullable=False),
)

grant_seed = Table(
    "grant_seed",
    Base.metadata,
    Column("grant_id", Text, primary_key=True),
    # "customer", a kind of object, or "direct" (any change in the environment may change what the Grant reaches).
    Column("kind", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    ForeignKeyConstraint(["grant_id"], ["grant_copy.grant_id"], ondelete="CASCADE"),
    Index("ix_grant_seed_subject", "kind", "subject"),
)

aggregation_copy = Table(
    "aggregation_copy",
    Base.metadata,
    Column("aggregation_id", Uuid, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("aggregation_number", Text, nullable=True),
    _ids("service_point_ids"),
    _ids("member_aggregation_ids"),
    Column("body", JSONB, nullable=False),
)
Index("ix_aggregation_copy_member_aggregation_ids", aggregation_copy.c.member_aggregation_ids, postgresql_using="gin")
Index("ix_aggregation_copy_service_point_ids", aggregation_copy.c.service_point_ids, postgresql_using="gin")
Index("ix_aggregation_copy_number", aggregation_copy.c.environment, aggregation_copy.c.aggregation_number)
