"""From what an entry of a Grant starts from to the relations around it (`cds_common.access.entitlements.SeedQuery`)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ARRAY, Column, ColumnElement, Table, Text, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cds_accounts.persistence.aggregations import Aggregations
from cds_accounts.persistence.neighbourhoods import Neighbourhoods, Seeds
from cds_accounts.persistence.tables import account, meter_device, service_contract, service_point
from cds_common.access.entitlements import SeedQuery
from cds_common.access.relations import Relations
from cds_common.events.resources import ResourceKind
from cds_common.ids import Environment

_FILTERS: dict[str, tuple[ResourceKind, Column[Any]]] = {
    "account_numbers": ("account", account.c.account_number),
    "account_programs": ("account", account.c.program_numbers),
    "contract_numbers": ("service_contract", service_contract.c.contract_number),
    "service_types": ("service_contract", service_contract.c.service_types),
    "service_programs": ("service_contract", service_contract.c.program_numbers),
    "servicepoint_numbers": ("service_point", service_point.c.servicepoint_number),
    "servicepoint_types": ("service_point", service_point.c.servicepoint_types),
    "premise_numbers": ("service_point", service_point.c.premise_numbers),
    "meter_numbers": ("meter_device", meter_device.c.meter_number),
    "meter_types": ("meter_device", meter_device.c.meter_types),
    "meter_apps": ("meter_device", meter_device.c.app_numbers),
}
"""Preselection field -> the column it compares (CDS-WG3-01 §7.1)."""

MAX_OBJECTS = 200_000


class TooManyObjects(RuntimeError):
    """A direct Grant with filters matches more than can be kept as a list; it stays pending until an operator narrows it."""


class SeedRelations:
    """Loads `Relations` for entries of Grants."""

    def __init__(self, session: AsyncSession, zone: ZoneInfo) -> None:
        self._session = session
        self._neighbourhoods = Neighbourhoods(session, zone)
        self._aggregations = Aggregations(session)

    async def load(self, query: SeedQuery, environment: Environment, *, now: datetime, at: datetime, grouped: bool) -> Relations:
        """The relations that `query` asks for as they stood at `at`; `grouped` says that Aggregations of the points matter too.

        Raises:
            TooManyObjects: there are more than 200,000 objects.
        """
        if query.nothing:
            return Relations.of((), (), at=at)
        seeds = await self._consented(query) if query.customer_ids or query.selected else await self._permitted(query, environment)
        if len(seeds.everything()) > MAX_OBJECTS:
            raise TooManyObjects(f"{len(seeds.everything())} objects")
        neighbourhood = await self._neighbourhoods.around(seeds, None if at >= now else at)
        aggregations = await self._aggregations.around(
            environment,
            points=seeds.service_point if grouped else (),
            ids=query.selected.ids if query.selected and query.selected.kind == "aggregation" else (),
            numbers=[*query.aggregation_numbers, *query.filters.get("aggregation_numbers", ())],
        )
        everyone = seeds.everything().union(neighbourhood.rows["account"], neighbourhood.rows["service_contract"])
        return Relations.of(neighbourhood.snapshots(everyone), aggregations, at=at)

    async def _consented(self, query: SeedQuery) -> Seeds:
        seeds = await self._neighbourhoods.of_customers(query.customer_ids)
        if query.selected is not None and query.selected.kind != "aggregation":
            seeds.of(query.selected.kind).update(query.selected.ids)
        return seeds

    async def _permitted(self, query: SeedQuery, environment: Environment) -> Seeds:
        """Direct access: the objects of the permission and those that a filter names, with all that is related to them."""
        seeds = Seeds()
        if query.account_refs:
            seeds.account |= await self._find(account, account.c.ref, query.account_refs, environment)
        if query.account_types:
            seeds.account |= await self._find(account, account.c.account_types, query.account_types, environment)
        if query.account_customers:
            seeds.account |= (await self._neighbourhoods.of_customers(query.account_customers)).account
        for name, values in query.filters.items():
            if name in _FILTERS:
                kind, column = _FILTERS[name]
                seeds.of(kind).update(await self._find(column.table, column, values, environment))
        return await self._neighbourhoods.below(await self._neighbourhoods.above(seeds))

    async def _find(self, table: Any, column: Column[Any], values: Iterable[str], environment: Environment) -> set[UUID]:
        found: Table = table
        statement = select(found.c.object_id).where(found.c.environment == environment, _matches(column, list(values)))
        return set((await self._session.scalars(statement.distinct().limit(MAX_OBJECTS + 1))).all())


def _matches(column: Column[Any], values: list[str]) -> ColumnElement[bool]:
    if isinstance(column.type, ARRAY):
        return column.overlap(cast(values, ARRAY(Text)))
    return column == func.any(values)
