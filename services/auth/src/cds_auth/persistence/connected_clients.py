"""Rows of `connected_client`."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.persistence.customer_tables import ConnectedClientRow


async def keep(tx: AsyncSession, *, customer_id: UUID, message_id: str, registration_id: str, client_name: str, now: datetime) -> None:
    """Note the connection; one that is known stays as it is."""
    values = {"registration_id": registration_id, "client_name": client_name, "connected": now}
    statement = insert(ConnectedClientRow).values(customer_id=customer_id, message_id=message_id, **values)
    await tx.execute(statement.on_conflict_do_nothing())


async def of_customer(tx: AsyncSession, customer_id: UUID) -> Sequence[ConnectedClientRow]:
    """The customer's connections, newest first."""
    query = select(ConnectedClientRow).where(ConnectedClientRow.customer_id == customer_id)
    return (await tx.scalars(query.order_by(ConnectedClientRow.connected.desc(), ConnectedClientRow.message_id))).all()


async def drop(tx: AsyncSession, *, customer_id: UUID, message_id: str) -> bool:
    """Forget a connection; False when there is none."""
    matches = (ConnectedClientRow.customer_id == customer_id, ConnectedClientRow.message_id == message_id)
    return await tx.scalar(delete(ConnectedClientRow).where(*matches).returning(ConnectedClientRow.message_id)) is not None
