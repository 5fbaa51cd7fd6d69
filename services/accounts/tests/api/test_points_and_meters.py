"""Service Points and Meter Devices as a client sees them (CDS-WG3-01 §10.3, §10.4)."""

from decimal import Decimal
from typing import Any

import pytest

from cds_common.events.utility import MeterApp, Premise
from services.accounts.tests.builders import (
    DAY,
    T0,
    a_contract,
    a_meter,
    a_point,
    placed,
    rid,
)
from services.accounts.tests.conftest import World
from services.accounts.tests.grants import ALL_FLAGS, direct


class TestServicePoints:
    RICH = a_point(
        "P1", "C1", previous=("C0",), servicepoint_address="1 Main St\nHarbor", latitude=Decimal("34.10"), longitude=Decimal("-118.20"),
        premises=[Premise(premise_number="PR-1", types=["building"])],
    )  # fmt: skip

    @pytest.mark.req("WG3D-077", "WG3D-078", "WG3D-081")
    async def test_a_bare_grant_hides_the_contracts_that_it_does_not_open(self, world: World) -> None:
        grant = direct("service-points")
        await world.tell(a_contract("C1"), a_contract("C0"), self.RICH, a_point("P2", servicepoint_number=None), grant)
        by_id = {point["cds_servicepoint_id"]: point for point in await world.listed("service-points", grant)}
        point = by_id[str(rid("service_point", "P1"))]
        assert set(point) == {
            "cds_servicepoint_id", "cds_created", "cds_modified", "cds_synced", "servicepoint_number", "servicepoint_types",
            "current_servicecontracts", "previous_servicecontracts",
        }  # fmt: skip
        assert (point["current_servicecontracts"], point["previous_servicecontracts"]) == ([], [])
        assert by_id[str(rid("service_point", "P2"))]["servicepoint_number"] is None

    @pytest.mark.req("WG3D-079", "WG3D-080", "WG3D-081", "WG3D-082", "WG3D-084", "WG3D-022", "WG3B-135", "WG3B-137", "WG3B-139")
    async def test_each_flag_opens_its_members(self, world: World) -> None:
        grant = direct("service-points", **ALL_FLAGS)
        await world.tell(a_contract("C1"), a_contract("C0"), self.RICH, a_point("P2"), grant)
        answer = await world.get("service-points", grant)
        assert b'"latitude":34.10,"longitude":-118.20' in answer.content
        by_id = {point["cds_servicepoint_id"]: point for point in await world.listed("service-points", grant)}
        point, plain = by_id[str(rid("service_point", "P1"))], by_id[str(rid("service_point", "P2"))]
        assert point["servicepoint_address"] == "1 Main St\nHarbor"
        assert point["premises"] == [{"id": str(rid("premise", "PR-1")), "premise_number": "PR-1", "types": ["building"]}]
        assert point["current_servicecontracts"] == [str(rid("service_contract", "C1"))]
        assert point["previous_servicecontracts"] == [str(rid("service_contract", "C0"))]
        assert (plain["servicepoint_address"], plain["latitude"], plain["longitude"], plain["premises"]) == (None, None, None, [])

    @pytest.mark.req("WG3D-086", "WG3D-012")
    async def test_filters_match_visible_relations_only(self, world: World) -> None:
        grant = direct("service-points", **ALL_FLAGS)
        bare = direct("service-points").model_copy(update={"grant_id": "bare", "event_id": rid("part", "bare")})
        await world.tell(a_contract("C1"), a_contract("C0"), self.RICH, a_point("P2"), grant, bare)
        point, c1, c0 = str(rid("service_point", "P1")), rid("service_contract", "C1"), rid("service_contract", "C0")
        expected = {
            f"cds_servicepoint_ids={point}": {point}, "servicepoint_numbers=No-P1": {point}, f"current_servicecontracts={c1}": {point},
            f"current_servicecontracts={c0}": set(), f"previous_servicecontracts={c0}": {point},
        }  # fmt: skip
        for query, ids in expected.items():
            assert {each["cds_servicepoint_id"] for each in await world.listed(f"service-points?{query}", grant)} == ids, query
        assert await world.listed(f"service-points?current_servicecontracts={c1}", bare) == []

    @pytest.mark.req("WG3D-087", "WG3D-013")
    async def test_q(self, world: World) -> None:
        grant = direct("service-points", **ALL_FLAGS)
        bare = direct("service-points").model_copy(update={"grant_id": "bare", "event_id": rid("part", "bare")})
        await world.tell(self.RICH, grant, bare)
        assert [len(await world.listed(f"service-points?q={term}", grant)) for term in ("MAIN", "no-p1", "pr-1")] == [1, 1, 1]
        assert [len(await world.listed(f"service-points?q={term}", bare)) for term in ("MAIN", "no-p1", "pr-1")] == [0, 1, 0]


