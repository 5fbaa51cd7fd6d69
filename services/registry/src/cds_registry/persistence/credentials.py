"""Credentials in the database."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cds_registry.domain.credential import Credential
from cds_registry.domain.errors import CredentialNotFound
from cds_registry.persistence.tables import CredentialRow


class Credentials:
    """The Credentials of one registration."""

    def __init__(self, session: AsyncSession, registration_id: str) -> None:
        self._session, self._registration_id = session, registration_id

    def visible(self) -> Select[CredentialRow]:
        """All of them; listings add filter, order and page."""
        return select(CredentialRow).where(CredentialRow.registration_id == self._registration_id).execution_options(populate_existing=True)

    async def get(self, credential_id: str, *, for_update: bool = False) -> Credential:
        """One of them.

        Raises:
            CredentialNotFound: there is none in this registration.
        """
        query = self.visible().where(CredentialRow.credential_id == credential_id)
        row = await self._session.scalar(query.with_for_update() if for_update else query)
        if row is None:
            raise CredentialNotFound(f"There is no Credential {credential_id} in this registration")
        return to_credential(row)

    async def add(self, credential: Credential) -> None:
        """Store a new one."""
        self._session.add(CredentialRow(**asdict(credential)))
        await self._session.flush()

    async def save(self, credential: Credential) -> None:
        """Store a changed expiry; nothing else of a Credential ever changes."""
        await self._session.execute(
            update(CredentialRow)
            .where(CredentialRow.credential_id == credential.credential_id, CredentialRow.registration_id == self._registration_id)
            .values(modified=credential.modified, expires_at=credential.expires_at)
            .execution_options(synchronize_session=False)
        )


async def credentials_of(session: AsyncSession, client_ids: Sequence[str]) -> dict[str, list[Credential]]:
    """Credentials by client_id, oldest first: to publish them and to end them all."""
    query = (
        select(CredentialRow).where(CredentialRow.client_id.in_(client_ids)).order_by(CredentialRow.created, CredentialRow.credential_id)
    )
    found: dict[str, list[Credential]] = {client_id: [] for client_id in client_ids}
    for row in await session.scalars(query.execution_options(populate_existing=True)):
        found[row.client_id].append(to_credential(row))
    return found


def to_credential(row: CredentialRow) -> Credential:
    """A row as domain object."""
    return Credential(
        credential_id=row.credential_id,
        client_id=row.client_id,
        registration_id=row.registration_id,
        created=row.created,
        modified=row.modified,
        secret_encrypted=row.secret_encrypted,
        secret_hmac=row.secret_hmac,
        expires_at=row.expires_at,
    )


async def next_secrets(session: AsyncSession, after: str, limit: int) -> dict[str, bytes]:
    """Encrypted secrets by credential_id, in the order of ids, locked until the commit."""
    query = select(CredentialRow.credential_id, CredentialRow.secret_encrypted).where(CredentialRow.credential_id > after)
    rows = (await session.execute(query.order_by(CredentialRow.credential_id).limit(limit).with_for_update())).all()
    return {row[0]: row[1] for row in rows}


async def replace_secrets(session: AsyncSession, secrets: dict[str, bytes]) -> None:
    """Store the same secrets under another key."""
    for credential_id, encrypted in secrets.items():
        await session.execute(
            update(CredentialRow)
            .where(CredentialRow.credential_id == credential_id)
            .values(secret_encrypted=encrypted)
            .execution_options(synchronize_session=False)
        )
