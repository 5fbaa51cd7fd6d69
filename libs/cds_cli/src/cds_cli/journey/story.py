"""The chapters of the journey: each a function on one `Story`, so that the demo prints them and the test asserts them."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cds_cli.journey.browser import Browser, Page
from cds_cli.journey.client import CALLBACK, Client, Credentials, Pkce, callback_parameters
from cds_cli.journey.schemas import validate
from cds_cli.journey.wire import Wire, check, expect, parse_json

Json = dict[str, Any]
T = TypeVar("T")
CONSENT_TYPES = ["cds_service_contracts", "cds_meters", "cds_bill_statements", "cds_service_bills", "cds_usage"]
INVITE = "HLP-INV-2209"
SANDBOX_INVITE = "HLP-SANDBOX"
BUILDING = "LANTERN-COURT"
REFUSAL_SECONDS = 1.0
PATIENCE_SECONDS = 30.0
LOADING_SECONDS = 180


@dataclass(slots=True)
class Story:
    """What the client knows so far."""

    wire: Wire
    client: Client = field(init=False)
    building_client: Client = field(init=False)
    browser: Browser = field(init=False)
    notes: list[str] = field(default_factory=list[str])
    tokens: dict[str, Json] = field(default_factory=dict[str, Json])
    receipt: str = ""
    segments: list[Json] = field(default_factory=list[Json])

    def __post_init__(self) -> None:
        self.client = Client(self.wire)
        self.building_client = Client(self.wire)
        self.browser = Browser(self.wire)

    def note(self, text: str) -> None:
        """Something worth reading in the printed journey."""
        self.notes.append(text)

    def api(self, name: str) -> str:
        """An endpoint by its metadata member."""
        return str(self.client.metadata[name])

    def data(self, api: str, key: str, token: str, **params: str) -> list[Json]:
        """All objects of a data listing, each valid against its published schema."""
        items = self.client.list_all(self.api(api), key, self.tokens[token]["access_token"], params)
        validate(key, items)
        return items


def wait_for(what: str, probe: Callable[[], T | None], seconds: float = PATIENCE_SECONDS) -> T:
    """Ask again until there is an answer.

    Raises:
        JourneyFailed: the time is over.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found is not None:
            return found
        check(time.monotonic() < deadline, f"{what} within {seconds:.0f} s")
        time.sleep(0.1)


def discover_and_register(story: Story) -> None:
    """Discovery from the well-known address only; registration; credentials; the client list; a redirect URI set by PUT."""
    client = story.client
    client.discover()
    objects = set_up(client, [*CONSENT_TYPES, "cds_query_accounts"], {"consent": "cds_usage", "direct": "cds_query_accounts"}, INVITE)
    validate("clients", objects)
    story.note(f"{len(objects)} Client Objects from one registration: " + ", ".join(o["scope"].split()[0] for o in objects))


def set_up(client: Client, scope_types: list[str], kinds: Mapping[str, str], invite: str | None = None) -> list[Json]:
    """Register, fetch the secrets of the Client Objects in `kinds` (name -> a scope type of it); set a consent object's redirect URI."""
    members = {} if invite is None else {"cds_invite_code": invite}
    answer = client.register(["cds_client_admin", *scope_types], **members)
    check(answer["scope"] == "cds_client_admin", "the answer is the Client Admin object")
    client.admin_token = client.client_credentials("admin", "cds_client_admin")["access_token"]
    objects = client.list_all(client.metadata["cds_clients_api"], "clients", client.admin_token)
    secrets = client.list_all(client.metadata["cds_credentials_api"], "credentials", client.admin_token)
    found: dict[str, Json] = {}
    for kind, scope_type in kinds.items():
        wanted = client.scope_id(scope_type)
        (found[kind],) = [o for o in objects if wanted in o["scope"].split()]
        secret = next(s["client_secret"] for s in secrets if s["client_id"] == found[kind]["client_id"])
        client.credentials[kind] = Credentials(found[kind]["client_id"], secret)
    if "consent" not in found:
        return objects
    consent = found["consent"]
    body = consent | {"redirect_uris": [*consent["redirect_uris"], CALLBACK]}
    put = expect(client.wire.send("PUT", consent["cds_client_uri"], bearer=client.admin_token, json_body=body), 200, "PUT of the client")
    check(CALLBACK in parse_json(put.text)["redirect_uris"], "the redirect URI is set")
    return objects


