"""The twelve scenarios of CDS-WG3-01 §4, each from registration to data, over the whole system."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from cds_cli.demo_utility.cast import HOUSEHOLDS, Household
from cds_cli.demo_utility.utility import contract, meters
from cds_cli.journey.browser import Page
from cds_cli.journey.story import SANDBOX_INVITE, Story, set_up, sign_in
from cds_cli.journey.wire import JourneyFailed, Wire, check
from cds_common.events.utility import AggregationRecordedV1, UtilityEvent
from cds_local.stack import LocalStack
from tests.e2e.support import ZONE, Json, active, agree, billed, energy, household, listing, query, readings, said_now, send, settles, until

pytestmark = [pytest.mark.slow]

SELF = {kind: f"cds_query_{kind}_self_hlp" for kind in (
    "accounts", "service_contracts", "service_points", "meter_devices", "bill_statements", "bill_sections", "usage",
)}  # fmt: skip
TODAY = datetime.now(ZONE).date()
BY_CONTRACT: Json = {"contract_numbers": ["_all"], "authorization_form_selection_type": "service_contract_selection"}


def member(ref: str) -> Household:
    """A household of the demo utility's sandbox."""
    return next(each for each in HOUSEHOLDS if each.ref == ref and each.environment == "sandbox")


def registered(stack: LocalStack, scopes: Sequence[str], **kinds: str) -> Story:
    """A Client of its own for one scenario."""
    story = Story(Wire(stack.public_url, recorded=False))
    story.client.discover()
    invited = any(scope.startswith("cds_query_") and "_self_" not in scope for scope in scopes)
    set_up(story.client, list(scopes), kinds, SANDBOX_INVITE if invited else None)
    return story


def numbers(story: Story, key: str, token: str, name: str) -> set[str]:
    """The numbers of a listing's objects."""
    return {str(each[name]) for each in listing(story, key, token) if each.get(name) is not None}


# 4.1 - 4.3: customers who are their own client


@pytest.fixture(scope="module")
def own(loaded: LocalStack) -> Iterator[Story]:
    """A registration that the campus connected with itself by logging in."""
    story = registered(loaded, list(SELF.values()), direct=SELF["accounts"])
    before = {kind: query(story, scope) for kind, scope in SELF.items()}
    for kind in SELF:
        assert listing(story, "usage_segments" if kind == "usage" else kind, before[kind]) == []
    connected(story, "campus")
    yield story
    story.wire.close()


def connected(story: Story, login: str) -> None:
    """A customer opens the step of the registration, logs in and connects it with what is theirs."""
    messages = story.client.get(story.api("cds_messages_api"), "messages", story.client.admin_token)
    (step,) = [each for each in messages["outstanding"] if each["type"] == "online_form_request"]
    page = story.browser.open(step["related_uri"])
    check(isinstance(page, Page), "the step's page")
    (address,) = story.browser.page.tree.xpath('//a[contains(@href, "/my/connect/")]/@href')  # type: ignore[union-attr]
    story.wire.http.cookies.clear()
    sign_in(story, address, login)
    story.browser.submit(story.browser.form("Connect"), "Connect")


CAMPUS = {"330-501", "330-502", "330-503"}


@pytest.mark.req("WG3A-016", "WG3A-017", "WG3A-022", "WG3A-002")
def test_usage_self_access(loaded: LocalStack, own: Story) -> None:
    token = {kind: query(own, scope, **_shown(kind)) for kind, scope in SELF.items() if not kind.startswith("bill")}
    ended = query(own, SELF["service_contracts"], include_contract_numbers=True, sync_until="PT0S")
    settles({"66-0500"}, lambda: numbers(own, "accounts", token["accounts"], "account_number"))
    settles(CAMPUS, lambda: numbers(own, "service_contracts", token["service_contracts"], "contract_number"))
    assert numbers(own, "service_points", token["service_points"], "servicepoint_number") == CAMPUS
    meters_of = {f"M-020050{n}" for n in (1, 2, 3)}
    assert numbers(own, "meter_devices", token["meter_devices"], "meter_number") == meters_of
    segments = until("the campus's usage", lambda: listing(own, "usage_segments", token["usage"]) or None)
    ids = {each["cds_meterdevice_id"] for each in listing(own, "meter_devices", token["meter_devices"])}
    assert {meter for segment in segments for meter in segment["related_meterdevices"]} == ids
    # A new warehouse: it joins as long as sync_until lasts.
    day = TODAY - timedelta(days=3)
    send(loaded, [*household("WAREHOUSE-1", customer="C-CAMPUS", at=datetime.now(UTC)), readings("WAREHOUSE-1", day, [250] * 96)])
    settles({"66-0500", "WAREHOUSE-1"}, lambda: numbers(own, "accounts", token["accounts"], "account_number"))
    settles(CAMPUS | {"WAREHOUSE-1"}, lambda: numbers(own, "service_contracts", token["service_contracts"], "contract_number"))
    settles(CAMPUS | {"WAREHOUSE-1"}, lambda: numbers(own, "service_points", token["service_points"], "servicepoint_number"))
    settles(meters_of | {"WAREHOUSE-1"}, lambda: numbers(own, "meter_devices", token["meter_devices"], "meter_number"))
    (meter,) = [each for each in listing(own, "meter_devices", token["meter_devices"]) if each["meter_number"] == "WAREHOUSE-1"]

    def used() -> tuple[int, Decimal]:
        return energy(listing(own, "usage_segments", token["usage"], cds_meterdevice_ids=meter["cds_meterdevice_id"]))

    settles((96, Decimal("24.000")), used)
    assert numbers(own, "service_contracts", ended, "contract_number") == CAMPUS


