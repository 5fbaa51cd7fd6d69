"""The outbox and inbox tables that every service database has, and the steps that create them in a migration."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DDL, TIMESTAMP, BigInteger, Column, Identity, Index, Integer, MetaData, Table, Text, Uuid, event, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry

from cds_common.db import new_metadata

NOTIFY_CHANNEL = "cds_outbox"

_NOTIFY_DDL = (
    f"""CREATE FUNCTION notify_outbox() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_notify('{NOTIFY_CHANNEL}', ''); RETURN NULL; END $$""",
    "CREATE TRIGGER outbox_inserted AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION notify_outbox()",
)


def outbox_table(metadata: MetaData) -> Table:
    """Events waiting for the bus, and those published lately. `body` holds the exact JSON text that is published."""
    table = Table(
        "outbox",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("event_id", Uuid, nullable=False, unique=True),
        Column("topic", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("event_type", Text, nullable=False),
        Column("body", Text, nullable=False),
        Column("headers", JSONB, nullable=False),
        Column("created_at", TIMESTAMP(timezone=True), nullable=False, server_default=func.clock_timestamp()),
        Column("published_at", TIMESTAMP(timezone=True), nullable=True),
        Index("ix_outbox_unpublished", "id", postgresql_where=text("published_at IS NULL")),
        Index("ix_outbox_published", "published_at", postgresql_where=text("published_at IS NOT NULL")),
    )
    for statement in _NOTIFY_DDL:
        event.listen(table, "after_create", DDL(statement.replace("%", "%%")))
    return table


def inbox_table(metadata: MetaData) -> Table:
    """Messages whose effect is committed, one row per consumer and event."""
    return Table(
        "inbox",
        metadata,
        Column("consumer", Text, primary_key=True),
        Column("event_id", Uuid, primary_key=True),
        Column("received_at", TIMESTAMP(timezone=True), nullable=False, server_default=func.clock_timestamp()),
        Column("topic", Text, nullable=True),
        Column("partition", Integer, nullable=True),
        Column("offset", BigInteger, nullable=True),
        Index("ix_inbox_received_at", "received_at"),
    )


_registry = registry(metadata=new_metadata())
OUTBOX = outbox_table(_registry.metadata)
INBOX = inbox_table(_registry.metadata)


class OutboxRow:
    """A row of `outbox`; the session decides whose database it goes to, so one mapping serves all services."""

    id: int
    event_id: UUID
    topic: str
    key: str
    event_type: str
    body: str
    headers: dict[str, str]
    created_at: datetime
    published_at: datetime | None


# The id is not read back: the inserts of one flush then go out as they were recorded, in one round trip.
_registry.map_imperatively(OutboxRow, OUTBOX, primary_key=[OUTBOX.c.event_id], eager_defaults=False)


def create_messaging_tables_v1() -> None:
    """Create outbox and inbox; call it from `migrations/versions/0001_initial.py`. A later change of form gets a v2 of its own."""
    from alembic import op  # noqa: PLC0415  # Alembic is a migration's tool; services that only serve do not load it

    metadata = new_metadata()
    bind = op.get_bind()
    for table in (outbox_table(metadata), inbox_table(metadata)):
        table.create(bind)


def drop_messaging_tables_v1() -> None:
    """Undo `create_messaging_tables_v1`."""
    from alembic import op  # noqa: PLC0415

    op.drop_table("inbox")
    op.drop_table("outbox")
    op.execute("DROP FUNCTION notify_outbox()")
