"""Rules of the specifications that span parts of the utility's file; each fault says where in the file it lies."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from cds_common.access.catalogue import FIELDS, SCOPE_TYPES
from cds_common.access.durations import parse_date, parse_duration, parse_instant
from cds_common.access.offers import OfferedField, OfferedScope
from cds_common.access.scope_types import USAGE_SELECTION_FIELDS, ScopeType
from cds_common.access.values import BadValue, Moment, check_value
from cds_common.utility.models import ScopeOffer, Utility
from cds_common.utility.offers import grant_admin_of, offered_scopes

# Defaults are checked at a fixed moment: the file is right or wrong whatever the day. Absolute defaults age; relative ones do not.
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)


class Fault(NamedTuple):
    """What is wrong, and where: keys and indexes from the root of the file."""

    location: tuple[str | int, ...]
    reason: str


def find_faults(utility: Utility) -> list[Fault]:
    """Everything in the file that the specifications forbid; empty when it can be used."""
    faults = [*_doubles(utility), *_unknown(utility), *_set_of_scopes(utility), *_registration_defaults(utility)]
    for index, offer in enumerate(utility.scopes):
        faults.extend(Fault(("scopes", index, *each.location), each.reason) for each in _offer_faults(offer))
    if not faults:
        offered = offered_scopes(utility)
        for index, offer in enumerate(utility.scopes):
            found = _scope_faults(utility, offer, offered[offer.id])
            faults.extend(Fault(("scopes", index, *each.location), each.reason) for each in found)
    return faults


def _doubles(utility: Utility) -> Iterator[Fault]:
    lists: dict[str, Iterable[str]] = {
        "coverage": [each.id for each in utility.coverage],
        "entities": [each.entity_number for each in utility.entities],
        "test_accounts": [each.login_name for each in utility.test_accounts],
        "registration_fields": [each.id for each in utility.registration_fields],
        "purposes": [each.id for each in utility.purposes],
        "value_formats": [each.id for each in utility.value_formats],
        "eac_formats": [each.id for each in utility.eac_formats],
        "scopes": [each.id for each in utility.scopes],
    }
    for name, ids in lists.items():
        seen: set[str] = set()
        for index, each in enumerate(ids):
            if each in seen:
                yield Fault((name, index), f"{each} stands twice")
            seen.add(each)


def _unknown(utility: Utility) -> Iterator[Fault]:
    coverages = {each.id for each in utility.coverage}
    steps = {each.id for each in utility.registration_fields}
    scopes = {each.id for each in utility.scopes}
    for index, offer in enumerate(utility.scopes):
        for name, ids, known in (
            ("coverages", offer.coverages, coverages),
            ("registration_requirements", offer.registration_requirements, steps),
            ("registration_optional", offer.registration_optional, steps),
        ):
            for place, each in enumerate(ids):
                if each not in known:
                    yield Fault(("scopes", index, name, place), f"{each} is not declared")
    for index, invite in enumerate(utility.invite_codes):
        for place, each in enumerate(invite.scopes):
            if each not in scopes:
                yield Fault(("invite_codes", index, "scopes", place), f"{each} is not offered")
    if utility.default_purpose is not None and utility.default_purpose not in {each.id for each in utility.purposes}:
        yield Fault(("default_purpose",), "not one of purposes")


def _set_of_scopes(utility: Utility) -> Iterator[Fault]:
    admins = [each for each in utility.scopes if each.type == "cds_client_admin"]
    if [each.id for each in admins] != ["cds_client_admin"]:
        yield Fault(("scopes",), "exactly one scope of type cds_client_admin with that id is needed (CDS-WG1-02 §3.3.1)")
    admin_ids = {each.id for each in utility.scopes if each.type == "cds_grant_admin"}
    for index, offer in enumerate(utility.scopes):
        if offer.grant_admin_scope is not None and offer.grant_admin_scope not in admin_ids:
            yield Fault(("scopes", index, "grant_admin_scope"), "not a scope of type cds_grant_admin")
    if not any(not rule.aggregation_types for rule in utility.privacy):
        yield Fault(("privacy",), "a rule without aggregation_types is needed for all other Aggregations")


def _registration_defaults(utility: Utility) -> Iterator[Fault]:
    optional = {each for offer in utility.scopes for each in offer.registration_optional}
    for index, step in enumerate(utility.registration_fields):
        if step.id in optional and step.type == "registration_field" and "default" not in step.model_fields_set:
            yield Fault(("registration_fields", index), "an optional field needs a default (CDS-WG1-02 §3.6)")


def _offer_faults(offer: ScopeOffer) -> Iterator[Fault]:
    row = SCOPE_TYPES.get(offer.type)
    if row is None:
        yield Fault(("type",), f"{offer.type} is not a known scope type")
        return
    yield from _fixed_faults(row, offer)
    if offer.start_at_last_bill and offer.type != "cds_bill_statements":
        yield Fault(("start_at_last_bill",), "only cds_bill_statements begins at a bill (CDS-WG3-01 §4.7)")
    for field_id, change in offer.fields.items():
        field = FIELDS.get(field_id)
        if field is None:
            yield Fault(("fields", field_id), "not a field of CDS-WG3-01 §7")
        elif field_id in row.forbidden:
            yield Fault(("fields", field_id), f"{offer.type} must not offer it (CDS-WG3-01 §{row.section})")
        elif change.format is not None and change.format not in field.formats:
            yield Fault(("fields", field_id, "format"), f"must be one of {', '.join(field.formats)} (CDS-WG3-01 §{field.section})")
    for place, field_id in enumerate(offer.without):
        # §6.2.8 counts the value types as included: only where the field is offered does a Grant name them.
        implied = field_id == "include_usage_segment_value_types" and field_id in row.implied
        if implied or field_id in row.required or field_id not in row.offered_by_default:
            yield Fault(("without", place), f"{field_id} is required, or not offered anyway (CDS-WG3-01 §{row.section})")


def _fixed_faults(row: ScopeType, offer: ScopeOffer) -> Iterator[Fault]:
    """What CDS-WG1-02 §3.3 fixes for its own scopes."""
    if row.kind in {"client_admin", "grant_admin", "files"} and (offer.fields or offer.without or offer.coverages):
        yield Fault((), "the specification fixes fields and coverages of this scope (CDS-WG1-02 §3.3)")
    if row.kind in {"client_admin", "grant_admin"} and (offer.name or offer.description):
        yield Fault(("name",), "the specification fixes name and description of this scope (CDS-WG1-02 §3.3)")
    if row.kind == "files" and not (offer.name or row.name).startswith(row.name):
        yield Fault(("name",), "the name begins with Server-Provided Files (CDS-WG1-02 §3.3.3)")


def _scope_faults(utility: Utility, offer: ScopeOffer, scope: OfferedScope) -> Iterator[Fault]:
    row = SCOPE_TYPES[offer.type]
    if row.kind == "files" and grant_admin_of(utility, offer) is None:
        yield Fault(("grant_admin_scope",), "needed here (CDS-WG1-02 §3.3.3)")
    for field in scope.fields.values():
        for fault in _field_faults(row, field):
            yield Fault(("fields", field.id, *fault.location), fault.reason)
    selection = scope.fields.get("authorization_form_selection_type")
    if selection is not None:
        yield from _selection_faults(row, scope, selection)


def _field_faults(row: ScopeType, field: OfferedField) -> Iterator[Fault]:
    if row.kind == "consent" and field.is_required:
        yield Fault(("is_required",), "must be false where customers authorize (CDS-WG3-01 §7)")
    if row.kind == "consent" and field.id == "jwk" and field.default is not None:
        yield Fault(("default",), "must be null (CDS-WG3-01 §7.4.6)")
    if field.id in row.never and field.id in row.defaults and field.default != row.defaults[field.id]:
        yield Fault(("default",), f"must be {row.defaults[field.id]} (CDS-WG3-01 §{row.section})")
    if field.format in {"choice", "choice_list"} and not field.choices:
        yield Fault(("choices",), "at least one choice is needed (CDS-WG1-02 §3.8)")
    yield from _limit_faults(field)
    if field.has_default and not field.is_required:
        try:
            check_value(field, field.default, Moment(_SOME_DAY, UTC))
        except (BadValue, ValueError) as error:
            yield Fault(("default",), f"{field.default!r} is refused: {error}")


def _limit_faults(field: OfferedField) -> Iterator[Fault]:
    for name, limit in (("maximum", field.maximum), ("minimum", field.minimum)):
        if field.format.startswith("string") and not (isinstance(limit, int) and not isinstance(limit, bool) and limit >= 0):
            yield Fault((name,), "a whole number is expected (CDS-WG1-02 §3.8)")
        elif field.format.startswith("relative") and not _is_time(limit, with_time=field.format.endswith("datetime")):
            yield Fault((name,), "a date, a duration or infinite is expected (CDS-WG1-02 §3.8)")


def _is_time(limit: object, *, with_time: bool) -> bool:
    if not isinstance(limit, str):
        return False
    try:
        if limit.startswith("P"):
            parse_duration(limit, with_time=with_time)
        elif limit != "infinite":
            (parse_instant if with_time else parse_date)(limit)
    except ValueError:
        return False
    return True


def _selection_faults(row: ScopeType, scope: OfferedScope, selection: OfferedField) -> Iterator[Fault]:
    where = ("fields", "authorization_form_selection_type")
    allowed, chosen = set[str](row.selections), selection.choice_ids
    if not chosen <= allowed or not set(row.required_selections) <= chosen:
        yield Fault((*where, "choices"), f"must hold {', '.join(row.required_selections)} and nothing outside {', '.join(row.selections)}")
    if row.type != "cds_usage":
        return
    for each, needed in USAGE_SELECTION_FIELDS.items():
        missing = sorted(needed - set(scope.fields))
        if each in chosen and missing:
            yield Fault(where, f"{each} needs the fields {', '.join(missing)} (CDS-WG3-01 §6.1.9)")
