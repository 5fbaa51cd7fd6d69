"""Tables of the billing database: append-only versions of bills, and copies of what other services own."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from cds_common.db import TYPE_MAP, new_metadata
from cds_common.grant_copy import grant_copy_tables
from cds_common.message_tables import inbox_table, outbox_table


class Base(DeclarativeBase):
    """Declarative base of this service: named constraints, aware datetimes, exact decimals."""

    metadata = new_metadata()
    type_annotation_map = TYPE_MAP


outbox = outbox_table(Base.metadata)
inbox = inbox_table(Base.metadata)
GRANTS = grant_copy_tables(Base.metadata)

CURRENT = text("valid_to IS NULL")


class BillStatementRow(Base):
    """A version of a Bill Statement: what the source said from `valid_from` on; `valid_to` None = the newest."""

    __tablename__ = "bill_statement"
    __table_args__ = (
        Index("ix_bill_statement_current", "statement_id", unique=True, postgresql_where=CURRENT),
        Index("ix_bill_statement_account", "account_id", "statement_date"),
        Index("ix_bill_statement_listed", "environment", text("statement_date DESC"), text("cds_modified DESC"), "statement_id"),
    )

    statement_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    valid_from: Mapped[datetime] = mapped_column(primary_key=True)
    valid_to: Mapped[datetime | None]
    environment: Mapped[str] = mapped_column(Text)
    account_id: Mapped[UUID] = mapped_column(Uuid)
    account_number: Mapped[str] = mapped_column(Text)
    statement_date: Mapped[date]
    file_id: Mapped[UUID | None] = mapped_column(Uuid)
    file_mimetype: Mapped[str | None] = mapped_column(Text)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    cds_created: Mapped[datetime]
    cds_modified: Mapped[datetime]
    cds_synced: Mapped[datetime]


class BillSectionRow(Base):
    """A version of a Bill Section; `sort_contract_number` is the smallest number of its contracts, kept current."""

    __tablename__ = "bill_section"
    __table_args__ = (
        Index("ix_bill_section_current", "section_id", unique=True, postgresql_where=CURRENT),
        Index("ix_bill_section_account", "account_id", "start_date"),
        Index("ix_bill_section_statement", "statement_id"),
        Index("ix_bill_section_contracts", "contract_ids", postgresql_using="gin"),
    )

    section_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    valid_from: Mapped[datetime] = mapped_column(primary_key=True)
    valid_to: Mapped[datetime | None]
    statement_id: Mapped[UUID] = mapped_column(Uuid)
    environment: Mapped[str] = mapped_column(Text)
    account_id: Mapped[UUID] = mapped_column(Uuid)
    account_number: Mapped[str] = mapped_column(Text)
    sort_contract_number: Mapped[str | None] = mapped_column(Text)
    start_date: Mapped[date]
    end_date: Mapped[date]
    contract_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    point_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    meter_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    related_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    cds_created: Mapped[datetime]
    cds_modified: Mapped[datetime]
    cds_synced: Mapped[datetime]


class BillFileRow(Base):
    """The printed bill, by the statement version that it belongs to; the same bytes are stored once per statement."""

    __tablename__ = "bill_file"

    file_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    statement_id: Mapped[UUID] = mapped_column(Uuid, index=True)
    mimetype: Mapped[str] = mapped_column(Text)
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class ContractCopyRow(Base):
    """The current contract number of a Service Contract (from `cds.resources`): sections sort and filter by it."""

    __tablename__ = "contract_copy"

    contract_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    environment: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(BigInteger)
    contract_number: Mapped[str | None] = mapped_column(Text, index=True)
