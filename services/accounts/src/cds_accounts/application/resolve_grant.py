"""Resolve what a Grant opens, and publish it when it differs from what was published last (design §4)."""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from cds_accounts.domain.publication import next_version
from cds_accounts.persistence.resolutions import GrantSeed, Resolutions, digest_of
from cds_accounts.persistence.seeds import SeedRelations
from cds_common.access.catalogue import is_direct
from cds_common.access.entitlements import SeedQuery, freeze_at, resolve_entry, seed_query
from cds_common.access.flags import effective_flags
from cds_common.access.relations import Relations
from cds_common.access.status import ENDED_STATUSES
from cds_common.events.grants import GrantEntry, GrantPublishedV1
from cds_common.events.resources import EntitlementEntry, EntitlementsResolvedV1
from cds_common.grant_copy import answer_readiness, apply_entitlements, split_parts
from cds_common.outbox import record_events

SERVICE = "accounts"


async def resolve_grant(session: AsyncSession, grant_id: str, *, zone: ZoneInfo, now: datetime) -> None:
    """Resolve the Grant as it is held, over the relations as they are; then say that accounts is ready for it.

    An ended Grant resolves to nothing, so that the compacted topic does not keep what it once reached. Nothing is published
    when nothing changed. An unknown Grant is nothing to do.

    Raises:
        TooManyObjects: the Grant's filters match more than a list can hold.
    """
    resolutions = Resolutions(session)
    grant = await resolutions.lock_grant(grant_id)
    if grant is None:
        return
    ended = grant.status in ENDED_STATUSES
    entries = [] if ended else await _resolve_entries(session, grant, zone=zone, now=now)
    await resolutions.depend(grant_id, [] if ended else _seeds(grant))
    digest = digest_of(grant.entries_version, entries)
    known = await resolutions.find(grant_id)
    if (known is None and not ended) or (known is not None and known.digest != digest):
        event = EntitlementsResolvedV1(
            environment=grant.environment,
            grant_id=grant_id,
            entries_version=grant.entries_version,
            version=next_version(None if known is None else known.version, now),
            entries=entries,
        )
        await resolutions.store(event, digest)
        record_events(session, split_parts(event))
        await apply_entitlements(session, event)
    if not ended:
        await answer_readiness(session, grant_id, service=SERVICE)


async def _resolve_entries(session: AsyncSession, grant: GrantPublishedV1, *, zone: ZoneInfo, now: datetime) -> list[EntitlementEntry]:
    loader = SeedRelations(session, zone)
    loaded: list[tuple[SeedQuery, datetime, bool, Relations]] = []
    resolved: list[EntitlementEntry] = []
    for entry in grant.entries:
        query, at, grouped = seed_query(entry, grant.customer_ids), freeze_at(entry, now), needs_groups(entry)
        same = next((one for *key, one in loaded if key == [query, at, grouped]), None)
        relations = same or await loader.load(query, grant.environment, now=now, at=at, grouped=grouped)
        if same is None:
            loaded.append((query, at, grouped, relations))
        resolved.append(resolve_entry(entry, customer_ids=grant.customer_ids, relations=relations))
    return resolved


def needs_groups(entry: GrantEntry) -> bool:
    """Whether Aggregations around the objects matter: included ones, or a sum that is asked for by a member's number."""
    return "include_aggregations" in effective_flags(entry.scope_type, entry.details) or "aggregation_numbers" in entry.details


def _seeds(grant: GrantPublishedV1) -> Iterator[GrantSeed]:
    for customer_id in grant.customer_ids:
        yield "customer", str(customer_id)
    for entry in grant.entries:
        if entry.selection is not None:
            yield from ((entry.selection.kind, str(one)) for one in entry.selection.ids)
        if is_direct(entry.scope_type) and not seed_query(entry, ()).nothing:
            yield "direct", grant.environment
