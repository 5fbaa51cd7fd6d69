"""CDS-WG1-01 §3, §5, §6, §8: what the server metadata object promises beyond its format."""

import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from cds_common.utility import InviteCode, Utility
from services.registry.tests.builders import Registry
from services.registry.tests.schemas import FOLDER, assert_fits
from tests.conformance.servers import Serve

WELL_KNOWN = "/.well-known/cds-server-metadata.json"
OAUTH = "/.well-known/oauth-authorization-server"
COVERAGE = "/cds/v1/coverage"
PUBLIC = (WELL_KNOWN, OAUTH, COVERAGE)
RFC_9207 = {"authorization_response_iss_parameter_supported"}
"""Of the registry of RFC 8414, which CDS-WG1-02 §3.2 takes over as a whole."""


async def read(registry: Registry, path: str = WELL_KNOWN) -> dict[str, Any]:
    answer = await registry.http.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.req("WG101-010")
async def test_created_stays_and_updated_moves_with_the_content_only(serve: Serve, utility: Utility) -> None:
    async with serve(utility) as registry:
        first = await read(registry)
        registry.later(hours=3)
        assert await read(registry) == first
        start = registry.now
    async with serve(utility, now=start + timedelta(days=9)) as registry:
        assert await read(registry) == first
    renamed = utility.model_copy(update={"description": "Electricity, gas, water and now waste."})
    async with serve(renamed, now=start + timedelta(days=10)) as registry:
        changed = await read(registry)
    assert changed["created"] == first["created"] == "2025-10-01T16:00:00Z"
    assert changed["updated"] == "2026-12-04T21:00:00Z"
    assert first["updated"] == "2026-11-02T17:30:00Z"


@pytest.mark.req("WG101-045")
async def test_a_renamed_organisation_keeps_its_address(serve: Serve, utility: Utility) -> None:
    async with serve(utility) as registry:
        before = await read(registry)
        later = registry.now + timedelta(days=1)
    async with serve(utility.model_copy(update={"name": "Alder Coast Energy", "updated": later}), now=later) as registry:
        after = await read(registry)
    assert (before["name"], after["name"]) == ("Harbor Light & Power", "Alder Coast Energy")
    assert after["cds_metadata_url"] == before["cds_metadata_url"] == f"http://localhost:8080{WELL_KNOWN}"
    assert after["updated"] > before["updated"]


@pytest.mark.req("WG101-047")
async def test_the_redirect_of_a_former_domain_has_no_end(serve: Serve, utility: Utility) -> None:
    async with serve(utility, former_hosts=frozenset({"old.hlp.example"})) as registry:
        for days in (0, 365, 3 * 366, 10 * 366):
            registry.later(days=days)
            answer = await registry.http.get(WELL_KNOWN, headers={"Host": "old.hlp.example"})
            assert (answer.status_code, answer.headers["location"]) == (301, f"http://localhost:8080{WELL_KNOWN}")
        other = await registry.http.get(WELL_KNOWN, headers={"Host": "stranger.example"})
        assert other.status_code == 200


@pytest.mark.req("WG101-015", "WG101-017")
async def test_the_well_known_object_links_the_organisations_other_metadata(serve: Serve, utility: Utility, registry: Registry) -> None:
    assert (await read(registry))["related_metadata"] == []
    others = [f"https://gas.hlp.example{WELL_KNOWN}", "https://islands.hlp.example/cds/metadata.json"]
    async with serve(utility.model_copy(update={"related_metadata": others})) as parent:
        body = await read(parent)
    assert body["related_metadata"] == others
    assert_fits(body, "server-metadata")


@pytest.mark.req("WG101-016")
async def test_members_without_a_value_are_left_out(registry: Registry) -> None:
    body = await read(registry)
    assert None not in body.values()
    assert "null" not in (await registry.http.get(WELL_KNOWN)).text
    assert_fits(body, "server-metadata")


@pytest.mark.req("WG101-020")
async def test_only_defined_capabilities_are_named(registry: Registry) -> None:
    named = {*(await read(registry))["capabilities"]}
    for entry in (await read(registry, COVERAGE))["coverage_entries"]:
        named |= {*entry["capabilities"]}
    assert named == {"coverage", "oauth"}


