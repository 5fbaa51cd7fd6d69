"""The copy of Aggregations that entitlements need: their numbers and members."""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Uuid, cast, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_accounts.persistence.tables import aggregation_copy
from cds_common.events.values import AggregationPublishedV1
from cds_common.ids import Environment


class Aggregations:
    """The newest `AggregationPublishedV1` per Aggregation."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def apply(self, event: AggregationPublishedV1) -> bool:
        """Keep `event` unless a newer version is held; say whether the copy changed."""
        values = {
            "aggregation_id": event.aggregation_id,
            "environment": event.environment,
            "version": event.version,
            "aggregation_number": event.aggregation_number,
            "service_point_ids": event.service_point_ids,
            "member_aggregation_ids": event.member_aggregation_ids,
            "body": event.model_dump(mode="json"),
        }
        row = insert(aggregation_copy).values(values)
        row = row.on_conflict_do_update(
            index_elements=[aggregation_copy.c.aggregation_id],
            set_={name: row.excluded[name] for name in values},
            where=aggregation_copy.c.version < row.excluded.version,
        )
        return await self._session.scalar(row.returning(aggregation_copy.c.aggregation_id)) is not None

    async def around(
        self, environment: Environment, *, points: Iterable[UUID] = (), ids: Iterable[UUID] = (), numbers: Iterable[str] = ()
    ) -> list[AggregationPublishedV1]:
        """Aggregations that group one of `points`, or are named, with all that contain them or are contained in them.

        The contained ones matter most: an Aggregation whose members were known in part would look smaller than it is.
        """
        table = aggregation_copy
        named = [
            table.c.service_point_ids.overlap(cast(list(points), ARRAY(Uuid))),
            table.c.aggregation_id == func.any(cast(list(ids), ARRAY(Uuid))),
            table.c.aggregation_number == func.any(list(numbers)),
        ]
        found = await self._load(select(table.c.body).where(table.c.environment == environment, or_(*named)))
        await self._grow(found, lambda level: table.c.member_aggregation_ids.overlap(cast(level, ARRAY(Uuid))), up=True)
        await self._grow(found, lambda level: table.c.aggregation_id == func.any(cast(level, ARRAY(Uuid))), up=False)
        return list(found.values())

    async def _grow(
        self, found: dict[UUID, AggregationPublishedV1], condition: Callable[[list[UUID]], ColumnElement[bool]], *, up: bool
    ) -> None:
        level = list(found.values())
        while level:
            wanted = [one.aggregation_id for one in level] if up else [child for one in level for child in one.member_aggregation_ids]
            if not wanted:
                return
            more = await self._load(select(aggregation_copy.c.body).where(condition(wanted)))
            level = [one for one in more.values() if one.aggregation_id not in found]
            found |= {one.aggregation_id: one for one in level}

    async def _load(self, statement: Select[tuple[Any]]) -> dict[UUID, AggregationPublishedV1]:
        bodies = (await self._session.scalars(statement)).all()
        events = [AggregationPublishedV1.model_validate(body) for body in bodies]
        return {event.aggregation_id: event for event in events}
