"""PUT on a Client Object, and the operator's changes to one (CDS-WG1-02 §5.5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from cds_registry.adapters.auth import AuthService
from cds_registry.adapters.secret_box import SecretBox
from cds_registry.application.documents import client_document, seconds
from cds_registry.application.make_client import add_credential
from cds_registry.application.notify import (
    new_id,
    save_message,
    server_message,
    store_message,
    tell_client_change,
    tell_credential_change,
)
from cds_registry.application.offer import Offer
from cds_registry.application.publish_client import client_snapshot, publish_client
from cds_registry.domain.client import Client, ClientStatus
from cds_registry.domain.client_update import CREDENTIAL_MEMBERS, UpdateContext, updated_client
from cds_registry.domain.credential import Credential
from cds_registry.domain.message import MessageStatus, MessageType, RelatedType
from cds_registry.domain.review import FieldChange, hold_back
from cds_registry.domain.scopes import ScopeKind
from cds_registry.persistence.audit import AuditEntry, append
from cds_registry.persistence.clients import Clients
from cds_registry.persistence.credentials import Credentials, credentials_of
from cds_registry.persistence.messages import Messages


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """Members of consent Clients whose changes wait for an operator, by environment."""

    production: frozenset[str]
    sandbox: frozenset[str]

    def fields(self, client: Client) -> frozenset[str]:
        """What is reviewed for this Client Object; only what customers will read is."""
        if client.kind is not ScopeKind.CONSENT:
            return frozenset()
        return self.production if client.environment == "production" else self.sandbox


@dataclass(frozen=True, slots=True)
class ClientTools:
    """What changing Client Objects needs besides the database."""

    offer: Offer
    box: SecretBox
    auth: AuthService
    policy: ReviewPolicy


async def modify_client(
    session: AsyncSession, *, registration_id: str, client_id: str, body: object, tools: ClientTools, actor: str, now: datetime
) -> tuple[Client, bool]:
    """Apply a PUT; gives the Client Object as it counts now, and whether a part of it waits for review.

    Raises:
        ClientNotFound: not an object of this registration.
        RegistrationRefused: a member is not valid; nothing changes.
        TransientError: a disabled Client could not be enforced at auth; nothing changes.
    """
    clients, offer = Clients(session, registration_id), tools.offer
    before = await clients.get(client_id, for_update=True)
    wanted = updated_client(before, body, await _context(session, before, body, tools, now), now)
    defaults = offer.default_purposes(before.scopes)
    after, held = hold_back(before, wanted, fields=tools.policy.fields(before), defaults=defaults)
    under_review = bool(held)
    await _supersede_reviews(session, before, body, held, now)
    for change in held:
        await _ask_review(session, before, change, offer, now)
    if after is not before:
        await store_changed_client(session, before, after, tools=tools, now=now)
        detail = {"changed": changed_members(before, after, offer)}
        await append(session, AuditEntry(now, actor, "client.modified", registration_id, client_id, detail))
    return after, under_review


async def store_changed_client(session: AsyncSession, before: Client, after: Client, *, tools: ClientTools, now: datetime) -> None:
    """Store, publish and announce a changed Client Object; a disabled one is enforced at auth before the transaction ends."""
    await Clients(session, after.registration_id).save(after)
    disabled = after.status is ClientStatus.DISABLED and before.status is not ClientStatus.DISABLED
    if disabled:
        await _end_credentials(session, after, tools.offer, now)
    elif before.status is ClientStatus.DISABLED and after.status is not ClientStatus.DISABLED and after.auth_method:
        credential, _ = await add_credential(session, after, tools.box, now)
        await tell_credential_change(session, credential, "added", tools.offer, now)
    snapshot = await publish_client(session, after, tools.offer)
    names = ", ".join(changed_members(before, after, tools.offer))
    await tell_client_change(session, after, f"changed: {names}", tools.offer, now)
    if disabled:
        await session.flush()
        await tools.auth.enforce_client(snapshot)


def changed_members(before: Client, after: Client, offer: Offer) -> list[str]:
    """Names of the shown members that differ, besides the time of the change."""
    old, new = client_document(before, offer), client_document(after, offer)
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name) and name != "cds_modified")
    if before.permission != after.permission:
        names.append("access granted by the utility")
    return names


async def _context(session: AsyncSession, client: Client, body: object, tools: ClientTools, now: datetime) -> UpdateContext:
    offer = tools.offer
    credentials = (await credentials_of(session, [client.client_id]))[client.client_id]
    snapshot = client_snapshot(client, credentials, offer)

    def details_fault(scopes: Sequence[str], details: Sequence[Mapping[str, Any]]) -> str | None:
        types = list(offer.catalogue.details_types(scopes))
        unknown = next((index for index, item in enumerate(details) if item.get("type") not in types), None)
        if unknown is not None:
            return f"the Client may not use this type (at /{unknown}/type)"
        narrowed = snapshot.model_copy(update={"scope": " ".join(scopes), "authorization_details_types": types})
        scope = " ".join(name for name in scopes if any(item.get("type") == name for item in details))
        return offer.details_fault(narrowed, scope, details, flow="authorization_code", now=now)

    return UpdateContext(
        catalogue=offer.catalogue,
        document=client_document(client, offer),
        default_purposes=offer.default_purposes(client.registered_scopes),
        own_origin=offer.public_url,
        new_id=lambda: f"p-{new_id()}",
        check_details=details_fault,
        credentials=_named_credentials(body, credentials, tools.box),
    )


def _named_credentials(body: object, credentials: Sequence[Credential], box: SecretBox) -> list[tuple[str, int]]:
    """Secrets are opened only for a body that names one, which no client has to."""
    if not isinstance(body, Mapping) or not any(name in body for name in CREDENTIAL_MEMBERS):
        return []
    return [(box.open(each.secret_encrypted), seconds(each.expires_at)) for each in credentials]


async def _end_credentials(session: AsyncSession, client: Client, offer: Offer, now: datetime) -> None:
    """All Credentials of a disabled Client Object end with it (WG102-209)."""
    credentials = Credentials(session, client.registration_id)
    for credential in (await credentials_of(session, [client.client_id]))[client.client_id]:
        ended = credential.ended(now, now)
        if ended is not credential:
            await credentials.save(ended)
            await tell_credential_change(session, ended, "ended with its Client Object", offer, now)


async def _supersede_reviews(session: AsyncSession, client: Client, body: object, held: list[FieldChange], now: datetime) -> None:
    """A later PUT that asks for something else, or takes the member back, settles what waited before; asking again changes nothing."""
    for message in await Messages(session, client.registration_id).pending_changes(client.client_id):
        update = (message.updates_requested or ({},))[0]
        again = next((change for change in held if change.field == update.get("field")), None)
        if again is not None and _same_request(again, update):
            held.remove(again)
        elif again is not None or (isinstance(body, Mapping) and update.get("field") not in body):
            reason = "Replaced by a later change of the Client Object."
            await save_message(session, message.moved(MessageStatus.REJECTED, now, description=reason))


def _same_request(change: FieldChange, update: Mapping[str, Any]) -> bool:
    if change.field != "cds_purposes":
        return change.new == update.get("new_value")

    def texts(purposes: Mapping[str, Any]) -> list[tuple[object, ...]]:
        found = [(each["name"], each["content"], each["related_uri"], each.get("related_name")) for each in purposes.values()]
        return sorted(found, key=repr)

    return texts(change.new) == texts(update.get("new_value") or {})


async def _ask_review(session: AsyncSession, client: Client, change: FieldChange, offer: Offer, now: datetime) -> None:
    await store_message(
        session,
        server_message(
            client.registration_id,
            MessageType.FIELD_CHANGES,
            MessageStatus.PENDING,
            now,
            name=f"Review of {change.field}",
            description=f"The change of {change.field} of the Client Object {client.client_id} counts after a review.",
            updates_requested=(change.document(),),
            related_uri=offer.client_uri(client.client_id),
            related_type=RelatedType.CLIENT,
            about_client=client.client_id,
        ),
    )
