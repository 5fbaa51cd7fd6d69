"""Server-Provided Files: the utility shares a file with a registration by a Grant of its own (CDS-WG1-02 §9)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from cds_registry.adapters.auth import AuthService
from cds_registry.adapters.file_store import FileStore
from cds_registry.application.notify import new_id, server_message, store_message
from cds_registry.application.offer import Offer
from cds_registry.domain.client import Client, ClientStatus
from cds_registry.domain.errors import SharingRefused
from cds_registry.domain.message import Message, MessageStatus, MessageType, RelatedType
from cds_registry.domain.scopes import ScopeKind
from cds_registry.persistence.audit import AuditEntry, append
from cds_registry.persistence.clients import Clients
from cds_registry.persistence.shared_files import lock_file
from cds_registry.persistence.tables import SharedFileRow


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to share."""

    name: str
    mime_type: str
    description: str
    content: bytes


async def share_file(
    session: AsyncSession, file: NewFile, *, registration_id: str, scope: str | None, store: FileStore, auth: AuthService,
    offer: Offer, operator: str, now: datetime,
) -> SharedFileRow:  # fmt: skip
    """Keep the file, make the Grant that opens it, and tell the client.

    Raises:
        SharingRefused: the registration has no working Client Object with a Server-Provided Files scope.
        GrantRefused: auth refuses the Grant.
        TransientError: auth is not reachable; nothing is shared.
    """
    client = await _files_client(session, registration_id, scope)
    stored = await store.put(file.content)
    try:
        row = SharedFileRow(
            file_id=new_id(), registration_id=registration_id, client_id=client.client_id, created=now, modified=now,
            mime_type=file.mime_type, size=stored.size, sha256=stored.sha256, name=file.name, description=file.description,
            store_key=stored.key,
        )  # fmt: skip
        session.add(row)
        await session.flush()
        details = [{"type": client.scope, "file_id": row.file_id}]
        grant_ids = await auth.create_grants(
            client_id=client.client_id, scope=client.scope, authorization_details=details, requested_by=row.file_id
        )
        await store_message(session, _shared(file, registration_id, grant_ids[0], offer, now))
        detail = {"name": file.name, "size": stored.size, "sha256": stored.sha256, "grant_ids": grant_ids}
        await append(session, AuditEntry(now, f"operator:{operator}", "file.shared", registration_id, row.file_id, detail))
    except BaseException:
        await store.delete(stored.key)
        raise
    return row


def _shared(file: NewFile, registration_id: str, grant_id: str, offer: Offer, now: datetime) -> Message:
    """What tells the client; it leads to the Grant that opens the file."""
    return server_message(
        registration_id,
        MessageType.PRIVATE_MESSAGE,
        MessageStatus.COMPLETE,
        now,
        name=f"File shared: {file.name}"[:500],
        description=file.description or "The utility shares a file with you.",
        related_uri=f"{offer.public_url}/cds/v1/grants/{grant_id}",
        related_type=RelatedType.GRANT,
    )


async def unshare_file(session: AsyncSession, *, file_id: str, auth: AuthService, operator: str, now: datetime) -> SharedFileRow:
    """Stop sharing: the file is gone for every token at once, and its Grant ends. Its bytes and its record stay for the audit.

    Raises:
        FileNotShared: there is no such shared file.
        TransientError: auth is not reachable; it stays shared.
    """
    row = await lock_file(session, file_id)
    row.removed_at = row.modified = now
    await session.flush()
    await auth.close_file(client_id=row.client_id, file_id=file_id)
    await store_message(
        session,
        server_message(
            row.registration_id, MessageType.PRIVATE_MESSAGE, MessageStatus.COMPLETE, now,
            name=f"File no longer shared: {row.name}"[:500],
            description=f"The utility no longer shares the file {row.file_id} with you.",
        ),
    )  # fmt: skip
    await append(session, AuditEntry(now, f"operator:{operator}", "file.unshared", row.registration_id, file_id, {"name": row.name}))
    return row


async def _files_client(session: AsyncSession, registration_id: str, scope: str | None) -> Client:
    candidates = [
        client
        for client in await Clients(session, registration_id).all()
        if client.kind is ScopeKind.FILES and client.status is not ClientStatus.DISABLED and scope in {None, client.scope}
    ]
    if not candidates:
        raise SharingRefused("The registration has no working Client Object with a Server-Provided Files scope")
    return candidates[0]
