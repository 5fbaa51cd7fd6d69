"""A Client changed at registry: what that means for its Grants and tokens, at once (CDS-WG1-02 §5.2, §7.6)."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.revoke_tokens import revoke_part
from cds_auth.application.rules import AuthRules
from cds_auth.application.settle_grant import change_grant
from cds_auth.application.sub_grants import CONSENT
from cds_auth.domain.grant import BY_CLIENT, Grant, Origin
from cds_auth.domain.token import credential_tag
from cds_auth.persistence.clients import Clients
from cds_auth.persistence.codes import Families
from cds_auth.persistence.grants import Grants
from cds_common.access.catalogue import is_direct
from cds_common.events.clients import ClientPublishedV1, DirectPermission

AT_ONCE = 300
"""Grants that are suspended before registry gets its answer; the worker's clock does the rest of a larger Client within seconds."""


async def apply_client(tx: AsyncSession, client: ClientPublishedV1, *, rules: AuthRules, now: datetime) -> bool:
    """Store the snapshot and enforce it; False when a newer one is held. Safe to repeat.

    A disabled Client's Grants are suspended (and come back with it), an ended Credential's tokens die, direct access
    follows the Client's permission, and the first Client that can ask customers asks for what Grants lack (CDS-WG3-01 §4.11).
    """
    before = await Clients(tx).find(client.client_id, lock=True)
    if not await Clients(tx).store(client):
        return False
    for credential_id in sorted(_ended(before, client, now)):
        await _end_credential(tx, client.client_id, credential_id, rules=rules, now=now)
    for grant_id in await Grants(tx).ids_out_of_step(AT_ONCE, client.client_id):
        await keep_step(tx, grant_id, disabled=client.status == "disabled", rules=rules, now=now)
    if before is not None and before.direct_permission != client.direct_permission:
        permit = _Permit(client.direct_permission or DirectPermission(), now)
        for grant_id in await Grants(tx).living_ids_of_client(client.client_id):
            await change_grant(tx, grant_id, permit, rules=rules, now=now)
    if _asks_consents(client) and not (before is not None and _asks_consents(before)):
        for grant_id in await Grants(tx).ids_without_consents(client.registration_id, client.environment):
            await change_grant(tx, grant_id, lambda grant: grant, rules=rules, now=now)
    return True


def _asks_consents(client: ClientPublishedV1) -> bool:
    """Whether sub-Grants can be made for the Client."""
    return client.status != "disabled" and any(client.scope_types.get(scope) == CONSENT for scope in client.scope.split())


def _ended(before: ClientPublishedV1 | None, after: ClientPublishedV1, now: datetime) -> set[str]:
    """Credentials that worked and do not any more; one that runs out by its own date keeps its tokens (§7.6 speaks of ending it now)."""
    if before is None:
        return set()
    working = {c.credential_id for c in before.credentials if c.expires_at is None or c.expires_at > now}
    still = {c.credential_id for c in after.credentials if c.expires_at is None or c.expires_at > now}
    keys_gone = before.jwks is not None and before.jwks != after.jwks
    return (working - still) | (_key_names(before) - _key_names(after) if keys_gone else set())


def _key_names(client: ClientPublishedV1) -> set[str]:
    keys = (client.jwks or {}).get("keys", [])
    return {f"jwk:{key.get('kid', '')}" for key in keys}


async def _end_credential(tx: AsyncSession, client_id: str, credential_id: str, *, rules: AuthRules, now: datetime) -> None:
    tag = credential_tag(credential_id)
    concerned = await Grants(tx).ids_with_tokens_of(client_id, tag, now - rules.access_token_lifetime)
    await revoke_part(tx, concerned, tag, client_id=client_id, reason="credential_ended", rules=rules, now=now)
    await Families(tx).delete_of_credential(client_id, tag)


async def keep_step(tx: AsyncSession, grant_id: str, *, disabled: bool, rules: AuthRules, now: datetime) -> None:
    """Suspend a Grant with its disabled Client, or bring it back with it."""

    def switch(grant: Grant) -> Grant:
        if grant.is_ended:
            return grant
        return grant.suspend(BY_CLIENT, now) if disabled else grant.resume(BY_CLIENT, now)

    await change_grant(tx, grant_id, switch, rules=rules, now=now)


class _Permit:
    """Give direct access its new bounds; a Grant that the utility made for a request keeps its own."""

    def __init__(self, permission: DirectPermission, at: datetime) -> None:
        self._permission, self._at = permission.model_dump(mode="json"), at

    def __call__(self, grant: Grant) -> Grant:
        if grant.is_ended or grant.origin is not Origin.CLIENT_CREDENTIALS or not any(is_direct(e.scope_type) for e in grant.entries):
            return grant
        entries = tuple(replace(e, permission=self._permission) if e.permission is not None else e for e in grant.entries)
        return grant if entries == grant.entries else grant.with_entries(entries, self._at)
