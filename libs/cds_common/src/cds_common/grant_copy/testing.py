"""Builders for tests of data services: a Grant with entitlements in the copy, fresh at `now`, and a token for it."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.events.grants import GrantEntry, GrantPublishedV1
from cds_common.events.resources import EntitlementEntry, EntitlementsResolvedV1, ObjectSet, ObjectSets, Reached
from cds_common.grant_copy.apply import apply_entitlements, apply_grant
from cds_common.grant_copy.entry import Kind, object_sets
from cds_common.grant_news import apply_heartbeats
from cds_common.ids import Environment
from cds_common.tokens import AccessToken

Objects = Mapping[Kind, Iterable[UUID | Reached] | None]
"""Per kind the ids (or ids with times) that an entry opens; None = all of the environment."""


def a_set_of(objects: Objects) -> ObjectSets:
    """`ObjectSets` of plain ids."""

    def one(found: Iterable[UUID | Reached] | None) -> ObjectSet:
        if found is None:
            return ObjectSet(all=True)
        return ObjectSet(objects=[thing if isinstance(thing, Reached) else Reached(id=thing) for thing in found])

    return object_sets({kind: one(found) for kind, found in objects.items()})


def an_entry(
    entry_no: int = 0,
    *,
    scope: str = "cds_usage_1",
    scope_type: str = "cds_usage",
    flags: Iterable[str] = (),
    visible: Objects | None = None,
    reach: Objects | None = None,
    bill_reach: Objects | None = None,
    **others: Any,
) -> EntitlementEntry:
    """A resolved entry; `others` are members of `EntitlementEntry` (windows, value_formats, ...)."""
    return EntitlementEntry(
        entry_no=entry_no,
        scope=scope,
        scope_type=scope_type,
        flags=sorted(flags),
        visible=a_set_of(visible or {}),
        reach=a_set_of(reach or {}),
        bill_reach=a_set_of(bill_reach or {}),
        **others,
    )


async def store_grant(
    session: AsyncSession,
    *entries: EntitlementEntry,
    grant_id: str | None = None,
    environment: Environment = "sandbox",
    client_id: str = "client-1",
    registration_id: str = "registration-1",
    status: Any = "active",
    version: int = 1,
    now: datetime | None = None,
    enabled: bool = True,
    details: Mapping[str, Any] | None = None,
    **others: Any,
) -> AccessToken:
    """Apply a Grant with these resolved entries and a heartbeat of `now`; give a token that reads through it.

    `others` are members of `GrantPublishedV1`, `details` the authorization details of every entry.
    Without `entries` only the Grant is stored.
    """
    now = now or datetime.now(UTC)
    grant = GrantPublishedV1(
        grant_id=grant_id or f"grant-{uuid4()}",
        version=version,
        entries_version=version,
        client_id=client_id,
        registration_id=registration_id,
        environment=environment,
        status=status,
        enabled_scope=" ".join(entry.scope for entry in entries),
        created=now,
        entries=[_grant_entry(entry, enabled=enabled, details=details or {}) for entry in entries],
        **others,
    )
    await apply_grant(session, grant, partition=0)
    await apply_heartbeats(session, {0: now})
    if entries:
        resolved = EntitlementsResolvedV1(
            environment=environment, grant_id=grant.grant_id, entries_version=version, version=version, entries=list(entries)
        )
        await apply_entitlements(session, resolved)
    return a_token(grant, now=now)


def _grant_entry(entry: EntitlementEntry, *, enabled: bool, details: Mapping[str, Any]) -> GrantEntry:
    return GrantEntry(entry_no=entry.entry_no, scope=entry.scope, scope_type=entry.scope_type, details=dict(details), enabled=enabled)


def a_token(*grants: GrantPublishedV1, now: datetime, **others: Any) -> AccessToken:
    """A token of the client of these Grants with all their scopes."""
    first = grants[0]
    claims: dict[str, Any] = {
        "sub": first.client_id,
        "client_id": first.client_id,
        "registration_id": first.registration_id,
        "environment": first.environment,
        "scope": " ".join(entry.scope for grant in grants for entry in grant.entries),
        "cds_grant_ids": [grant.grant_id for grant in grants],
        "jti": f"credential.family.{uuid4().hex}",
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(minutes=15)).timestamp()),
    }
    return AccessToken(**(claims | others))


class NoPeers:
    """Peers of a test in which nothing may be asked."""

    async def grant(self, grant_id: str) -> GrantPublishedV1 | None:
        """Fail: the copy should have known."""
        raise AssertionError(f"auth was asked about {grant_id}")

    async def entitlements(self, grant_id: str) -> EntitlementsResolvedV1 | None:
        """Fail: the copy should have known."""
        raise AssertionError(f"accounts was asked about {grant_id}")
