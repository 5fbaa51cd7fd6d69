"""Rows of `authorization_code`, `token_family` and `refresh_token`."""

from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.domain.code import AuthorizationCode
from cds_auth.domain.token import RefreshToken, TokenFamily
from cds_auth.persistence.tables import authorization_code, refresh_token, token_family


class Codes:
    """Authorization codes on one transaction."""

    def __init__(self, tx: AsyncSession) -> None:
        self._tx = tx

    async def add(self, code: AuthorizationCode, now: datetime) -> None:
        """Keep a new code."""
        values = {
            "code_hash": code.code_hash,
            "client_id": code.client_id,
            "grant_id": code.grant_id,
            "subject": code.subject,
            "redirect_uri": code.redirect_uri,
            "redirect_uri_sent": code.redirect_uri_sent,
            "code_challenge": code.code_challenge,
            "created": now,
            "expires": code.expires,
        }
        await self._tx.execute(insert(authorization_code).values(values))

    async def find(self, code_hash: bytes, *, lock: bool = False) -> AuthorizationCode | None:
        """The code; locked, a second redemption waits for the first one's outcome."""
        t = authorization_code
        query = select(
            t.c.code_hash, t.c.client_id, t.c.grant_id, t.c.subject, t.c.redirect_uri, t.c.redirect_uri_sent,
            t.c.code_challenge, t.c.expires, t.c.family_id,
        ).where(t.c.code_hash == code_hash)  # fmt: skip
        row = (await self._tx.execute(query.with_for_update() if lock else query)).mappings().first()
        return None if row is None else AuthorizationCode(**row)

    async def mark_redeemed(self, code_hash: bytes, family_id: str) -> None:
        """The code gave the tokens of `family_id`."""
        t = authorization_code
        await self._tx.execute(update(t).where(t.c.code_hash == code_hash).values(family_id=family_id))


class Families:
    """Token families and refresh tokens on one transaction."""

    def __init__(self, tx: AsyncSession) -> None:
        self._tx = tx

    async def add(self, family: TokenFamily) -> None:
        """A new family."""
        values = {
            "family_id": family.family_id,
            "client_id": family.client_id,
            "grant_id": family.grant_id,
            "subject": family.subject,
            "created": family.created,
        }
        await self._tx.execute(insert(token_family).values(values))

    async def find(self, family_id: str, *, lock: bool = False) -> TokenFamily | None:
        """The family; locked, rotation and revocation happen one after the other."""
        t = token_family
        query = select(t.c.family_id, t.c.client_id, t.c.grant_id, t.c.subject, t.c.revoked, t.c.created).where(t.c.family_id == family_id)
        row = (await self._tx.execute(query.with_for_update() if lock else query)).mappings().first()
        return None if row is None else TokenFamily(**row)

    async def revoke(self, family_id: str, reason: str, now: datetime) -> None:
        """End the family; an earlier reason stays."""
        t = token_family
        await self._tx.execute(update(t).where(t.c.family_id == family_id, t.c.revoked.is_(None)).values(revoked=now, reason=reason))

    async def add_refresh(self, token: RefreshToken, now: datetime) -> None:
        """Keep a new refresh token."""
        values = {
            "token_hash": token.token_hash,
            "family_id": token.family_id,
            "credential": token.credential,
            "issued": now,
            "expires": token.expires,
        }
        await self._tx.execute(insert(refresh_token).values(values))

    async def find_refresh(self, token_hash: bytes, *, lock: bool = False) -> RefreshToken | None:
        """The refresh token."""
        t = refresh_token
        query = select(t.c.token_hash, t.c.family_id, t.c.credential, t.c.expires, t.c.used).where(t.c.token_hash == token_hash)
        row = (await self._tx.execute(query.with_for_update() if lock else query)).mappings().first()
        return None if row is None else RefreshToken(**row)

    async def mark_used(self, token_hash: bytes, now: datetime) -> None:
        """It was exchanged for its successor."""
        await self._tx.execute(update(refresh_token).where(refresh_token.c.token_hash == token_hash).values(used=now))

    async def delete_of_credential(self, client_id: str, credential: str) -> None:
        """Forget refresh tokens that were given out on an ended Credential (CDS-WG1-02 §7.6)."""
        families = select(token_family.c.family_id).where(token_family.c.client_id == client_id)
        await self._tx.execute(
            delete(refresh_token).where(refresh_token.c.credential == credential, refresh_token.c.family_id.in_(families))
        )
