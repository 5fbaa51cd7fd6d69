"""Rows of `day_block` and its history: read, merged by the caller, written back in one statement each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.errors import TransientError
from cds_usage.domain.day_block import BlockKey
from cds_usage.domain.packing import PackedBlock


class ConcurrentWrite(TransientError):
    """Another consumer has changed a block meanwhile; the message is handled again from the start."""


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """A block as it lies in the table."""

    packed: PackedBlock
    version: int
    created: datetime
    modified: datetime


@dataclass(frozen=True, slots=True)
class BlockWrite:
    """A block to be written; `version` is one above the one that was read (1 for a new block)."""

    key: BlockKey
    packed: PackedBlock
    fragment: bytes | None
    version: int
    modified: datetime
    synced: datetime
    """The newest moment at which the source confirmed the block (CDS-WG3-01 §7.3.1)."""


_KEYS = """unnest(
    CAST(:owners AS uuid[]), CAST(:series AS uuid[]), CAST(:days AS date[]), CAST(:intervals AS integer[]), CAST(:phases AS integer[])
) AS k (owner_id, series_id, day, interval_seconds, phase)"""

_LOAD = text(f"""
    SELECT b.owner_id, b.series_id, b.day, b.interval_seconds, b.phase, b.first_s, b.count AS slots, b.vals, b.decimals, b.decimals_each,
        b.quality, b.qualities_each, b.source_min, b.source_max, b.sources_each, b.version, b.created, b.modified
    FROM {_KEYS} JOIN day_block b USING (owner_id, series_id, day, interval_seconds, phase)
    WHERE b.day BETWEEN :first_day AND :last_day
""")  # noqa: S608  # constant text

_PACKED = """CAST(:firsts AS bigint[]), CAST(:counts AS integer[]), CAST(:vals AS bytea[]), CAST(:decimals AS smallint[]),
    CAST(:decimals_each AS bytea[]), CAST(:qualities AS smallint[]), CAST(:qualities_each AS bytea[]),
    CAST(:source_mins AS bigint[]), CAST(:source_maxs AS bigint[])"""
_KEY_ARRAYS = """CAST(:owners AS uuid[]), CAST(:series AS uuid[]), CAST(:days AS date[]), CAST(:intervals AS integer[]),
    CAST(:phases AS integer[])"""
_PACKED_NAMES = "first_s, count, vals, decimals, decimals_each, quality, qualities_each, source_min, source_max"

_SAVE = text(f"""
    INSERT INTO day_block AS b (owner_id, series_id, day, interval_seconds, phase, {_PACKED_NAMES}, sources_each, fragment, version,
        modified, synced, created)
    SELECT r.*, :now FROM unnest({_KEY_ARRAYS}, {_PACKED}, CAST(:sources_each AS bytea[]), CAST(:fragments AS bytea[]),
        CAST(:versions AS integer[]), CAST(:modifieds AS timestamptz[]), CAST(:synceds AS timestamptz[])) AS r
    ON CONFLICT (owner_id, series_id, day, interval_seconds, phase) DO UPDATE SET
        first_s = excluded.first_s, count = excluded.count, vals = excluded.vals, decimals = excluded.decimals,
        decimals_each = excluded.decimals_each, quality = excluded.quality, qualities_each = excluded.qualities_each,
        source_min = excluded.source_min, source_max = excluded.source_max, sources_each = excluded.sources_each,
        fragment = excluded.fragment, version = excluded.version, modified = excluded.modified, synced = excluded.synced
    WHERE b.version = excluded.version - 1
""")  # noqa: S608  # constant text

_KEEP = text(f"""
    INSERT INTO day_block_history (owner_id, series_id, day, interval_seconds, phase, {_PACKED_NAMES}, recorded)
    SELECT r.*, :now FROM unnest({_KEY_ARRAYS}, {_PACKED}) AS r
""")  # noqa: S608  # constant text


async def load_blocks(session: AsyncSession, keys: Sequence[BlockKey]) -> dict[BlockKey, StoredBlock]:
    """Read the blocks of `keys` that exist."""
    if not keys:
        return {}
    rows = await session.execute(_LOAD, _key_arrays(keys) | _span(keys))
    return {
        BlockKey(*row[:5]): StoredBlock(
            PackedBlock(
                row.first_s, row.slots, row.vals, row.decimals, row.decimals_each, row.quality, row.qualities_each, row.source_min,
                row.source_max, row.sources_each,
            ),
            row.version, row.created, row.modified,
        )
        for row in rows
    }  # fmt: skip


async def save_blocks(session: AsyncSession, writes: Sequence[BlockWrite], now: datetime) -> None:
    """Write changed and new blocks.

    Raises:
        ConcurrentWrite: a block is no longer the one that was read.
    """
    if not writes:
        return
    values = _key_arrays([write.key for write in writes]) | _packed_arrays([write.packed for write in writes])
    values |= {
        "sources_each": [write.packed.sources_each for write in writes],
        "fragments": [write.fragment for write in writes],
        "versions": [write.version for write in writes],
        "modifieds": [write.modified for write in writes],
        "synceds": [write.synced for write in writes],
        "now": now,
    }
    result: Any = await session.execute(_SAVE, values)
    if result.rowcount != len(writes):
        raise ConcurrentWrite("a block of readings has changed meanwhile")


async def keep_history(session: AsyncSession, layers: Iterable[tuple[BlockKey, PackedBlock]], now: datetime) -> None:
    """Append values that are not the newest of their slot."""
    kept = list(layers)
    if kept:
        values = _key_arrays([key for key, _ in kept]) | _packed_arrays([layer for _, layer in kept]) | {"now": now}
        await session.execute(_KEEP, values)


def _key_arrays(keys: Sequence[BlockKey]) -> dict[str, Any]:
    owners, series, days, intervals, phases = zip(*keys, strict=True)
    return {"owners": list(owners), "series": list(series), "days": list(days), "intervals": list(intervals), "phases": list(phases)}


def _span(keys: Sequence[BlockKey]) -> dict[str, Any]:
    days = [key.day for key in keys]
    return {"first_day": min(days), "last_day": max(days)}


def _packed_arrays(blocks: Sequence[PackedBlock]) -> dict[str, Any]:
    return {
        "firsts": [block.first for block in blocks],
        "counts": [block.count for block in blocks],
        "vals": [block.values for block in blocks],
        "decimals": [block.decimals for block in blocks],
        "decimals_each": [block.decimals_each for block in blocks],
        "qualities": [block.quality for block in blocks],
        "qualities_each": [block.qualities_each for block in blocks],
        "source_mins": [block.source_min for block in blocks],
        "source_maxs": [block.source_max for block in blocks],
    }
