"""What was resolved for each Grant, and which subjects a Grant depends on."""

import hashlib
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_accounts.persistence.tables import copies, grant_seed, resolution
from cds_common import exact_json
from cds_common.events.grants import GrantPublishedV1
from cds_common.events.resources import EntitlementEntry, EntitlementsResolvedV1
from cds_common.ids import Environment

GrantSeed = tuple[str, str]
"""Kind ("customer", a kind of object, or "direct") and subject."""


class Resolutions:
    """Resolutions and the index from subjects to Grants, in one session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock_grant(self, grant_id: str) -> GrantPublishedV1 | None:
        """The Grant as it is held, locked: one resolution of a Grant at a time."""
        grants = copies.grant_copy
        body = await self._session.scalar(select(grants.c.body).where(grants.c.grant_id == grant_id).with_for_update())
        return None if body is None else GrantPublishedV1.model_validate(body)

    async def find(self, grant_id: str) -> Row[Any] | None:
        """The stored resolution of a Grant."""
        return (await self._session.execute(select(resolution).where(resolution.c.grant_id == grant_id))).first()

    async def store(self, event: EntitlementsResolvedV1, digest: bytes) -> None:
        """Keep `event` as the newest resolution of its Grant."""
        values = {
            "grant_id": event.grant_id,
            "entries_version": event.entries_version,
            "version": event.version,
            "digest": digest,
            "body": event.model_dump_json(),
        }
        row = insert(resolution).values(values)
        await self._session.execute(row.on_conflict_do_update(index_elements=[resolution.c.grant_id], set_=values))

    async def depend(self, grant_id: str, seeds: Iterable[GrantSeed]) -> None:
        """Replace the subjects that the Grant depends on."""
        await self._session.execute(delete(grant_seed).where(grant_seed.c.grant_id == grant_id))
        rows = [{"grant_id": grant_id, "kind": kind, "subject": subject} for kind, subject in sorted(set(seeds))]
        if rows:
            await self._session.execute(insert(grant_seed), rows)

    async def depending_on(self, *, customers: Iterable[UUID], objects: Iterable[UUID], environments: Iterable[Environment]) -> list[str]:
        """Grants that a change of these customers' relations, of these objects, or in these environments may concern."""
        subjects = {
            "customer": [str(one) for one in customers],
            "direct": list(environments),
        }
        named = [str(one) for one in objects]
        conditions = [(grant_seed.c.kind == kind) & (grant_seed.c.subject == func.any(values)) for kind, values in subjects.items()]
        conditions.append(grant_seed.c.kind.not_in(subjects) & (grant_seed.c.subject == func.any(named)))
        statement = select(grant_seed.c.grant_id).where(or_(*conditions)).distinct().order_by(grant_seed.c.grant_id)
        return list((await self._session.scalars(statement)).all())


def digest_of(entries_version: int, entries: Iterable[EntitlementEntry]) -> bytes:
    """Equal digests mean that the same was resolved."""
    return hashlib.sha256(exact_json.encode([entries_version, [entry.model_dump(mode="json") for entry in entries]])).digest()
