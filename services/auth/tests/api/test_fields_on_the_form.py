"""What single authorization details fields do to the form and to the Grant that comes of it (CDS-WG3-01 §6.1, §7.4)."""

import json
from dataclasses import replace
from typing import Any

import pytest

from cds_auth.application.rules import AuthRules
from cds_auth.domain.grant import Grant
from services.auth.tests.customer_builders import Household, a_building, a_home
from services.auth.tests.customer_driver import CALLBACK, STATE, Page, answer_of
from services.auth.tests.customer_world import CONSENT_TYPES, World, a_purpose


def asking(scope: str, **members: Any) -> dict[str, str]:
    """Parameters that ask for one scope with these fields."""
    return {"scope": f"cds_{scope}_hlp", "authorization_details": json.dumps([{"type": f"cds_{scope}_hlp", **members}])}


def ids(home: Household, kind: str, *numbers: str) -> set[str]:
    return {home.id(kind, number).hex for number in numbers}


async def only_grant(world: World, client: Any) -> Grant:
    (grant,) = await world.grants(client)
    return grant


NEEDED: dict[str, dict[str, Any]] = {
    "account_programs": {"account_programs": ["BB-1"]},
    "service_programs": {"service_programs": ["PS-4"]},
    "aggregation_consent": {"aggregation_numbers": ["B-204"], "premise_numbers": ["P-9"]},
}
"""What a scope does not go without."""


async def in_a_building(world: World) -> Household:
    """A home whose first service is counted in the building B-204 at premise P-9."""
    home = a_home()
    premises = {"premise_numbers": ["P-9"]}
    home.resources = [each.model_copy(update=premises if each.kind == "service_point" else {}) for each in home.resources]
    await world.home(home)
    async with world.sessions.begin() as tx:
        await a_building(tx, home)
    return home


class TestEveryConsentScope:
    @pytest.mark.req("WG3A-131", "WG3A-130")
    async def test_each_goes_from_the_request_over_login_and_form_to_grant_and_receipt(self, world: World) -> None:
        client, home = await world.client(), await in_a_building(world)
        person = world.person()
        for count, scope in enumerate((name.removeprefix("cds_").removesuffix("_hlp") for name in CONSENT_TYPES), start=1):
            person, page = await world.form(client, home, person, **asking(scope, **NEEDED.get(scope, {})))
            assert (page.status, page.path.split("/")[1]) == (200, "consent"), scope
            listed = sorted(page.listed())
            done = await person.press(page, "approve", **({"s1": listed[:1]} if listed else {}))
            found = answer_of(done.location)
            assert done.location.startswith(CALLBACK)
            assert (found["state"], bool(found["code"])) == (STATE, True)
            assert len(await world.receipts(client)) == count
        grants = await world.grants(client)
        assert {grant.scope for grant in grants} == set(CONSENT_TYPES)
        assert {grant.customer_ids for grant in grants} == {(home.customer_id,)}


class TestSelectionType:
    @pytest.mark.req("WG3B-229", "WG3A-192", "WG3A-124")
    async def test_the_chosen_list_is_shown_and_kept_as_what_was_picked(self, world: World) -> None:
        client, home = await world.client(), await world.home()
        _, plain = await world.form(client, home, **asking("meters"))
        assert plain.listed() == ids(home, "meter_device", "220-471", "220-472")
        chosen = asking("meters", authorization_form_selection_type="service_contract_selection")
        person, page = await world.form(client, home, **chosen)
        assert page.listed() == ids(home, "service_contract", "220-471", "220-472")
        assert "M-220-471" in page.text
        assert "M-220-472" in page.text
        await person.press(page, "approve", s1=sorted(ids(home, "service_contract", "220-471")))
        entry = (await only_grant(world, client)).asked[0]
        assert entry.selection is not None
        assert (entry.selection.kind, entry.selection.ids) == ("service_contract", (home.id("service_contract", "220-471"),))


class TestNoPreselections:
    @pytest.mark.req("WG3B-247", "WG3B-248", "WG3B-249")
    async def test_nothing_goes_back_to_the_client_until_the_customer_presses_a_button(self, world: World) -> None:
        client, home, other = await world.client(), await world.home(), a_home()
        other.service("555-1")
        await world.home(other)
        wanted = asking("service_contracts", contract_numbers=["555-1"], error_if_no_preselections=True)
        person, page = await world.form(client, home, **wanted)
        assert (page.status, page.path.split("/")[1]) == (200, "consent")
        assert page.listed() == set()
        form = await person.log_in(await person.press(page, "reauthenticate"), other)
        assert form.ticked() == ids(other, "service_contract", "555-1")
        stranger, page = await world.form(client, home, **wanted)
        done = await stranger.press(page, "decline")
        assert done.location.startswith(CALLBACK)
        assert answer_of(done.location) | {"iss": ""} == {"error": "no_preselections", "state": STATE, "iss": ""}
        assert await world.grants(client) == []


