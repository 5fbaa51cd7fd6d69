"""Logins and the failures of the last minutes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.persistence.customer_tables import CustomerLoginRow, LoginFailureRow, OidcIdentityRow
from cds_common.ids import Environment


async def find_login(tx: AsyncSession, environment: Environment, login_key: str) -> CustomerLoginRow | None:
    """The login of that name."""
    return await tx.scalar(
        select(CustomerLoginRow).where(CustomerLoginRow.environment == environment, CustomerLoginRow.login_key == login_key)
    )


async def find_login_of(tx: AsyncSession, customer_id: UUID, origin: str) -> CustomerLoginRow | None:
    """The customer's login of that origin."""
    return await tx.scalar(
        select(CustomerLoginRow).where(CustomerLoginRow.customer_id == customer_id, CustomerLoginRow.origin == origin).limit(1)
    )


async def save_login(
    tx: AsyncSession,
    *,
    environment: Environment,
    login_key: str,
    login_name: str,
    password_hash: str,
    customer_id: UUID,
    origin: str,
    now: datetime,
) -> bool:
    """Create the login, or set its password when it is the same customer's; False when the name is another customer's."""
    values = {"login_name": login_name, "password_hash": password_hash, "origin": origin}
    statement = insert(CustomerLoginRow).values(
        environment=environment, login_key=login_key, customer_id=customer_id, created=now, **values
    )
    saved = await tx.scalar(
        statement.on_conflict_do_update(
            index_elements=["environment", "login_key"], set_=values, where=CustomerLoginRow.customer_id == customer_id
        ).returning(CustomerLoginRow.login_id)
    )
    return saved is not None


async def set_password_hash(tx: AsyncSession, login_id: UUID, password_hash: str) -> None:
    """Replace a hash whose parameters are no longer the present ones."""
    login = await tx.get_one(CustomerLoginRow, login_id)
    login.password_hash = password_hash
    await tx.flush()


async def count_failures(tx: AsyncSession, subject_hash: bytes, since: datetime) -> int:
    """Failed logins of one name or address since then."""
    return (
        await tx.scalar(
            select(func.count())
            .select_from(LoginFailureRow)
            .where(LoginFailureRow.subject_hash == subject_hash, LoginFailureRow.at > since)
        )
    ) or 0


async def add_failures(tx: AsyncSession, subject_hashes: tuple[bytes, ...], now: datetime) -> None:
    """Note one failed login under each of these."""
    tx.add_all([LoginFailureRow(subject_hash=subject_hash, at=now) for subject_hash in subject_hashes])
    await tx.flush()


async def drop_failures(tx: AsyncSession, subject_hash: bytes) -> None:
    """Forget the failures of a name that has logged in."""
    await tx.execute(delete(LoginFailureRow).where(LoginFailureRow.subject_hash == subject_hash))


async def drop_old_failures(tx: AsyncSession, before: datetime) -> None:
    """Forget what no longer counts."""
    await tx.execute(delete(LoginFailureRow).where(LoginFailureRow.at < before))


async def note_identity(tx: AsyncSession, *, issuer: str, subject: str, customer_id: UUID, now: datetime) -> None:
    """Remember which customer an identity provider's person is."""
    values = {"customer_id": customer_id, "last_login": now}
    statement = insert(OidcIdentityRow).values(issuer=issuer, subject=subject, **values)
    await tx.execute(statement.on_conflict_do_update(index_elements=["issuer", "subject"], set_=values))
