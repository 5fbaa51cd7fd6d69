"""Browser sessions: found by cookie, given a new id at every login, gone at once at logout."""

import hashlib
import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.domain.session import BrowserSession, SessionLimits
from cds_auth.persistence import consent_requests
from cds_auth.persistence.customer_tables import BrowserSessionRow
from cds_common.ids import Environment

_TOUCH_EVERY = timedelta(seconds=30)
"""Activity is written down at most this often: a page that stays alive must not write on every request."""


async def find_session(tx: AsyncSession, session_id: str | None, *, now: datetime, limits: SessionLimits) -> BrowserSession | None:
    """The live session of a cookie; its activity counts from now. After the idle time the browser is known, its login is over."""
    if not session_id or len(session_id) > 100:
        return None
    row = await consent_requests.find_session(tx, hash_of(session_id))
    if row is None:
        return None
    session = _session(session_id, row)
    if not session.is_live(now, limits):
        await consent_requests.drop_session(tx, session.session_hash)
        return None
    if session.customer_id is not None and not session.is_active(now, limits):
        row.customer_id = row.environment = row.login_name = row.authenticated_at = None
        session = replace(session, customer_id=None, environment=None, login_name=None, authenticated_at=None)
    if now - row.last_seen > _TOUCH_EVERY:
        row.last_seen = now
        await tx.flush()
    return session


async def open_session(tx: AsyncSession, *, now: datetime) -> BrowserSession:
    """A session without a customer."""
    return await _store(tx, BrowserSession(_new_id(), b"", now, now))


async def log_in_session(
    tx: AsyncSession,
    old: BrowserSession | None,
    *,
    environment: Environment,
    customer_id: UUID,
    login_name: str,
    now: datetime,
) -> BrowserSession:
    """The customer's session under a new id, with the browser's open requests (no session fixation)."""
    fresh = BrowserSession(_new_id(), b"", now, now, environment, customer_id, login_name, now)
    return await _replace(tx, old, fresh)


async def log_out_session(tx: AsyncSession, old: BrowserSession, *, now: datetime) -> BrowserSession:
    """A session without a customer under a new id; the customer's one is dead from here on."""
    return await _replace(tx, old, BrowserSession(_new_id(), b"", now, now))


async def _replace(tx: AsyncSession, old: BrowserSession | None, fresh: BrowserSession) -> BrowserSession:
    stored = await _store(tx, fresh)
    if old is not None:
        await consent_requests.move_requests(tx, old.session_hash, stored.session_hash)
        await consent_requests.drop_session(tx, old.session_hash)
    return stored


async def _store(tx: AsyncSession, session: BrowserSession) -> BrowserSession:
    stored = replace(session, session_hash=hash_of(session.session_id))
    row = BrowserSessionRow(
        session_hash=stored.session_hash,
        environment=stored.environment,
        customer_id=stored.customer_id,
        login_name=stored.login_name,
        created=stored.created,
        last_seen=stored.last_seen,
        authenticated_at=stored.authenticated_at,
    )
    await consent_requests.add_session(tx, row)
    return stored


def hash_of(secret: str) -> bytes:
    """SHA-256 of a 256-bit random value; it needs no key, since it cannot be guessed."""
    return hashlib.sha256(secret.encode()).digest()


def _new_id() -> str:
    return secrets.token_urlsafe(32)


def _session(session_id: str, row: BrowserSessionRow) -> BrowserSession:
    return BrowserSession(
        session_id=session_id,
        session_hash=row.session_hash,
        created=row.created,
        last_seen=row.last_seen,
        environment=cast("Environment | None", row.environment),
        customer_id=row.customer_id,
        login_name=row.login_name,
        authenticated_at=row.authenticated_at,
    )