class TestPurpose:
    @pytest.mark.req("WG3B-258", "WG3B-259")
    async def test_it_is_shown_exactly_when_the_value_names_one(self, world: World) -> None:
        client = await world.client(
            purposes=[a_purpose("mine", "We work out how much heat is lost."), a_purpose("hlp-any-use", "Default words")]
        )
        home = await world.home()

        async def shown(**members: Any) -> Page:
            return (await world.form(client, home, **asking("service_contracts", **members)))[1]

        sent, default, none = await shown(purpose="mine"), await shown(), await shown(purpose=None)
        assert "We work out how much heat is lost." in sent.text
        assert "Default words" in default.text
        for page, there in ((sent, True), (default, True), (none, False)):
            assert ("component-purpose" in page.source) is there
        assert "Default words" not in none.text

    @pytest.mark.req("WG3B-258")
    async def test_a_scope_without_the_field_shows_none(self, world: World, monkeypatch: pytest.MonkeyPatch, rules: AuthRules) -> None:
        client, home = await world.client(purposes=[a_purpose("hlp-any-use", "Default words")]), await world.home()
        scope = rules.offered["cds_service_contracts_hlp"]
        without = {name: field for name, field in scope.fields.items() if name != "purpose"}
        offered = {**rules.offered, scope.id: replace(scope, fields=without)}
        monkeypatch.setattr(AuthRules, "offered", property(lambda _self: offered))
        _, page = await world.form(client, home, **asking("service_contracts"))
        assert page.status == 200
        assert "component-purpose" not in page.source


class TestReadOnlyForms:
    @pytest.mark.req("WG3B-264", "WG3A-243")
    @pytest.mark.parametrize("scope", ["usage", "aggregation_consent"])
    async def test_nothing_but_ticks_can_be_changed(self, world: World, scope: str) -> None:
        client, home = await world.client(), await in_a_building(world)
        members = NEEDED.get(scope, {"allow_scope_modifications": False, "segment_start": "P6M", "include_meter_numbers": True})
        person, page = await world.form(client, home, **asking(scope, **members))
        names = {str(field.get("name")) for field in page.fields if field.get("type") != "hidden" and field.get("name")}
        ticks = {name for name in names if name in {"s1", "s1.future"} or name.startswith("s1.")}
        assert not any(word in name for name in names for word in ("include", "segment", "sync", "scope", "premise", "aggregation"))
        if scope == "aggregation_consent":
            assert page.listed() <= page.ticked() or "s1" not in ticks
        crafted = {
            "include_meter_numbers": "", "segment_start": "P1D", "scope": "cds_accounts_hlp", "s1.include_meter_numbers": "0",
            "s1.segment_start": "P1D", "authorization_details": "[]", "aggregation_numbers": "B-999",
        }  # fmt: skip
        chosen = {"s1": sorted(page.listed())[:1]} if page.listed() else {}
        await person.press(page, "approve", **crafted, **chosen)
        for grant in await world.grants(client):
            (details,) = grant.authorization_details
            assert details["type"] == f"cds_{scope}_hlp"
            if scope == "usage":
                assert details["include_meter_numbers"] is True
                assert details["segment_start"] < grant.created.replace(month=max(1, grant.created.month - 5)).isoformat()
            else:
                assert (details["aggregation_numbers"], details["premise_numbers"]) == (["B-204"], ["P-9"])


class TestDefaultLists:
    @pytest.mark.req("WG3A-148", "WG3A-161", "WG3A-164")
    @pytest.mark.parametrize(
        ("scope", "field", "number", "name"),
        [
            ("account_programs", "account_programs", "LI-2", "Harbor Assist"),
            ("service_programs", "service_programs", "EV-7", "Night Charge"),
        ],
    )
    async def test_a_request_without_the_field_asks_for_the_default_programs(
        self, world: World, monkeypatch: pytest.MonkeyPatch, rules: AuthRules, *, scope: str, field: str, number: str, name: str
    ) -> None:
        offer = rules.offered[f"cds_{scope}_hlp"]
        changed = replace(offer, fields={**offer.fields, field: replace(offer.fields[field], default=[number])})
        offered = {**rules.offered, offer.id: changed}
        monkeypatch.setattr(AuthRules, "offered", property(lambda _self: offered))
        client, home = await world.client(), await world.home()
        person, page = await world.form(client, home, **asking(scope, account_numbers=["88-1203"]))
        assert name in page.text
        await person.press(page, "approve", s1=sorted(page.listed()))
        (details,) = (await only_grant(world, client)).authorization_details
        assert details[field] == [number]
        assert not {"contract_numbers", "account_numbers", "addresses", "service_types"} & set(details)
