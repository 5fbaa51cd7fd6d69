"""Wire forms of this service, spelled as in the specification."""

from typing import Any

from pydantic import ConfigDict

from cds_common.wire import CdsDateTime, CdsModel


class AggregationOut(CdsModel):
    """An Aggregation (CDS-WG3-01 §10.7.1); fields of its types stand beside the common ones (§10.7.2).

    `grouped_addresses` is left out where the token may not see addresses.
    """

    model_config = ConfigDict(extra="allow")

    cds_aggregation_id: str
    cds_created: CdsDateTime
    cds_modified: CdsDateTime
    cds_synced: CdsDateTime
    aggregation_types: list[str]
    aggregation_number: str | None
    scope: str
    authorization_details: list[dict[str, Any]]
    grouped_accounts: list[str]
    grouped_servicecontracts: list[str]
    grouped_servicepoints: list[str]
    grouped_meterdevices: list[str]
    grouped_aggregations: list[str]
    grouped_addresses: list[str] | None = None
    grouped_regions: list[dict[str, Any]]
    consent_requirements: list[dict[str, Any]]


class AggregationsOut(CdsModel):
    """The listing of §10.7.8."""

    aggregations: list[AggregationOut]
    next: str | None
    previous: str | None
