"""Series and their kinds; kinds are few (shape times cadence), so every process keeps them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import asyncpg
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common import exact_json
from cds_common.hot_sql import HotRow, hot_batch
from cds_usage.domain.series import SHAPE_FIELDS, Series, SeriesKind
from cds_usage.persistence.tables import series_kind


class SeriesKinds:
    """The kinds that this process has met; ids never change, so that a stale copy only lacks the newest."""

    def __init__(self) -> None:
        self._ids = dict[SeriesKind, int]()
        self._kinds = dict[int, SeriesKind]()

    async def ids(self, session: AsyncSession, kinds: Iterable[SeriesKind]) -> Mapping[SeriesKind, int]:
        """The ids of `kinds`, new ones stored.

        Ids are only remembered once read outside of the transaction that made them, since that may roll back.
        """
        unknown = [kind for kind in dict.fromkeys(kinds) if kind not in self._ids]
        if not unknown:
            return self._ids
        await self.refresh(session)
        fresh = [kind for kind in unknown if kind not in self._ids]
        if not fresh:
            return self._ids
        rows = [{"key": kind.key, "cadence": kind.cadence, "shape": dict(kind.shape)} for kind in fresh]
        await session.execute(insert(series_kind).values(rows).on_conflict_do_nothing(index_elements=["key"]))
        made = await session.execute(
            select(series_kind.c.key, series_kind.c.kind_id).where(series_kind.c.key.in_([kind.key for kind in fresh]))
        )
        ids = {row.key: row.kind_id for row in made}
        return {**self._ids, **{kind: ids[kind.key] for kind in fresh}}

    async def refresh(self, session: AsyncSession) -> None:
        """Read the kinds that other processes have added."""
        for row in await hot_batch(session, _other_kinds, list(self._kinds)):
            kind = kind_of_row(row.cadence, exact_json.decode(row.shape))
            self._ids[kind], self._kinds[row.kind_id] = row.kind_id, kind

    @property
    def all(self) -> Mapping[int, SeriesKind]:
        """Kinds by id."""
        return self._kinds


def kind_of_row(cadence: str, shape: Mapping[str, Any]) -> SeriesKind:
    """The kind that a row holds."""
    return SeriesKind(cadence, tuple((name, str(shape[name])) for name in SHAPE_FIELDS if name in shape))


async def _other_kinds(driver: asyncpg.Connection, known: Sequence[list[int]]) -> Sequence[list[HotRow]]:
    """For each request the kinds that it does not know, and perhaps some that it knows."""
    rows = await driver.fetch(_OTHER_KINDS, min(known, key=len), record_class=HotRow)
    return [rows] * len(known)


# Not those above the newest id: a transaction that took a smaller one may commit later.
_OTHER_KINDS = "SELECT kind_id, cadence, shape::text FROM series_kind WHERE kind_id <> ALL ($1::integer[])"
_ADD_SERIES = text("""
    INSERT INTO series (owner_id, series_id, environment, owner_kind, meter_device_id, kind_id)
    SELECT * FROM unnest(
        CAST(:owners AS uuid[]), CAST(:series AS uuid[]), CAST(:environments AS text[]), CAST(:owner_kinds AS text[]),
        CAST(:meters AS uuid[]), CAST(:kinds AS integer[])
    ) ON CONFLICT DO NOTHING
""")


async def add_series(session: AsyncSession, found: Iterable[Series], kind_ids: Mapping[SeriesKind, int]) -> None:
    """Store series that are new."""
    rows = list(found)
    await session.execute(
        _ADD_SERIES,
        {
            "owners": [row.owner_id for row in rows],
            "series": [row.series_id for row in rows],
            "environments": [row.environment for row in rows],
            "owner_kinds": [row.owner_kind for row in rows],
            "meters": [row.meter_device_id for row in rows],
            "kinds": [kind_ids[row.kind] for row in rows],
        },
    )