def _shown(kind: str) -> dict[str, bool]:
    flags = {"accounts": "account", "service_contracts": "contract", "meter_devices": "meter"}
    if kind == "usage":
        return {"include_meter_devices": True, "include_meter_numbers": True}
    return {f"include_{flags[kind]}_numbers": True} if kind in flags else {}


@pytest.mark.req("WG3A-025", "WG3A-026", "WG3A-032")
def test_billing_self_access(loaded: LocalStack, own: Story) -> None:
    numbered = {"include_accounts": True, "include_account_numbers": True}
    ongoing = query(own, SELF["bill_statements"], statement_date_start="P3Y", **numbered)
    yesterday = (TODAY - timedelta(days=1)).isoformat()
    until_today = query(own, SELF["bill_statements"], statement_date_start="P3Y", statement_date_end=yesterday, **numbered)
    sections = query(own, SELF["bill_sections"], start_date="P3Y", include_service_contracts=True, include_contract_numbers=True)

    def accounts(token: str) -> set[str]:
        return numbers(own, "bill_statements", token, "account_number")

    settles({"66-0500"}, lambda: accounts(ongoing))
    settles({"66-0500"}, lambda: accounts(until_today))
    before = len(listing(own, "bill_statements", ongoing))
    assert before >= 3
    known = {each["cds_billsection_id"] for each in listing(own, "bill_sections", sections)}
    assert known
    # The customer takes over a property under a new account, and is billed for it.
    send(loaded, [*household("TAKEN-OVER-1", customer="C-CAMPUS"), billed("TAKEN-OVER-1", "TAKEN-OVER-1", "88.10")])
    settles({"66-0500", "TAKEN-OVER-1"}, lambda: accounts(ongoing))
    settles(before + 1, lambda: len(listing(own, "bill_statements", ongoing)))
    settles(1, lambda: len({each["cds_billsection_id"] for each in listing(own, "bill_sections", sections)} - known))
    assert accounts(until_today) == {"66-0500"}


@pytest.mark.req("WG3A-033", "WG3A-034")
def test_usage_and_billing_self_access(own: Story) -> None:
    scopes = [SELF["bill_sections"], SELF["usage"], SELF["service_points"], SELF["meter_devices"]]
    flags: dict[str, Json] = {
        SELF["bill_sections"]: {"include_service_points": True, "include_meter_devices": True, "start_date": "P3Y"},
        SELF["usage"]: {"include_bill_sections": True, "segment_start": "P3Y"},
    }
    details = [{"type": scope, **flags.get(scope, {})} for scope in scopes]
    token = own.client.client_credentials("direct", " ".join(scopes), details)
    active(own, token["cds_grant_ids"][0])
    secret = str(token["access_token"])
    sections = until("the sections", lambda: listing(own, "bill_sections", secret) or None)
    points = {each["cds_servicepoint_id"] for each in listing(own, "service_points", secret)}
    devices = {each["cds_meterdevice_id"] for each in listing(own, "meter_devices", secret)}
    named_points = {each for section in sections for each in section["related_servicepoints"]}
    assert named_points
    assert named_points <= points
    assert {each for section in sections for each in section["related_meterdevices"]} <= devices
    segments = until("the usage", lambda: listing(own, "usage_segments", secret) or None)
    named = {each for segment in segments for each in segment["related_billsections"]}
    assert named
    assert named <= {each["cds_billsection_id"] for each in sections}


# 4.4 - 4.10: a third party, with the customer's consent


