"""The choices that a utility has for each choice field: vocabulary of the specification, its programs, formats and Selections."""

from collections.abc import Callable
from typing import get_args

from cds_common.access.offers import OfferedChoice
from cds_common.access.scope_types import ScopeType
from cds_common.events import vocabulary as v
from cds_common.utility.models import ScopeOffer, Utility

_SELECTIONS = {
    "account_selection": ("Accounts", "The customer picks from a list of accounts."),
    "service_contract_selection": ("Services", "The customer picks from a list of services."),
    "servicepoint_selection": ("Service points", "The customer picks from a list of service points."),
    "meter_device_selection": ("Meters", "The customer picks from a list of meters."),
    "aggregation_selection": ("Aggregations", "The customer picks from a list of aggregations."),
}


def _words(vocabulary: object, what: str) -> tuple[OfferedChoice, ...]:
    return tuple(OfferedChoice(word, word.replace("_", " ").capitalize(), f"{what} of this type") for word in get_args(vocabulary))


def _account_programs(utility: Utility, _offer: ScopeOffer, _row: ScopeType) -> tuple[OfferedChoice, ...]:
    return tuple(OfferedChoice(each.program_number, each.name, each.description) for each in utility.programs.account)


def _service_programs(utility: Utility, _offer: ScopeOffer, _row: ScopeType) -> tuple[OfferedChoice, ...]:
    return tuple(OfferedChoice(each.program_number, each.name, each.description) for each in utility.programs.service)


def _meter_apps(utility: Utility, _offer: ScopeOffer, _row: ScopeType) -> tuple[OfferedChoice, ...]:
    return tuple(OfferedChoice(each.app_number, each.name, each.description) for each in utility.programs.meter_apps)


def _value_formats(utility: Utility, _offer: ScopeOffer, _row: ScopeType) -> tuple[OfferedChoice, ...]:
    return tuple(OfferedChoice(each.id, each.name, each.description, each.wire()) for each in utility.value_formats)


def _purposes(utility: Utility, _offer: ScopeOffer, _row: ScopeType) -> tuple[OfferedChoice, ...]:
    return tuple(OfferedChoice(each.id, each.name, "Set by the server for every client.") for each in utility.purposes)


def _selections(_utility: Utility, _offer: ScopeOffer, row: ScopeType) -> tuple[OfferedChoice, ...]:
    return tuple(OfferedChoice(each, *_SELECTIONS[each]) for each in row.selections)


_SOURCES: dict[str, Callable[[Utility, ScopeOffer, ScopeType], tuple[OfferedChoice, ...]]] = {
    "account_programs": _account_programs,
    "service_programs": _service_programs,
    "meter_apps": _meter_apps,
    "service_types": lambda _u, _o, _r: _words(v.ServiceType, "Services"),
    "servicepoint_types": lambda _u, _o, _r: _words(v.ServicePointType, "Service points"),
    "meter_types": lambda _u, _o, _r: _words(v.MeterType, "Meters"),
    "include_usage_segment_value_types": _value_formats,
    "purpose": _purposes,
    "authorization_form_selection_type": _selections,
}


def choices_of(utility: Utility, offer: ScopeOffer, row: ScopeType, field_id: str) -> tuple[OfferedChoice, ...]:
    """All choices that the field can have here; empty for fields whose choices the file itself must name."""
    source = _SOURCES.get(field_id)
    return () if source is None else source(utility, offer, row)
