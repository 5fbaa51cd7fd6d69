"""What an operator does to a Client Object: disable, enable, verify its website, permit data, exempt from PKCE."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.events.clients import DirectPermission
from cds_registry.application.modify_client import ClientTools, changed_members, store_changed_client
from cds_registry.domain.client import Client, ClientStatus
from cds_registry.domain.errors import InvalidOperatorRequest, ReasonMissing
from cds_registry.domain.scopes import ScopeKind
from cds_registry.persistence.audit import AuditEntry, append
from cds_registry.persistence.clients import lock_client

MAX_PERMISSION_BYTES = 500_000
"""A snapshot has to fit through the bus."""


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Members that only the utility sets; None = leave as it is."""

    client_uri_verified: bool | None = None
    pkce_exempt: bool | None = None
    permission: DirectPermission | None = None


async def disable_client(session: AsyncSession, *, client_id: str, reason: str, tools: ClientTools, operator: str, now: datetime) -> Client:
    """Put a Client Object out of use until an operator enables it again; enforced at auth before this returns.

    Raises:
        ClientNotFound: there is none.
        ReasonMissing: no reason is given.
        TransientError: auth is not reachable; nothing changes.
    """
    if not reason.strip():
        raise ReasonMissing("Disabling a Client Object needs a reason")
    before = await lock_client(session, client_id)
    # The client cannot undo it: disabled is all that is left to choose, and nothing for the admin object (WG102-124).
    options = () if before.kind is ScopeKind.CLIENT_ADMIN else (ClientStatus.DISABLED,)
    after = before.changed(now, status=ClientStatus.DISABLED, status_options=options)
    await store_changed_client(session, before, after, tools=tools, now=now)
    entry = AuditEntry(now, f"operator:{operator}", "client.disabled", before.registration_id, client_id, {"reason": reason})
    await append(session, entry)
    return after


async def enable_client(session: AsyncSession, *, client_id: str, tools: ClientTools, operator: str, now: datetime) -> Client:
    """Let a disabled Client Object work again, in its own environment and with a new Credential.

    Raises:
        InvalidOperatorRequest: it is not disabled.
    """
    before = await lock_client(session, client_id)
    if before.status is not ClientStatus.DISABLED:
        raise InvalidOperatorRequest("The Client Object is not disabled")
    working = ClientStatus(before.environment)
    options = (working,) if before.kind is ScopeKind.CLIENT_ADMIN else (working, ClientStatus.DISABLED)
    after = before.changed(now, status=working, status_options=options)
    await store_changed_client(session, before, after, tools=tools, now=now)
    await append(session, AuditEntry(now, f"operator:{operator}", "client.enabled", before.registration_id, client_id))
    return after


async def set_client(
    session: AsyncSession, *, client_id: str, wanted: ClientSettings, tools: ClientTools, operator: str, now: datetime
) -> Client:
    """Set what only the utility may set.

    Raises:
        InvalidOperatorRequest: a permission for a Client Object without direct access, or a PKCE exemption without authorization requests.
    """
    before = await lock_client(session, client_id)
    if wanted.permission is not None and before.kind is not ScopeKind.DIRECT:
        raise InvalidOperatorRequest("Only direct access Client Objects have a permission")
    if wanted.permission is not None and len(wanted.permission.model_dump_json()) > MAX_PERMISSION_BYTES:
        raise InvalidOperatorRequest(f"A permission has at most {MAX_PERMISSION_BYTES} bytes; use account types or everything")
    if wanted.pkce_exempt and not before.response_types:
        raise InvalidOperatorRequest("Only Client Objects with authorization requests can be exempt from PKCE")
    if wanted.client_uri_verified and before.metadata.client_uri is None:
        raise InvalidOperatorRequest("The Client Object has no client_uri to verify")
    changes: dict[str, Any] = {
        name: value for name in ("client_uri_verified", "pkce_exempt", "permission") if (value := getattr(wanted, name)) is not None
    }
    if replace(before, **changes) == before:
        return before
    after = before.changed(now, **changes)
    await store_changed_client(session, before, after, tools=tools, now=now)
    detail = {"set": sorted(changes), "shown": changed_members(before, after, tools.offer)}
    await append(session, AuditEntry(now, f"operator:{operator}", "client.set", before.registration_id, client_id, detail))
    return after
