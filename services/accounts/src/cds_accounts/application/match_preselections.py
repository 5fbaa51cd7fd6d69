"""Whether direct access that names what it wants would find anything (CDS-WG3-01 §7.4.3)."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from cds_accounts.application.resolve_grant import needs_groups
from cds_accounts.persistence.seeds import SeedRelations, TooManyObjects
from cds_common.access.entitlements import resolve_entry, seed_query
from cds_common.events.grants import GrantEntry
from cds_common.events.resources import ObjectSets
from cds_common.ids import Environment


async def preselections_match(session: AsyncSession, entry: GrantEntry, environment: Environment, *, zone: ZoneInfo, now: datetime) -> bool:
    """Whether the entry would open at least one object; one that matches too many to be kept as a list would not."""
    loader = SeedRelations(session, zone)
    try:
        relations = await loader.load(seed_query(entry, ()), environment, now=now, at=now, grouped=needs_groups(entry))
    except TooManyObjects:
        return False
    resolved = resolve_entry(entry, customer_ids=(), relations=relations)
    return any(map(_holds, (resolved.visible, resolved.reach, resolved.bill_reach)))


def _holds(sets: ObjectSets) -> bool:
    kinds = (sets.accounts, sets.service_contracts, sets.service_points, sets.meter_devices, sets.aggregations)
    return any(one.all or one.objects for one in kinds)
