"""How Grants come into being outside the consent form: ids, the fingerprint of a request, entries from effective details."""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cds_auth.domain.grant import Grant, GrantEntry, Origin
from cds_common.access.details import EffectiveEntry, GrantDetails, grant_expires
from cds_common.events.clients import ClientPublishedV1, DirectPermission


def new_grant_id() -> str:
    """128 random bits: a Grant's id is a locator in addresses and says nothing."""
    return secrets.token_urlsafe(16).replace("-", "A").replace("_", "B")


def request_fingerprint(client: ClientPublishedV1, entries: Sequence[EffectiveEntry]) -> bytes:
    """The same for two requests that ask the same; relative durations count as they were sent.

    A relative date counts from the first token request (CDS-WG1-02 §3.9), so a repeated one must find the first Grant.
    """
    asked = sorted(([entry.scope, dict(entry.details)] for entry in entries), key=lambda pair: str(pair[0]))
    return fingerprint([client.environment, asked])


def fingerprint(value: Any) -> bytes:
    """SHA-256 of a JSON value in one fixed form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()).digest()


def simple_grant(
    client: ClientPublishedV1, scope: str, details: Mapping[str, Any] | None, *, request_hash: bytes | None, origin: Origin, now: datetime
) -> Grant:
    """A Grant of one scope that no data service has to prepare (Client Admin, Grant Admin)."""
    entry = GrantEntry(1, scope, client.scope_types[scope], details, enabled=True)
    return _grant(client, (entry,), origin=origin, request_hash=request_hash, ends=None, now=now)


def direct_grant(
    client: ClientPublishedV1,
    details: Sequence[GrantDetails],
    *,
    permission: DirectPermission | None,
    request_hash: bytes | None,
    origin: Origin,
    now: datetime,
) -> Grant:
    """A Grant without a customer: direct access within `permission`, or files that the server shares."""
    stored = permission.model_dump(mode="json") if permission is not None else None
    entries = tuple(GrantEntry(d.entry_no, d.scope, d.scope_type, d.details, permission=stored) for d in details)
    return _grant(client, entries, origin=origin, request_hash=request_hash, ends=grant_expires(list(details)), now=now)


def _grant(
    client: ClientPublishedV1,
    entries: tuple[GrantEntry, ...],
    *,
    origin: Origin,
    request_hash: bytes | None,
    ends: datetime | None,
    now: datetime,
) -> Grant:
    return Grant(
        grant_id=new_grant_id(),
        client_id=client.client_id,
        registration_id=client.registration_id,
        environment=client.environment,
        origin=origin,
        entries=entries,
        created=now,
        modified=now,
        not_after=ends,
        expires=ends,
        request_hash=request_hash,
    )
