"""From the utility's file to what each scope offers: every field of its type with defaults, changed where the file says so."""

from typing import Any

from cds_common.access.catalogue import EVERY_CHOICE, FIELDS, SCOPE_TYPES, Format
from cds_common.access.offers import OfferedChoice, OfferedField, OfferedScope
from cds_common.access.scope_types import ScopeType
from cds_common.utility.choices import choices_of
from cds_common.utility.models import FieldOffer, ScopeOffer, Utility

_GRANTS: dict[str, tuple[str, ...]] = {
    "consent": ("authorization_code", "refresh_token"),
    "direct": ("client_credentials",),
    "client_admin": ("client_credentials",),
    "grant_admin": ("client_credentials",),
    "files": (),
}
_AUTH_METHODS: tuple[str, ...] = ("client_secret_basic",)

_ADMIN_FIELDS: dict[str, tuple[str, str]] = {
    "client_id": ("Client Object identifier", "The Client Object identifier for which the Grant is issued."),
    "grant_id": ("Grant identifier", "The Grant identifier for which the returned access_token will be given access."),
    "file_id": ("File identifier", "A file provided by the Server that may be accessed by the Client as part of the Grant."),
}
"""Fields of CDS-WG1-02 §3.3.2 and §3.3.3 with the words that the specification fixes."""


def offered_scopes(utility: Utility) -> dict[str, OfferedScope]:
    """All scopes of the utility by id, in the order of its file."""
    return {offer.id: _offered(utility, offer) for offer in utility.scopes}


def field_ids(utility: Utility, offer: ScopeOffer) -> list[str]:
    """Ids of the fields of a scope in the order of the tables: its type's own, without the dropped, with the added ones."""
    row = SCOPE_TYPES[offer.type]
    wanted = {*row.offered_by_default, *offer.fields} - set(offer.without)
    if not utility.purposes:
        wanted.discard("purpose")
    return [each for each in (*_ADMIN_FIELDS, *FIELDS) if each in wanted]


def grant_admin_of(utility: Utility, offer: ScopeOffer) -> str | None:
    """The Grant Admin scope of an offer: the named one, else the only one there is; the admin scopes have none."""
    if SCOPE_TYPES[offer.type].kind in {"client_admin", "grant_admin"}:
        return None
    known = [each.id for each in utility.scopes if each.type == "cds_grant_admin"]
    return offer.grant_admin_scope or (known[0] if len(known) == 1 else None)


def _offered(utility: Utility, offer: ScopeOffer) -> OfferedScope:
    row = SCOPE_TYPES[offer.type]
    return OfferedScope(
        offer.id,
        offer.type,
        {field_id: _field(utility, offer, row, field_id) for field_id in field_ids(utility, offer)},
        offer.name or row.name,
        offer.description or row.description,
        tuple(offer.registration_requirements),
        tuple(offer.registration_optional),
        ("code",) if row.kind == "consent" else (),
        _GRANTS[row.kind],
        () if row.kind == "files" else _AUTH_METHODS,
        ("S256",) if row.kind == "consent" else (),
        tuple(offer.coverages),
        grant_admin_of(utility, offer),
        offer.start_at_last_bill,
    )


def _field(utility: Utility, offer: ScopeOffer, row: ScopeType, field_id: str) -> OfferedField:
    if field_id in _ADMIN_FIELDS:
        name, description = _ADMIN_FIELDS[field_id]
        return OfferedField(
            field_id, "string", is_required=True, has_default=False, maximum=1000, minimum=1, name=name, description=description
        )
    field, change = FIELDS[field_id], offer.fields.get(field_id, FieldOffer())
    chosen: Format = change.format or field.formats[0]
    choices = _chosen(utility, offer, row, (field_id, chosen))
    limited = chosen.startswith(("string", "relative", "int", "decimal"))
    return OfferedField(
        field_id,
        chosen,
        change.is_required or False,
        not change.is_required,
        None if change.is_required else _default(utility, row, field_id, choices, change),
        _changed(change, "maximum", field.maximum) if limited else None,
        _changed(change, "minimum", field.minimum) if limited else None,
        choices,
        field.name,
        field.description,
    )


def _chosen(utility: Utility, offer: ScopeOffer, row: ScopeType, field: tuple[str, Format]) -> tuple[OfferedChoice, ...]:
    field_id, chosen = field
    if not chosen.startswith("choice"):
        return ()
    change = offer.fields.get(field_id, FieldOffer())
    known = choices_of(utility, offer, row, field_id)
    if change.choices is None:
        return known
    by_id = {each.id: each for each in known}
    return tuple(by_id.get(each) or OfferedChoice(each, each, each) for each in change.choices)


def _default(utility: Utility, row: ScopeType, field_id: str, choices: tuple[OfferedChoice, ...], change: FieldOffer) -> Any:
    if "default" in change.model_fields_set:
        return change.default
    if field_id in row.defaults:
        return row.defaults[field_id]
    if field_id == "authorization_form_selection_type":
        ids = [each.id for each in choices]
        return next((each for each in row.selections if each in ids), None)
    if field_id == "purpose":
        return utility.default_purpose if any(each.id == utility.default_purpose for each in choices) else None
    default = FIELDS[field_id].default
    return [each.id for each in choices] if default == EVERY_CHOICE else default


def _changed(change: FieldOffer, name: str, otherwise: int | str | None) -> int | str | None:
    value = getattr(change, name)
    return otherwise if value is None else value