class TestMeterDevices:
    RICH = a_meter(
        "M1",
        placed("P0", T0 - 300 * DAY, T0 - 100 * DAY),
        placed("P1", T0 - 100 * DAY),
        meter_apps=[
            MeterApp(app_number="EV", types=["installed"], name="EV", start=T0, end=T0),
            MeterApp(app_number="HP", types=["uninstalled"], name="HP"),
        ],
    )

    @pytest.mark.req("WG3D-089", "WG3D-090", "WG3D-091", "WG3D-092", "WG3D-095", "WG3D-096", "WG3B-145", "WG3B-147")
    async def test_masks_and_places(self, world: World) -> None:
        grant = direct("meter-devices", **ALL_FLAGS)
        bare = direct("meter-devices").model_copy(update={"grant_id": "bare", "event_id": rid("part", "bare")})
        await world.tell(a_point("P0"), a_point("P1"), self.RICH, grant, bare)
        (meter,) = await world.listed("meter-devices", grant)
        assert meter["meter_number"] == "No-M1"
        assert meter["current_servicepoints"] == [str(rid("service_point", "P1"))]
        assert meter["previous_servicepoints"] == [str(rid("service_point", "P0"))]
        assert [{name: app[name] for name in app if name != "id"} for app in meter["meter_apps"]] == [
            {"app_number": "EV", "types": ["installed"], "name": "EV", "start": "2026-01-01T12:00:00Z"},
            {"app_number": "HP", "types": ["uninstalled"], "name": "HP"},
        ]
        (hidden,) = await world.listed("meter-devices", bare)
        assert set(hidden) == {
            "cds_meterdevice_id", "cds_created", "cds_modified", "cds_synced", "meter_types", "current_servicepoints",
            "previous_servicepoints",
        }  # fmt: skip
        assert (hidden["current_servicepoints"], hidden["previous_servicepoints"]) == ([], [])

    @pytest.mark.req("WG3D-098", "WG3D-099", "WG3D-100", "WG3D-014")
    async def test_filters_and_q(self, world: World) -> None:
        grant = direct("meter-devices", **ALL_FLAGS)
        bare = direct("meter-devices").model_copy(update={"grant_id": "bare", "event_id": rid("part", "bare")})
        await world.tell(a_point("P0"), a_point("P1"), self.RICH, a_meter("M2"), grant, bare)
        one, two = str(rid("meter_device", "M1")), str(rid("meter_device", "M2"))
        p0, p1 = rid("service_point", "P0"), rid("service_point", "P1")
        expected = {
            f"cds_meterdevice_ids={one}": {one}, "meter_number=No-M1%20No-M2": {one, two}, "meter_numbers=No-M2": {two},
            f"current_servicepoints={p1}": {one, two}, f"previous_servicepoints={p0}": {one}, f"current_servicepoints={p0}": set(),
            "q=no-m1": {one},
        }  # fmt: skip
        for query, ids in expected.items():
            assert {each["cds_meterdevice_id"] for each in await world.listed(f"meter-devices?{query}", grant)} == ids, query
        for query in ("meter_number=No-M1", "q=no-m1", f"current_servicepoints={p1}"):
            assert await world.listed(f"meter-devices?{query}", bare) == [], query


@pytest.mark.req("WG3D-088", "WG3D-101")
@pytest.mark.parametrize(
    ("path", "make", "id_name", "kind"),
    [("service-points", a_point, "cds_servicepoint_id", "service_point"), ("meter-devices", a_meter, "cds_meterdevice_id", "meter_device")],
)
async def test_the_object_that_changed_last_comes_first(world: World, path: str, make: Any, id_name: str, kind: Any) -> None:
    number = "servicepoint_number" if kind == "service_point" else "meter_number"
    grant = direct(path, **ALL_FLAGS)
    await world.tell(grant)
    for ref in ("X1", "X2", "X3"):
        await world.tell(make(ref))

    async def order() -> list[str]:
        listed = await world.listed(path, grant)
        assert [one["cds_modified"] for one in listed] == sorted((one["cds_modified"] for one in listed), reverse=True)
        names = {str(rid(kind, ref)): ref for ref in ("X1", "X2", "X3")}
        return [names[one[id_name]] for one in listed]

    assert await order() == ["X3", "X2", "X1"]
    await world.tell(make("X1", source_time=T0 + DAY, **{number: "renamed"}))
    assert await order() == ["X1", "X3", "X2"]
    await world.tell(make("X2", source_time=T0 + DAY))
    assert await order() == ["X1", "X3", "X2"]