@pytest.fixture(scope="module")
def third_party(loaded: LocalStack) -> Iterator[Story]:
    """One registration with every consent scope that the scenarios need."""
    kinds = ("service_contracts", "meters", "usage_history", "rate_plan", "account_programs", "service_programs", "bill_statements",
             "bill_statements_due", "service_bills")  # fmt: skip
    story = registered(loaded, [f"cds_{kind}_hlp" for kind in kinds], consent="cds_meters_hlp")
    yield story
    story.wire.close()


def access(story: Story, token: Json) -> str:
    active(story, token["cds_grant_ids"][0])
    return str(token["access_token"])


@pytest.mark.req("WG3A-043")
def test_meter_data(loaded: LocalStack, third_party: Story) -> None:
    ids = ["cds_service_contracts_hlp", "cds_meters_hlp", "cds_usage_history_hlp"]
    chain = dict(zip(ids, [*ids[1:], ids[0]], strict=True))

    def details(*wanted: str) -> list[Json]:
        shown: dict[str, Json] = {ids[0]: {"include_contract_numbers": True}, ids[1]: {"include_meter_numbers": True}}
        shared = {**BY_CONTRACT, "contract_numbers": list(wanted)}
        return [{"type": each, **shared, **shown.get(each, {}), "merge_selection_with": chain[each]} for each in ids]

    future = access(third_party, agree(third_party, "arriving", *details("_all", "_include_future")))
    present = access(third_party, agree(third_party, "arriving", *details("_all")))
    for token in (future, present):
        assert numbers(third_party, "service_contracts", token, "contract_number") == {"180-302"}
        assert listing(third_party, "usage_segments", token) == []  # nothing is read in the time that the test loads
    day = TODAY - timedelta(days=3)
    send(loaded, [*household("STUDIO-1", customer="C-ARRIVING"), readings("STUDIO-1", day, [100] * 96)])
    settles({"180-302", "STUDIO-1"}, lambda: numbers(third_party, "service_contracts", future, "contract_number"))
    settles({"STUDIO-1"}, lambda: numbers(third_party, "meter_devices", future, "meter_number") & {"STUDIO-1"})
    settles((96, Decimal("9.600")), lambda: energy(listing(third_party, "usage_segments", future)))
    assert numbers(third_party, "service_contracts", present, "contract_number") == {"180-302"}
    assert "STUDIO-1" not in numbers(third_party, "meter_devices", present, "meter_number")
    assert listing(third_party, "usage_segments", present) == []


@pytest.mark.req("WG3A-050")
def test_customer_tariffs(loaded: LocalStack, third_party: Story) -> None:
    token = access(third_party, agree(third_party, "sun", {"type": "cds_rate_plan_hlp", **BY_CONTRACT}))

    def plan() -> Json:
        (found,) = listing(third_party, "service_contracts", token)
        return found

    before = plan()
    assert (before["rateplan_code"], before["rateplan_name"]) == ("SOL-H", "Solar Home")
    home = member("C-SUN")
    send(loaded, [said_now(contract(home, home.services[0]), rateplan_code="EV-9", rateplan_name="Night Driver")])
    settles(("EV-9", "Night Driver"), lambda: (plan()["rateplan_code"], plan()["rateplan_name"]))
    assert plan()["cds_modified"] > before["cds_modified"]
    assert plan()["cds_synced"] > before["cds_synced"]


@pytest.mark.req("WG3A-056")
def test_customer_programs(loaded: LocalStack, third_party: Story) -> None:
    wanted: Json = {"type": "cds_service_programs_hlp", **BY_CONTRACT, "service_programs": ["PS-4"]}
    account: Json = {"type": "cds_account_programs_hlp", "account_numbers": ["_all"], "account_programs": ["BB-1"]}
    token = access(third_party, agree(third_party, "ode", wanted, account, everything=True))
    assert [each["service_programs"] for each in listing(third_party, "service_contracts", token)] == [[]]
    home = member("C-ODE")
    savers = contract(member("C-MOSS"), member("C-MOSS").services[0]).service_programs
    send(loaded, [said_now(contract(home, home.services[0]), service_programs=savers)])

    def programs() -> list[tuple[str, bool]]:
        (found,) = listing(third_party, "service_contracts", token)
        return [(each["program_number"], "active" in each["types"]) for each in found["service_programs"]]

    settles([("PS-4", True)], programs)