def _undocumented(document: dict[str, Any], schemas: str, pages: str) -> set[str]:
    known: set[str] = set()
    for name in schemas.split():
        schema = json.loads((FOLDER / f"{name}.json").read_text())
        known |= {*schema["properties"], *schema.get("$defs", {}).get("common", {}).get("properties", {})}
    return {member for member in document if member not in known and f"<code>{member}</code>" not in pages}


@pytest.mark.req("WG101-048", "WG102-281", "WG102-130")
async def test_members_beyond_the_specifications_are_in_the_documentation(registry: Registry) -> None:
    pages = (await registry.http.get("/docs")).text
    for service in ("registry", "auth", "accounts", "billing", "usage", "aggregation"):
        assert f'href="/openapi/{service}.json"' in pages
        assert f'href="/asyncapi/{service}.json"' in pages
    assert _undocumented(await read(registry), "server-metadata", pages) == set()
    listing = await read(registry, COVERAGE)
    assert _undocumented(listing, "coverage-list-response", pages) == set()
    for entry in listing["coverage_entries"]:
        assert _undocumented(entry, "coverage-entry", pages) == set()
    oauth = await read(registry, OAUTH)
    assert _undocumented(oauth, "authorization-server-metadata customer-data-server-metadata", pages) <= RFC_9207
    for scope in oauth["cds_scope_descriptions"].values():
        assert _undocumented(scope, "scope-description customer-data-scope-description", pages) == set()
    purpose = {"id": "", "name": "Audit", "content": "We look.", "related_uri": None, "scopes_supported": []}
    party = await registry.party(
        client_uri="https://www.kestrel.example", software_id="kestrel", software_version="7", cds_registration_purposes=[purpose]
    )
    clients = await party.clients()
    assert "cds_registration_purposes" in next(each for each in clients if each["response_types"])
    for client in clients:
        assert _undocumented(client, "client client-customer-data-extension", pages) == set()
    for name in ("outstanding", "unread"):
        for message in await party.messages(name):
            assert _undocumented(message, "message", pages) == set()
    for credential in (await party.get("/cds/v1/credentials")).json()["credentials"]:
        assert _undocumented(credential, "credential", pages) == set()


@pytest.mark.req("WG101-049")
async def test_public_documents_and_their_pages_hold_nothing_internal(serve: Serve, utility: Utility) -> None:
    secret = InviteCode.model_validate(
        {
            "code": "PRIVATE-INVITE-7713",
            "note": "Letter to Ms. Secretname of 3 May",
            "scopes": ["cds_query_usage_hlp"],
            "permission": {"account_refs": ["AC-SECRET-1"]},
        }
    )
    guarded = utility.model_copy(update={"invite_codes": [*utility.invite_codes, secret]})
    internal = {
        "registry_internal_url": "http://registry-api.cds.svc:8102",
        "auth_internal_url": "http://auth-api.cds.svc:8101",
        "accounts_internal_url": "http://accounts-api.cds.svc:8103",
        "kafka_bootstrap_servers": "kafka.cds.svc:9092",
    }
    ours = urlsplit(utility.website).hostname
    async with serve(guarded, **internal) as registry:
        seen: set[str] = set()
        waiting = [*PUBLIC, "/"]
        while waiting:
            path = waiting.pop()
            if path in seen:
                continue
            seen.add(path)
            answer = await registry.http.get(path)
            for leak in ("PRIVATE-INVITE-7713", "Secretname", "AC-SECRET-1", ".cds.svc", "kafka", "postgresql", "127.0.0.1"):
                assert leak not in answer.text, f"{leak} in {path}"
            registry.later(seconds=1)
            for address in re.findall(r"https?://[^\s\"'<>\\]+", answer.text):
                host = urlsplit(address).hostname
                assert host in {"localhost", ours, "www.w3.org"}, f"{address} in {path}"
                if host == "localhost" and urlsplit(address).path.startswith(("/docs", COVERAGE)):
                    waiting.append(urlsplit(address).path)
            if answer.headers["content-type"].startswith("text/html"):
                waiting += [each.split("#")[0] for each in re.findall(r'href="(/docs[^"]*)"', answer.text)]
        assert len(seen) > 40
