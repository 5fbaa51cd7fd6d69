"""The tables that every data service keeps: its copy of Grants, their entitlements, and who read what."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Boolean,
    Column,
    Computed,
    Date,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from cds_common.db import new_metadata

_MOMENT = TIMESTAMP(timezone=True)
# One request has one key for all its entries (CDS-WG3-01 §7.4.6).
_ENCRYPTION_KEY = "jsonb_path_query_first(body, '$.entries[*].details.jwk ? (@.type() == \"object\")'::jsonpath)"


@dataclass(frozen=True, slots=True)
class GrantCopyTables:
    """The tables by name; all services have them under the same names."""

    grant_copy: Table
    grant_heartbeat: Table
    entitlement: Table
    entitlement_part: Table
    entitlement_entry: Table
    entitlement_object: Table
    access_log: Table

    def in_order(self) -> tuple[Table, ...]:
        """In an order in which they can be created."""
        return (
            self.grant_copy, self.grant_heartbeat, self.entitlement, self.entitlement_part, self.entitlement_entry,
            self.entitlement_object, self.access_log,
        )  # fmt: skip


def _texts(name: str) -> Column[Any]:
    return Column(name, ARRAY(Text), nullable=False, server_default=text("'{}'"))


def _grant_copy(metadata: MetaData) -> Table:
    return Table(
        "grant_copy",
        metadata,
        Column("grant_id", Text, primary_key=True),
        Column("version", BigInteger, nullable=False),
        Column("entries_version", BigInteger, nullable=False),
        Column("client_id", Text, nullable=False),
        Column("registration_id", Text, nullable=False),
        Column("environment", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("not_before", _MOMENT, nullable=True),
        Column("not_after", _MOMENT, nullable=True),
        Column("enabled_entries", ARRAY(Integer), nullable=False),
        _texts("scopes"),
        _texts("scope_types"),
        _texts("revoked_token_parts"),
        Column("tokens_not_before", _MOMENT, nullable=True),
        Column("body", JSONB, nullable=False),
        Column("partition", Integer, nullable=True),
        # Set by a read-through at auth: as good as a heartbeat of that moment.
        Column("checked_at", _MOMENT, nullable=True),
        Column("answered_entries_version", BigInteger, nullable=True),
        # Read by every request; the body may be large.
        Column("encryption_key", JSONB, Computed(_ENCRYPTION_KEY, persisted=True), nullable=True),
    )


def _grant_heartbeat(metadata: MetaData) -> Table:
    return Table(
        "grant_heartbeat",
        metadata,
        Column("partition", Integer, primary_key=True, autoincrement=False),
        Column("as_of", _MOMENT, nullable=False),
    )


def _entitlement(metadata: MetaData) -> tuple[Table, Table]:
    head = Table(
        "entitlement",
        metadata,
        Column("grant_id", Text, primary_key=True),
        Column("entries_version", BigInteger, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("environment", Text, nullable=False),
    )
    part = Table(
        "entitlement_part",
        metadata,
        Column("grant_id", Text, primary_key=True),
        Column("version", BigInteger, primary_key=True),
        Column("part", Integer, primary_key=True),
        Column("parts", Integer, nullable=False),
        Column("body", Text, nullable=False),
    )
    return head, part


def _shown_programs() -> tuple[Column[Any], Column[Any]]:
    return Column("shown_account_programs", ARRAY(Text), nullable=True), Column("shown_service_programs", ARRAY(Text), nullable=True)


def _entitlement_entry(metadata: MetaData) -> Table:
    return Table(
        "entitlement_entry",
        metadata,
        Column("grant_id", Text, primary_key=True),
        Column("entry_no", Integer, primary_key=True, autoincrement=False),
        Column("scope", Text, nullable=False),
        Column("scope_type", Text, nullable=False),
        _texts("flags"),
        Column("value_formats", ARRAY(Text), nullable=True),
        Column("statement_date_start", Date, nullable=True),
        Column("statement_date_end", Date, nullable=True),
        Column("start_date", Date, nullable=True),
        Column("end_date", Date, nullable=True),
        Column("segment_start", _MOMENT, nullable=True),
        Column("segment_end", _MOMENT, nullable=True),
        Column("sync_until", _MOMENT, nullable=True),
        _texts("customer_numbers"),
        _texts("rateplan_codes"),
        _texts("program_numbers"),
        # Kinds of which the entry opens every object of the environment: a predicate, never a list.
        _texts("visible_all"),
        _texts("reach_all"),
        _texts("bill_reach_all"),
        Column("sections_by_account", Boolean, nullable=False, server_default=text("false")),
        # Programs that the entry shows; NULL = all of them.
        *_shown_programs(),
        ForeignKeyConstraint(["grant_id"], ["entitlement.grant_id"], ondelete="CASCADE"),
    )


def _entitlement_object(metadata: MetaData) -> Table:
    return Table(
        "entitlement_object",
        metadata,
        Column("grant_id", Text, primary_key=True),
        Column("entry_no", Integer, primary_key=True, autoincrement=False),
        Column("kind", Text, primary_key=True),
        Column("object_id", Uuid, primary_key=True),
        # One object may be reached in several times (a customer who left and came back).
        Column("seq", SmallInteger, primary_key=True, autoincrement=False),
        Column("visible", Boolean, nullable=False),
        Column("reach", Boolean, nullable=False),
        Column("bill_reach", Boolean, nullable=False),
        Column("starts_at", _MOMENT, nullable=True),
        Column("ends_at", _MOMENT, nullable=True),
        ForeignKeyConstraint(["grant_id"], ["entitlement.grant_id"], ondelete="CASCADE"),
    )


def _search_indexes() -> tuple[Index, ...]:
    """For the operator's search. A row enters them when it is chained, by the worker: not in the request that is logged."""
    chained = text("chain_no IS NOT NULL")
    return (
        Index("ix_access_log_at", "at", postgresql_where=chained),
        Index("ix_access_log_client", "client_id", "chain_no", postgresql_where=chained),
        Index("ix_access_log_grant_ids", "grant_ids", postgresql_using="gin", postgresql_where=chained),
        Index("ix_access_log_object_ids", "object_ids", postgresql_using="gin", postgresql_where=chained),
    )