@pytest.mark.req("WG3A-060", "WG3A-062", "WG3A-068")
def test_bill_amount_due_and_customer_bills(loaded: LocalStack, third_party: Story) -> None:
    every: Json = {"type": "cds_bill_statements_hlp", "account_numbers": ["_all"], "statement_date_start": "P3Y"}
    every |= {"include_bill_statement_charges": True, "include_bill_statement_files": True}
    bills = access(third_party, agree(third_party, "moss", every))
    shown = listing(third_party, "bill_statements", bills)
    dates = sorted(each["statement_date"] for each in shown)
    assert len(dates) >= 3
    assert any(each["file_uri"] for each in shown)
    due_request: Json = {"type": "cds_bill_statements_due_hlp", "account_numbers": ["_all"], "statement_date_start": "P3Y"}
    answer = agree(third_party, "moss", due_request)
    due = access(third_party, answer)
    grant = third_party.client.grant(answer["cds_grant_ids"][0])
    for entry in (answer["authorization_details"][0], grant["authorization_details"][0]):
        assert entry["statement_date_start"] == dates[-1]
    assert [each["statement_date"] for each in listing(third_party, "bill_statements", due)] == [dates[-1]]
    send(loaded, [billed("88-1203", "220-471", "61.07")])
    settles([TODAY.isoformat(), dates[-1]], lambda: [each["statement_date"] for each in listing(third_party, "bill_statements", due)])
    settles(len(dates) + 1, lambda: len(listing(third_party, "bill_statements", bills)))


@pytest.mark.req("WG3A-073")
def test_service_charges(loaded: LocalStack, third_party: Story) -> None:
    wanted: Json = {"type": "cds_service_bills_hlp", **BY_CONTRACT, "start_date": "P3Y", "include_bill_section_line_items": True}
    token = access(third_party, agree(third_party, "ode", wanted))
    sections = listing(third_party, "bill_sections", token)
    assert sections
    assert any(each["line_items"] for each in sections)
    (issued,) = {each["account_number"] for each in listing(third_party, "accounts", token)}
    send(loaded, [billed(issued, "180-100", "20.00")])
    settles(len(sections) + 1, lambda: len(listing(third_party, "bill_sections", token)))


@pytest.mark.req("WG3A-077")
def test_meter_app_transparency(loaded: LocalStack, third_party: Story) -> None:
    wanted: Json = {"type": "cds_meters_hlp", **BY_CONTRACT, "include_meter_apps": True, "include_meter_numbers": True}
    token = access(third_party, agree(third_party, "bakery", wanted))
    assert numbers(third_party, "meter_devices", token, "meter_number") == {"M-0200410", "M-0440410"}
    old = next(each for each in meters() if each.meter_number == "M-0200410")
    (placement,) = old.placements
    swapped = datetime.now(UTC) - timedelta(hours=1)
    app = {"app_number": "APP-LOAD", "name": "Load Finder", "types": ["installed"]}
    new = type(old).model_validate(
        old.model_dump() | {
            "event_id": uuid4(), "source_time": datetime.now(UTC), "meter_ref": "MT-M-0299999", "meter_number": "M-0299999",
            "meter_apps": [app], "placements": [{"servicepoint_ref": placement.servicepoint_ref, "start": swapped}],
        }
    )  # fmt: skip
    send(loaded, [said_now(old, placements=[placement.model_copy(update={"end": swapped})]), new])
    settles({"M-0299999"}, lambda: numbers(third_party, "meter_devices", token, "meter_number") & {"M-0299999"})
    (found,) = [each for each in listing(third_party, "meter_devices", token) if each.get("meter_number") == "M-0299999"]
    assert [each["app_number"] for each in found["meter_apps"]] == ["APP-LOAD"]


# 4.11, 4.12: sums


def group(number: str, points: Sequence[str], *types: str, address: str = "1 Sum Street\nPort Alder, WA 98003") -> UtilityEvent:
    now = datetime.now(UTC)
    return AggregationRecordedV1.model_validate(
        {
            "environment": "sandbox", "source_time": now, "aggregation_ref": f"AGG-{number}", "aggregation_number": number,
            "name": f"Group {number}", "aggregation_types": list(types), "servicepoint_refs": list(points),
            "premise_numbers": [f"PR-{number}"], "grouped_addresses": [address],
        }
    )  # fmt: skip


def operator_of_buildings(stack: LocalStack) -> Story:
    scopes = ["cds_query_aggregations_hlp", "cds_query_usage_sums_hlp", "cds_aggregation_consent_hlp"]
    return registered(stack, scopes, direct=scopes[0], consent=scopes[2])


