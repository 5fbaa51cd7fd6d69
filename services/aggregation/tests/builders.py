"""Groups, their members and days of usage, showing only what matters to a test."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text

from cds_aggregation.application.ingest import ingest_usage
from cds_aggregation.application.keep_sums import work_once
from cds_aggregation.application.record_aggregation import record_aggregation
from cds_aggregation.application.record_resources import record_resources
from cds_aggregation.application.refresh import refresh
from cds_aggregation.domain.rules import Rule
from cds_aggregation.persistence.partitions import Partitions
from cds_aggregation.settings import Settings
from cds_common.db import Sessions
from cds_common.events.resources import ResourcePublishedV1, Tenure
from cds_common.events.utility import AggregationRecordedV1
from cds_common.events.values import UsageDay, UsageDaysV1
from cds_common.grant_copy.testing import NoPeers
from cds_common.ids import Kind, resource_id

TIMEZONE = "America/Los_Angeles"
NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
SHAPE = {"value_type": "electric_usage", "units": "kWh"}


def rid(kind: Kind, ref: str) -> UUID:
    return resource_id("sandbox", kind, ref)


@dataclass(frozen=True)
class FixedRules:
    """A rule of its own for every test; the window is a year."""

    min_customers: int = 4
    max_share: Decimal = Decimal("0.5")
    timezone: str = TIMEZONE
    usage_scope: str | None = "cds_query_usage_hlp"

    def rule(self, aggregation_types: list[str]) -> Rule:
        return Rule(self.min_customers, self.max_share, "P1Y")

    def window_start(self, rule: Rule, now: datetime) -> datetime:
        return now - timedelta(days=365)


def a_group(*points: str, ref: str = "G-1", **changes: Any) -> AggregationRecordedV1:
    """A building with these points."""
    fields: dict[str, Any] = {
        "environment": "sandbox",
        "source_time": datetime(2026, 1, 1, tzinfo=UTC),
        "aggregation_ref": ref,
        "aggregation_number": f"B-{ref}",
        "name": f"Building {ref}",
        "aggregation_types": ["listed", "building"],
        "servicepoint_refs": list(points),
        "grouped_addresses": [f"12 Harbor Street, {ref}"],
    }
    return AggregationRecordedV1(**(fields | changes))


def a_flat(number: int, customer: str | None = "", version: int = 1) -> list[ResourcePublishedV1]:
    """Point P-<n> with a contract of customer K-<n> (or of `customer`; None = nobody lives there), its account and meter."""
    name = f"K-{number}" if customer == "" else customer
    contract = rid("service_contract", f"C-{name}-{number}")
    point = ResourcePublishedV1(
        environment="sandbox", kind="service_point", resource_id=rid("service_point", f"P-{number}"), ref=f"P-{number}", version=version,
        customer_ids=[], current_contract_ids=[contract] if name else [], meter_devices=[Tenure(id=rid("meter_device", f"M-{number}"))],
        premise_numbers=[f"FLAT {number}"],
    )  # fmt: skip
    if name is None:
        return [point]
    lease = ResourcePublishedV1(
        environment="sandbox", kind="service_contract", resource_id=contract, ref=f"C-{number}", version=version,
        customer_ids=[rid("customer", name)], account_ids=[rid("account", f"A-{name}")],
        service_points=[Tenure(id=rid("service_point", f"P-{number}"))],
    )  # fmt: skip
    return [point, lease]


def a_day(number: int, *values: int | None, day: str = "2026-03-10", version: int = 1, **changes: Any) -> UsageDay:
    """Quarter hours of point P-<n> from local midnight, in thousandths."""
    local = date.fromisoformat(day)
    start = datetime(local.year, local.month, local.day, tzinfo=ZoneInfo(TIMEZONE)).astimezone(UTC)
    fields: dict[str, Any] = {
        "series_id": rid("series", f"S-{number}"), "service_point_id": rid("service_point", f"P-{number}"),
        "meter_device_id": rid("meter_device", f"M-{number}"), "shape": SHAPE, "quality": None, "interval_seconds": 900, "day": local,
        "version": version, "start": start, "decimals": 3, "values": list(values), "source_time": datetime(2026, 3, 11, tzinfo=UTC),
    }  # fmt: skip
    return UsageDay(**(fields | changes))


def days_changed(*days: UsageDay) -> UsageDaysV1:
    """The message that brings them."""
    return UsageDaysV1(environment="sandbox", lane=0, days=list(days))


class Stage:
    """Plays the worker: takes facts in and does the work that follows."""

    def __init__(self, sessions: Sessions, settings: Settings) -> None:
        self.sessions, self.settings, self.now = sessions, settings, NOW
        self.rules = FixedRules()
        self.partitions = Partitions(sessions)
        self.peers = NoPeers()

    def demand(self, **rule: Any) -> None:
        """Change the thresholds."""
        self.rules = replace(self.rules, **rule)

    async def group(self, *events: AggregationRecordedV1) -> None:
        for event in events:
            async with self.sessions.begin() as session:
                for aggregation_id in await record_aggregation(session, event, self.now):
                    await refresh(session, aggregation_id, self.rules, self.now)
        await self.work()

    async def know(self, *flats: Sequence[ResourcePublishedV1]) -> None:
        for event in (event for flat in flats for event in flat):
            async with self.sessions.begin() as session:
                await record_resources(session, [event])
        await self.work()

    async def use(self, *days: UsageDay) -> None:
        await ingest_usage(self.sessions, self.partitions, self.rules, [days_changed(*days).model_dump()])
        await self.work()

    async def work(self) -> None:
        while await work_once(self.sessions, self.rules, self.now):
            pass

    async def evaluate(self, ref: str = "G-1") -> None:
        """What another change near the group would cause."""
        async with self.sessions.begin() as session:
            await refresh(session, rid("aggregation", ref), self.rules, self.now)

    async def published(self, event_type: str) -> list[dict[str, Any]]:
        """Bodies of the outbox, oldest first."""
        async with self.sessions() as session:
            rows = await session.scalars(text("SELECT body::jsonb FROM outbox WHERE event_type = :type ORDER BY id"), {"type": event_type})
            return list(rows)

    async def sums(self) -> list[list[int | None]]:
        """The newest published values of each day of G-1, in order of days."""
        newest = dict[tuple[Any, ...], list[int | None]]()
        for body in await self.published("aggregate.day.v1"):
            if body["aggregation_id"] == str(rid("aggregation", "G-1")):
                newest[body["day"], body["interval_seconds"], body["start"]] = body["values"]
        return [newest[key] for key in sorted(newest)]

    async def has_data(self) -> bool:
        return bool(await self._state("has_data", "G-1"))

    async def requirement(self, ref: str = "G-1") -> str:
        return str(await self._state("requirement", ref))

    async def _state(self, column: str, ref: str) -> object:
        async with self.sessions() as session:
            query = text(f"SELECT {column} FROM aggregation WHERE aggregation_id = :id")
            return await session.scalar(query, {"id": rid("aggregation", ref)})
