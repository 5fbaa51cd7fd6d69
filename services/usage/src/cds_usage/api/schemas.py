"""Wire forms of this service, spelled as in the specification."""

from typing import Any

from cds_common.wire import CdsDateTime, CdsDecimal, CdsModel


class UsageSegmentOut(CdsModel):
    """A Usage Segment (CDS-WG3-01 §10.8.1); documents the answer, which is written from stored rows."""

    cds_usagesegment_id: str
    cds_created: CdsDateTime
    cds_modified: CdsDateTime
    cds_synced: CdsDateTime
    related_aggregations: list[str]
    related_accounts: list[str]
    related_servicecontracts: list[str]
    related_servicepoints: list[str]
    related_meterdevices: list[str]
    related_billsections: list[str]
    segment_start: CdsDateTime
    segment_end: CdsDateTime
    interval: CdsDecimal
    formats: list[dict[str, Any]]
    values: list[list[dict[str, Any] | None]]


class UsageSegmentsOut(CdsModel):
    """The listing of §10.8.8."""

    usage_segments: list[UsageSegmentOut]
    next: str | None
    previous: str | None


class EacOut(CdsModel):
    """An Energy Attribute Certificate (CDS-WG3-01 §10.9.1)."""

    cds_eac_id: str
    cds_created: CdsDateTime
    cds_modified: CdsDateTime
    cds_synced: CdsDateTime
    beneficiary_type: str
    beneficiaries: list[str]
    eac_numbers: list[str]
    eac_format: str
    eac_data_url: str
    period_start: CdsDateTime
    period_end: CdsDateTime


class EacsOut(CdsModel):
    """The listing of §10.9.4."""

    eacs: list[EacOut]
    next: str | None
    previous: str | None
