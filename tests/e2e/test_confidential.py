"""Nothing leaves without an authorization that covers it, and no personal data without the field that opens it (CDS-WG3-01 §2, §12.3)."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from cds_cli.demo_utility.cast import HOUSEHOLDS
from cds_cli.journey.schemas import SCHEMA_OF, validate
from cds_cli.journey.story import Story
from cds_common.testing.schemas import FOLDER
from cds_local.stack import LocalStack
from tests.e2e.support import LISTINGS, QUERIES, Json, listing, query, until
from tests.e2e.test_scenarios import SELF, access, agree, connected, registered

pytestmark = [pytest.mark.slow]

APIS = {**LISTINGS, "eacs": "cds_eacs_api"}
KEY_OF = dict(zip(QUERIES, LISTINGS, strict=True))


def flags(story: Story, scope_type: str, *, on: bool) -> dict[str, Any]:
    """Every include_ field of a scope, all on or all off."""
    scope = story.client.metadata["cds_scope_descriptions"][story.client.scope_id(scope_type)]
    fields = {each["id"]: each for each in scope["authorization_details_fields_supported"]}
    named = {name for name, field in fields.items() if name.startswith("include_") and field["format"] == "boolean"}
    wanted: dict[str, Any] = dict.fromkeys(sorted(named), on)
    wanted |= {name: fields[name]["maximum"] for name in ("segment_start", "statement_date_start", "start_date") if name in fields}
    return wanted


@pytest.fixture(scope="module")
def tariff_reader(loaded: LocalStack) -> Iterator[tuple[Story, str]]:
    """A token for the tariffs of one customer, and nothing else."""
    story = registered(loaded, ["cds_rate_plan_hlp"], consent="cds_rate_plan_hlp")
    details = {"type": "cds_rate_plan_hlp", "contract_numbers": ["_all"], "authorization_form_selection_type": "service_contract_selection"}
    yield story, access(story, agree(story, "ode", details))
    story.wire.close()


@pytest.mark.req("WG3A-002", "WG3C-279")
@pytest.mark.parametrize("key", APIS)
def test_every_api_is_closed_without_a_token_of_a_scope_that_covers_it(tariff_reader: tuple[Story, str], key: str) -> None:
    story, token = tariff_reader
    address = story.api(APIS[key])
    with httpx.Client(trust_env=False, timeout=30) as http:
        for headers in ({}, {"authorization": "Bearer garbage"}, {"authorization": f"Bearer {token[:-4]}AAAA"}):
            refused = http.get(address, headers=headers)
            assert refused.status_code == 401
            assert key not in refused.json()
        answer = http.get(address, headers={"authorization": f"Bearer {token}"})
    if key == "service_contracts":
        assert len(answer.json()[key]) == 1
        assert "public" not in answer.headers.get("cache-control", "")
    else:
        assert answer.status_code == 403 or (answer.status_code, answer.json()[key]) == (200, [])


@pytest.mark.req("WG3A-003")
def test_what_a_client_may_see_is_decided_here_and_not_by_its_request(loaded: LocalStack, tariff_reader: tuple[Story, str]) -> None:
    two = [registered(loaded, list(SELF.values()), direct=SELF["accounts"]) for _ in range(2)]
    seen: list[set[str]] = []
    for story, login in zip(two, ("campus", "bakery"), strict=True):
        connected(story, login)
        token = query(story, SELF["accounts"], include_account_numbers=True)
        found = until(f"the accounts of {login}", lambda story=story, token=token: listing(story, "accounts", token) or None)
        seen.append({each["account_number"] for each in found})
    assert "66-0500" in seen[0]
    assert seen[1] == {"66-0410"}
    wider = query(two[1], SELF["accounts"], include_account_numbers=True, account_numbers=["66-0500"])
    assert listing(two[1], "accounts", wider) == []
    consent = tariff_reader[0].client
    form = {"grant_type": "client_credentials", "scope": "cds_query_accounts_hlp"}
    refused = consent.wire.send("POST", consent.metadata["token_endpoint"], basic=consent.credentials["consent"].basic, form=form)
    assert refused.status_code == 400
    assert refused.json()["error"] in {"unauthorized_client", "invalid_scope"}
    for story in two:
        story.wire.close()


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _words(each)
    elif isinstance(value, list):
        for each in value:
            yield from _words(each)
    elif isinstance(value, str):
        yield value


def _optional(kind: str, item: Json) -> Json:
    """The object without the members that section 10 always demands."""
    required = set(json.loads((FOLDER / SCHEMA_OF[kind]).read_text())["required"])
    return {name: value for name, value in item.items() if name not in required}


@pytest.mark.req("WG3C-277", "WG3C-281")
def test_without_include_fields_no_answer_holds_personal_data(reader: Story) -> None:
    people = [household for household in HOUSEHOLDS if household.environment == "sandbox"]
    secrets = {household.name for household in people} | {household.account_number for household in people}
    secrets |= {household.phone for household in people if household.phone} | {f"{household.login}@mail.example" for household in people}
    secrets |= {line for household in people for line in (household.address, household.address.split("\n")[0])}
    secrets |= {service.contract_number for household in people for service in household.services}
    secrets |= {meter.number for household in people for service in household.services for meter in service.meters}
    for scope_type, key in KEY_OF.items():
        token = query(reader, scope_type, **flags(reader, scope_type, on=False))
        found = until(key, lambda key=key, token=token: listing(reader, key, token) or None)
        told = {word for item in found for word in _words(_optional(key, item))}
        assert not {secret for secret in secrets for word in told if secret in word}, scope_type
        for other in set(LISTINGS) - {key}:
            assert all(not _optional(other, item).keys() & {"account_name", "contract_address"} for item in listing(reader, other, token))


@pytest.mark.req("WG3A-004", "WG3A-006", "WG3A-007")
def test_with_every_field_on_every_value_has_its_type_and_format(reader: Story) -> None:
    from jsonschema import Draft202012Validator

    assert {"date", "date-time", "uri", "email"} <= set(Draft202012Validator.FORMAT_CHECKER.checkers)
    for scope_type, key in KEY_OF.items():
        token = query(reader, scope_type, **flags(reader, scope_type, on=True))
        found = until(key, lambda key=key, token=token: listing(reader, key, token) or None)
        validate(key, found)
