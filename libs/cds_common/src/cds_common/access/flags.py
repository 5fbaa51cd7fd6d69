"""Which include_* fields count as true for an entry, and which services serve what they open."""

from collections.abc import Mapping
from typing import Any, Literal

from cds_common.access.catalogue import AGGREGATION_CONSENT, FIELDS, SCOPE_TYPES, is_customer_data
from cds_common.events.grants import Selection

DataService = Literal["accounts", "billing", "usage", "aggregation"]

ACCOUNTS = "include_accounts"
CONTRACTS = "include_service_contracts"
POINTS = "include_service_points"
METERS = "include_meter_devices"
AGGREGATIONS = "include_aggregations"
STATEMENTS = "include_bill_statements"
SECTIONS = "include_bill_sections"
USAGE = "include_usage_segments"
VALUE_TYPES = "include_usage_segment_value_types"
EACS = "include_eacs"
_FALSE_REMOVES = frozenset({USAGE, EACS})


def effective_flags(scope_type: str, details: Mapping[str, Any]) -> frozenset[str]:
    """The include_* fields that count as true: implied by the scope, or true in the details (§6, §7.2).

    False takes nothing away, except usage and certificates (§7.2.8, §7.2.9). Contracts and meters together force the service
    points between them (§7.2.2, §7.2.4). A scope type that is not Customer Data, and the consent to be counted, have none.
    """
    if not is_customer_data(scope_type) or scope_type == AGGREGATION_CONSENT:
        return frozenset()
    implied = SCOPE_TYPES[scope_type].implied
    asked = {name for name, field in FIELDS.items() if field.kind == "include" and details.get(name) is True}
    flags = {name for name in implied | asked if not (name in _FALSE_REMOVES and details.get(name) is False)}
    if details.get(VALUE_TYPES) is not None:
        flags.add(VALUE_TYPES)
    if {CONTRACTS, METERS} <= flags:
        flags.add(POINTS)
    return frozenset(flags)


def touched_services(scope_type: str, details: Mapping[str, Any], selection: Selection | None = None) -> frozenset[DataService]:
    """Whose readiness an entry waits for; empty when it opens no Customer Data objects."""
    flags = effective_flags(scope_type, details)
    if not flags:
        return frozenset()
    touched: set[DataService] = {"accounts"}
    if flags & {STATEMENTS, SECTIONS}:
        touched.add("billing")
    if flags & {USAGE, EACS}:
        touched.add("usage")
    named = details.get("aggregation_numbers") is not None or (selection is not None and selection.kind == "aggregation")
    if AGGREGATIONS in flags or named:
        touched.add("aggregation")
    return frozenset(touched)
