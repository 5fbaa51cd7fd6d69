"""Grants of tests: direct access to the whole sandbox, and consents."""

from typing import Any

from cds_common.events.clients import DirectPermission
from services.accounts.tests.builders import a_grant, an_entry, rid, ticked

EVERYTHING = DirectPermission(everything=True)
PATHS = ["accounts", "service-contracts", "service-points", "meter-devices"]
QUERY = {
    "accounts": "cds_query_accounts",
    "service-contracts": "cds_query_service_contracts",
    "service-points": "cds_query_service_points",
    "meter-devices": "cds_query_meter_devices",
}
ALL_FLAGS = dict.fromkeys(
    (
        "include_account_numbers", "include_account_details", "include_account_programs", "include_service_contracts",
        "include_contract_numbers", "include_rate_plans", "include_service_contract_details", "include_service_programs",
        "include_service_points", "include_premises", "include_service_point_addresses", "include_coordinates", "include_meter_devices",
        "include_meter_numbers", "include_meter_apps", "include_accounts",
    ),
    True,
)  # fmt: skip


def direct(path: str, **details: Any) -> Any:
    """A Grant of the direct-access scope of this listing to the whole sandbox."""
    return a_grant(an_entry(scope_type=QUERY[path], permission=EVERYTHING, **details), customers=())


def consent(*, kind: str = "account", ids: Any = None, scope_type: str = "cds_accounts", **details: Any) -> Any:
    return a_grant(an_entry(ticked(kind, *(ids or [rid("account", "A1")])), scope_type=scope_type, **details))
