"""Operator accounts: keys for tools, passwords for the console (argon2id), roles."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.ext.asyncio import AsyncSession

from cds_registry.domain.errors import InvalidOperatorRequest, OperatorExists, OperatorForbidden, OperatorNotFound, OperatorRefused
from cds_registry.persistence.audit import AuditEntry, append
from cds_registry.persistence.operators import (
    close_session,
    find_operator,
    find_operator_by_key,
    find_operator_by_session,
    open_session,
)
from cds_registry.persistence.tables import OperatorRow

_HASHER = PasswordHasher()
# Compared against when no such account exists, so that the time of an answer does not tell which names do.
_NOBODY = _HASHER.hash(secrets.token_urlsafe(16))
_KEY_PREFIX = "cdsop_"


class Role(IntEnum):
    """Each role may do what the ones before it may."""

    viewer = 1
    """Reads everything but secrets."""
    reviewer = 2
    """Answers requests and Messages, shares files."""
    admin = 3
    """Disables and permits Client Objects, manages operator accounts."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Who acts."""

    name: str
    role: Role

    def require(self, role: Role) -> None:
        """Hold the action back when the role is too low.

        Raises:
            OperatorForbidden: it is.
        """
        if self.role < role:
            raise OperatorForbidden(f"This needs the role {role.name}")


@dataclass(frozen=True, slots=True)
class NewOperator:
    """A fresh account; key and password are shown this once."""

    name: str
    role: Role
    key: str
    password: str


async def create_operator(session: AsyncSession, name: str, role: Role, *, created_by: str, now: datetime) -> NewOperator:
    """Make an account with a key for the API and a password for the console.

    Raises:
        InvalidOperatorRequest: the name is not possible.
        OperatorExists: there is one of this name.
    """
    if not 0 < len(name) <= 100 or not all(character.isalnum() or character in "._-@" for character in name):
        raise InvalidOperatorRequest("A name has 1 to 100 letters, digits, dots, dashes, underscores or @")
    if await session.get(OperatorRow, name) is not None:
        raise OperatorExists(f"There is an operator {name} already")
    key, password = _KEY_PREFIX + secrets.token_urlsafe(32), secrets.token_urlsafe(18)
    session.add(OperatorRow(name=name, role=role.name, password_hash=_HASHER.hash(password), key_hash=_hash(key), created=now))
    await session.flush()
    await append(session, AuditEntry(now, created_by, "operator.created", None, name, {"role": role.name}))
    return NewOperator(name, role, key, password)


async def renew_operator(session: AsyncSession, name: str, *, created_by: str, now: datetime) -> NewOperator:
    """Give an account a new key and password; the old ones stop working.

    Raises:
        OperatorNotFound: there is no such account.
    """
    row = await find_operator(session, name)
    if row is None:
        raise OperatorNotFound(f"There is no operator {name}")
    key, password = _KEY_PREFIX + secrets.token_urlsafe(32), secrets.token_urlsafe(18)
    row.key_hash, row.password_hash = _hash(key), _HASHER.hash(password)
    await session.flush()
    await append(session, AuditEntry(now, created_by, "operator.renewed", None, name))
    return NewOperator(name, Role[row.role], key, password)


async def disable_operator(session: AsyncSession, name: str, *, disabled_by: str, now: datetime) -> None:
    """End an account; its sessions end with it.

    Raises:
        OperatorNotFound: there is no such account.
    """
    row = await find_operator(session, name)
    if row is None:
        raise OperatorNotFound(f"There is no operator {name}")
    row.disabled_at = now
    await session.flush()
    await append(session, AuditEntry(now, disabled_by, "operator.disabled", None, name))


async def operator_of_key(session: AsyncSession, key: str) -> Operator:
    """Who holds this key.

    Raises:
        OperatorRefused: nobody.
    """
    row = await find_operator_by_key(session, _hash(key)) if key.startswith(_KEY_PREFIX) and len(key) < 200 else None
    if row is None:
        raise OperatorRefused("The operator key is not accepted")
    return Operator(row.name, Role[row.role])


async def log_in(session: AsyncSession, name: str, password: str, *, lifetime: timedelta, now: datetime) -> str:
    """Check a password and open a session; gives the cookie's value.

    Raises:
        OperatorRefused: name or password is wrong; which one is not told.
    """
    row = await find_operator(session, name[:100])
    if not verify_password(row.password_hash if row else None, password[:1000]) or row is None:
        raise OperatorRefused("Name or password is not correct")
    cookie = secrets.token_urlsafe(32)
    await open_session(session, session_hash=_hash(cookie), operator=row.name, now=now, expires=now + lifetime)
    await append(session, AuditEntry(now, f"operator:{row.name}", "operator.logged_in", None, row.name))
    return cookie


def verify_password(stored: str | None, password: str) -> bool:
    """Compare with an argon2id hash; takes as long when there is none."""
    try:
        return _HASHER.verify(stored or _NOBODY, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


async def operator_of_session(session: AsyncSession, cookie: str, now: datetime) -> Operator | None:
    """Who is logged in with this cookie."""
    row = await find_operator_by_session(session, _hash(cookie), now) if 0 < len(cookie) < 200 else None
    return Operator(row.name, Role[row.role]) if row else None


async def log_out(session: AsyncSession, cookie: str) -> None:
    """End the session of this cookie."""
    await close_session(session, _hash(cookie))


def _hash(secret: str) -> str:
    """SHA-256 is enough here: keys and cookies have 256 random bits, so there is nothing to guess."""
    return hashlib.sha256(secret.encode()).hexdigest()
