"""The usage schema keeps the rules of distribution on the Service Point (docs/decisions/0008-citus.md), read from Postgres's catalogue."""

import re
from pathlib import Path

import pytest
from sqlalchemy import text

from cds_common.db import Sessions

PAGE = Path(__file__).parents[4] / "docs" / "decisions" / "0008-citus.md"
DISTRIBUTED = {
    "day_block": "owner_id",
    "day_block_history": "owner_id",
    "supply_mix_note": "owner_id",
    "series": "owner_id",
    "aggregate_day": "owner_id",
    "usage_segment": "owner_id",
    "service_point_period": "service_point_id",
    "contract_tenure": "service_point_id",
}
REFERENCE = {
    "series_kind", "grant_copy", "grant_heartbeat", "entitlement", "entitlement_part", "entitlement_entry", "entitlement_object",
    "resource", "aggregation_copy", "bill_copy", "bill_section_link", "eac_version",
}  # fmt: skip
LOCAL = {"outbox", "inbox", "access_log", "alembic_version"}

_TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
_UNIQUE = """
    SELECT t.relname, i.relname, array(
        SELECT a.attname FROM unnest(x.indkey::smallint[]) k JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k)::text[]
    FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
    WHERE x.indisunique AND t.relname = ANY(:tables)
"""
_FOREIGN = """
    SELECT c.conrelid::regclass::text, c.confrelid::regclass::text FROM pg_constraint c
    WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace AND c.conparentid = 0
"""
_TYPES = """
    SELECT a.attrelid::regclass::text, format_type(a.atttypid, a.atttypmod), a.attnotnull FROM pg_attribute a
    WHERE a.attrelid = to_regclass(:relation) AND a.attname = :column
"""


def steps() -> list[str]:
    """The statements of the page that come before distribution."""
    (block,) = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    prepared = block.split("-- distribute", 1)[0]
    return [statement.strip() for statement in prepared.split(";") if statement.strip()]


async def test_every_table_has_its_place(sessions: Sessions) -> None:
    async with sessions() as session:
        tables = set(await session.scalars(text(_TABLES)))
    assert tables == DISTRIBUTED.keys() | REFERENCE | LOCAL


async def test_every_unique_key_holds_the_distribution_column(sessions: Sessions) -> None:
    async with sessions() as session:
        for statement in steps():
            await session.execute(text(statement))
        keys = [tuple(row) for row in await session.execute(text(_UNIQUE), {"tables": list(DISTRIBUTED)})]
        await session.rollback()
    assert {table for table, *_ in keys} == DISTRIBUTED.keys()
    assert [(table, index) for table, index, columns in keys if DISTRIBUTED[table] not in columns] == []


async def test_only_the_index_of_segments_has_to_be_changed_before(sessions: Sessions) -> None:
    async with sessions() as session:
        keys = [tuple(row) for row in await session.execute(text(_UNIQUE), {"tables": list(DISTRIBUTED)})]
    assert {table for table, _, columns in keys if DISTRIBUTED[table] not in columns} == {"usage_segment"}


async def test_no_foreign_key_leaves_the_reference_tables(sessions: Sessions) -> None:
    async with sessions() as session:
        found = [tuple(row) for row in await session.execute(text(_FOREIGN))]
    assert found
    assert {table for pair in found for table in pair} <= REFERENCE


@pytest.mark.parametrize("table", sorted(DISTRIBUTED))
async def test_distribution_columns_are_of_one_type_and_never_null(sessions: Sessions, table: str) -> None:
    async with sessions() as session:
        (row,) = (await session.execute(text(_TYPES), {"relation": table, "column": DISTRIBUTED[table]})).all()
    assert tuple(row[1:]) == ("uuid", True)


def test_the_page_names_every_table() -> None:
    words = PAGE.read_text()
    assert [table for table in DISTRIBUTED.keys() | REFERENCE | LOCAL if f"`{table}`" not in words] == []
    (block,) = re.findall(r"```sql\n(.*?)```", words, re.DOTALL)
    for table, column in DISTRIBUTED.items():
        assert f"create_distributed_table('{table}', '{column}'" in block
    for table in REFERENCE:
        assert f"create_reference_table('{table}')" in block