def _access_log(metadata: MetaData) -> Table:
    return Table(
        "access_log",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("at", _MOMENT, nullable=False, server_default=func.clock_timestamp()),
        Column("endpoint", Text, nullable=False),
        Column("environment", Text, nullable=False),
        Column("client_id", Text, nullable=False),
        Column("token_id", Text, nullable=False),
        Column("grant_ids", ARRAY(Text), nullable=False),
        Column("object_count", Integer, nullable=False),
        Column("object_ids", ARRAY(Uuid), nullable=False),
        # Order and hash of the chain are given by the publisher, since ids commit out of order.
        Column("chain_no", BigInteger, nullable=True, unique=True),
        Column("chain_hash", LargeBinary, nullable=True),
        Index("ix_access_log_unpublished", "id", postgresql_where=text("chain_no IS NULL")),
        *_search_indexes(),
    )


def grant_copy_tables(metadata: MetaData) -> GrantCopyTables:
    """Add the tables to `metadata` of a service and return them."""
    head, part = _entitlement(metadata)
    return GrantCopyTables(
        grant_copy=_grant_copy(metadata),
        grant_heartbeat=_grant_heartbeat(metadata),
        entitlement=head,
        entitlement_part=part,
        entitlement_entry=_entitlement_entry(metadata),
        entitlement_object=_entitlement_object(metadata),
        access_log=_access_log(metadata),
    )


TABLES = grant_copy_tables(new_metadata())
"""For statements; the session decides whose database they go to."""


def create_grant_copy_tables_v1() -> None:
    """Create the tables; call it from a migration. A later change of form gets a v2 of its own."""
    from alembic import op  # noqa: PLC0415  # Alembic is a migration's tool; services that only serve do not load it

    bind = op.get_bind()
    for table in grant_copy_tables(new_metadata()).in_order():
        table.create(bind)


def drop_grant_copy_tables_v1() -> None:
    """Undo `create_grant_copy_tables_v1`."""
    from alembic import op  # noqa: PLC0415

    for table in reversed(TABLES.in_order()):
        op.drop_table(table.name)


# A Grant's own word on the programs, for entries that were resolved before the columns were there.
_TAKE_SHOWN_PROGRAMS = """
    UPDATE entitlement_entry e
    SET shown_{kind}_programs = ARRAY(SELECT jsonb_array_elements_text(asked.entry -> 'details' -> '{kind}_programs'))
    FROM grant_copy g, LATERAL jsonb_array_elements(g.body -> 'entries') AS asked(entry)
    WHERE g.grant_id = e.grant_id AND (asked.entry ->> 'entry_no')::int = e.entry_no AND e.scope_type = 'cds_{kind}_programs'
      AND jsonb_typeof(asked.entry -> 'details' -> '{kind}_programs') = 'array'
    """


def add_shown_programs_v2() -> None:
    """Add which programs an entry shows (CDS-WG3-01 §6.1.2, §6.1.3); a database that v1 made today has the columns already."""
    from alembic import op  # noqa: PLC0415

    for kind in ("account", "service"):
        op.execute(f"ALTER TABLE entitlement_entry ADD COLUMN IF NOT EXISTS shown_{kind}_programs text[]")
        op.execute(_TAKE_SHOWN_PROGRAMS.format(kind=kind))


def drop_shown_programs_v2() -> None:
    """Undo `add_shown_programs_v2`."""
    from alembic import op  # noqa: PLC0415

    for column in _shown_programs():
        op.drop_column("entitlement_entry", column.name)


def add_answers_v3() -> None:
    """Add the key to which answers are encrypted, and what the operator's search needs; a database of today has them already."""
    from alembic import op  # noqa: PLC0415

    op.execute(f"ALTER TABLE grant_copy ADD COLUMN IF NOT EXISTS encryption_key jsonb GENERATED ALWAYS AS ({_ENCRYPTION_KEY}) STORED")
    for index in grant_copy_tables(new_metadata()).access_log.indexes:
        index.create(op.get_bind(), checkfirst=True)


def drop_answers_v3() -> None:
    """Undo `add_answers_v3`."""
    from alembic import op  # noqa: PLC0415

    for index in _search_indexes():
        op.drop_index(str(index.name), "access_log")
    op.drop_column("grant_copy", "encryption_key")
