"""Which changed members of a Client Object people look at before they count (CDS-WG1-02 §5.5, CDS-WG3-01 §8.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cds_registry.domain.client import Client
from cds_registry.domain.purposes import Purpose, purpose_map

METADATA_FIELDS = ("client_name", "client_uri", "logo_uri", "tos_uri", "policy_uri")
REVIEWABLE = (*METADATA_FIELDS, "cds_purposes")


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One member under review: `field_changes` Messages carry it as previous_value and new_value."""

    field: str
    previous: Any
    new: Any

    def document(self) -> dict[str, Any]:
        """The Client Update Request object (CDS-WG1-02 §6.5)."""
        return {"field": self.field, "previous_value": self.previous, "new_value": self.new}


def hold_back(before: Client, after: Client, *, fields: frozenset[str], defaults: Sequence[Purpose]) -> tuple[Client, list[FieldChange]]:
    """Split an update into what counts at once and what waits: the reviewed members keep their old value.

    Taking away is never reviewed: removed Purposes are gone at once.
    """
    held: list[FieldChange] = []
    metadata = after.metadata
    for name in METADATA_FIELDS:
        old, new = getattr(before.metadata, name), getattr(after.metadata, name)
        if name in fields and old != new and new is not None:
            held.append(FieldChange(name, old, new))
            metadata = replace(metadata, **{name: old})
    verified = before.client_uri_verified and metadata.client_uri == before.metadata.client_uri
    now_kept = replace(after, metadata=metadata, client_uri_verified=verified)
    if "cds_purposes" in fields:
        now_kept, change = _hold_purposes(before, now_kept, defaults)
        held += [change] if change else []
    same = replace(now_kept, version=before.version, modified=before.modified) == before
    return (before if same else now_kept), held


def _hold_purposes(before: Client, after: Client, defaults: Sequence[Purpose]) -> tuple[Client, FieldChange | None]:
    known = {purpose.id: purpose for purpose in before.purposes}
    waiting = [purpose for purpose in after.purposes if _text(known.get(purpose.id)) != _text(purpose)]
    if not waiting:
        return after, None
    kept = tuple(known[purpose.id] if purpose in waiting else purpose for purpose in after.purposes if purpose.id in known)
    change = FieldChange("cds_purposes", purpose_map((*defaults, *kept)), purpose_map((*defaults, *after.purposes)))
    return replace(after, purposes=kept), change


def _text(purpose: Purpose | None) -> tuple[object, ...] | None:
    return (purpose.name, purpose.content, purpose.related_uri, purpose.related_name) if purpose else None


def apply_change(client: Client, update: Mapping[str, Any], *, default_ids: frozenset[str], now: datetime) -> Client:
    """The Client Object after an operator approved `update` (the document of a FieldChange)."""
    name = str(update["field"])
    if name in METADATA_FIELDS:
        return client.changed(now, metadata=replace(client.metadata, **{name: update["new_value"]}))
    before: Mapping[str, Any] = update["previous_value"]
    wanted: Mapping[str, Any] = update["new_value"]
    approved = {key: _approved(body) for key, body in wanted.items() if key not in default_ids and body != before.get(key)}
    kept = tuple(approved.pop(purpose.id, purpose) for purpose in client.purposes)
    return client.changed(now, purposes=(*kept, *approved.values()))


def _approved(body: Mapping[str, Any]) -> Purpose:
    return Purpose(
        id=body["id"],
        name=body["name"],
        content=body["content"],
        related_uri=body["related_uri"],
        related_name=body.get("related_name"),
        scopes_supported=tuple(body["scopes_supported"]),
        reviewed=True,
    )
