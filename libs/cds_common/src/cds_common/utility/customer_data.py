"""The members that CDS-WG3-01 §5 adds to the Authorization Server Metadata: which data APIs there are for the scopes shown."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from cds_common.access.catalogue import SCOPE_TYPES, is_customer_data
from cds_common.utility import paths
from cds_common.utility.models import Utility

APIS: tuple[tuple[str, str, str], ...] = (
    ("include_accounts", "cds_accounts_api", paths.ACCOUNTS),
    ("include_service_contracts", "cds_servicecontracts_api", paths.SERVICE_CONTRACTS),
    ("include_service_points", "cds_servicepoints_api", paths.SERVICE_POINTS),
    ("include_meter_devices", "cds_meterdevices_api", paths.METER_DEVICES),
    ("include_bill_statements", "cds_billstatement_api", paths.BILL_STATEMENTS),
    ("include_bill_sections", "cds_billsection_api", paths.BILL_SECTIONS),
    ("include_aggregations", "cds_aggregations_api", paths.AGGREGATIONS),
    ("include_usage_segments", "cds_usagesegments_api", paths.USAGE_SEGMENTS),
    ("include_eacs", "cds_eacs_api", paths.EACS),
)
"""include_* field, member, path: the member is there when a scope offers the field or implies it."""


def customer_data_members(utility: Utility, public_url: str, descriptions: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The members for these Scope Descriptions; {} when none of them is Customer Data."""
    rows = [row for row in descriptions.values() if is_customer_data(row["type"])]
    if not rows:
        return {}
    opened = frozenset[str]().union(*map(_opened, rows))
    found: dict[str, Any] = {"cds_customerdata_version": "v1"}
    found |= {member: public_url + path for flag, member, path in APIS if flag in opened}
    if "cds_usagesegments_api" in found:
        found["cds_usagesegments_additional_value_types"] = {
            each.type: {
                "type": each.type,
                "name": each.name,
                "description": each.description,
                "documentation": public_url + paths.DOCS_VALUE_TYPE.format(type=quote(each.type, safe="")),
            }
            for each in utility.additional_value_types
        }
    if "cds_eacs_api" in found:
        found["cds_eac_formats"] = {
            each.id: {
                "id": each.id,
                "name": each.name,
                "description": each.description,
                "documentation": public_url + paths.DOCS_EAC_FORMAT.format(format=quote(each.id, safe="")),
            }
            for each in utility.eac_formats
        }
    return found


def _opened(description: Mapping[str, Any]) -> frozenset[str]:
    """The include_* fields that can count as true in one scope; contracts with meters bring the points between them (§7.2.2)."""
    found = SCOPE_TYPES[description["type"]].implied | {field["id"] for field in description["authorization_details_fields_supported"]}
    return found | {"include_service_points"} if {"include_service_contracts", "include_meter_devices"} <= found else found