def _authorization_details(story: Story) -> list[Json]:
    """Four scopes, one selection: each merges with the next (CDS-WG3-01 §7.4.2), all services ticked to begin with."""
    contracts, meters, bills, usage = (
        story.client.scope_id(t) for t in ("cds_service_contracts", "cds_meters", "cds_service_bills", "cds_usage")
    )
    together: Json = {"contract_numbers": ["_all"], "authorization_form_selection_type": "service_contract_selection"}
    shown = {
        contracts: ("include_account_numbers", "include_contract_numbers", "include_service_contract_details", "include_rate_plans"),
        meters: ("include_meter_numbers", "include_service_points"),
        bills: ("include_bill_statements", "include_bill_statement_charges", "include_bill_section_line_items"),
        usage: ("include_service_contracts", "include_meter_devices"),
    }
    following = {contracts: meters, meters: bills, bills: usage, usage: contracts}
    return [
        {"type": scope, **together, **dict.fromkeys(fields, True), "merge_selection_with": following[scope]}
        for scope, fields in shown.items()
    ]


def sign_in(story: Story, address: str, login: str) -> Page | str:
    """Open an address and log in where the server asks for it; returns the page after, or the address outside."""
    page = story.browser.open(address)
    if isinstance(page, str) or not page.tree.xpath('//input[@type="password"]'):
        return page
    # A login that no Client asked for is for production; the customers of the sandbox have a page beside it.
    beside = page.tree.xpath('//a[contains(., "test account")]/@href')
    if beside:
        story.browser.open(str(beside[0]))
    form = story.browser.form("password")
    fields = [str(f.get("name")) for f in form.element.xpath('.//input[@type="text" or @type="email" or not(@type)]')]
    check(len(fields) == 1, f"one field for the login name: {fields}")
    form.fill(fields[0], login)
    form.fill("password", f"test-{login}")
    return story.browser.submit(form)


def ask_the_customer(story: Story) -> None:
    """PAR with PKCE and authorization_details; the customer logs in, unticks one of three services, authorizes."""
    client, pkce, state = story.client, Pkce(), "job-5512 a+b"
    details = _authorization_details(story)
    scope = " ".join(d["type"] for d in details)
    address = client.push(
        "consent",
        {
            "response_type": "code",
            "client_id": client.credentials["consent"].client_id,
            "redirect_uri": CALLBACK,
            "scope": scope,
            "state": state,
            "code_challenge": pkce.challenge,
            "code_challenge_method": "S256",
            "authorization_details": json.dumps(details),
        },
    )
    story.wire.http.cookies.clear()
    page = sign_in(story, address, "moss")
    check(isinstance(page, Page), f"the consent form is shown, not {page}")
    form = story.browser.form("Authorize")
    services = [words for words, _ in form.boxes() if "220-47" in words]
    check(len(services) == 3, f"three services are offered: {form.boxes()}")
    form.tick("220-473", on=False)
    back = story.browser.submit(form, "Authorize")
    check(isinstance(back, str), f"the browser goes back to the client: {back.words()[:300] if isinstance(back, Page) else ''}")
    parameters = callback_parameters(str(back), state, client.metadata["issuer"])
    check("code" in parameters, f"a code came back: {parameters}")
    story.tokens["consent"] = client.token(
        "consent",
        {"grant_type": "authorization_code", "code": parameters["code"], "redirect_uri": CALLBACK, "code_verifier": pkce.verifier},
    )
    validate("token", story.tokens["consent"])
    replay = client.wire.send(
        "POST", client.metadata["token_endpoint"], basic=client.credentials["direct"].basic,
        form={"grant_type": "authorization_code", "code": parameters["code"], "redirect_uri": CALLBACK, "code_verifier": pkce.verifier},
    )  # fmt: skip
    check(replay.status_code == 400, "another Client cannot use the code")
    story.note("two of three services authorized; token for " + story.tokens["consent"]["scope"])


