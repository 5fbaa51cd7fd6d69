"""Making and ending Credentials (CDS-WG1-02 §7.5, §7.6)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from sqlalchemy.ext.asyncio import AsyncSession

from cds_registry.application.check_grants import renew_copies
from cds_registry.application.make_client import add_credential
from cds_registry.application.modify_client import ClientTools
from cds_registry.application.notify import tell_credential_change
from cds_registry.application.publish_client import publish_client
from cds_registry.domain.client import ClientStatus
from cds_registry.domain.credential import Credential
from cds_registry.domain.errors import ClientNotFound, InvalidCredentialRequest
from cds_registry.persistence.audit import AuditEntry, append
from cds_registry.persistence.clients import Clients
from cds_registry.persistence.credentials import Credentials, credentials_of

MAX_WORKING = 20


async def create_credential(
    session: AsyncSession, *, registration_id: str, body: object, tools: ClientTools, actor: str, now: datetime
) -> tuple[Credential, str]:
    """Make a Credential for a Client Object of the registration; gives it with its secret.

    Raises:
        InvalidCredentialRequest: no such Client Object here, it is disabled or knows no secret, or it has too many already.
    """
    client_id: object = cast("Mapping[str, Any]", body).get("client_id") if isinstance(body, Mapping) else None
    if not isinstance(client_id, str) or not client_id:
        raise InvalidCredentialRequest("client_id is required")
    clients = Clients(session, registration_id)
    try:
        client = await clients.get(client_id, for_update=True)
    except ClientNotFound as error:
        raise InvalidCredentialRequest("client_id does not name a Client Object of this registration") from error
    if client.auth_method is None or client.status is ClientStatus.DISABLED:
        raise InvalidCredentialRequest("This Client Object takes no Credential: it is disabled or has no token endpoint access")
    held = (await credentials_of(session, [client_id]))[client_id]
    if sum(not credential.has_ended(now) for credential in held) >= MAX_WORKING:
        raise InvalidCredentialRequest(f"A Client Object has at most {MAX_WORKING} working Credentials")
    credential, secret = await add_credential(session, client, tools.box, now)
    # A new version without a change of the object itself: cds_modified is about the Client Object's own members.
    await clients.save(bumped := client.bumped(now))
    await publish_client(session, bumped, tools.offer)
    await tell_credential_change(session, credential, "added", tools.offer, now)
    await append(session, AuditEntry(now, actor, "credential.added", registration_id, credential.credential_id, {"client_id": client_id}))
    return credential, secret.plain


async def modify_credential(
    session: AsyncSession, *, registration_id: str, credential_id: str, body: object, tools: ClientTools, actor: str, now: datetime
) -> Credential:
    """Apply a PATCH: only client_secret_expires_at moves, and an end now is enforced at auth and here before this returns.

    Raises:
        CredentialNotFound: not a Credential of this registration.
        InvalidCredentialRequest: the value is not possible; nothing changes.
        TransientError: auth could not be told of an end; nothing changes.
    """
    if not isinstance(body, Mapping):
        raise InvalidCredentialRequest("The body must be a JSON object")
    members = cast("Mapping[str, Any]", body)
    credentials, clients = Credentials(session, registration_id), Clients(session, registration_id)
    # The Client Object is locked first, always: its row orders the published snapshots.
    client = await clients.get((await credentials.get(credential_id)).client_id, for_update=True)
    before = await credentials.get(credential_id, for_update=True)
    if "client_secret_expires_at" not in members:
        return before
    after = before.expiring(members["client_secret_expires_at"], now)
    if after is before:
        return before
    await credentials.save(after)
    await clients.save(bumped := client.bumped(now))
    snapshot = await publish_client(session, bumped, tools.offer)
    await tell_credential_change(session, after, "ended" if after.has_ended(now) else "given an end", tools.offer, now)
    await session.flush()
    if after.has_ended(now):
        await tools.auth.enforce_client(snapshot)
        await renew_copies(session, client.client_id, tools.auth)
    await append(session, AuditEntry(now, actor, "credential.modified", registration_id, credential_id, {"client_id": client.client_id}))
    return after
