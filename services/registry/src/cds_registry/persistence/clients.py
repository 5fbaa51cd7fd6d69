"""Client Objects and registrations in the database."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.events.clients import DirectPermission
from cds_registry.domain.client import Client, ClientMetadata, ClientStatus
from cds_registry.domain.errors import ClientNotFound
from cds_registry.domain.purposes import Purpose
from cds_registry.domain.scopes import ScopeKind
from cds_registry.persistence.tables import ClientRow, RegistrationRow


class Clients:
    """The Client Objects of one registration."""

    def __init__(self, session: AsyncSession, registration_id: str) -> None:
        self._session, self._registration_id = session, registration_id

    def visible(self) -> Select[ClientRow]:
        """All of them; listings add filter, order and page."""
        return select(ClientRow).where(ClientRow.registration_id == self._registration_id).execution_options(populate_existing=True)

    async def get(self, client_id: str, *, for_update: bool = False) -> Client:
        """One of them.

        Raises:
            ClientNotFound: there is none in this registration.
        """
        query = self.visible().where(ClientRow.client_id == client_id)
        row = await self._session.scalar(query.with_for_update() if for_update else query)
        if row is None:
            raise ClientNotFound(f"There is no Client Object {client_id} in this registration")
        return to_client(row)

    async def all(self) -> list[Client]:
        """All of them, oldest first."""
        rows = await self._session.scalars(self.visible().order_by(ClientRow.created, ClientRow.client_id))
        return [to_client(row) for row in rows]

    async def add(self, client: Client) -> None:
        """Store a new one."""
        self._session.add(ClientRow(**_columns(client)))
        await self._session.flush()

    async def save(self, client: Client) -> None:
        """Store the next version of one that was read for update."""
        columns = _columns(client)
        await self._session.execute(
            update(ClientRow)
            .where(ClientRow.client_id == client.client_id, ClientRow.registration_id == self._registration_id)
            .values({getattr(ClientRow, name): value for name, value in columns.items()})
            .execution_options(synchronize_session=False)
        )


async def find_client(session: AsyncSession, client_id: str) -> Client | None:
    """A Client Object of any registration: for internal calls and operators only."""
    row = await session.get(ClientRow, client_id, populate_existing=True)
    return to_client(row) if row else None


async def lock_client(session: AsyncSession, client_id: str) -> Client:
    """The same for an operator who is about to change it.

    Raises:
        ClientNotFound: there is none.
    """
    row = await session.scalar(
        select(ClientRow).where(ClientRow.client_id == client_id).with_for_update().execution_options(populate_existing=True)
    )
    if row is None:
        raise ClientNotFound(f"There is no Client Object {client_id}")
    return to_client(row)


async def every_client_id(session: AsyncSession) -> Sequence[str]:
    """All client_ids, for a new publication of all snapshots."""
    return (await session.scalars(select(ClientRow.client_id).order_by(ClientRow.client_id))).all()


async def find_registration(session: AsyncSession, registration_id: str) -> RegistrationRow | None:
    """A registration: for operators and internal use only."""
    return await session.get(RegistrationRow, registration_id)


def to_client(row: ClientRow) -> Client:
    """A row as domain object."""
    members: dict[str, Any] = dict(row.details)
    members["contacts"] = tuple(members.get("contacts", ()))
    details = row.default_authorization_details
    return Client(
        client_id=row.client_id,
        registration_id=row.registration_id,
        version=row.version,
        kind=ScopeKind(row.kind),
        environment="production" if row.environment == "production" else "sandbox",
        status=ClientStatus(row.status),
        status_options=tuple(ClientStatus(option) for option in row.status_options),
        registered_scopes=tuple(row.registered_scopes),
        scopes=tuple(row.scopes),
        response_types=tuple(row.response_types),
        grant_types=tuple(row.grant_types),
        auth_method=row.auth_method,
        created=row.created,
        modified=row.modified,
        metadata=ClientMetadata(**members),
        redirect_uris=tuple(row.redirect_uris),
        server_redirect_uri=row.server_redirect_uri,
        default_scope=row.default_scope,
        default_redirect_uri=row.default_redirect_uri,
        default_authorization_details=None if details is None else tuple(details),
        purposes=tuple(_to_purpose(purpose) for purpose in row.purposes),
        fields=row.fields,
        client_uri_verified=row.client_uri_verified,
        pkce_exempt=row.pkce_exempt,
        permission=None if row.permission is None else DirectPermission.model_validate(row.permission),
        made_from=row.made_from,
    )


def _to_purpose(stored: dict[str, Any]) -> Purpose:
    members: dict[str, Any] = {**stored, "scopes_supported": tuple(stored["scopes_supported"])}
    return Purpose(**members)


def _columns(client: Client) -> dict[str, Any]:
    details = client.default_authorization_details
    return {
        "client_id": client.client_id,
        "registration_id": client.registration_id,
        "version": client.version,
        "kind": client.kind.value,
        "environment": client.environment,
        "status": client.status.value,
        "status_options": [option.value for option in client.status_options],
        "registered_scopes": list(client.registered_scopes),
        "scopes": list(client.scopes),
        "response_types": list(client.response_types),
        "grant_types": list(client.grant_types),
        "auth_method": client.auth_method,
        "details": {name: value for name, value in asdict(client.metadata).items() if value},
        "redirect_uris": list(client.redirect_uris),
        "server_redirect_uri": client.server_redirect_uri,
        "default_scope": client.default_scope,
        "default_redirect_uri": client.default_redirect_uri,
        "default_authorization_details": None if details is None else [dict(item) for item in details],
        "purposes": [asdict(purpose) for purpose in client.purposes],
        "fields": dict(client.fields),
        "client_uri_verified": client.client_uri_verified,
        "pkce_exempt": client.pkce_exempt,
        "permission": client.permission.model_dump(mode="json") if client.permission else None,
        "made_from": client.made_from,
        "created": client.created,
        "modified": client.modified,
    }
