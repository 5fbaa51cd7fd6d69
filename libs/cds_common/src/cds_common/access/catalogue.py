"""The front door to the tables of fields and scope types, with the questions that services ask of them."""

from cds_common.access.fields import EVERY_CHOICE, FIELDS, INFINITE, PRESELECTION_FIELDS, Field, FieldKind, Format
from cds_common.access.scope_types import (
    AGGREGATION_CONSENT,
    CLIENT_ADMIN,
    GRANT_ADMIN,
    SCOPE_TYPES,
    SERVER_PROVIDED_FILES,
    ScopeKind,
    ScopeType,
    SelectionType,
)
from cds_common.events.grants import SelectionKind

__all__ = [
    "AGGREGATION_CONSENT", "CLIENT_ADMIN", "EVERY_CHOICE", "FIELDS", "GRANT_ADMIN", "INFINITE", "PRESELECTION_FIELDS", "SCOPE_TYPES",
    "SERVER_PROVIDED_FILES", "Field", "FieldKind", "Format", "ScopeKind", "ScopeType", "SelectionKind", "SelectionType",
    "is_consent", "is_customer_data", "is_direct", "selection_kind",
]  # fmt: skip

_SELECTION_KINDS: dict[str, SelectionKind] = {
    "account_selection": "account",
    "service_contract_selection": "service_contract",
    "servicepoint_selection": "service_point",
    "meter_device_selection": "meter_device",
    "aggregation_selection": "aggregation",
}


def selection_kind(selection_type: str) -> SelectionKind:
    """The kind of object listed by a Selection (CDS-WG3-01 §9.2.3). KeyError for any other word."""
    return _SELECTION_KINDS[selection_type]


def is_consent(scope_type: str) -> bool:
    """Whether a customer has to authorize it (§6.1); false for unknown types."""
    return scope_type in SCOPE_TYPES and SCOPE_TYPES[scope_type].kind == "consent"


def is_direct(scope_type: str) -> bool:
    """Whether it is direct access (§6.2); false for unknown types."""
    return scope_type in SCOPE_TYPES and SCOPE_TYPES[scope_type].kind == "direct"


def is_customer_data(scope_type: str) -> bool:
    """Whether it is one of the 18 types of CDS-WG3-01 §6."""
    return is_consent(scope_type) or is_direct(scope_type)
