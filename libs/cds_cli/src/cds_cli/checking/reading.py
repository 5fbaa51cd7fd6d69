"""Everything that one token sees, read through the public APIs by the metadata alone (CDS-WG3-01 §10)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cds_cli.journey.client import Client
from cds_cli.journey.story import wait_for

Json = dict[str, Any]

QUERIES = (
    "cds_query_accounts", "cds_query_service_contracts", "cds_query_service_points", "cds_query_meter_devices",
    "cds_query_bill_statements", "cds_query_bill_sections", "cds_query_aggregations", "cds_query_usage",
)  # fmt: skip
LISTINGS: Mapping[str, tuple[str, str]] = {
    "accounts": ("cds_accounts_api", "cds_account_id"),
    "service_contracts": ("cds_servicecontracts_api", "cds_servicecontract_id"),
    "service_points": ("cds_servicepoints_api", "cds_servicepoint_id"),
    "meter_devices": ("cds_meterdevices_api", "cds_meterdevice_id"),
    "bill_statements": ("cds_billstatement_api", "cds_billstatement_id"),
    "bill_sections": ("cds_billsection_api", "cds_billsection_id"),
    "aggregations": ("cds_aggregations_api", "cds_aggregation_id"),
    "usage_segments": ("cds_usagesegments_api", "cds_usagesegment_id"),
    "eacs": ("cds_eacs_api", "cds_eac_id"),
}
"""Key of the listing's array, metadata member of its address, id of its objects."""
_EARLIEST = "P10Y"


@dataclass(frozen=True, slots=True)
class Seen:
    """The objects of all nine listings, and what the server says of itself."""

    objects: Mapping[str, Sequence[Json]]
    coverage: Sequence[Json]
    timezone: str

    def __getitem__(self, key: str) -> Sequence[Json]:
        return self.objects[key]

    def by_id(self, key: str) -> dict[str, Json]:
        """The objects of one listing by their ids."""
        name = LISTINGS[key][1]
        return {str(each[name]): each for each in self.objects[key]}


def wide_open(client: Client, scope_type: str) -> Json:
    """Authorization details that ask for all that a scope can include, from as early as it may."""
    scope = client.metadata["cds_scope_descriptions"][client.scope_id(scope_type)]
    details: Json = {"type": scope["id"]}
    for field in scope["authorization_details_fields_supported"]:
        name = field["id"]
        if name == "include_usage_segment_value_types":
            details[name] = [choice["id"] for choice in field["choices"]]
        elif name.startswith("include_") and field["format"].startswith("boolean"):
            details[name] = True
        elif name in ("segment_start", "statement_date_start", "start_date"):
            details[name] = _EARLIEST if field["maximum"] == "infinite" else field["maximum"]
    return details


def wide_token(client: Client) -> str:
    """One token of the Client Object `direct` for all query scopes, once its Grants are active: a pending Grant shows only a part.

    Raises:
        JourneyFailed: a Grant stays pending.
    """
    details = [wide_open(client, scope_type) for scope_type in QUERIES]
    token = client.client_credentials("direct", " ".join(each["type"] for each in details), details)
    # Named only when they are new: the same question is answered from the same Grant.
    for grant_id in token.get("cds_grant_ids", ()):
        wait_for("the Grant is active", lambda grant_id=grant_id: client.grant(grant_id)["status"] == "active" or None)
    return str(token["access_token"])


def read_everything(client: Client, token: str) -> Seen:
    """All pages of all nine listings."""
    objects = {key: client.list_all(client.metadata[api], key, token) for key, (api, _) in LISTINGS.items()}
    coverage = client.list_all(client.server["coverage"], "coverage_entries", token)
    return Seen(objects, coverage, client.metadata["cds_timezone"])
