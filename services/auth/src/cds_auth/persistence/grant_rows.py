"""Grant ↔ row: the one place that knows how entries lie in JSON."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping

from cds_auth.domain.grant import Grant, GrantEntry, Origin, Selection
from cds_auth.domain.grant_status import GrantStatus


def to_row(grant: Grant) -> dict[str, Any]:
    """Column values of `grants`."""
    scopes = dict.fromkeys(entry.scope for entry in grant.asked)
    return {
        "grant_id": grant.grant_id,
        "version": grant.version,
        "entries_version": grant.entries_version,
        "client_id": grant.client_id,
        "registration_id": grant.registration_id,
        "environment": grant.environment,
        "origin": grant.origin.value,
        "customer_ids": list(grant.customer_ids),
        "status": grant.status.value,
        "entries": [entry_to_json(entry) for entry in grant.entries],
        "scopes": list(scopes),
        "states": list(grant.states),
        "receipt_confirmations": list(grant.receipt_confirmations),
        "parent": grant.parent,
        "replacing": list(grant.replacing),
        "replaced_by": list(grant.replaced_by),
        "created": grant.created,
        "modified": grant.modified,
        "not_before": grant.not_before,
        "not_after": grant.not_after,
        "expires": grant.expires,
        "eta": grant.eta,
        "ended_as": grant.ended_as.value if grant.ended_as else None,
        "suspended_by": sorted(grant.suspended_by),
        "starts_later": grant.starts_later,
        "lacks_consents": grant.lacks_consents,
        "mark": grant.mark.value if grant.mark else None,
        "request_hash": grant.request_hash,
        "requested_by": grant.requested_by,
        "revoked_parts": {part: until.isoformat() for part, until in grant.revoked_parts.items()},
        "tokens_not_before": grant.tokens_not_before,
    }


def from_row(row: Mapping[str, Any] | RowMapping) -> Grant:
    """The Grant of a row of `grants`."""
    return Grant(
        grant_id=row["grant_id"],
        version=row["version"],
        entries_version=row["entries_version"],
        client_id=row["client_id"],
        registration_id=row["registration_id"],
        environment=row["environment"],
        origin=Origin(row["origin"]),
        customer_ids=tuple(row["customer_ids"]),
        entries=tuple(entry_from_json(entry) for entry in row["entries"]),
        states=tuple(row["states"]),
        receipt_confirmations=tuple(row["receipt_confirmations"]),
        parent=row["parent"],
        replacing=tuple(row["replacing"]),
        replaced_by=tuple(row["replaced_by"]),
        created=row["created"],
        modified=row["modified"],
        not_before=row["not_before"],
        not_after=row["not_after"],
        expires=row["expires"],
        eta=row["eta"],
        ended_as=GrantStatus(row["ended_as"]) if row["ended_as"] else None,
        suspended_by=frozenset(row["suspended_by"]),
        starts_later=row["starts_later"],
        lacks_consents=row["lacks_consents"],
        mark=GrantStatus(row["mark"]) if row["mark"] else None,
        request_hash=row["request_hash"],
        requested_by=row["requested_by"],
        revoked_parts={part: datetime.fromisoformat(until) for part, until in row["revoked_parts"].items()},
        tokens_not_before=row["tokens_not_before"],
    )


def entry_to_json(entry: GrantEntry) -> dict[str, Any]:
    """One entry as it lies in the column `entries`."""
    selection = entry.selection
    return {
        "entry_no": entry.entry_no,
        "scope": entry.scope,
        "scope_type": entry.scope_type,
        "details": dict(entry.details) if entry.details is not None else None,
        "selection": None if selection is None else _selection_to_json(selection),
        "permission": dict(entry.permission) if entry.permission is not None else None,
        "authorized": entry.authorized,
        "enabled": entry.enabled,
        "superseded": entry.superseded,
        "withheld": entry.withheld,
    }


def entry_from_json(value: Mapping[str, Any]) -> GrantEntry:
    """The entry of one element of the column `entries`."""
    selection = value["selection"]
    return GrantEntry(
        entry_no=value["entry_no"],
        scope=value["scope"],
        scope_type=value["scope_type"],
        details=value["details"],
        selection=None if selection is None else _selection_from_json(selection),
        permission=value["permission"],
        authorized=value["authorized"],
        enabled=value["enabled"],
        superseded=value["superseded"],
        withheld=value["withheld"],
    )


def _selection_to_json(selection: Selection) -> dict[str, Any]:
    return {
        "kind": selection.kind,
        "ids": [str(one) for one in selection.ids],
        "include_future": selection.include_future,
        "except_ids": [str(one) for one in selection.except_ids],
    }


def _selection_from_json(value: Mapping[str, Any]) -> Selection:
    ids, refused = tuple(UUID(one) for one in value["ids"]), tuple(UUID(one) for one in value["except_ids"])
    return Selection(value["kind"], ids, value["include_future"], refused)
