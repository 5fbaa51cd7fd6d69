"""Every value type with its units and designations, from the source's message to the segment (CDS-WG3-01 §10.8.5, §10.8.7)."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from cds_common.events import vocabulary as v
from cds_common.testing.schemas import FOLDER, assert_valid
from cds_usage.application.list_segments import SegmentReader
from cds_usage.domain.series import SHAPE_FIELDS
from cds_usage.domain.value_formats import CatalogueFormat, FormatCatalogue
from cds_usage.persistence.series import SeriesKinds
from services.usage.tests.builders import Stage, at, column, point_entry, readings, rid

DAY = "2026-03-07T00:00:00-08:00"
Shape = dict[str, str | None]


def a_shape(value_type: str, **members: str | None) -> Shape:
    return {"value_type": value_type, "units": None} | members


def offer(stage: Stage, *shapes: Shape) -> list[str]:
    """Offer a format for each shape, in their order; gives the ids."""
    formats = [
        CatalogueFormat(f"f{number}", tuple((name, str(shape[name])) for name in SHAPE_FIELDS if shape.get(name) is not None), None, None)
        for number, shape in enumerate(shapes)
    ]
    stage.reader = SegmentReader(stage.reader.calendar, FormatCatalogue(formats), SeriesKinds())
    return [each.format_id for each in formats]


async def shown(stage: Stage, *columns: tuple[Shape, Sequence[int | None]], **entry: Any) -> dict[str, Any]:
    """The one segment that these columns make, valid as a whole; numbers as text."""
    formats = offer(stage, *(shape for shape, _ in columns))
    await stage.take(*(readings(DAY, values, shape=shape) for shape, values in columns))
    body = await stage.body(point_entry(formats=formats, **entry))
    assert len(assert_valid("usage-segment-list-response.json", body)["usage_segments"]) == 1
    return json.loads(body, parse_float=str)["usage_segments"][0]


TYPES = [
    pytest.param(kind, units, more, key, marks=pytest.mark.req(row, "WG3D-186"), id=f"{kind}-{units}")
    for kind, key, row, all_units, more in (
        ("electric_usage", "eu", "WG3D-189", ("Wh", "kWh", "MWh"), {}),
        ("electric_demand", "ed", "WG3D-194", ("W", "kW", "MW"), {"demand_type": "average"}),
        ("water_usage", "wu", "WG3D-197", ("m3", "L", "gal", "ft3", "CCF", "MCF", "MMCF"), {}),
        ("natural_gas_usage", "gu", "WG3D-198", ("Btu", "therm", "Sm3", "scf"), {}),
        ("fuel_oil_usage", "fu", "WG3D-199", ("L", "gal"), {}),
        ("electric_supply_mix", "sm", "WG3D-195", (None,), {"attribution": "base", "supply_type": "hydro"}),
        ("cost", "c", "WG3D-186", (None,), {"currency": "USD"}),
        ("meter_readings", "r", "WG3D-186", ("kWh", "m3"), {"register_name": "1.8.0"}),
    )
    for units in all_units
]


class TestTypes:
    @pytest.mark.parametrize(("kind", "units", "more", "key"), TYPES)
    async def test_each_type_in_each_unit(self, stage: Stage, kind: str, units: str | None, more: Shape, key: str) -> None:
        segment = await shown(stage, (a_shape(kind, units=units, **more), [250, None]))
        (form,) = segment["formats"]
        assert (form["type"], form.get("units")) == (kind, units)
        assert segment["values"] == [[{key: "0.250"}], [None]]

    @pytest.mark.req("WG3D-186", "WG3D-187", "WG3D-189", "WG3D-194", "WG3D-195", "WG3D-197", "WG3D-198", "WG3D-199")
    @pytest.mark.parametrize(
        "shape",
        [
            a_shape("electric_usage", units="J"), a_shape("electric_usage", units="therm"), a_shape("electric_demand", units="kW"),
            a_shape("electric_demand", units="kWh", demand_type="peak"), a_shape("water_usage", units="kWh"),
            a_shape("natural_gas_usage", units="gal"), a_shape("fuel_oil_usage", units="m3"), a_shape("cost"), a_shape("meter_readings"),
            a_shape("electric_supply_mix", attribution="base"), a_shape("electric_supply_mix", supply_type="wind"),
            a_shape("temperature", units="C"), a_shape("hlp_temperature", units="C"),
        ],
        ids=str,
    )  # fmt: skip
    def test_a_type_that_is_not_described_or_not_complete_is_refused(self, shape: Shape) -> None:
        with pytest.raises(ValidationError):
            readings(DAY, [1], shape=shape)

    @pytest.mark.req("WG3D-204", "WG3D-205", "WG3D-208")
    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("unitType", v.Unit), ("directionType", v.Direction), ("timeOfUseType", v.TimeOfUse), ("tierType", v.Tier),
            ("seasonType", v.Season), ("demandType", v.DemandType), ("supplyAttributionType", v.SupplyAttribution),
            ("supplyType", v.SupplyType), ("readingQualityType", v.ReadingQuality),
        ],
    )  # fmt: skip
    def test_the_words_that_the_source_may_use_are_those_of_the_specification(self, name: str, words: Any) -> None:
        schema: dict[str, Any] = json.loads(Path(FOLDER, "value-format.json").read_text())
        assert set(schema["$defs"][name]["enum"]) == set(get_args(words))

    @pytest.mark.req("WG3D-198")
    @pytest.mark.parametrize(
        ("units", "decimals", "standard", "text"),
        [("CCF", 3, "scf", "1250.5"), ("CCF", 0, "scf", "1250500"), ("ft3", 1, "scf", "1250.5"), ("MCF", 3, "scf", "12505"),
         ("MCF", 4, "scf", "1250.5"), ("MMCF", 0, "scf", "12505000000"), ("m3", 2, "Sm3", "125.05")],
    )  # fmt: skip
    async def test_volumes_of_gas_become_standard_ones(self, stage: Stage, units: str, decimals: int, standard: str, text: str) -> None:
        formats = offer(stage, a_shape("natural_gas_usage", units=standard))
        await stage.take(readings(DAY, [12505, None], shape=a_shape("natural_gas_usage", units=units), decimals=decimals))
        (segment,) = await stage.segments(point_entry(formats=formats))
        assert segment["formats"][0]["units"] == standard
        assert [None if cell is None else str(cell) for cell in column(segment)] == [text, None]


class TestDesignations:
    @pytest.mark.req("WG3D-190")
    async def test_a_designation_is_a_value_or_null_or_not_there(self, stage: Stage) -> None:
        given = {"units": "kWh", "direction": "forward", "tou": "peak", "tier": "none"}
        segment = await shown(stage, (a_shape("electric_usage", **given), [1]), (a_shape("electric_usage", units="kWh"), [2]))
        told, untold = segment["formats"]
        assert (told["tou"], told["tier"], "season" in told, told["direction"]) == ("peak", None, False, "forward")
        assert not {"tou", "tier", "season", "direction", "quality", "related_meterdevices"} & set(untold)

    @pytest.mark.req("WG3D-190")
    def test_no_direction_or_quality_is_ever_none_of_them(self) -> None:
        for name in ("direction", "demand_type"):
            with pytest.raises(ValidationError):
                readings(DAY, [1], shape=a_shape("electric_demand", units="kW", demand_type="peak") | {name: "none"})

    @pytest.mark.req("WG3D-192")
    async def test_hours_of_peak_and_of_rest_stand_in_columns_of_their_own(self, stage: Stage) -> None:
        peak, rest = (a_shape("electric_usage", units="kWh", tou=tou) for tou in ("peak", "off_peak"))
        segment = await shown(stage, (peak, [None, 5, None, 7]), (rest, [1, None, 2, None]))
        assert [one["tou"] for one in segment["formats"]] == ["peak", "off_peak"]
        assert [sum(cell is not None for cell in row) for row in segment["values"]] == [1, 1, 1, 1]
        assert (column(segment, 0), column(segment, 1)) == ([None, "0.005", None, "0.007"], ["0.001", None, "0.002", None])

    @pytest.mark.req("WG3D-182", "WG3D-193")
    async def test_forward_reverse_and_net_are_three_columns_with_one_sign_rule(self, stage: Stage) -> None:
        shapes = [a_shape("electric_usage", units="kWh", direction=way) for way in get_args(v.Direction)]
        net, forward, reverse = zip(shapes, ([3, -4], [5, 0], [-2, -4]), strict=True)
        segment = await shown(stage, net, forward, reverse)
        assert [one["direction"] for one in segment["formats"]] == ["net", "forward", "reverse"]
        assert len({one["id"] for one in segment["formats"]}) == 3
        assert segment["values"] == [
            [{"eu": "0.003"}, {"eu": "0.005"}, {"eu": "-0.002"}], [{"eu": "-0.004"}, {"eu": "0.000"}, {"eu": "-0.004"}],
        ]  # fmt: skip

    @pytest.mark.req("WG3D-193")
    @pytest.mark.parametrize(("kind", "units", "more"), [("electric_usage", "kWh", {}), ("electric_demand", "kW", {"demand_type": "peak"})])
    def test_a_value_on_the_wrong_side_of_zero_is_refused(self, kind: str, units: str, more: Shape) -> None:
        for direction, value in (("reverse", 1), ("forward", -1)):
            shape = a_shape(kind, units=units, direction=direction, **more)
            with pytest.raises(ValidationError):
                readings(DAY, [0, value], shape=shape)
            assert readings(DAY, [0, -value, None], shape=shape)

    @pytest.mark.req("WG3D-179")
    async def test_rows_are_equally_spaced(self, stage: Stage) -> None:
        segment = await shown(stage, (a_shape("meter_readings", units="kWh", register_name="1"), [10, None, 30, 40]))
        span = (at(segment["segment_end"]) - at(segment["segment_start"])).total_seconds()
        assert segment["interval"] > 0
        assert span == segment["interval"] * len(segment["values"]) == 3600


def a_mix(kind: str, attribution: str = "base") -> Shape:
    return a_shape("electric_supply_mix", attribution=attribution, supply_type=kind)


class TestSupplyMix:
    @pytest.mark.req("WG3D-195", "WG3D-208", "WG3D-209")
    @pytest.mark.parametrize("kind", get_args(v.SupplyType))
    async def test_each_kind_of_supply_points_at_the_electric_columns(self, stage: Stage, kind: str) -> None:
        columns = [(a_shape("water_usage", units="m3"), [1]), (a_shape("electric_usage", units="kWh"), [1])]
        segment = await shown(stage, *columns, *((a_mix(kind, each), [1000]) for each in get_args(v.SupplyAttribution)))
        assert [one["attribution"] for one in segment["formats"][2:]] == ["base", "individual", "residual"]
        assert all((one["supply_type"], one["indexes"]) == (kind, [1]) for one in segment["formats"][2:])

    @pytest.mark.req("WG3D-195")
    async def test_without_electric_columns_it_points_at_none(self, stage: Stage) -> None:
        segment = await shown(stage, (a_mix("wind"), [420]))
        assert segment["formats"][0]["indexes"] == []

    @pytest.mark.req("WG3D-196")
    def test_a_share_is_a_ratio(self) -> None:
        for values in ([-1], [1001]):
            with pytest.raises(ValidationError):
                readings(DAY, values, shape=a_mix("wind"))
        assert readings(DAY, [0, 1000], shape=a_mix("wind"))

    @pytest.mark.req("WG3D-196")
    async def test_intensity_and_certificates_stand_beside_the_share(self, stage: Stage) -> None:
        from services.usage.tests.api.test_eacs import an_eac, record

        formats = offer(stage, a_mix("wind"))
        await record(stage, an_eac("mine", "servicecontract", "C-1"), an_eac("theirs", "servicecontract", "C-2"))
        await stage.take(
            readings(DAY, [420, 421, None], shape=a_mix("wind"), carbon_intensity=["11.50", None, "9"], eac_refs=["theirs", "mine", "gone"])
        )
        visible = {"service_contract": [rid("service_contract", "C-1")]}
        body = await stage.body(point_entry(formats=formats, flags=["include_eacs"], visible=visible))
        assert_valid("usage-segment-list-response.json", body)
        # A certificate that usage names is open with it (§7.2.9), whoever else is its beneficiary; one that is not there is not named.
        eacs = f'"{rid("eac", "theirs")}","{rid("eac", "mine")}"'
        assert f'"values":[[{{"sm":0.420,"ci":11.50,"eacs":[{eacs}]}}],[{{"sm":0.421,"eacs":[{eacs}]}}],[null]]'.encode() in body
        (bare,) = await stage.segments(point_entry(formats=formats, visible=visible))
        assert bare["values"] == [[{"sm": "0.420", "ci": "11.50"}], [{"sm": "0.421"}], [None]]

    @pytest.mark.req("WG3D-196")
    async def test_a_corrected_share_takes_its_intensity_along_and_a_frozen_grant_keeps_the_old_one(self, stage: Stage) -> None:
        formats = offer(stage, a_mix("wind"))
        later = {"source_time": at("2026-03-18T00:00:00Z")}
        await stage.take(readings(DAY, [400, 410], shape=a_mix("wind"), carbon_intensity=["5", "6"]))
        await stage.take(readings("2026-03-07T00:15:00-08:00", [500], shape=a_mix("wind"), carbon_intensity=["7"], **later))
        (live,) = await stage.segments(point_entry(formats=formats))
        assert [row[0] for row in live["values"]] == [{"sm": "0.400", "ci": 5}, {"sm": "0.500", "ci": 7}]
        (frozen,) = await stage.segments(point_entry(formats=formats, sync_until=at("2026-03-16T00:00:00Z")))
        assert [row[0] for row in frozen["values"]] == [{"sm": "0.400", "ci": 5}, {"sm": "0.410", "ci": 6}]
        await stage.take(readings("2026-03-07T00:15:00-08:00", [510], shape=a_mix("wind"), source_time=at("2026-03-19T00:00:00Z")))
        (silent,) = await stage.segments(point_entry(formats=formats))
        assert [row[0] for row in silent["values"]] == [{"sm": "0.400", "ci": 5}, {"sm": "0.510"}]

    @pytest.mark.req("WG3D-196", "WG3D-028")
    async def test_another_intensity_is_a_change_and_the_same_one_is_not(self, stage: Stage) -> None:
        formats = offer(stage, a_mix("wind"))
        moments = list[str]()
        for day, intensity in ((16, "5"), (17, "5"), (18, "6")):
            stage.now = at(f"2026-03-{day}T12:00:00Z")
            await stage.take(
                readings(DAY, [400], shape=a_mix("wind"), carbon_intensity=[intensity], source_time=at(f"2026-03-{day}T00:00:00Z"))
            )
            (segment,) = await stage.segments(point_entry(formats=formats))
            moments.append(segment["cds_modified"][:10])
        assert moments == ["2026-03-16", "2026-03-16", "2026-03-18"]

    def test_only_a_mix_has_them_and_one_intensity_per_value(self) -> None:
        for members in ({"carbon_intensity": ["1"]}, {"eac_refs": ["e"]}, {"carbon_intensity": ["1", "2"], "shape": a_mix("wind")}):
            with pytest.raises(ValidationError):
                readings(DAY, [1], **members)
