"""From messages to documents: what may be said, what is left out, what is refused."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from cds_accounts.domain import documents, versions
from cds_accounts.domain.errors import UnfitSource
from cds_common.events import vocabulary as v
from cds_common.events.utility import Contact, Entity, MeterApp
from cds_common.testing.schemas import FOLDER, first_fault
from services.accounts.tests.builders import DAY, T0, a_contract, a_meter, a_point, a_program, an_account, placed, rid


def enum_of(schema: str, name: str) -> set[str]:
    found: dict[str, Any] = json.loads(Path(FOLDER, schema).read_text())
    return set(found["$defs"][name]["enum"])


@pytest.mark.parametrize(
    ("schema", "name", "words"),
    [
        pytest.param("account.json", "accountType", v.AccountType, marks=pytest.mark.req("WG3D-036")),
        pytest.param("account.json", "accountStatus", v.AccountStatus, marks=pytest.mark.req("WG3D-038")),
        pytest.param("account-contact.json", "accountContactType", v.AccountContactType, marks=pytest.mark.req("WG3D-046")),
        pytest.param("account-program.json", "accountProgramType", v.AccountProgramType, marks=pytest.mark.req("WG3D-051")),
        pytest.param("entity.json", "entityType", v.EntityType, marks=pytest.mark.req("WG3D-042")),
        pytest.param("service-contract.json", "contractType", v.ContractType, marks=pytest.mark.req("WG3D-065")),
        pytest.param("service-contract.json", "contractStatus", v.ContractStatus, marks=pytest.mark.req("WG3D-065")),
        pytest.param("service-contract.json", "serviceType", v.ServiceType, marks=pytest.mark.req("WG3D-066")),
        pytest.param("service-program.json", "serviceProgramType", v.ServiceProgramType, marks=pytest.mark.req("WG3D-069")),
        pytest.param("service-point.json", "servicePointType", v.ServicePointType, marks=pytest.mark.req("WG3D-083")),
        pytest.param("premise.json", "premiseType", v.PremiseType, marks=pytest.mark.req("WG3D-084")),
        pytest.param("meter-device.json", "meterType", v.MeterType, marks=pytest.mark.req("WG3D-093")),
        pytest.param("meter-app.json", "meterAppType", v.MeterAppType, marks=pytest.mark.req("WG3D-096")),
    ],
)
def test_the_words_that_the_source_may_use_are_those_of_the_specification(schema: str, name: str, words: Any) -> None:
    if name not in json.loads(Path(FOLDER, schema).read_text()).get("$defs", {}):
        found: dict[str, Any] = json.loads(Path(FOLDER, schema).read_text())
        assert set(found["properties"]["types"]["items"]["enum"]) == set(get_args(words))
    else:
        assert enum_of(schema, name) == set(get_args(words))


class TestAccount:
    @pytest.mark.req("WG3D-034")
    def test_an_account_without_types_is_refused(self) -> None:
        with pytest.raises(ValidationError):
            an_account(account_types=[])

    @pytest.mark.req("WG3D-044")
    def test_a_contact_is_a_phone_number_or_an_address_and_not_both(self) -> None:
        for types in (["phone_number", "email"], ["home"]):
            with pytest.raises(ValidationError):
                Contact(types=types, value="+15550100")  # type: ignore[arg-type]

    def test_parts_keep_their_ids_and_differ_between_accounts(self) -> None:
        contacts = [Contact(types=["email"], value="anna@home.example")]
        first, again, other = (
            documents.account_document(an_account(ref, account_contacts=contacts))["account_contacts"][0]["id"]
            for ref in ("A1", "A1", "A2")
        )
        assert first == again != other

    @pytest.mark.req("WG3D-039", "WG3D-040")
    def test_an_entity_keeps_its_number_and_an_unknown_one_is_null(self) -> None:
        entity = Entity(entity_number="HLP", types=["distributor"], entity_name="Harbor Light & Power")
        found = documents.entity("sandbox", entity)
        assert found is not None
        assert first_fault("entity.json", found) is None
        assert (found["entity_number"], found["entity_abbreviation"], found["id"]) == ("HLP", None, str(rid("entity", "HLP")))
        assert documents.account_document(an_account())["account_entity"] is None

    @pytest.mark.req("WG3D-038")
    def test_a_status_that_the_source_does_not_say_is_unknown(self) -> None:
        assert documents.account_document(an_account())["account_status"] == "unknown"
        assert documents.account_document(an_account(account_status="suspended"))["account_status"] == "suspended"
        assert documents.contract_document(a_contract())["contract_status"] == "unknown"

    @pytest.mark.req("WG3D-037")
    def test_an_account_under_a_parent_is_a_child(self) -> None:
        for types in (["customer", "commercial"], ["customer", "commercial", "child"]):
            child = an_account("A2", parent_account_ref="A1", account_types=types)
            assert documents.account_document(child)["account_types"] == ["customer", "commercial", "child"]
            assert versions.of_account(child).columns["account_types"] == ["customer", "commercial", "child"]
        assert documents.account_document(an_account(account_types=["customer"]))["account_types"] == ["customer"]

    @pytest.mark.req("WG3D-043")
    @pytest.mark.parametrize(
        ("said", "types"),
        [
            (["iou"], ["iou", "distributor"]),
            (["supplier", "muni"], ["supplier", "muni", "distributor"]),
            (["cca"], ["cca", "supplier"]),
            (["retailer", "supplier"], ["retailer", "supplier"]),
            (["generator", "iso"], ["generator", "iso"]),
            (["distributor", "supplier", "iou"], ["distributor", "supplier", "iou"]),
        ],
    )
    def test_an_entity_has_the_role_of_its_kind(self, said: list[Any], types: list[str]) -> None:
        found = documents.entity("sandbox", Entity(entity_number="E", types=said, entity_name="E"))
        assert found is not None
        assert found["types"] == types


class TestPrograms:
    @pytest.mark.req("WG3D-071")
    def test_a_demand_response_program_tells_its_nodes_and_signals(self) -> None:
        told = {"pnode": "PA-12", "anode": "AG-3", "aggregated": True, "automated": False}
        program = documents.service_program("sandbox", "C1", a_program("DR", "active", "demand_response", **told))
        assert {name: program[name] for name in told} == told
        assert first_fault("service-program.json", program) is None
        for unfit in (a_program("DR", "active", **told), a_program("DR", "active", "demand_response")):
            assert not told.keys() & documents.service_program("sandbox", "C1", unfit).keys()
        assert not told.keys() & documents.account_program("sandbox", "A1", a_program("DR", "active", **told)).keys()

    @pytest.mark.req("WG3D-050")
    def test_links_for_what_cannot_be_done_online_are_shown_as_they_are(self) -> None:
        links = {name: f"https://utility.example/how-to/{name}" for name in ("more_info", "signup", "settings", "discontinue")}
        for make in (documents.account_program, documents.service_program):
            program = make("sandbox", "A1", a_program("LOWINC", "active", **links))
            assert {name: program[name] for name in links} == links

    @pytest.mark.req("WG3D-026")
    def test_fields_of_the_utility_stand_beside_the_defined_ones(self) -> None:
        own: dict[str, Any] = {"hlp_nem_net_kwh": {"number": "412.50"}, "hlp_charger_model": "X-1"}
        wire = {"hlp_nem_net_kwh": Decimal("412.50"), "hlp_charger_model": "X-1"}
        program = a_program("P", "active", additional_fields=own)
        point = a_point(premises=[{"premise_number": "PR-1", "types": ["building"], "additional_fields": own}])
        meter = a_meter(meter_apps=[{"app_number": "EV", "types": ["compatible"], "name": "EV", "additional_fields": own}])
        for shown in (
            documents.account_program("sandbox", "A1", program),
            documents.service_program("sandbox", "C1", program),
            documents.point_document(point)["premises"][0],
            documents.meter_document(meter)["meter_apps"][0],
        ):
            assert {name: shown[name] for name in wire} == wire
            assert "additional_fields" not in shown
        for name in ("program_number", "cds_account_id", "charger"):
            with pytest.raises(ValidationError):
                a_program("P", "active", additional_fields={name: "x"})

    @pytest.mark.req("WG3D-047", "WG3D-048", "WG3D-049")
    def test_what_is_not_known_is_left_out(self) -> None:
        program = documents.account_program("sandbox", "A1", a_program("LOWINC", signup="https://utility.example/signup"))
        assert set(program) == {"id", "program_number", "types", "name", "description", "documentation", "signup"}
        assert first_fault("account-program.json", program) is None
        renamed = documents.account_program("sandbox", "A1", a_program("LOWINC", name="Another name"))
        assert (renamed["id"], renamed["program_number"]) == (program["id"], "LOWINC")

    @pytest.mark.req("WG3D-052")
    def test_the_balance_of_an_account_program_is_money(self) -> None:
        program = documents.account_program("sandbox", "A1", a_program("B", "credit_bank", balance=Decimal("1.50"), currency="USD"))
        assert (program["balance"], program["currency"]) == (Decimal("1.50"), "USD")
        with pytest.raises(UnfitSource):
            documents.account_program("sandbox", "A1", a_program("B", "credit_bank", balance=Decimal(1)))
        assert "balance" not in documents.account_program("sandbox", "A1", a_program("B", "active", balance=Decimal(1)))

    @pytest.mark.req("WG3D-070")
    def test_the_balance_of_a_service_program_has_units_and_money_a_currency(self) -> None:
        energy = documents.service_program("sandbox", "C1", a_program("N", "credit_bank", balance=Decimal("12.50"), units="kWh"))
        assert (energy["balance"], energy["units"]) == (Decimal("12.50"), "kWh")
        assert "currency" not in energy
        money = documents.service_program("sandbox", "C1", a_program("N", "credit_bank", balance=Decimal(-3), currency="USD"))
        assert (money["units"], money["currency"]) == ("money", "USD")
        for wrong in ({}, {"units": "money"}):
            with pytest.raises(UnfitSource):
                documents.service_program("sandbox", "C1", a_program("N", "credit_bank", balance=Decimal(1), **wrong))

    @pytest.mark.req("WG3D-051", "WG3D-069")
    def test_types_do_not_cross_over(self) -> None:
        with pytest.raises(UnfitSource):
            documents.account_program("sandbox", "A1", a_program("T", "thermostat"))
        with pytest.raises(UnfitSource):
            documents.service_program("sandbox", "C1", a_program("T", "payment_plan"))


class TestMeter:
    @pytest.mark.req("WG3D-096")
    def test_start_belongs_to_installed_apps_and_end_to_uninstalled_ones(self) -> None:
        apps = [
            MeterApp(app_number="in", types=["installed"], name="In", start=T0, end=T0),
            MeterApp(app_number="out", types=["uninstalled"], name="Out", start=T0, end=T0),
            MeterApp(app_number="never", types=["uninstalled", "compatible"], name="Never"),
        ]
        found = documents.meter_document(a_meter(meter_apps=apps))["meter_apps"]
        assert [set(app) - {"id", "app_number", "types", "name"} for app in found] == [{"start"}, {"end"}, set()]

    @pytest.mark.req("WG3D-091")
    def test_a_placement_is_current_while_the_source_time_lies_in_it(self) -> None:
        meter = a_meter("M1", placed("P0", T0 - 9 * DAY, T0 - DAY), placed("P1", T0 - DAY, T0 + DAY), placed("P2", T0 + DAY))
        columns = versions.of_meter(meter).columns
        assert columns["current_servicepoints"] == [rid("service_point", "P1")]
        assert columns["previous_servicepoints"] == [rid("service_point", "P0")]
        assert len(columns["point_ids"]) == 3


class TestVersions:
    def test_the_digest_sees_every_fact_and_not_the_moment(self) -> None:
        one = versions.of_contract(a_contract())
        assert versions.of_contract(a_contract(source_time=T0 + DAY)).digest == one.digest
        for change in ({"rateplan_name": "Other"}, {"contract_status": "paused"}, {"account_ref": "A2"}, {"contract_end": T0.date()}):
            assert versions.of_contract(a_contract(**change)).digest != one.digest

    def test_a_contract_that_is_current_and_previous_counts_as_current(self) -> None:
        columns = versions.of_point(a_point("P1", "C1", previous=("C1", "C2"))).columns
        assert columns["current_servicecontracts"] == [rid("service_contract", "C1")]
        assert columns["previous_servicecontracts"] == [rid("service_contract", "C2")]
