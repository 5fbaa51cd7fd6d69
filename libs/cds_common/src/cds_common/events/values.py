"""`cds.bills`, `cds.usage`, `cds.aggregations`, `cds.aggregates`: values and groups between billing, usage and aggregation."""

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from cds_common.events.envelope import Contract, InEnvironment, IntegrationEvent
from cds_common.events.utility import SeriesShape
from cds_common.events.vocabulary import ConsentRequirementType, ReadingQuality


class BillSectionLink(Contract):
    """What usage needs to name a Bill Section beside a Usage Segment."""

    section_id: UUID
    account_id: UUID
    contract_ids: list[UUID]
    service_point_ids: list[UUID]
    meter_device_ids: list[UUID]
    start_date: date
    end_date: date


class BillPublishedV1(IntegrationEvent, InEnvironment):
    """A Bill Statement was stored; amounts stay with billing."""

    topic: ClassVar[str] = "cds.bills"
    event_type: Literal["bill.published.v1"] = "bill.published.v1"
    statement_id: UUID
    account_id: UUID
    version: int
    statement_date: date
    sections: list[BillSectionLink]

    def key(self) -> str:
        return str(self.account_id)


class UsageDay(Contract):
    """The merged values of one series on one day of `cds_timezone`, after a change; replaces earlier versions of the day.

    Value i covers [start + i * interval, ...); `values[i] / 10 ** decimals[i]`; None = no value.
    """

    series_id: UUID
    service_point_id: UUID
    meter_device_id: UUID | None
    shape: SeriesShape
    quality: ReadingQuality | None
    interval_seconds: int
    day: date
    version: int
    start: AwareDatetime
    decimals: list[int] | int
    values: list[int | None]
    source_time: AwareDatetime | None = None
    """When the newest of the values was true at the source; decides what a frozen Grant sees of their sums."""

    @property
    def phase(self) -> int:
        """The offset of the grid, in seconds."""
        return int(self.start.timestamp()) % self.interval_seconds


USAGE_LANES = 48
"""Lanes of `cds.usage`, four for each of its 12 partitions. A later change would let days of one point overtake each other."""


class UsageDaysV1(IntegrationEvent, InEnvironment):
    """Days that changed together. All days of a Service Point travel in one lane, so that they keep their order.

    Many days share a message because at night nearly every batch of readings changes hundreds of them.
    """

    topic: ClassVar[str] = "cds.usage"
    event_type: Literal["usage.days.v1"] = "usage.days.v1"
    lane: int
    days: list[UsageDay]

    def key(self) -> str:
        return f"{self.environment}-{self.lane}"

    @staticmethod
    def lane_of(service_point_id: UUID) -> int:
        """The lane of a Service Point."""
        return service_point_id.int % USAGE_LANES


class AggregationPublishedV1(IntegrationEvent, InEnvironment):
    """An Aggregation with its members and the state of its consent requirement (CDS-WG3-01 §10.7.5)."""

    topic: ClassVar[str] = "cds.aggregations"
    event_type: Literal["aggregation.published.v1"] = "aggregation.published.v1"
    aggregation_id: UUID
    ref: str
    version: int
    aggregation_number: str | None
    name: str
    aggregation_types: list[str]
    member_count: int
    premise_numbers: list[str] = Field(default_factory=list)
    addresses: list[str] = Field(default_factory=list)
    service_point_ids: list[UUID] = Field(default_factory=list)
    """Direct members; those of nested Aggregations stand with them."""
    member_aggregation_ids: list[UUID] = Field(default_factory=list)
    consent_requirement: ConsentRequirementType

    def key(self) -> str:
        return str(self.aggregation_id)


class AggregateDayV1(IntegrationEvent, InEnvironment):
    """The exact sum over all members of an Aggregation on one day; usage serves it as an aggregated Usage Segment."""

    topic: ClassVar[str] = "cds.aggregates"
    event_type: Literal["aggregate.day.v1"] = "aggregate.day.v1"
    aggregation_id: UUID
    shape: SeriesShape
    interval_seconds: int
    day: date
    version: int
    start: AwareDatetime
    decimals: int
    values: list[int | None]
    """None where a member that belongs to the day has no value: a sum with a hole would mislead."""
    source_time: AwareDatetime | None = None
    """The newest `source_time` of the members' values; None = not known, then `occurred_at` counts."""

    def key(self) -> str:
        return str(self.aggregation_id)
