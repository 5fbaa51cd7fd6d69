"""Rows of `grants`.

A change locks its row; a sub-Grant's parent is locked before it, so that two changes never wait for each other in a ring.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Select, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.domain.errors import GrantNotFound
from cds_auth.domain.grant import BY_CLIENT, Grant, Origin
from cds_auth.domain.grant_status import GrantStatus
from cds_auth.persistence import grant_rows
from cds_auth.persistence.tables import client, grants, refresh_token, token_family

NOT_FOUND = "There is no such Grant."


class Grants:
    """Repository of Grants on one transaction."""

    def __init__(self, tx: AsyncSession) -> None:
        self._tx = tx

    async def get(self, grant_id: str) -> Grant:
        """The Grant as it is now, unlocked.

        Raises:
            GrantNotFound: there is none.
        """
        return _found(await self._first(select(grants).where(grants.c.grant_id == grant_id)))

    async def find(self, grant_id: str) -> Grant | None:
        """The Grant, unlocked, or None."""
        row = await self._first(select(grants).where(grants.c.grant_id == grant_id))
        return None if row is None else grant_rows.from_row(row)

    async def status(self, grant_id: str) -> GrantStatus | None:
        """Its status alone."""
        status = await self._tx.scalar(select(grants.c.status).where(grants.c.grant_id == grant_id))
        return None if status is None else GrantStatus(status)

    async def list_by_ids(self, grant_ids: Sequence[str]) -> list[Grant]:
        """Those of `grant_ids` that exist, unlocked."""
        return await self._all(select(grants).where(grants.c.grant_id.in_(grant_ids)))

    async def get_for_update(self, grant_id: str, *, registration_id: str | None = None) -> Grant:
        """The Grant, locked until the end of the transaction, its parent before it.

        Raises:
            GrantNotFound: there is none, or it belongs to another registration.
        """
        query = select(grants.c.parent).where(grants.c.grant_id == grant_id)
        if registration_id is not None:
            query = query.where(grants.c.registration_id == registration_id)
        row = await self._first(query)
        if row is None:
            raise GrantNotFound(NOT_FOUND)
        if row["parent"] is not None:
            await self._tx.execute(select(grants.c.grant_id).where(grants.c.grant_id == row["parent"]).with_for_update())
        return _found(await self._first(select(grants).where(grants.c.grant_id == grant_id).with_for_update()))

    async def find_by_request(self, client_id: str, request_hash: bytes, *, lock: bool = False) -> Grant | None:
        """The living Grant of an identical earlier request."""
        query = select(grants).where(grants.c.client_id == client_id, grants.c.request_hash == request_hash, grants.c.ended_as.is_(None))
        row = await self._first(query.with_for_update() if lock else query)
        return None if row is None else grant_rows.from_row(row)

    async def find_requested_by(self, client_id: str, requested_by: str) -> Grant | None:
        """The Grant that was made for this request of the utility, also one that has ended."""
        row = await self._first(select(grants).where(grants.c.client_id == client_id, grants.c.requested_by == requested_by))
        return None if row is None else grant_rows.from_row(row)

    async def living_ids_with_file(self, client_id: str, file_id: str) -> list[str]:
        """Grants of a Client that open this file and have not ended, in the order in which they must be locked."""
        named = grants.c.entries.contains([{"details": {"file_id": file_id}}])
        query = select(grants.c.grant_id).where(grants.c.client_id == client_id, grants.c.ended_as.is_(None), named)
        return list((await self._tx.scalars(query.order_by(grants.c.grant_id))).all())

    async def add(self, grant: Grant) -> bool:
        """Insert a Grant; False when an identical request made one first."""
        row = insert(grants).values(grant_rows.to_row(grant))
        if grant.request_hash is not None:
            row = row.on_conflict_do_nothing(
                index_elements=[grants.c.client_id, grants.c.request_hash],
                index_where=grants.c.ended_as.is_(None) & grants.c.request_hash.is_not(None),
            )
        elif grant.requested_by is not None:
            row = row.on_conflict_do_nothing(
                index_elements=[grants.c.client_id, grants.c.requested_by], index_where=grants.c.requested_by.is_not(None)
            )
        return await self._tx.scalar(row.returning(grants.c.grant_id)) is not None

    async def save(self, grant: Grant) -> None:
        """Write a Grant that was read by `get_for_update` in this transaction."""
        await self._tx.execute(update(grants).where(grants.c.grant_id == grant.grant_id).values(grant_rows.to_row(grant)))

    async def children(self, parent: str) -> list[Grant]:
        """All sub-Grants, oldest first, unlocked: lock the parent before when the answer decides something."""
        return await self._all(select(grants).where(grants.c.parent == parent).order_by(grants.c.created, grants.c.grant_id))

    async def child_ids(self, parents: Sequence[str]) -> dict[str, list[str]]:
        """The ids of the sub-Grants of each of `parents` that has any."""
        query = select(grants.c.parent, func.array_agg(grants.c.grant_id)).where(grants.c.parent.in_(parents)).group_by(grants.c.parent)
        return {parent: sorted(children) for parent, children in (await self._tx.execute(query)).all()}

    async def living_ids_of_client(self, client_id: str) -> list[str]:
        """Grants of a Client that have not ended, in the order in which they must be locked."""
        query = select(grants.c.grant_id).where(grants.c.client_id == client_id, grants.c.ended_as.is_(None))
        return list((await self._tx.scalars(query.order_by(grants.c.grant_id))).all())

    async def ids_without_consents(self, registration_id: str, environment: str) -> list[str]:
        """Grants of a registration that wait for sub-Grants, in the order in which they must be locked."""
        waits = grants.c.status == GrantStatus.NEEDS_SUB_GRANTS.value
        query = select(grants.c.grant_id).where(grants.c.registration_id == registration_id, grants.c.environment == environment, waits)
        return list((await self._tx.scalars(query.order_by(grants.c.grant_id))).all())

    async def ids_out_of_step(self, limit: int, client_id: str | None = None) -> list[str]:
        """Living Grants whose suspension does not match their Client: not paused with a disabled one, or still paused without."""
        paused = grants.c.suspended_by.contains([BY_CLIENT])
        disabled = client.c.status == "disabled"
        behind = or_(and_(disabled, ~paused), and_(~disabled, paused, grants.c.status == GrantStatus.SUSPENDED.value))
        query = select(grants.c.grant_id).join(client, client.c.client_id == grants.c.client_id)
        query = query.where(grants.c.ended_as.is_(None), behind)
        if client_id is not None:
            query = query.where(grants.c.client_id == client_id)
        return list((await self._tx.scalars(query.order_by(grants.c.grant_id).limit(limit))).all())

    async def ids_with_tokens_of(self, client_id: str, credential: str, since: datetime) -> list[str]:
        """Grants of a Client that tokens issued since then on this Credential may belong to, in the order of locking."""
        recent = select(token_family.c.grant_id).where(token_family.c.client_id == client_id, token_family.c.created > since)
        refreshed = (
            select(token_family.c.grant_id)
            .join(refresh_token, refresh_token.c.family_id == token_family.c.family_id)
            .where(token_family.c.client_id == client_id, refresh_token.c.credential == credential, refresh_token.c.issued > since)
        )
        own = grants.c.origin == Origin.CLIENT_CREDENTIALS.value
        concerned = or_(own, grants.c.grant_id.in_(recent), grants.c.grant_id.in_(refreshed))
        query = select(grants.c.grant_id).where(grants.c.client_id == client_id, grants.c.ended_as.is_(None), concerned)
        return list((await self._tx.scalars(query.order_by(grants.c.grant_id))).all())

    async def list_of_customer(self, customer_id: UUID, limit: int) -> list[Grant]:
        """Grants that the customer authorized or has to, last changed first."""
        query = select(grants).where(grants.c.customer_ids.contains([customer_id]))
        return await self._all(query.order_by(grants.c.modified.desc(), grants.c.grant_id).limit(limit))

    async def due(self, now: datetime, limit: int) -> list[str]:
        """Grants for which the clock has something to do: begin, expire, or a passed eta."""
        living = grants.c.ended_as.is_(None)
        begins = living & grants.c.starts_later & (grants.c.not_before <= now)
        expires = living & (grants.c.not_after <= now)
        late = grants.c.eta.is_not(None) & (grants.c.eta <= now) & (grants.c.status == GrantStatus.PENDING.value)
        query = select(grants.c.grant_id).where(or_(begins, expires, late)).order_by(grants.c.grant_id).limit(limit)
        return list((await self._tx.scalars(query)).all())

    async def _first(self, query: Select[Any]) -> RowMapping | None:
        return (await self._tx.execute(query)).mappings().first()

    async def _all(self, query: Select[Any]) -> list[Grant]:
        return [grant_rows.from_row(row) for row in (await self._tx.execute(query)).mappings()]


def _found(row: RowMapping | None) -> Grant:
    if row is None:
        raise GrantNotFound(NOT_FOUND)
    return grant_rows.from_row(row)
