"""Load the objects around a few others, as they stand now or stood at a moment, with a bounded number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ARRAY, Column, Uuid, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cds_accounts.domain.snapshots import Neighbourhood
from cds_accounts.persistence.tables import account, meter_device, service_contract, service_point
from cds_accounts.persistence.versions import Versions
from cds_common.events.resources import ResourceKind


@dataclass(slots=True)
class Seeds:
    """Ids of objects by kind."""

    account: set[UUID] = field(default_factory=set[UUID])
    service_contract: set[UUID] = field(default_factory=set[UUID])
    service_point: set[UUID] = field(default_factory=set[UUID])
    meter_device: set[UUID] = field(default_factory=set[UUID])

    def of(self, kind: ResourceKind) -> set[UUID]:
        """The ids of one kind; adding to the set adds to the seeds."""
        found: set[UUID] = getattr(self, kind)
        return found

    def everything(self) -> set[UUID]:
        """All ids; they are unique across kinds."""
        return self.account | self.service_contract | self.service_point | self.meter_device


class Neighbourhoods:
    """Questions about relations. Reverse lookups go through all versions, so that a relation that has ended is found too."""

    def __init__(self, session: AsyncSession, zone: ZoneInfo) -> None:
        self._session, self._zone, self._versions = session, zone, Versions(session)

    async def around(self, seeds: Seeds, at: datetime | None = None) -> Neighbourhood:
        """What is needed to make complete snapshots of `seeds` at `at` (None = now)."""
        meters = seeds.meter_device | await self._naming(meter_device, meter_device.c.point_ids, seeds.service_point)
        meter_rows = await self._versions.load("meter_device", meters, at)
        points = seeds.service_point | await self._naming(service_point, service_point.c.contract_ids, seeds.service_contract)
        points |= {point for row in meter_rows.values() for point in row.point_ids}
        point_rows = await self._versions.load("service_point", points, at)
        contracts = seeds.service_contract | {contract for row in point_rows.values() for contract in row.contract_ids}
        contract_rows = await self._versions.load("service_contract", contracts, at)
        accounts = seeds.account | {row.cds_account_id for row in contract_rows.values()}
        account_rows = await self._versions.load("account", accounts, at)
        rows: dict[ResourceKind, dict[UUID, Any]] = {
            "account": account_rows,
            "service_contract": contract_rows,
            "service_point": point_rows,
            "meter_device": meter_rows,
        }
        return Neighbourhood(rows, self._zone)

    async def depending_on(self, changed: Seeds) -> Seeds:
        """`changed` and every object whose snapshot tells something about one of them, now or in an earlier version."""
        found = Seeds(set(changed.account), set(changed.service_contract), set(changed.service_point), set(changed.meter_device))
        found.service_contract |= await self._contracts_of(changed.account)
        found.service_point |= await self._naming(service_point, service_point.c.contract_ids, found.service_contract)
        # Only a change of the point or of a meter itself changes who is named; contracts of untouched points stay as they are.
        found.service_contract |= await self._named(service_point, service_point.c.contract_ids, changed.service_point)
        found.meter_device |= await self._naming(meter_device, meter_device.c.point_ids, found.service_point)
        found.service_point |= await self._named(meter_device, meter_device.c.point_ids, changed.meter_device)
        return found

    async def of_customers(self, customer_ids: Iterable[UUID]) -> Seeds:
        """All objects that these customers have or had to do with: accounts and their parents, contracts, points, meters."""
        wanted = list(customer_ids)
        if not wanted:
            return Seeds()
        named = account.c.customer_ids.overlap(cast(wanted, ARRAY(Uuid)))
        found = set((await self._session.scalars(select(account.c.object_id).where(named).distinct())).all())
        return await self.below(Seeds(account=found))

    async def below(self, seeds: Seeds) -> Seeds:
        """`seeds`, what hangs below them (contracts of accounts, points of contracts, meters of points) and parent accounts."""
        found = Seeds(set(seeds.account), set(seeds.service_contract), set(seeds.service_point), set(seeds.meter_device))
        found.account |= await self._parents_of(found.account)
        found.service_contract |= await self._contracts_of(seeds.account)
        found.service_point |= await self._naming(service_point, service_point.c.contract_ids, found.service_contract)
        found.meter_device |= await self._naming(meter_device, meter_device.c.point_ids, found.service_point)
        return found

    async def above(self, seeds: Seeds) -> Seeds:
        """`seeds` and what they hang on: points of meters, contracts of points, accounts of contracts, parents."""
        found = Seeds(set(seeds.account), set(seeds.service_contract), set(seeds.service_point), set(seeds.meter_device))
        found.service_point |= await self._named(meter_device, meter_device.c.point_ids, found.meter_device)
        found.service_contract |= await self._named(service_point, service_point.c.contract_ids, found.service_point)
        owners = select(service_contract.c.cds_account_id).where(service_contract.c.object_id == func.any(list(found.service_contract)))
        if found.service_contract:
            found.account |= set((await self._session.scalars(owners.distinct())).all())
        found.account |= await self._parents_of(found.account)
        return found

    async def _contracts_of(self, accounts: set[UUID]) -> set[UUID]:
        if not accounts:
            return set()
        statement = select(service_contract.c.object_id).where(service_contract.c.cds_account_id == func.any(list(accounts)))
        return set((await self._session.scalars(statement.distinct())).all())

    async def _parents_of(self, accounts: set[UUID]) -> set[UUID]:
        """Parents up to the root; a loop in the source ends the walk."""
        found: set[UUID] = set()
        level = accounts
        while level:
            statement = select(account.c.cds_account_parent).where(
                account.c.object_id == func.any(list(level)), account.c.cds_account_parent.is_not(None)
            )
            level = set((await self._session.scalars(statement.distinct())).all()) - found
            found |= level
        return found

    async def _naming(self, table: Any, column: Column[Any], ids: set[UUID]) -> set[UUID]:
        """Objects of `table` whose list `column` names one of `ids` in any version."""
        if not ids:
            return set()
        statement = select(table.c.object_id).where(column.overlap(cast(list(ids), ARRAY(Uuid)))).distinct()
        return set((await self._session.scalars(statement)).all())

    async def _named(self, table: Any, column: Column[Any], ids: set[UUID]) -> set[UUID]:
        """What the list `column` of the objects `ids` names in any version."""
        if not ids:
            return set()
        statement = select(func.unnest(column)).where(table.c.object_id == func.any(list(ids))).distinct()
        return set((await self._session.scalars(statement)).all())
