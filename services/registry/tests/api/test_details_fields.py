"""Authorization details fields as clients discover them: their pages, and the choices that fit one Client Object (CDS-WG3-01 §5, §7)."""

import html
import re
from typing import Any
from uuid import uuid4

import pytest

from cds_common.access.addresses import EXAMPLES, SEGMENTS, STREET_WORDS, match_addresses
from services.registry.tests.builders import Party, Registry

OAUTH = "/.well-known/oauth-authorization-server"


def field_of(metadata: dict[str, Any], scope: str, field: str) -> dict[str, Any]:
    fields = metadata["cds_scope_descriptions"][scope]["authorization_details_fields_supported"]
    return next(each for each in fields if each["id"] == field)


async def own_metadata(party: Party, scope: str) -> dict[str, Any]:
    """The authorization server metadata that the Client Object of this scope leads to."""
    client = await party.client(scope)
    server = (await party.get(client["cds_server_metadata"])).json()
    return (await party.get(server["oauth_metadata"])).json()


def text_of(page: str) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


class TestAddressesPage:
    @pytest.mark.req("WG3B-100")
    async def test_it_tells_abbreviations_segments_and_examples_that_match(self, registry: Registry) -> None:
        field = field_of((await registry.http.get(OAUTH)).json(), "cds_accounts_hlp", "addresses")
        answer = await registry.http.get(field["documentation"])
        assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/html")
        shown = text_of(answer.text)
        for short, long in STREET_WORDS.items():
            assert f" {short} {long} " in shown
        assert "WA washington" in shown
        assert SEGMENTS in shown
        assert "separated by a comma and a space" in shown
        rows = re.findall(r"<tr><td>(typical|atypical)</td><td>(.*?)</td><td><code>(.*?)</code></td></tr>", answer.text)
        assert {kind for kind, _, _ in rows} == {"typical", "atypical"}
        for (kind, source, normalised), (stored, expected) in zip(rows, EXAMPLES, strict=True):
            assert kind == expected
            assert html.unescape(source.replace("<br>", "\n")) == stored
            resource = uuid4()
            assert match_addresses({resource: [stored]}, [html.unescape(normalised)]) == {resource}


class TestPurposeChoices:
    @pytest.mark.req("WG3B-256")
    async def test_public_choices_are_the_purposes_that_a_new_client_gets(self, registry: Registry) -> None:
        public = (await registry.http.get(OAUTH)).json()
        party = await registry.party("cds_client_admin cds_usage_hlp cds_accounts_hlp")
        client = await party.client("cds_usage_hlp")
        for scope in ("cds_usage_hlp", "cds_accounts_hlp"):
            choices = field_of(public, scope, "purpose")["choices"]
            assert {each["id"] for each in choices} == {
                key for key, purpose in client["cds_purposes"].items() if scope in purpose["scopes_supported"]
            }
            for choice in choices:
                page = await registry.http.get(choice["documentation"])
                assert page.status_code == 200
                for line in client["cds_purposes"][choice["id"]]["content"].strip().splitlines():
                    assert line.strip() in text_of(page.text)

    @pytest.mark.req("WG3B-255")
    async def test_a_clients_choices_are_its_own_purposes_of_the_scope(self, registry: Registry) -> None:
        party = await registry.party("cds_client_admin cds_usage_hlp cds_accounts_hlp")
        client = await party.client("cds_usage_hlp")
        mine = {"id": "", "name": "Audit", "content": "We look.", "related_uri": None, "scopes_supported": []}
        changed = await party.put(client["cds_client_uri"], {**client, "cds_purposes": {**client["cds_purposes"], "new": mine}})
        assert changed.status_code in {200, 202}, changed.text
        purposes = (await party.client("cds_usage_hlp"))["cds_purposes"]
        (own,) = [key for key, purpose in purposes.items() if purpose["name"] == "Audit"]
        metadata = await own_metadata(party, "cds_usage_hlp")
        assert purposes[own]["scopes_supported"]
        offering = 0
        for scope, description in metadata["cds_scope_descriptions"].items():
            fields = [each for each in description["authorization_details_fields_supported"] if each["id"] == "purpose"]
            choices = {choice["id"] for each in fields for choice in each["choices"]}
            assert choices == {key for key, purpose in purposes.items() if scope in purpose["scopes_supported"]}
            offering += own in choices
        assert offering == len(purposes[own]["scopes_supported"])
        public = (await registry.http.get(OAUTH)).json()
        assert own not in {each["id"] for each in field_of(public, "cds_usage_hlp", "purpose")["choices"]}


class TestClientSpecificMetadata:
    @pytest.mark.req("WG3A-153", "WG3A-166", "WG3A-113", "WG3A-114")
    async def test_each_client_object_leads_to_metadata_of_its_own(self, registry: Registry) -> None:
        party = await registry.party("cds_client_admin cds_account_programs_hlp cds_service_programs_hlp cds_usage_hlp")
        other = await registry.party("cds_client_admin cds_account_programs_hlp", client_name="Other")
        client = await party.client("cds_account_programs_hlp")
        addresses = {each["cds_server_metadata"] for each in (*await party.clients(), *await other.clients())}
        assert len(addresses) == len(await party.clients()) + len(await other.clients())
        assert (await other.get(client["cds_server_metadata"])).status_code == 404
        metadata = await own_metadata(party, "cds_account_programs_hlp")
        for scope, field in (("cds_account_programs_hlp", "account_programs"), ("cds_service_programs_hlp", "service_programs")):
            programs = registry.offer.utility.programs
            known = programs.account if field == "account_programs" else programs.service
            assert {each["id"] for each in field_of(metadata, scope, field)["choices"]} == {each.program_number for each in known}
        assert {scope for scope in client["scope"].split() if scope != "cds_client_admin"} <= set(metadata["cds_scope_descriptions"])
        for member in ("cds_accounts_api", "cds_servicecontracts_api", "cds_usagesegments_api", "token_endpoint"):
            assert metadata[member].startswith("http://localhost:8080/")
        narrow = await own_metadata(other, "cds_account_programs_hlp")
        assert "cds_usagesegments_api" not in narrow
        assert narrow["cds_accounts_api"] == metadata["cds_accounts_api"]
