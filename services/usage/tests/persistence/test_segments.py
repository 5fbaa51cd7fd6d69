"""What a token sees of the segments: reach, windows, freezing, related ids, filters, order."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from cds_common.events.resources import Reached
from cds_common.events.values import BillPublishedV1, BillSectionLink
from cds_common.grant_copy.testing import an_entry
from cds_usage.application.apply_resources import apply_resources
from cds_usage.persistence.copies import store_bill
from cds_usage.persistence.segments_read import SegmentFilters
from services.usage.tests.builders import (
    FLAG,
    Stage,
    a_contract,
    a_meter,
    a_point,
    an_account,
    at,
    column,
    point_entry,
    readings,
    rid,
)  # fmt: skip

MARCH_7 = "2026-03-07T00:00:00-08:00"
OLD = a_contract("C-old", account="A-old", number="C1", start="2024-01-01T00:00:00-08:00", end="2026-03-07T12:00:00-08:00")
NEW = a_contract("C-new", account="A-new", number="C2", start="2026-03-07T12:00:00-08:00")


def contract_entry(contract: str, **times: Any) -> Any:
    reached = Reached(id=rid("service_contract", contract), **times)
    return an_entry(
        flags=[FLAG], reach={"service_contract": [reached]}, visible={"service_contract": [reached.id]}, value_formats=["el-15min"]
    )


class TestReach:
    @pytest.mark.req("WG3D-012", "WG3D-177")
    async def test_a_token_sees_the_points_of_its_grant_and_no_other(self, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [1]), readings(MARCH_7, [2], servicepoint_ref="P-2"))
        (segment,) = await stage.segments(point_entry("P-2"))
        assert column(segment) == ["0.002"]
        assert segment["related_servicepoints"] == [str(rid("service_point", "P-2"))]
        assert segment["related_meterdevices"] == []

    @pytest.mark.req("WG3D-004", "WG3B-171")
    async def test_an_entry_without_the_flag_opens_no_segment(self, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [1]))
        entry = an_entry(reach={"service_point": [rid("service_point", "P-1")]}, value_formats=["el-15min"])
        assert await stage.page(entry) == {"usage_segments": [], "next": None, "previous": None}

    async def test_the_other_environment_is_never_reached(self, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [1]))
        everything = an_entry(flags=[FLAG], reach={"service_point": None}, value_formats=["el-15min"])
        assert await stage.segments(everything, environment="production") == []
        assert len(await stage.segments(everything)) == 1

    async def test_a_meter_opens_the_segments_measured_by_it(self, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [1]), readings("2026-03-07T00:15:00-08:00", [2], meter_ref="M-2"))
        entry = an_entry(flags=[FLAG], reach={"meter_device": [rid("meter_device", "M-2")]}, value_formats=["el-15min"])
        assert [column(one) for one in await stage.segments(entry)] == [["0.002"]]

    async def test_each_tenant_sees_their_own_time(self, stage: Stage) -> None:
        await stage.know(OLD, NEW, a_point(OLD, NEW))
        await stage.take(readings(MARCH_7, list(range(96))))
        (old,), (new,) = await stage.segments(contract_entry("C-old")), await stage.segments(contract_entry("C-new"))
        assert (len(old["values"]), len(new["values"])) == (48, 48)
        assert (column(old)[-1], column(new)[0]) == ("0.047", "0.048")
        assert old["cds_usagesegment_id"] != new["cds_usagesegment_id"]
        assert old["related_servicecontracts"] == [str(rid("service_contract", "C-old"))]
        assert old["related_accounts"] == []

    async def test_segments_are_cut_anew_when_the_tenants_become_known_after_the_readings(self, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, list(range(96))))
        assert len(await stage.segments(point_entry())) == 1
        await stage.know(a_point(OLD, NEW), NEW, OLD)
        assert [len(one["values"]) for one in await stage.segments(point_entry())] == [48, 48]
        (old,) = await stage.segments(an_entry(flags=[FLAG], reach={"account": [rid("account", "A-old")]}, value_formats=["el-15min"]))
        assert column(old)[-1] == "0.047"

    async def test_tenants_that_become_known_together_cut_the_segments_alike(self, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, list(range(96))))
        async with stage.sessions.begin() as session:
            await apply_resources(session, [NEW, a_point(OLD, NEW), OLD], stage.ingest.calendar)
        assert [len(one["values"]) for one in await stage.segments(point_entry())] == [48, 48]
        (old,) = await stage.segments(contract_entry("C-old"))
        assert column(old)[-1] == "0.047"

    async def test_a_row_across_the_edge_of_a_tenancy_is_shown_to_neither_tenant(self, stage: Stage) -> None:
        await stage.know(OLD, NEW, a_point(OLD, NEW))
        await stage.take(readings("2026-03-07T11:00:00-08:00", [1, 2, 3], interval_seconds=2400, shape={"value_type": "electric_usage"}))
        everything = an_entry(flags=[FLAG], reach={"service_point": None}, value_formats=None)
        wide = await stage.segments(everything)
        assert [(one["segment_start"], one["segment_end"]) for one in wide] == [
            ("2026-03-07T19:00:00Z", "2026-03-07T20:20:00Z"), ("2026-03-07T20:20:00Z", "2026-03-07T21:00:00Z"),
        ]  # fmt: skip
        bare = contract_entry("C-old").model_copy(update={"value_formats": None})
        (old,) = await stage.segments(bare)
        assert old["segment_end"] == "2026-03-07T19:40:00Z"

    async def test_the_time_of_an_anchor_cuts_the_rows(self, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, list(range(8))))
        reached = Reached(id=rid("service_point", "P-1"), start=at("2026-03-07T08:20:00Z"), end=at("2026-03-07T09:10:00Z"))
        (segment,) = await stage.segments(point_entry(reach={"service_point": [reached]}))
        assert (segment["segment_start"], column(segment)) == ("2026-03-07T08:30:00Z", ["0.002", "0.003"])


class TestWindows:
    @pytest.mark.req("WG3B-214", "WG3B-216", "WG3B-217", "WG3B-219", "WG3B-221")
    async def test_segment_start_and_end_cut_whole_rows_under_a_stable_id(self, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, list(range(8))))
        entry = point_entry(segment_start=at("2026-03-07T08:16:00Z"), segment_end=at("2026-03-07T09:20:00Z"))
        (cut,), (whole,) = await stage.segments(entry), await stage.segments(point_entry())
        assert column(cut) == ["0.002", "0.003", "0.004"]
        assert cut["cds_usagesegment_id"] != whole["cds_usagesegment_id"]
        (again,) = await stage.segments(entry)
        assert again["cds_usagesegment_id"] == cut["cds_usagesegment_id"]

    async def test_new_readings_inside_the_window_keep_the_id_of_the_cut(self, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, list(range(8))))
        entry = point_entry(segment_start=at("2026-03-07T08:30:00Z"))
        (before,) = await stage.segments(entry)
        await stage.take(readings("2026-03-07T02:00:00-08:00", [9]))
        (after,) = await stage.segments(entry)
        assert before["cds_usagesegment_id"] == after["cds_usagesegment_id"]
        assert len(after["values"]) == 7

    async def test_a_window_beside_the_month_leaves_the_segment_as_it_is(self, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [1]))
        (cut,) = await stage.segments(point_entry(segment_start=at("2025-01-01T00:00:00Z")))
        (whole,) = await stage.segments(point_entry())
        assert cut["cds_usagesegment_id"] == whole["cds_usagesegment_id"]

    async def test_a_segment_outside_the_window_is_not_listed_and_its_id_finds_nothing(self, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [1]))
        (whole,) = await stage.segments(point_entry())
        late = point_entry(segment_start=at("2026-03-08T00:00:00Z"))
        assert await stage.segments(late) == []
        assert await stage.segments(late, filters=SegmentFilters(segment_ids=[whole["cds_usagesegment_id"]])) == []

    async def test_the_uncut_segment_is_not_reachable_by_its_id(self, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [1, 2, 3]))
        (whole,) = await stage.segments(point_entry())
        entry = point_entry(segment_start=at("2026-03-07T08:15:00Z"))
        assert await stage.segments(entry, filters=SegmentFilters(segment_ids=[whole["cds_usagesegment_id"]])) == []
        (cut,) = await stage.segments(entry)
        assert len(await stage.segments(entry, filters=SegmentFilters(segment_ids=[cut["cds_usagesegment_id"]]))) == 1


class TestFreezing:
    @pytest.mark.req("WG3B-193", "WG3B-194")
    async def test_a_frozen_grant_keeps_the_values_of_its_moment(self, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [1, 2]))
        await stage.take(readings(MARCH_7, [9], source_time=at("2026-03-18T00:00:00Z"), quality="corrected"))
        await stage.take(readings("2026-03-07T00:15:00-08:00", [7], source_time=at("2026-03-10T00:00:00Z")))
        (frozen,) = await stage.segments(point_entry(sync_until=at("2026-03-16T00:00:00Z")))
        (earlier,) = await stage.segments(point_entry(sync_until=at("2026-03-12T00:00:00Z")))
        (live,) = await stage.segments(point_entry())
        assert column(frozen) == ["0.001", "0.002"]
        assert [one["id"] for one in frozen["formats"]] == ["el-15min"]
        assert column(earlier) == [None, "0.007"]
        assert column(live) == ["0.009", "0.002"]

    @pytest.mark.req("WG3B-193")
    async def test_a_frozen_segment_is_not_modified_by_what_comes_later(self, stage: Stage) -> None:
        entry = point_entry(sync_until=at("2026-03-21T00:00:00Z"))
        await stage.take(readings(MARCH_7, [1, 2]))
        stage.now = at("2026-03-20T18:00:00Z")
        await stage.take(readings(MARCH_7, [3], source_time=at("2026-03-20T17:00:00Z")))
        stage.now = at("2026-03-22T00:00:00Z")
        before = await stage.segments(entry)
        await stage.take(readings(MARCH_7, [9, 9], source_time=at("2026-03-21T12:00:00Z")))
        await stage.take(readings("2026-03-08T00:00:00-08:00", [4], source_time=at("2026-03-21T12:00:00Z")))
        await stage.take(readings("2026-03-21T12:00:00-08:00", [5], source_time=at("2026-03-21T22:00:00Z")))
        (after,) = await stage.segments(entry)
        assert column(after)[:2] == ["0.003", "0.002"]
        assert after["cds_modified"] == before[0]["cds_modified"] == "2026-03-20T18:00:00Z"
        (live,) = await stage.segments(point_entry())
        assert live["cds_modified"] == "2026-03-22T00:00:00Z"

    @pytest.mark.req("WG3B-195")
    async def test_data_that_came_after_the_moment_is_not_there(self, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [1]))
        assert await stage.segments(point_entry(sync_until=at("2026-03-14T00:00:00Z"))) == []

    async def test_rows_after_the_moment_are_not_there(self, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [1, 2, 3, 4], source_time=at("2026-03-07T08:00:00Z")))
        (frozen,) = await stage.segments(point_entry(sync_until=at("2026-03-07T08:40:00Z")))
        assert column(frozen) == ["0.001", "0.002"]

    async def test_a_live_entry_beside_a_frozen_one_shows_the_present(self, stage: Stage) -> None:
        await stage.take(readings("2026-02-07T00:00:00-08:00", [1], source_time=at("2026-03-01T00:00:00Z")))
        await stage.take(readings("2026-02-07T00:00:00-08:00", [5], source_time=at("2026-03-18T00:00:00Z")))
        frozen = point_entry(sync_until=at("2026-03-16T00:00:00Z"))
        (both,) = await stage.segments(frozen, point_entry(entry_no=1))
        assert column(both) == ["0.005"]


class TestFormats:
    @pytest.mark.req("WG3D-183")
    async def test_only_granted_formats_are_columns(self, stage: Stage) -> None:
        forward, reverse = ({"value_type": "electric_usage", "units": "kWh", "direction": way} for way in ("forward", "reverse"))
        await stage.take(readings(MARCH_7, [5], shape=forward), readings(MARCH_7, [-3], shape=reverse))
        (one,) = await stage.segments(point_entry(formats=["el-reverse"]))
        assert one["formats"] == [{"id": "el-reverse", "type": "electric_usage", "units": "kWh", "direction": "reverse"}]
        assert column(one) == ["-0.003"]
        (both,) = await stage.segments(point_entry(formats=["el-reverse", "el-forward"]))
        assert [each["id"] for each in both["formats"]] == ["el-forward", "el-reverse"]
        assert both["values"] == [[{"eu": "0.005"}, {"eu": "-0.003"}]]

    @pytest.mark.req("WG3D-183")
    async def test_without_formats_only_the_time_frame_is_given(self, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [5]))
        (one,) = await stage.segments(point_entry(formats=None))
        assert (one["formats"], one["values"], one["segment_end"]) == ([], [], "2026-03-07T08:15:00Z")

    async def test_a_segment_without_a_granted_column_is_not_listed(self, stage: Stage) -> None:
        await stage.take(readings(MARCH_7, [5]))
        assert await stage.segments(point_entry(formats=["gas-month"])) == []
        assert await stage.segments(point_entry(formats=["el-month"])) == []
        assert await stage.segments(point_entry(formats=[])) == []

    @pytest.mark.req("WG3D-200")
    async def test_a_cost_points_at_the_columns_that_are_there(self, stage: Stage) -> None:
        await stage.take(
            readings(MARCH_7, [5]), readings(MARCH_7, [31], shape={"value_type": "cost", "units": None, "currency": "USD"}, decimals=2)
        )
        (both,) = await stage.segments(point_entry(formats=["cost", "el-15min"]))
        assert both["formats"][1] == {"id": "cost", "type": "cost", "currency": "USD", "indexes": [0]}
        (alone,) = await stage.segments(point_entry(formats=["cost"]))
        assert alone["formats"][0]["indexes"] == []
        assert alone["values"] == [[{"c": "0.31"}]]

    @pytest.mark.req("WG3D-201")
    async def test_a_meter_reading_is_a_string_and_names_its_meter_if_the_token_sees_it(self, stage: Stage) -> None:
        shape = {"value_type": "meter_readings", "units": "kWh", "register_name": "1.8.0"}
        await stage.take(readings(MARCH_7, [123_456], shape=shape, decimals=1))
        (hidden,) = await stage.segments(point_entry(formats=["reads"]))
        assert hidden["formats"] == [{"id": "reads", "type": "meter_readings", "units": "kWh", "register": "1.8.0"}]
        assert hidden["values"] == [[{"r": "12345.6"}]]
        visible = {"meter_device": [rid("meter_device", "M-1")]}
        (seen,) = await stage.segments(point_entry(formats=["reads"], visible=visible))
        assert seen["formats"][0]["related_meterdevice"] == str(rid("meter_device", "M-1"))


class TestRelated:
    @pytest.mark.req("WG3D-177")
    async def test_related_ids_are_those_that_the_token_sees(self, stage: Stage) -> None:
        await stage.know(OLD, a_point(OLD))
        await stage.take(readings(MARCH_7, [1]))
        visible = {"account": [rid("account", "A-old")], "service_contract": [rid("service_contract", "C-other")]}
        (segment,) = await stage.segments(point_entry(visible=visible))
        assert segment["related_accounts"] == [str(rid("account", "A-old"))]
        assert [segment[name] for name in ("related_servicecontracts", "related_servicepoints", "related_meterdevices")] == [[], [], []]

    async def test_sections_of_the_same_point_and_time_are_named_if_billing_lists_them(self, stage: Stage) -> None:
        await stage.know(OLD, a_point(OLD))
        await stage.take(readings(MARCH_7, [1]))
        inside, outside = await _bill(stage, ("S-1", "2026-02-10", "2026-03-09"), ("S-2", "2026-03-10", "2026-04-09"))
        anchors = {"account": [rid("account", "A-old")], "service_contract": [rid("service_contract", "C-old")]}
        (segment,) = await stage.segments(point_entry(flags=["include_bill_sections"], bill_reach=anchors))
        assert segment["related_billsections"] == [str(inside)]
        (unbilled,) = await stage.segments(point_entry(bill_reach=anchors))
        (late,) = await stage.segments(
            point_entry(flags=["include_bill_sections"], bill_reach=anchors, start_date=at("2026-03-01T00:00:00Z").date())
        )
        (elsewhere,) = await stage.segments(point_entry(flags=["include_bill_sections"], bill_reach={"account": [rid("account", "A-old")]}))
        assert [one["related_billsections"] for one in (unbilled, late, elsewhere)] == [[], [], []]
        found = await stage.segments(
            point_entry(flags=["include_bill_sections"], bill_reach=anchors),
            filters=SegmentFilters(billsection_ids=[str(inside), str(outside)]),
        )
        assert len(found) == 1
        assert await stage.segments(point_entry(bill_reach=anchors), filters=SegmentFilters(billsection_ids=[str(inside)])) == []


async def _bill(stage: Stage, *sections: tuple[str, str, str]) -> list[UUID]:
    links = [
        BillSectionLink(
            section_id=rid("bill_section", ref), account_id=rid("account", "A-old"), contract_ids=[rid("service_contract", "C-old")],
            service_point_ids=[rid("service_point", "P-1")], meter_device_ids=[], start_date=start, end_date=end,  # type: ignore[arg-type]
        )
        for ref, start, end in sections
    ]  # fmt: skip
    bill = BillPublishedV1(
        environment="sandbox", statement_id=rid("bill_statement", "B-1"), account_id=rid("account", "A-old"), version=1,
        statement_date=links[0].end_date, sections=links,
    )  # fmt: skip
    async with stage.sessions.begin() as session:
        await store_bill(session, bill, stage.ingest.calendar)
        await store_bill(session, bill.model_copy(update={"sections": []}), stage.ingest.calendar)
    return [link.section_id for link in links]


class TestFilters:
    @pytest.fixture(autouse=True)
    async def _two_points(self, stage: Stage) -> None:
        await stage.know(an_account("A-old", "1001"), OLD, a_point(OLD), a_meter("M-1", "MTR 1"))
        await stage.take(readings(MARCH_7, [1, 2, 3, 4]), readings(MARCH_7, [5], servicepoint_ref="P-2", meter_ref="M-2"))

    async def _count(self, stage: Stage, filters: SegmentFilters, flags: Sequence[str] = (), **visible: Sequence[UUID]) -> int:
        entry = point_entry("P-1", "P-2", flags=flags, visible={"service_point": [rid("service_point", "P-1")], **visible})
        return len(await stage.segments(entry, filters=filters))

    @pytest.mark.req("WG3D-211", "WG3D-014")
    async def test_an_id_finds_a_segment_only_through_a_relation_that_the_token_sees(self, stage: Stage) -> None:
        account = SegmentFilters(ids={"account": [str(rid("account", "A-old"))]})
        assert await self._count(stage, account, account=[rid("account", "A-old")]) == 1
        assert await self._count(stage, account) == 0
        contract = SegmentFilters(ids={"service_contract": [str(rid("service_contract", "C-old"))]})
        assert await self._count(stage, contract, service_contract=[rid("service_contract", "C-old")]) == 1
        assert await self._count(stage, SegmentFilters(ids={"service_point": [str(rid("service_point", "P-1"))]})) == 1
        assert await self._count(stage, SegmentFilters(ids={"service_point": [str(rid("service_point", "P-2"))]})) == 0
        assert await self._count(stage, SegmentFilters(ids={"meter_device": [str(rid("meter_device", "M-1"))]})) == 0

    @pytest.mark.req("WG3D-211", "WG3D-014")
    async def test_a_number_finds_a_segment_only_where_the_token_may_read_it(self, stage: Stage) -> None:
        numbers = SegmentFilters(numbers={"account": ["1001"]})
        seen = {"account": [rid("account", "A-old")]}
        assert await self._count(stage, numbers, ["include_account_numbers"], **seen) == 1
        assert await self._count(stage, numbers, **seen) == 0
        assert await self._count(stage, numbers, ["include_account_numbers"]) == 0
        assert await self._count(stage, SegmentFilters(numbers={"service_point": ["SP-P-1"]})) == 1
        meter = SegmentFilters(numbers={"meter_device": ["MTR 1"]})
        assert await self._count(stage, meter, ["include_meter_numbers"], meter_device=[rid("meter_device", "M-1")]) == 1
        contract = SegmentFilters(numbers={"service_contract": ["C1"]})
        assert await self._count(stage, contract, ["include_contract_numbers"], service_contract=[rid("service_contract", "C-old")]) == 1

    @pytest.mark.req("WG3D-009", "WG3D-011")
    async def test_filters_narrow_each_other_and_strange_values_match_nothing(self, stage: Stage) -> None:
        point = [str(rid("service_point", "P-1"))]
        both = SegmentFilters(ids={"service_point": point}, numbers={"service_point": ["SP-other"]})
        assert await self._count(stage, both) == 0
        assert await self._count(stage, SegmentFilters(ids={"service_point": ["nonsense", point[0].upper(), *point]})) == 1
        assert await self._count(stage, SegmentFilters(ids={"service_point": [point[0].upper()]})) == 0

    @pytest.mark.req("WG3D-213", "WG3D-017")
    async def test_before_and_after_include_their_moment_and_never_cut(self, stage: Stage) -> None:
        for filters, found in (
            (SegmentFilters(before=at("2026-03-07T08:00:00Z")), 2), (SegmentFilters(before=at("2026-03-07T07:59:59.999999Z")), 0),
            (SegmentFilters(after=at("2026-03-07T09:00:00Z")), 1), (SegmentFilters(after=at("2026-03-07T09:00:00.000001Z")), 0),
        ):  # fmt: skip
            assert await self._count(stage, filters) == found
        (segment, *_) = await stage.segments(point_entry(), filters=SegmentFilters(after=at("2026-03-07T08:40:00Z")))
        assert len(segment["values"]) == 4


class TestOrder:
    @pytest.mark.req("WG3D-214", "WG3D-215")
    async def test_numbers_first_then_time_then_the_latest_change(self, stage: Stage) -> None:
        first, second = (a_contract(f"C-{n}", account=f"A-{n}", number=str(9 - n)) for n in (1, 2))
        await stage.know(an_account("A-1", "2"), an_account("A-2", "10"), first, second)
        await stage.know(a_point(first), a_point(second, ref="P-2"))
        months = ("2026-01-05T00:00:00-08:00", "2026-02-05T00:00:00-08:00")
        for number, point in enumerate(("P-1", "P-2", "P-3")):
            await stage.take(*(readings(month, [number], servicepoint_ref=point) for month in reversed(months)))
        segments = await stage.segments(point_entry("P-1", "P-2", "P-3"))
        shown = [(one["related_servicepoints"][0], one["segment_start"][:7]) for one in segments]
        p1, p2, p3 = (str(rid("service_point", ref)) for ref in ("P-1", "P-2", "P-3"))
        assert shown == [(p3, "2026-01"), (p3, "2026-02"), (p2, "2026-01"), (p2, "2026-02"), (p1, "2026-01"), (p1, "2026-02")]
        await stage.know(an_account("A-2", "3", version=2))
        assert (await stage.segments(point_entry("P-1", "P-2")))[0]["related_servicepoints"] == [p1]

    async def test_an_older_version_of_a_resource_changes_nothing(self, stage: Stage) -> None:
        await stage.know(OLD, a_point(OLD, version=5), a_point(version=4))
        async with stage.sessions() as session:
            assert await session.scalar(text("SELECT count(*) FROM contract_tenure")) == 1
