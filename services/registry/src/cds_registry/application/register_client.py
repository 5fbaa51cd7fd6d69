"""Registration: one request makes all Client Objects, Credentials and first Messages, or nothing (CDS-WG1-02 §4)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.events.clients import DirectPermission
from cds_common.utility import InviteCode
from cds_registry.adapters.secret_box import SecretBox
from cds_registry.application.make_client import new_client, store_client
from cds_registry.application.notify import new_id
from cds_registry.application.offer import Offer
from cds_registry.application.publish_client import publish_client
from cds_registry.application.registration_steps import ask_for_steps
from cds_registry.domain.client import Client
from cds_registry.domain.credential import Credential
from cds_registry.domain.errors import InvalidClientMetadata, InviteRefused
from cds_registry.domain.grouping import PlannedClient, plan_clients
from cds_registry.domain.registration import INVITE_CODE, RegistrationRequest
from cds_registry.domain.scopes import Catalogue, ScopeKind
from cds_registry.persistence.audit import AuditEntry, append
from cds_registry.persistence.tables import RegistrationRow

_EVERYTHING_IN_SANDBOX = DirectPermission(everything=True, all_aggregations=True)


@dataclass(frozen=True, slots=True)
class Registered:
    """The admin Client Object with the secret that is shown in the answer."""

    admin: Client
    credential: Credential
    secret: str
    clients: tuple[Client, ...]


async def register_client(
    session: AsyncSession, request: RegistrationRequest, *, offer: Offer, box: SecretBox, origin: str, now: datetime
) -> Registered:
    """Make the Client Objects of a registration.

    Raises:
        InvalidClientMetadata: the invite code does not open what was asked for.
    """
    invite = _invitation(request, offer)
    production = production_scopes(request.scopes, offer.catalogue, invite)
    planned = plan_clients(request.scopes, offer.catalogue, production_scopes=production, auth_method=request.auth_method)
    registration_id = new_id()
    session.add(
        RegistrationRow(
            registration_id=registration_id,
            created=now,
            scopes=list(request.scopes),
            fields=dict(request.fields),
            invite=" ".join(sorted(invite.scopes)) if invite else None,
            permission=invite.permission.model_dump(mode="json") if invite and invite.environment == "production" else None,
        )
    )
    await session.flush()
    clients: list[Client] = []
    admin_credential: tuple[Credential, str] | None = None
    for plan in planned:
        client = _client(plan, request, registration_id, invite, offer, now)
        made = await store_client(session, client, box, now)
        await publish_client(session, client, offer)
        if client.kind is ScopeKind.CLIENT_ADMIN and made is not None:
            admin_credential = (made[0], made[1].plain)
        clients.append(client)
    await ask_for_steps(session, request.steps, clients, offer, now)
    admin = clients[0]
    if admin.kind is not ScopeKind.CLIENT_ADMIN or admin_credential is None:
        raise InvalidClientMetadata("/scope must include cds_client_admin")
    detail = {"scopes": list(request.scopes), "client_ids": [client.client_id for client in clients]}
    await append(session, AuditEntry(now, f"address:{origin}", "registration.made", registration_id, admin.client_id, detail))
    return Registered(admin, admin_credential[0], admin_credential[1], tuple(clients))


def production_scopes(scopes: tuple[str, ...], catalogue: Catalogue, invite: InviteCode | None) -> frozenset[str]:
    """Direct access scopes that the invitation opens and whose other steps are none: they may begin in production."""
    opened = frozenset(invite.scopes) if invite and invite.environment == "production" else frozenset[str]()

    def ready(name: str) -> bool:
        steps = (catalogue.fields[field].type for field in catalogue.scopes[name].requirements)
        return catalogue.scopes[name].kind is ScopeKind.DIRECT and all(step == "registration_field" for step in steps)

    return frozenset(name for name in scopes if name in opened and ready(name))


def _invitation(request: RegistrationRequest, offer: Offer) -> InviteCode | None:
    """The invitation of the request; a wrong code is refused, and so is one that does not open a scope that asks for it."""
    if request.invite_code is None:
        return None
    invite = offer.utility.invite(request.invite_code)
    if invite is None:
        raise InviteRefused(f"/{INVITE_CODE} is not accepted")
    for name in request.scopes:
        asks = any(offer.catalogue.fields[field].field_name == INVITE_CODE for field in offer.catalogue.scopes[name].requirements)
        if asks and name not in invite.scopes:
            raise InviteRefused(f"/{INVITE_CODE} does not open the scope {name}")
    return invite


def _client(
    plan: PlannedClient, request: RegistrationRequest, registration_id: str, invite: InviteCode | None, offer: Offer, now: datetime
) -> Client:
    permission = _EVERYTHING_IN_SANDBOX if plan.environment == "sandbox" else (invite.permission if invite else None)
    if offer.catalogue.asks_for_login(plan.scopes):
        permission = DirectPermission()  # nothing, until a customer logs in for it
    return new_client(
        plan,
        registration_id=registration_id,
        metadata=request.metadata,
        fields=request.fields,
        purposes=request.purposes,
        permission=permission,
        offer=offer,
        now=now,
    )
