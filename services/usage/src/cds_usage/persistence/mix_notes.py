"""Rows of `supply_mix_note`: what stands beside the shares of a supply mix, one row per message and day."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from cds_usage.domain.day_block import BlockKey
from cds_usage.domain.supply_mix import MixNote

_NEWEST = text("""
    SELECT first_s, source, intensities, eac_ids FROM supply_mix_note
    WHERE owner_id = :owner_id AND series_id = :series_id AND day = :day AND interval_seconds = :interval_seconds AND phase = :phase
    ORDER BY source DESC, seq DESC LIMIT 1
""")

_SAVE = text("""
    INSERT INTO supply_mix_note (owner_id, series_id, day, interval_seconds, phase, first_s, source, intensities, eac_ids)
    VALUES (:owner_id, :series_id, :day, :interval_seconds, :phase, :first, :source, CAST(:intensities AS numeric[]),
        CAST(:eac_ids AS uuid[]))
""")

_LOAD = text("""
    SELECT n.owner_id, n.series_id, n.day, n.interval_seconds, n.phase, n.first_s, n.source, n.intensities, n.eac_ids
    FROM unnest(
        CAST(:owners AS uuid[]), CAST(:series AS uuid[]), CAST(:days AS date[]), CAST(:intervals AS integer[]), CAST(:phases AS integer[])
    ) AS k (owner_id, series_id, day, interval_seconds, phase)
    JOIN supply_mix_note n USING (owner_id, series_id, day, interval_seconds, phase)
    ORDER BY n.source, n.seq
""")


async def keep_mix_note(session: AsyncSession, key: BlockKey, note: MixNote) -> bool:
    """Add a note unless it only repeats the newest one's silence. Returns whether it says something else than the newest one."""
    place = key._asdict()
    newest = (await session.execute(_NEWEST, place)).first()
    if newest is None and note.says_nothing:
        return False
    values = {"first": note.first, "source": note.source, "intensities": list(note.intensities), "eac_ids": list(note.eac_ids)}
    await session.execute(_SAVE, place | values)
    return newest is None or (newest.first_s, tuple(newest.intensities), tuple(newest.eac_ids)) != (
        note.first, note.intensities, note.eac_ids,
    )  # fmt: skip


async def load_mix_notes(session: AsyncSession, keys: Iterable[BlockKey]) -> dict[BlockKey, list[MixNote]]:
    """The notes of these days, in the order in which they were recorded."""
    held: Sequence[BlockKey] = list(keys)
    found = dict[BlockKey, list[MixNote]]()
    if not held:
        return found
    owners, series, days, intervals, phases = zip(*held, strict=True)
    arrays: dict[str, Any] = {
        "owners": list(owners), "series": list(series), "days": list(days), "intervals": list(intervals), "phases": list(phases),
    }  # fmt: skip
    for row in await session.execute(_LOAD, arrays):
        intensities: tuple[Decimal | None, ...] = tuple(row.intensities)
        eac_ids: tuple[UUID, ...] = tuple(row.eac_ids)
        found.setdefault(BlockKey(*row[:5]), []).append(MixNote(row.first_s, row.source, intensities, eac_ids))
    return found
