"""Readings and their surroundings, showing only what matters to a test."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cds_common.db import Sessions
from cds_common.events.resources import EntitlementEntry, ResourcePublishedV1, Tenure
from cds_common.events.utility import ReadingsRecordedV1, SeriesShape
from cds_common.grant_copy import load_access
from cds_common.grant_copy.testing import NoPeers, an_entry, store_grant
from cds_common.ids import Kind, resource_id
from cds_common.paging import PageRequest
from cds_usage.application.apply_resources import apply_resources
from cds_usage.application.ingest import Ingest, ingest_readings
from cds_usage.application.list_segments import SegmentReader, list_segments
from cds_usage.domain.calendar import Calendar
from cds_usage.domain.value_formats import CatalogueFormat, FormatCatalogue
from cds_usage.persistence.partitions import Partitions
from cds_usage.persistence.segments_read import SegmentFilters
from cds_usage.persistence.series import SeriesKinds
from cds_usage.settings import Settings

TIMEZONE = "America/Los_Angeles"
NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
FLAG = "include_usage_segments"

FORMATS = FormatCatalogue(
    [
        CatalogueFormat("el-15min", (("value_type", "electric_usage"), ("units", "kWh")), "900", None),
        CatalogueFormat("el-15min-corrected", (("value_type", "electric_usage"), ("units", "kWh")), "900", "corrected"),
        CatalogueFormat("el-forward", (("value_type", "electric_usage"), ("units", "kWh"), ("direction", "forward")), "900", None),
        CatalogueFormat("el-reverse", (("value_type", "electric_usage"), ("units", "kWh"), ("direction", "reverse")), "900", None),
        CatalogueFormat("el-day", (("value_type", "electric_usage"), ("units", "kWh")), "day", None),
        CatalogueFormat("el-month", (("value_type", "electric_usage"), ("units", "kWh")), "month", None),
        CatalogueFormat("gas-month", (("value_type", "natural_gas_usage"), ("units", "therm"), ("tier", "none")), "month", None),
        CatalogueFormat("cost", (("value_type", "cost"), ("currency", "USD")), "900", None),
        CatalogueFormat("reads", (("value_type", "meter_readings"), ("units", "kWh")), "900", None),
    ]
)


def rid(kind: Kind, ref: str) -> UUID:
    return resource_id("sandbox", kind, ref)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def readings(start: str, values: Sequence[int | None], **changes: Any) -> ReadingsRecordedV1:
    """Quarter-hour kWh values with three decimals of meter M-1 at point P-1; `start` with its offset."""
    shape = {"value_type": "electric_usage", "units": "kWh"} | changes.pop("shape", {})
    fields: dict[str, Any] = {
        "environment": "sandbox",
        "source_time": at("2026-03-15T00:00:00Z"),
        "servicepoint_ref": "P-1",
        "meter_ref": "M-1",
        "shape": SeriesShape.model_validate(shape),
        "start": at(start),
        "interval_seconds": 900,
        "decimals": 3,
        "values": list(values),
    }
    return ReadingsRecordedV1(**(fields | changes))


def a_contract(ref: str, *, account: str, number: str | None = None, version: int = 1, **times: str | None) -> ResourcePublishedV1:
    """A contract of an account at point P-1; `start` and `end` as RFC 3339."""
    own = Tenure(id=rid("service_contract", ref), **{name: at(value) for name, value in times.items() if value})
    return ResourcePublishedV1(
        environment="sandbox", kind="service_contract", resource_id=own.id, ref=ref, version=version, customer_ids=[],
        account_ids=[rid("account", account)], contracts=[own], service_points=[Tenure(id=rid("service_point", "P-1"))], number=number,
    )  # fmt: skip


def a_point(*contracts: ResourcePublishedV1, ref: str = "P-1", version: int = 1) -> ResourcePublishedV1:
    """A point with these contracts, each for its own time."""
    return ResourcePublishedV1(
        environment="sandbox", kind="service_point", resource_id=rid("service_point", ref), ref=ref, version=version, customer_ids=[],
        contracts=[contract.contracts[0] for contract in contracts], number=f"SP-{ref}",
    )  # fmt: skip


def an_account(ref: str, number: str, version: int = 1) -> ResourcePublishedV1:
    return ResourcePublishedV1(
        environment="sandbox", kind="account", resource_id=rid("account", ref), ref=ref, version=version, customer_ids=[], number=number,
        account_ids=[rid("account", ref)],
    )  # fmt: skip


def a_meter(ref: str, number: str) -> ResourcePublishedV1:
    return ResourcePublishedV1(
        environment="sandbox", kind="meter_device", resource_id=rid("meter_device", ref), ref=ref, version=1, customer_ids=[], number=number
    )


def point_entry(*refs: str, flags: Sequence[str] = (), formats: Sequence[str] | None = ("el-15min",), **others: Any) -> EntitlementEntry:
    """An entry that shows and reaches Service Points (P-1 by default)."""
    points = [rid("service_point", ref) for ref in refs or ("P-1",)]
    fields: dict[str, Any] = {"reach": {"service_point": points}, "visible": {"service_point": points}} | others
    return an_entry(flags=[FLAG, *flags], value_formats=None if formats is None else list(formats), **fields)


class Stage:
    """Takes readings and resources as the consumers do, and lists as the endpoint does."""

    def __init__(self, sessions: Sessions, settings: Settings) -> None:
        self.sessions, self.settings, self.now = sessions, settings, NOW
        calendar = Calendar(TIMEZONE)
        self.ingest = Ingest(calendar, Partitions(sessions), SeriesKinds(), now=lambda: self.now)
        self.reader = SegmentReader(calendar, FORMATS, SeriesKinds())
        self.peers = NoPeers()

    async def take(self, *events: ReadingsRecordedV1) -> int:
        """One batch of readings."""
        return await ingest_readings(self.sessions, self.ingest, [event.model_dump() for event in events])

    async def know(self, *events: ResourcePublishedV1) -> None:
        """Resources, one transaction each."""
        for event in events:
            async with self.sessions.begin() as session:
                await apply_resources(session, [event], self.ingest.calendar)

    async def segments(self, *entries: EntitlementEntry, filters: SegmentFilters | None = None, **grant: Any) -> list[dict[str, Any]]:
        """What a token of a fresh Grant with these entries sees."""
        return (await self.page(*entries, filters=filters, **grant))["usage_segments"]

    async def page(self, *entries: EntitlementEntry, filters: SegmentFilters | None = None, **grant: Any) -> Mapping[str, Any]:
        """The whole answer; numbers are read as text, so that digits can be compared."""
        return json.loads(await self.body(*entries, filters=filters, **grant), parse_float=str)

    async def body(self, *entries: EntitlementEntry, filters: SegmentFilters | None = None, **grant: Any) -> bytes:
        """The bytes of the answer."""
        async with self.sessions.begin() as session:
            token = await store_grant(session, *entries, now=self.now, **grant)
        async with self.sessions.begin() as session:
            access = await load_access(session, token, now=self.now, settings=self.settings, peers=self.peers)
            request = PageRequest(self.settings, "/cds/v1/usage-segments", (), None)
            body = await list_segments(session, self.reader, access, filters or SegmentFilters(), request, self.now)
        return b"".join(body)


def column(segment: Mapping[str, Any], index: int = 0) -> list[Any]:
    """The values of one column, as the text of their digits; None where there is none."""
    return [None if row[index] is None else next(iter(row[index].values())) for row in segment["values"]]