def read_what_was_allowed(story: Story) -> None:
    """The Grant becomes active; every listing is valid, holds the two services and nothing of the third."""
    grant_id = story.tokens["consent"]["cds_grant_ids"][0]
    grant = wait_for("the Grant is active", lambda: g if (g := story.client.grant(grant_id))["status"] == "active" else None)
    validate("grants", [grant])
    contracts = story.data("cds_servicecontracts_api", "service_contracts", "consent")
    check(
        {c["contract_number"] for c in contracts} == {"220-471", "220-472"}, f"two contracts: {[c['contract_number'] for c in contracts]}"
    )
    contract_ids = {c["cds_servicecontract_id"] for c in contracts}
    accounts = story.data("cds_accounts_api", "accounts", "consent")
    points = story.data("cds_servicepoints_api", "service_points", "consent")
    meters = story.data("cds_meterdevices_api", "meter_devices", "consent")
    check({m["meter_number"] for m in meters} == {"M-0091745", "M-0440118"}, f"two meters: {[m.get('meter_number') for m in meters]}")
    statements = story.data("cds_billstatement_api", "bill_statements", "consent")
    sections = story.data("cds_billsection_api", "bill_sections", "consent")
    check(sections, "bill sections are there")
    for section in sections:
        check(set(section["related_servicecontracts"]) <= contract_ids, "no section names another contract")
        check(section["related_servicecontracts"], "no section of the third service is shown")
    story.segments = story.data("cds_usagesegments_api", "usage_segments", "consent")
    check(story.segments, "usage is there")
    for segment in story.segments:
        check(
            set(segment["related_servicecontracts"]) <= contract_ids and segment["related_servicecontracts"],
            "usage of the two services only",
        )
        check(all("wu" not in (cell or {}) for row in segment["values"] for cell in row), "no water usage")
    story.note(
        f"{len(accounts)} account, {len(contracts)} contracts, {len(points)} points, {len(meters)} meters, {len(statements)} statements, "
        f"{len(sections)} sections, {len(story.segments)} usage segments"
    )


def direct_access(story: Story) -> None:
    """client_credentials with query scopes: what this Client may see without asking a customer, and no more."""
    client = story.client
    scope = client.scope_id("cds_query_accounts")
    details = [{"type": scope, "include_account_numbers": True, "include_account_details": True}]
    story.tokens["direct"] = client.client_credentials("direct", scope, details)
    validate("token", story.tokens["direct"])
    accounts = wait_for("direct access lists accounts", lambda: story.data("cds_accounts_api", "accounts", "direct") or None)
    numbers = {a["account_number"] for a in accounts}
    check(numbers == {"B-310-77"}, f"the school district and nobody else: {numbers}")
    story.note(f"direct access shows {sorted(numbers)}")


def whole_building(story: Story) -> None:
    """An Aggregation of 12 flats: consents are needed, twelve customers give them, then the summed segments are readable."""
    client = story.building_client
    client.discover()
    kinds = {"consent": "cds_aggregation_consent", "direct": "cds_query_usage"}
    set_up(client, ["cds_aggregation_consent", "cds_query_usage", "cds_query_aggregations"], kinds, SANDBOX_INVITE)
    scope = client.scope_id("cds_query_usage")
    details = [{"type": scope, "aggregation_numbers": [BUILDING], "include_aggregations": True}]
    story.tokens["building"] = client.client_credentials("direct", scope, details)
    parent_id = story.tokens["building"]["cds_grant_ids"][0]

    def waiting() -> Json | None:
        grant = client.grant(parent_id)
        return grant if grant["status"] == "needs_sub_grants" and grant["children"] else None

    parent = wait_for("the Grant needs sub-Grants", waiting)
    check(story.data("cds_usagesegments_api", "usage_segments", "building") == [], "nothing is readable before the consents")
    children = client.list_all(client.metadata["cds_grants_api"], "grants", client.admin_token, {"parents": parent_id})
    check(len(children) == 12, f"one sub-Grant per flat: {len(children)}")
    pending = {child["grant_id"]: child for child in children}
    for index in range(1, 13):
        _consent_of_flat(story, f"flat{index:02d}", pending)
    check(not pending, "every flat consented")
    wait_for("the building's Grant is active", lambda: g if (g := client.grant(parent_id))["status"] == "active" else None)
    # The sums of a utility that was loaded a moment ago may still be on their way.
    api = ("cds_usagesegments_api", "usage_segments", "building")
    segments = wait_for("summed segments", lambda: story.data(*api) or None, LOADING_SECONDS)
    check(all(s["related_aggregations"] and not s["related_meterdevices"] for s in segments), "sums only, no flat's own usage")
    story.note(f"{len(parent['children'])} consents, then {len(segments)} summed segments")


