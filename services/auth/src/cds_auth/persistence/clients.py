"""Rows of `client`: this service's copy of the Client Objects."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.persistence.tables import client as t
from cds_common.events.clients import ClientPublishedV1


class Clients:
    """Repository on one transaction."""

    def __init__(self, tx: AsyncSession) -> None:
        self._tx = tx

    async def find(self, client_id: str, *, lock: bool = False) -> ClientPublishedV1 | None:
        """The newest known snapshot."""
        query = select(t.c.snapshot).where(t.c.client_id == client_id)
        snapshot = await self._tx.scalar(query.with_for_update() if lock else query)
        return None if snapshot is None else ClientPublishedV1.model_validate(snapshot)

    async def find_event_id(self, client_id: str) -> UUID | None:
        """Which event the held snapshot came with, None for an unknown Client."""
        return await self._tx.scalar(select(t.c.event_id).where(t.c.client_id == client_id))

    async def store(self, client: ClientPublishedV1) -> bool:
        """Keep `client` unless what is held is newer; False when it is.

        The same version counts as news: an internal call may have brought a state that registry then did not commit.
        """
        row: dict[str, Any] = {
            "client_id": client.client_id,
            "registration_id": client.registration_id,
            "version": client.version,
            "environment": client.environment,
            "status": client.status,
            "snapshot": client.model_dump(mode="json"),
            "event_id": client.event_id,
        }
        stored = insert(t).values(row)
        update = {name: stored.excluded[name] for name in ("registration_id", "version", "environment", "status", "snapshot", "event_id")}
        query = stored.on_conflict_do_update(index_elements=[t.c.client_id], set_=update, where=stored.excluded.version >= t.c.version)
        return await self._tx.scalar(query.returning(t.c.client_id)) is not None

    async def find_with_scope_type(self, registration_id: str, environment: str, scope_type: str) -> tuple[ClientPublishedV1, str] | None:
        """The enabled Client of a registration that has a scope of `scope_type`, with that scope; the oldest id wins."""
        query = select(t.c.snapshot).where(t.c.registration_id == registration_id, t.c.environment == environment, t.c.status != "disabled")
        for snapshot in (await self._tx.scalars(query.order_by(t.c.client_id))).all():
            client = ClientPublishedV1.model_validate(snapshot)
            for scope in client.scope.split():
                if client.scope_types.get(scope) == scope_type:
                    return client, scope
        return None
