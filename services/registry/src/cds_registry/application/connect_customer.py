"""Self-access: a customer proves, by logging in at auth, to be the one whose data a registration wants to read (CDS-WG3-01 §4.1, §4.2)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.events.clients import DirectPermission
from cds_common.ids import Environment
from cds_registry.application.make_production import make_production
from cds_registry.application.modify_client import ClientTools
from cds_registry.application.notify import save_message, server_message, store_message
from cds_registry.application.publish_client import publish_client
from cds_registry.domain.client import Client, ClientStatus
from cds_registry.domain.errors import InvalidOperatorRequest, MessageNotFound
from cds_registry.domain.message import Message, MessageStatus, MessageType, RelatedType
from cds_registry.domain.scopes import LOGIN_STEP, Catalogue
from cds_registry.persistence.audit import AuditEntry, append
from cds_registry.persistence.clients import Clients
from cds_registry.persistence.messages import find_step

MAX_CUSTOMERS = 1000
_BY_ITSELF = frozenset({"registration_field", LOGIN_STEP})
"""Requirements that a login, with the registration, fulfils; any other one waits for an operator."""


@dataclass(frozen=True, slots=True)
class LoginStep:
    """A sign-on verification: who asks a customer to log in for it."""

    registration_id: str
    client_name: str
    client_uri: str | None


async def find_login_step(session: AsyncSession, message_id: str, catalogue: Catalogue) -> LoginStep:
    """What the customer has to know before the login counts.

    Raises:
        MessageNotFound: the Message is no sign-on verification.
    """
    step = await _step(session, message_id, catalogue, lock=False)
    client = (await _own_clients(session, step, catalogue))[0]
    return LoginStep(step.registration_id, client.name, client.metadata.client_uri)


async def connect_customer(
    session: AsyncSession, *, message_id: str, customer_id: UUID, environment: Environment, tools: ClientTools, now: datetime
) -> None:
    """Open the customer's objects to the Client Objects that ask for the login, in the customer's environment. Safe to repeat.

    The first login of a production customer makes the production object; where scopes ask for more than the login, that
    stays with the operator, who finds the customer in the audit.

    Raises:
        MessageNotFound: the Message is no sign-on verification.
        InvalidOperatorRequest: too many customers.
    """
    step = await _step(session, message_id, tools.offer.catalogue, lock=True)
    clients = await _own_clients(session, step, tools.offer.catalogue)
    for client in clients:
        if client.environment == environment and client.permission is not None:
            await _permit(session, client, [*client.permission.customer_ids, customer_id], tools, now)
        elif client.environment == "sandbox" and _waits_for_login_only(client, clients, tools.offer.catalogue):
            await make_production(session, client, permission=DirectPermission(customer_ids=[customer_id]), tools=tools, now=now)
    await _settle(session, step, environment, now)
    detail = {"customer_id": str(customer_id), "environment": environment}
    await append(session, AuditEntry(now, f"customer:{customer_id}", "customer.connected", step.registration_id, message_id, detail))


async def disconnect_customer(session: AsyncSession, *, message_id: str, customer_id: UUID, tools: ClientTools, now: datetime) -> None:
    """Close the customer's objects again; auth enforces it before this returns. Safe to repeat.

    Raises:
        MessageNotFound: the Message is no sign-on verification.
        TransientError: auth is not reachable; nothing changes.
    """
    step = await _step(session, message_id, tools.offer.catalogue, lock=True)
    for client in await _own_clients(session, step, tools.offer.catalogue):
        if client.permission is not None and customer_id in client.permission.customer_ids:
            left = [each for each in client.permission.customer_ids if each != customer_id]
            await _permit(session, client, left, tools, now)
    await append(session, AuditEntry(now, f"customer:{customer_id}", "customer.disconnected", step.registration_id, message_id))


async def _step(session: AsyncSession, message_id: str, catalogue: Catalogue, *, lock: bool) -> Message:
    step = await find_step(session, message_id, for_update=lock)
    field = catalogue.fields.get(step.step or "") if step is not None else None
    if step is None or field is None or field.type != LOGIN_STEP:
        raise MessageNotFound("There is no such step")
    return step


async def _own_clients(session: AsyncSession, step: Message, catalogue: Catalogue) -> list[Client]:
    """The working Client Objects whose scopes ask for this login, each locked.

    Raises:
        MessageNotFound: there is none any more.
    """
    clients = Clients(session, step.registration_id)
    found = [
        await clients.get(client.client_id, for_update=True)
        for client in await clients.all()
        if step.step in _requirements(client, catalogue) and client.status is not ClientStatus.DISABLED
    ]
    if not found:
        raise MessageNotFound("The Client Objects of this step do not work any more")
    return found


def _waits_for_login_only(sandbox: Client, clients: list[Client], catalogue: Catalogue) -> bool:
    """Whether a production customer's login is all that the production object needs, and it is not there yet."""
    has_twin = any(each.made_from == sandbox.client_id for each in clients)
    return not has_twin and all(catalogue.fields[each].type in _BY_ITSELF for each in _requirements(sandbox, catalogue))


def _requirements(client: Client, catalogue: Catalogue) -> list[str]:
    return [field.id for field in catalogue.fields_of(client.registered_scopes)[0]]


async def _permit(session: AsyncSession, before: Client, customers: list[UUID], tools: ClientTools, now: datetime) -> None:
    """The object sees these customers' data from now on; its Grants follow at auth before anybody is answered."""
    customers = list(dict.fromkeys(customers))
    if len(customers) > MAX_CUSTOMERS:
        raise InvalidOperatorRequest(f"A Client Object can be connected with at most {MAX_CUSTOMERS} customers")
    permission = (before.permission or DirectPermission()).model_copy(update={"customer_ids": customers})
    if permission == before.permission:
        return
    after = before.changed(now, permission=permission)
    await Clients(session, after.registration_id).save(after)
    snapshot = await publish_client(session, after, tools.offer)
    await session.flush()
    await tools.auth.enforce_client(snapshot)


async def _settle(session: AsyncSession, step: Message, environment: Environment, now: datetime) -> None:
    """Say that a customer logged in; the address stays open for the other environment and for more customers."""
    await store_message(
        session,
        server_message(
            step.registration_id,
            MessageType.REQUEST_UPDATE,
            MessageStatus.COMPLETE,
            now,
            name=f"Approved: {step.name}"[:500],
            description=f"A customer logged in and connected this registration ({environment}).",
            previous_id=step.message_id,
            related_uri=step.related_uri,
            related_type=RelatedType.ONLINE_FORM,
        ),
    )
    if step.status is not MessageStatus.COMPLETE:
        await save_message(session, step.moved(MessageStatus.COMPLETE, now))