def _consent_of_flat(story: Story, login: str, pending: dict[str, Json]) -> None:
    """The flat's customer opens the request links until the one that is meant for them, and authorizes it."""
    client = story.building_client
    story.wire.http.cookies.clear()
    for grant_id, child in list(pending.items()):
        pkce, state = Pkce(), f"flat-{login}"
        address = client.push(
            "consent",
            {
                "response_type": "code",
                "client_id": child["client_id"],
                "redirect_uri": CALLBACK,
                "scope": child["scope"],
                "state": state,
                "code_challenge": pkce.challenge,
                "code_challenge_method": "S256",
                "cds_grant_id": grant_id,
                "authorization_details": json.dumps(child["authorization_details"]),
            },
        )
        page = sign_in(story, address, login)
        if isinstance(page, str):
            check("cds_grant_id_invalid_user" in page, f"only the flat's own customer is refused: {page}")
            continue
        back = story.browser.submit(story.browser.form("Authorize"), "Authorize")
        check(isinstance(back, str) and "code" in callback_parameters(back, state, client.metadata["issuer"]), f"{login} authorized")
        del pending[grant_id]
        return


def refresh_and_introspect(story: Story) -> None:
    """A refresh token gives new access with the same limits; introspection tells the truth."""
    client = story.client
    old = story.tokens["consent"]
    story.tokens["consent"] = client.token("consent", {"grant_type": "refresh_token", "refresh_token": old["refresh_token"]})
    check(story.tokens["consent"]["authorization_details"] == old["authorization_details"], "a refresh changes no limit")
    response = client.wire.send(
        "POST", story.api("introspection_endpoint"), basic=client.credentials["consent"].basic,
        form={"token": story.tokens["consent"]["access_token"]},
    )  # fmt: skip
    answer = parse_json(expect(response, 200, "introspection").text)
    validate("introspection", answer)
    check(answer["active"] is True, "the token is active")


def the_customer_ends_it(story: Story) -> None:
    """The customer stops access on the receipt page; within a second every data service refuses."""
    client = story.client
    story.wire.http.cookies.clear()
    page = sign_in(story, f"{client.metadata['issuer']}/my", "moss")
    check(isinstance(page, Page), "my authorizations")
    links = [a.get("href") for a in story.browser.page.tree.xpath("//a[@href]") if "/receipts/" in a.get("href")]  # type: ignore[union-attr]
    check(links, "my authorizations link to the receipt")
    story.receipt = links[0]
    story.wire.http.cookies.clear()
    story.browser.open(story.receipt)
    _stop(story)
    ended = time.monotonic()
    apis = ("cds_accounts_api", "cds_servicecontracts_api", "cds_servicepoints_api", "cds_meterdevices_api", "cds_billstatement_api",
            "cds_billsection_api", "cds_usagesegments_api", "cds_aggregations_api")  # fmt: skip
    token = story.tokens["consent"]["access_token"]
    for api in apis:
        while client.wire.send("GET", story.api(api), bearer=token).status_code != 401:
            check(time.monotonic() - ended < REFUSAL_SECONDS, f"{api} refuses within {REFUSAL_SECONDS:.0f} s")
            time.sleep(0.02)
    refused = time.monotonic() - ended
    refresh = client.wire.send(
        "POST", client.metadata["token_endpoint"], basic=client.credentials["consent"].basic,
        form={"grant_type": "refresh_token", "refresh_token": story.tokens["consent"]["refresh_token"]},
    )  # fmt: skip
    check(refresh.status_code == 400, "the refresh token is dead too")
    story.note(f"all {len(apis)} data APIs refused {refused * 1000:.0f} ms after the customer's click")


def _stop(story: Story) -> None:
    """Find the stop link or button of the receipt, and confirm."""
    page = story.browser.page
    check(page is not None, "the receipt is open")
    stops = [a.get("href") for a in page.tree.xpath("//a[@href]") if "revoke" in a.get("href") or "stop" in a.get("href")]  # type: ignore[union-attr]
    if stops:
        story.browser.open(stops[0])
    else:
        story.browser.submit(story.browser.form("Stop"), "Stop")
    story.browser.submit(story.browser.form("Stop"), "Stop")


CHAPTERS: tuple[tuple[str, Callable[[Story], None]], ...] = (
    ("A client that nobody has met discovers and registers", discover_and_register),
    ("It asks a customer", ask_the_customer),
    ("It reads exactly what the customer allowed", read_what_was_allowed),
    ("It reads what it may see without asking", direct_access),
    ("It reads a whole building, after twelve consents", whole_building),
    ("It refreshes and introspects", refresh_and_introspect),
    ("The customer ends it", the_customer_ends_it),
)
