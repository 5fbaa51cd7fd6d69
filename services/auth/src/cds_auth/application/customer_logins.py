"""Passwords: made by the operator or published for test accounts, checked with argon2id, slowed down for guessers."""

import asyncio
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.domain.customer import (
    FAILURE_WINDOW,
    MAX_PASSWORD_LENGTH,
    MIN_PASSWORD_LENGTH,
    CreatedLogin,
    login_key,
    too_many_failures,
)
from cds_auth.domain.customer_errors import CustomerNotFound, LoginNameTaken, PasswordTooShort
from cds_auth.persistence import customer_copies, customer_logins
from cds_common.ids import Environment

_HASHER = PasswordHasher()
_NO_SUCH_LOGIN = _HASHER.hash(secrets.token_urlsafe(16))
"""Checked when the name is unknown, so that the time of the answer does not tell which names exist."""

# One check takes about 50 ms and 64 MiB; more at a time would only starve the event loop's other work.
_checks = asyncio.Semaphore(2)


class Outcome(Enum):
    """How an attempt to log in ended."""

    LOGGED_IN = "logged_in"
    WRONG = "wrong"
    TOO_MANY = "too_many"


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of one attempt; a customer only when it succeeded."""

    outcome: Outcome
    customer_id: UUID | None = None
    login_name: str = ""


async def create_login(
    tx: AsyncSession, *, environment: Environment, customer_number: str, login_name: str, password: str | None, now: datetime
) -> CreatedLogin:
    """Give the customer with this number a login; without `password` a random one is made and returned this once.

    Raises:
        CustomerNotFound: no (single) customer of the environment has the number.
        LoginNameTaken: the name is another customer's.
        PasswordTooShort: fewer than ten characters.
    """
    customer = await customer_copies.find_customer_by_number(tx, customer_number, environment)
    if customer is None:
        raise CustomerNotFound("No customer of this environment has that number.")
    if password is not None and not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        raise PasswordTooShort(f"A password has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters.")
    chosen = password or secrets.token_urlsafe(12)
    await _save(tx, environment, login_name, chosen, customer.customer_id, "operator", now)
    return CreatedLogin(login_name, chosen)


async def create_test_login(tx: AsyncSession, *, login_name: str, password: str, customer_id: UUID, now: datetime) -> None:
    """The published login of a test account (sandbox only); unchanged when it is there with this password already.

    Raises:
        LoginNameTaken: the name is another customer's.
    """
    known = await customer_logins.find_login_of(tx, customer_id, "test_account")
    if known is not None and known.login_key == login_key(login_name) and await _verifies(known.password_hash, password):
        return
    await _save(tx, "sandbox", login_name, password, customer_id, "test_account", now)


async def log_in(
    tx: AsyncSession, *, environment: Environment, login_name: str, password: str, address: str, pepper: bytes, now: datetime
) -> Attempt:
    """Check a name and password of one environment. The caller commits in every case, so that failures count.

    `address` is where the browser comes from; it is kept for minutes and as a keyed hash only.
    """
    key = login_key(login_name)
    subjects = (_subject(pepper, "name", environment, key), _subject(pepper, "address", address))
    since = now - FAILURE_WINDOW
    of_name = await customer_logins.count_failures(tx, subjects[0], since)
    of_address = await customer_logins.count_failures(tx, subjects[1], since)
    if too_many_failures(of_name, of_address):
        return Attempt(Outcome.TOO_MANY)
    login = await customer_logins.find_login(tx, environment, key)
    known_hash = login.password_hash if login else _NO_SUCH_LOGIN
    right = len(password) <= MAX_PASSWORD_LENGTH and await _verifies(known_hash, password)
    if login is None or not right:
        await customer_logins.add_failures(tx, subjects, now)
        return Attempt(Outcome.WRONG)
    await customer_logins.drop_failures(tx, subjects[0])
    if _HASHER.check_needs_rehash(login.password_hash):
        await customer_logins.set_password_hash(tx, login.login_id, await _hashed(password))
    return Attempt(Outcome.LOGGED_IN, login.customer_id, login.login_name)


async def _save(
    tx: AsyncSession, environment: Environment, login_name: str, password: str, customer_id: UUID, origin: str, now: datetime
) -> None:
    saved = await customer_logins.save_login(
        tx,
        environment=environment,
        login_key=login_key(login_name),
        login_name=login_name.strip(),
        password_hash=await _hashed(password),
        customer_id=customer_id,
        origin=origin,
        now=now,
    )
    if not saved:
        raise LoginNameTaken("Another customer of this environment logs in with that name.")


async def _hashed(password: str) -> str:
    async with _checks:
        return await asyncio.to_thread(_HASHER.hash, password)


async def _verifies(password_hash: str, password: str) -> bool:
    async with _checks:
        return await asyncio.to_thread(_verify, password_hash, password)


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def _subject(pepper: bytes, *parts: str) -> bytes:
    return hmac.new(pepper, "\0".join(parts).encode(), hashlib.sha256).digest()
