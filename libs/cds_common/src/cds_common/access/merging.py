"""merge_selection_with (CDS-WG3-01 §7.4.2): which scopes share one Request Section, and whether they may."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cds_common.access.errors import InvalidAuthorizationDetails
from cds_common.access.fields import PRESELECTION_FIELDS
from cds_common.access.offers import OfferedScope

if TYPE_CHECKING:
    from cds_common.access.details import EffectiveEntry

Requested = tuple[str, Mapping[str, Any]]
_EQUAL = {
    "authorization_form_selection_type": "selection types differ",
    "purpose": "purposes differ",
    "allow_scope_modifications": "allow_scope_modifications differ",
}


def check_merges(entries: Sequence[Requested], offered: Mapping[str, OfferedScope]) -> None:
    """Refuse a merge that can not be shown as one Request Section.

    Raises:
        InvalidAuthorizationDetails: the partner is not another requested scope, merges with nothing itself, or the two differ
            in selection, purpose, changeability or preselection.
    """
    by_scope = dict(entries)
    for scope, details in entries:
        partner = details.get("merge_selection_with")
        if partner is None:
            continue
        if partner == scope or partner not in by_scope:
            raise InvalidAuthorizationDetails(f"merge_selection_with of {scope} does not name another requested scope")
        if by_scope[partner].get("merge_selection_with") is None:
            raise InvalidAuthorizationDetails(f"{partner} must have a merge_selection_with as well")
        _check_pair(offered[scope], details, offered[partner], by_scope[partner])


def _check_pair(one: OfferedScope, first: Mapping[str, Any], other: OfferedScope, second: Mapping[str, Any]) -> None:
    for field_id, reason in _EQUAL.items():
        if first.get(field_id) != second.get(field_id):
            raise InvalidAuthorizationDetails(f"{one.id} and {other.id} can not be merged: {reason}")
    for field_id in PRESELECTION_FIELDS:
        _check_preselection(field_id, one, first.get(field_id), other, second.get(field_id))


def _check_preselection(field_id: str, one: OfferedScope, first: Any, other: OfferedScope, second: Any) -> None:
    ours, theirs = one.fields.get(field_id), other.fields.get(field_id)
    if ours is None and theirs is None:
        return
    if ours is None or theirs is None:
        if first is not None or second is not None:
            raise InvalidAuthorizationDetails(f"{field_id} is set, but only one of {one.id} and {other.id} offers it")
        return
    if not ours.same_rules(theirs):
        raise InvalidAuthorizationDetails(f"{one.id} and {other.id} offer {field_id} in different ways")
    if (None if first is None else set(first)) != (None if second is None else set(second)):
        raise InvalidAuthorizationDetails(f"{field_id} of {one.id} and {other.id} must be the same")


def request_sections(entries: "Sequence[EffectiveEntry]") -> "list[list[EffectiveEntry]]":
    """Group the entries into Request Sections: those that name each other, by any chain, share one (order of the request)."""
    root = {entry.scope: entry.scope for entry in entries}

    def find(scope: str) -> str:
        while root[scope] != scope:
            scope = root[scope]
        return scope

    for entry in entries:
        partner = entry.details.get("merge_selection_with")
        if partner in root:
            root[find(entry.scope)] = find(partner)
    sections: dict[str, list[EffectiveEntry]] = {}
    for entry in entries:
        sections.setdefault(find(entry.scope), []).append(entry)
    return list(sections.values())
