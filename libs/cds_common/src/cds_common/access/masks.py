"""Which optional properties of an object each include_* flag opens (CDS-WG3-01 §7.2, §10); all others stay out of the answer."""

from collections.abc import Iterable, Mapping
from typing import Literal

MaskedKind = Literal[
    "account", "service_contract", "service_point", "meter_device", "bill_statement", "bill_section", "new_charge", "aggregation",
    "usage_segment", "eac",
]  # fmt: skip

_STAMPS = ("cds_created", "cds_modified", "cds_synced")


def _always(*names: str) -> frozenset[str]:
    return frozenset((*names, *_STAMPS))


ALWAYS: Mapping[MaskedKind, frozenset[str]] = {
    "account": _always("cds_account_id", "cds_account_parent"),
    "service_contract": _always("cds_servicecontract_id", "cds_account_id", "contract_types", "contract_status", "service_types"),
    "service_point": _always(
        "cds_servicepoint_id", "servicepoint_number", "servicepoint_types", "current_servicecontracts", "previous_servicecontracts"
    ),
    "meter_device": _always("cds_meterdevice_id", "meter_types", "current_servicepoints", "previous_servicepoints"),
    "bill_statement": _always(
        "cds_billstatement_id", "cds_account_id", "account_number", "statement_date", "currency", "amount_due", "amount_due_date",
        "shutoff_prevention_minimum_due", "shutoff_prevention_date",
    ),
    "bill_section": _always(
        "cds_billsection_id", "cds_billstatement_id", "cds_account_id", "account_number", "section_types", "start_date", "end_date",
        "currency", "distribution_entity", "supply_entity", "related_servicecontracts", "related_servicepoints",
        "related_meterdevices", "related_billsections", "usage_details", "cost_details",
    ),
    "new_charge": frozenset({"id", "name", "types", "amount", "included_in_amount_due"}),
    "aggregation": _always(
        "cds_aggregation_id", "aggregation_types", "aggregation_number", "scope", "authorization_details", "grouped_accounts",
        "grouped_servicecontracts", "grouped_servicepoints", "grouped_meterdevices", "grouped_aggregations", "grouped_regions",
        "consent_requirements", "countries", "provinces", "municipalities", "account_types", "account_program_numbers",
        "service_types", "rateplan_code", "service_program_numbers", "servicepoint_types", "premise_numbers", "meter_types",
        "meter_app_numbers",
    ),
    "usage_segment": _always(
        "cds_usagesegment_id", "related_aggregations", "related_accounts", "related_servicecontracts", "related_servicepoints",
        "related_meterdevices", "related_billsections", "segment_start", "segment_end", "interval", "formats", "values",
    ),
    "eac": _always(
        "cds_eac_id", "beneficiary_type", "beneficiaries", "eac_numbers", "eac_format", "eac_data_url", "period_start", "period_end"
    ),
}  # fmt: skip
"""Properties that may be there whatever the flags say, of an Aggregation some by its type.

`account_number` of bills is one of them (project reading 4).
"""

OPENED_BY: Mapping[MaskedKind, Mapping[str, str]] = {
    "account": {
        "customer_number": "include_account_numbers",
        "account_number": "include_account_numbers",
        "account_entity": "include_account_numbers",
        "account_name": "include_account_details",
        "account_address": "include_account_details",
        "account_types": "include_account_details",
        "account_status": "include_account_details",
        "account_contacts": "include_account_details",
        "account_programs": "include_account_programs",
    },
    "service_contract": {
        "account_number": "include_account_numbers",
        "contract_number": "include_contract_numbers",
        "contract_entity": "include_contract_numbers",
        "contract_address": "include_service_contract_details",
        "contract_start": "include_service_contract_details",
        "contract_end": "include_service_contract_details",
        "rateplan_code": "include_rate_plans",
        "rateplan_name": "include_rate_plans",
        "service_programs": "include_service_programs",
    },
    "service_point": {
        "servicepoint_address": "include_service_point_addresses",
        "latitude": "include_coordinates",
        "longitude": "include_coordinates",
        "premises": "include_premises",
    },
    "meter_device": {"meter_number": "include_meter_numbers", "meter_apps": "include_meter_apps"},
    "bill_statement": {
        "file_uri": "include_bill_statement_files",
        "file_mimetype": "include_bill_statement_files",
        "previous_balance_amount": "include_bill_statement_charges",
        "previous_balance_paid": "include_bill_statement_charges",
        "previous_balance_unpaid": "include_bill_statement_charges",
        "new_charges_amount": "include_bill_statement_charges",
        "new_charges": "include_bill_statement_charges",
        "new_balance_amount": "include_bill_statement_charges",
        "account_programs": "include_bill_statement_programs",
    },
    "bill_section": {"line_items": "include_bill_section_line_items", "service_programs": "include_bill_section_programs"},
    "new_charge": {"related_billsections": "include_bill_sections"},
    "aggregation": {"grouped_addresses": "include_aggregation_addresses"},
    "usage_segment": {},
    "eac": {},
}
"""Property -> the flag that opens it, per kind of object."""


def visible_properties(kind: MaskedKind, flags: Iterable[str]) -> frozenset[str]:
    """All properties of `kind` that may be answered under `flags`; for an object of several entries pass the union of their flags."""
    known = frozenset(flags)
    return ALWAYS[kind] | {name for name, flag in OPENED_BY[kind].items() if flag in known}