def sums(story: Story, number: str) -> tuple[str, str]:
    """A token for the group's usage and its Grant, which starts pending."""
    scope = "cds_query_usage_sums_hlp"
    details = [{"type": scope, "aggregation_numbers": [number], "include_aggregations": True}]
    answer = story.client.client_credentials("direct", scope, details)
    return str(answer["access_token"]), str(answer["cds_grant_ids"][0])


@pytest.mark.req("WG3A-080", "WG3A-081", "WG3A-082", "WG3A-091", "WG3A-094")
def test_whole_building_data(loaded: LocalStack) -> None:
    address = "77 Twin Gables\nPort Alder, WA 98003"
    send(loaded, [group("TWIN", ["SP-330-010", "SP-310-770"], "confidential", "building", address=address)])
    story = operator_of_buildings(loaded)
    flags = ("include_service_points", "include_premises", "include_service_point_addresses", "include_aggregation_addresses")
    look = query(story, "cds_query_aggregations_hlp", aggregation_numbers=["TWIN"], **dict.fromkeys(flags, True))

    def building() -> Json | None:
        found = listing(story, "aggregations", look)
        return found[0] if found and len(found[0]["grouped_servicepoints"]) == 2 else None

    grouped = until("the building with its service points", building)["grouped_servicepoints"]
    points = {each["cds_servicepoint_id"]: each for each in listing(story, "service_points", look)}
    assert all(points[each]["servicepoint_address"] for each in grouped)
    everything = query(story, "cds_query_aggregations_hlp", **dict.fromkeys(flags, True))
    assert [each["aggregation_number"] for each in listing(story, "aggregations", everything, q="twin gables")] == ["TWIN"]
    token, parent_id = sums(story, "TWIN")

    def status() -> str:
        return str(story.client.grant(parent_id)["status"])

    settles(("needs_sub_grants", 2), lambda: (status(), len(story.client.grant(parent_id)["children"])))
    parent = story.client.grant(parent_id)
    assert (len(parent["children"]), parent["enabled_scope"], parent["enabled_authorization_details"]) == (2, "", [])
    given = {login: _consent_by(story, parent["children"], login) for login in ("bakery", "schools")}
    assert set(given.values()) == set(parent["children"])
    settles("active", status)
    segments = until("the sum", lambda: listing(story, "usage_segments", token) or None, 120)
    assert all(each["related_aggregations"] and not each["related_meterdevices"] for each in segments)
    # One of them takes the consent back: the sum closes, and somebody has to be asked again.
    story.wire.http.cookies.clear()
    sign_in(story, f"{story.client.metadata['issuer']}/my/authorizations/{given['bakery']}", "bakery")
    story.browser.submit(story.browser.form("Stop"), "Stop")
    settles("needs_sub_grants", status)
    settles([], lambda: listing(story, "usage_segments", token), 5)
    again = story.client.grant(parent_id)
    assert (again["enabled_scope"], len(set(again["children"]) - set(parent["children"]))) == ("", 1)
    story.wire.close()


def _consent_by(story: Story, children: Sequence[str], login: str) -> str:
    """The customer opens the links until the one that is theirs; gives its Grant."""
    for grant_id in children:
        child = story.client.grant(grant_id)
        assert (child["scope"], child["client_id"]) == ("cds_aggregation_consent_hlp", story.client.credentials["consent"].client_id)
        if child["status"] != "needs_authorization":
            continue
        try:
            agree(story, login, *child["authorization_details"], cds_grant_id=grant_id)
        except JourneyFailed as refused:
            if "cds_grant_id_invalid_user" not in str(refused):
                raise
        else:
            return grant_id
    raise AssertionError(f"no question for {login}")


@pytest.mark.req("WG3A-099", "WG3A-103")
def test_aggregated_data(loaded: LocalStack) -> None:
    """Sixteen customers of equal size need no consents: the Grant opens by itself."""
    homes = [f"REGION-{n:02d}" for n in range(16)]
    day = TODAY - timedelta(days=3)
    events = [event for home in homes for event in (*household(home), readings(home, day, [125] * 96))]
    send(loaded, [*events, group("REGION-NORTH", [f"SP-{home}" for home in homes], "confidential", "building")])
    story = operator_of_buildings(loaded)
    token, grant_id = sums(story, "REGION-NORTH")
    active(story, grant_id)
    assert story.client.grant(grant_id)["children"] == []
    settles((96, Decimal("192.000")), lambda: energy(listing(story, "usage_segments", token)))
    look = query(story, "cds_query_aggregations_hlp", aggregation_numbers=["REGION-NORTH"])
    assert numbers(story, "aggregations", look, "aggregation_number") == {"REGION-NORTH"}
    story.wire.close()
