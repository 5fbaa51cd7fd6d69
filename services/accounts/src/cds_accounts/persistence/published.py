"""What was published about each object, so that only a change is published again, under the next version."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_accounts.domain.publication import next_version
from cds_accounts.persistence.tables import published_resource
from cds_common import exact_json
from cds_common.events.resources import ResourcePublishedV1
from cds_common.outbox import record_events

_ENVELOPE = {"event_id", "occurred_at", "correlation_id", "version"}


class PublishedResources:
    """Publishes snapshots of objects on `cds.resources`."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session, self._now = session, now

    async def publish(self, snapshots: Iterable[ResourcePublishedV1]) -> tuple[list[ResourcePublishedV1], set[UUID]]:
        """Publish those snapshots that differ from what was published last.

        Returns:
            The published snapshots, and all customers that they name or named before.
        """
        found = {snapshot.resource_id: (snapshot, _digest(snapshot)) for snapshot in snapshots}
        if not found:
            return [], set()
        known = await self._lock(found)
        changed: list[ResourcePublishedV1] = []
        customers: set[UUID] = set()
        for resource_id, (snapshot, digest) in found.items():
            before = known.get(resource_id)
            if before is not None and before.digest == digest:
                continue
            changed.append(snapshot.model_copy(update={"version": next_version(None if before is None else before.version, self._now)}))
            customers |= set(snapshot.customer_ids) | (set() if before is None else set(before.customer_ids))
        await self._store(changed, {resource_id: digest for resource_id, (_, digest) in found.items()})
        record_events(self._session, changed)
        return changed, customers

    async def _lock(self, ids: Iterable[UUID]) -> dict[UUID, Any]:
        rows_of = published_resource
        statement = select(rows_of).where(rows_of.c.resource_id == func.any(sorted(ids))).order_by(rows_of.c.resource_id).with_for_update()
        return {row.resource_id: row for row in (await self._session.execute(statement)).all()}

    async def _store(self, changed: list[ResourcePublishedV1], digests: dict[UUID, bytes]) -> None:
        if not changed:
            return
        row = insert(published_resource)
        row = row.on_conflict_do_update(
            index_elements=[published_resource.c.resource_id],
            set_={name: row.excluded[name] for name in ("version", "digest", "customer_ids")},
        )
        values = [
            {
                "resource_id": one.resource_id,
                "kind": one.kind,
                "environment": one.environment,
                "version": one.version,
                "digest": digests[one.resource_id],
                "customer_ids": one.customer_ids,
            }
            for one in changed
        ]
        await self._session.execute(row, values)


def _digest(snapshot: ResourcePublishedV1) -> bytes:
    return hashlib.sha256(exact_json.encode(snapshot.model_dump(mode="json", exclude=_ENVELOPE))).digest()
