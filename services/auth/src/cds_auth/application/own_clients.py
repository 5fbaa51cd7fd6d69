"""Customers who are their own client: they log in for a registration's step, and may take that back (CDS-WG3-01 §4.1, §4.2)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.adapters.registry import LoginStep, Registry
from cds_auth.domain.customer_errors import PageNotFound
from cds_auth.domain.plain_text import safe_line
from cds_auth.persistence import connected_clients, receipts
from cds_auth.persistence.customer_tables import DecisionRow
from cds_common.ids import Environment


@dataclass(frozen=True, slots=True)
class OwnClient:
    """A client that the customer connected."""

    message_id: str
    name: str
    since: datetime


async def get_login_step(registry: Registry, message_id: str) -> LoginStep:
    """Who asks the customer to log in.

    Raises:
        PageNotFound: nobody does by this address.
        TransientError: registry is not reachable.
    """
    step = await registry.find_login_step(message_id)
    if step is None:
        raise PageNotFound("No such step.")
    return step


async def connect_own_client(
    tx: AsyncSession, registry: Registry, message_id: str, *, customer_id: UUID, environment: Environment, now: datetime
) -> str:
    """Open what is the customer's to the registration; gives the client's name. Safe to repeat.

    Raises:
        PageNotFound: the step is gone.
        TransientError: registry is not reachable; nothing changes.
    """
    step = await get_login_step(registry, message_id)
    name = safe_line(step.client_name)
    await connected_clients.keep(
        tx, customer_id=customer_id, message_id=message_id, registration_id=step.registration_id, client_name=name, now=now
    )
    await receipts.add_decision(tx, DecisionRow(at=now, kind="client_connected", client_id=step.registration_id, customer_id=customer_id))
    await registry.connect(message_id, customer_id=customer_id, environment=environment)
    return name


async def list_own_clients(tx: AsyncSession, customer_id: UUID) -> list[OwnClient]:
    """What the customer connected."""
    return [OwnClient(row.message_id, row.client_name, row.connected) for row in await connected_clients.of_customer(tx, customer_id)]


async def disconnect_own_client(tx: AsyncSession, registry: Registry, message_id: str, *, customer_id: UUID, now: datetime) -> None:
    """Close what is the customer's to that client.

    Raises:
        PageNotFound: the customer connected no such client.
        TransientError: registry is not reachable; nothing changes.
    """
    if not await connected_clients.drop(tx, customer_id=customer_id, message_id=message_id):
        raise PageNotFound("No such connection.")
    await receipts.add_decision(tx, DecisionRow(at=now, kind="client_disconnected", client_id=message_id, customer_id=customer_id))
    await registry.disconnect(message_id, customer_id=customer_id)
