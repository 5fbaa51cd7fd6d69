"""Sums of Aggregations as Usage Segments."""

from typing import Any

import pytest

from cds_common.errors import TransientError
from cds_common.events.grants import GrantPublishedV1
from cds_common.events.values import AggregateDayV1, AggregationPublishedV1
from cds_common.grant_copy.testing import NoPeers, an_entry
from cds_usage.application.record_aggregates import ingest_aggregates
from cds_usage.persistence.copies import store_aggregation
from cds_usage.persistence.segments_read import SegmentFilters
from services.usage.tests.builders import FLAG, Stage, at, column, point_entry, readings, rid

MARCH_7 = "2026-03-07T00:00:00-08:00"


class AuthAway(NoPeers):
    """A Grant that waits is asked about; the copy answers alone while auth is away."""

    async def grant(self, grant_id: str) -> GrantPublishedV1 | None:
        raise TransientError(f"nobody to ask about {grant_id}")


class TestAggregates:
    def _day(self, *values: int | None, version: int = 1, **changes: Any) -> AggregateDayV1:
        fields: dict[str, Any] = {
            "environment": "sandbox", "aggregation_id": rid("aggregation", "G-1"), "day": "2026-03-07", "version": version,
            "shape": {"value_type": "electric_usage", "units": "kWh"}, "interval_seconds": 900, "start": at(MARCH_7), "decimals": 3,
            "values": values, "source_time": at("2026-03-10T00:00:00Z"),
        }  # fmt: skip
        return AggregateDayV1(**(fields | changes))

    async def _store(self, stage: Stage, *events: AggregateDayV1) -> None:
        for event in events:
            await ingest_aggregates(stage.sessions, stage.ingest, [event.model_dump()])

    @pytest.mark.req("WG3D-167")
    async def test_sums_are_segments_of_their_aggregation(self, stage: Stage) -> None:
        await self._store(stage, self._day(1, None, 3))
        group = rid("aggregation", "G-1")
        entry = an_entry(flags=[FLAG], reach={"aggregation": [group]}, visible={"aggregation": [group]}, value_formats=["el-15min"])
        (segment,) = await stage.segments(entry)
        assert segment["related_aggregations"] == [str(group)]
        assert [segment[f"related_{name}"] for name in ("accounts", "servicecontracts", "servicepoints", "meterdevices")] == [
            [],
            [],
            [],
            [],
        ]
        assert column(segment) == ["0.001", None, "0.003"]
        assert len(await stage.segments(entry, filters=SegmentFilters(ids={"aggregation": [str(group)]}))) == 1

    @pytest.mark.req("WG3D-170")
    async def test_the_sum_is_closed_while_consents_are_missing_and_after_one_is_lost(self, stage: Stage) -> None:
        stage.peers = AuthAway()
        await self._store(stage, self._day(1, 2))
        entry = an_entry(
            scope="cds_query_usage_hlp", scope_type="cds_query_usage", flags=[FLAG], reach={"aggregation": [rid("aggregation", "G-1")]},
            value_formats=["el-15min"],
        )  # fmt: skip
        seen = list[int]()
        for version, (status, enabled) in enumerate(
            (("needs_sub_grants", False), ("active", True), ("needs_sub_grants", False), ("active", True)), start=1
        ):
            seen.append(len(await stage.segments(entry, grant_id="parent", status=status, enabled=enabled, version=version)))
        assert seen == [0, 1, 0, 1]

    async def test_everything_of_service_points_opens_no_sum(self, stage: Stage) -> None:
        await self._store(stage, self._day(1))
        assert await stage.segments(an_entry(flags=[FLAG], reach={"service_point": None}, value_formats=["el-15min"])) == []

    async def test_a_newer_sum_replaces_the_day_and_an_older_one_does_nothing(self, stage: Stage) -> None:
        await self._store(stage, self._day(1, 2), self._day(7, None, version=3), self._day(5, 5, version=2))
        entry = an_entry(flags=[FLAG], reach={"aggregation": [rid("aggregation", "G-1")]}, value_formats=["el-15min"])
        (segment,) = await stage.segments(entry)
        assert column(segment) == ["0.007", None]

    async def test_a_batch_of_days_is_stored_whatever_its_order_and_once(self, stage: Stage) -> None:
        other = self._day(4, aggregation_id=rid("aggregation", "G-2"))
        batch = [self._day(7, None, version=3), self._day(1, 2), other, self._day(5, 5, version=2)]
        bodies = [event.model_dump() for event in [*batch, batch[0]]]
        assert await ingest_aggregates(stage.sessions, stage.ingest, bodies) == 4
        assert await ingest_aggregates(stage.sessions, stage.ingest, bodies) == 0
        reach = {"aggregation": [rid("aggregation", "G-1"), rid("aggregation", "G-2")]}
        entry = an_entry(flags=[FLAG], reach=reach, value_formats=["el-15min"])
        assert sorted(str(column(one)) for one in await stage.segments(entry)) == ["['0.004']", "['0.007', None]"]

    async def test_aggregations_come_after_what_has_no_number(self, stage: Stage) -> None:
        await self._store(stage, self._day(1))
        await stage.take(readings("2026-03-09T00:00:00-07:00", [5]))
        async with stage.sessions.begin() as session:
            await store_aggregation(session, _group("B-1"))
        entry = point_entry(reach={"service_point": [rid("service_point", "P-1")], "aggregation": [rid("aggregation", "G-1")]})
        assert [column(one) for one in await stage.segments(entry)] == [["0.005"], ["0.001"]]


def _group(number: str) -> AggregationPublishedV1:
    return AggregationPublishedV1(
        environment="sandbox", aggregation_id=rid("aggregation", "G-1"), ref="G-1", version=1, aggregation_number=number, name="Building",
        aggregation_types=["building"], member_count=12, consent_requirement="never",
    )  # fmt: skip
