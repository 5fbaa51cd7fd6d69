"""Server metadata, authorization server metadata, coverage (CDS-WG1-01, CDS-WG1-02 §3, CDS-WG3-01 §5)."""

from typing import Any

import pytest
from pydantic import SecretStr

from cds_common.testing.app import application
from cds_registry.app import create_app
from cds_registry.application.publication import Publication
from cds_registry.persistence.clients import find_client
from cds_registry.settings import Settings
from services.registry.tests.builders import Registry
from services.registry.tests.schemas import assert_fits

WELL_KNOWN = "/.well-known/cds-server-metadata.json"
OAUTH = "/.well-known/oauth-authorization-server"


class TestServerMetadata:
    @pytest.mark.req("WG101-001", "WG101-002", "WG101-005", "WG101-007", "WG101-008", "WG101-009", "WG101-012", "WG101-014", "WG101-051")
    @pytest.mark.req("WG102-007", "WG102-008")
    async def test_is_public_and_fits_its_format(self, registry: Registry) -> None:
        answer = await registry.http.get(WELL_KNOWN)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        body = answer.json()
        assert_fits(body, "server-metadata")
        assert (body["cds_metadata_version"], body["cds_metadata_url"]) == ("v1", f"http://localhost:8080{WELL_KNOWN}")
        assert body["oauth_metadata"] == f"http://localhost:8080{OAUTH}"
        assert set(body["capabilities"]) == {"coverage", "oauth"}
        assert body["updated"] >= body["created"]
        with_stray = await registry.http.get(WELL_KNOWN, headers={"Authorization": "Bearer nonsense"})
        assert (with_stray.status_code, with_stray.json()) == (200, body)

    @pytest.mark.req("WG101-003")
    async def test_an_unchanged_document_is_304(self, registry: Registry) -> None:
        for path in (WELL_KNOWN, OAUTH, "/cds/v1/coverage"):
            first = await registry.http.get(path)
            assert first.headers["etag"].startswith('W/"'), "the ingress compresses, and drops a strong validator"
            again = await registry.http.get(path, headers={"If-None-Match": f'"other", {first.headers["etag"]}'})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
            other = await registry.http.get(path, headers={"If-None-Match": '"other"'})
            assert (other.status_code, other.content) == (200, first.content)

    @pytest.mark.req("WG101-004", "WG101-022")
    async def test_wrong_methods_and_unknown_addresses_get_fitting_answers(self, registry: Registry) -> None:
        for path in (WELL_KNOWN, OAUTH, "/cds/v1/coverage"):
            for method in ("POST", "DELETE"):
                assert (await registry.http.request(method, path)).status_code == 405
        assert (await registry.http.get("/.well-known/cds-server-metadata")).status_code == 404

    @pytest.mark.req("WG101-052", "WG101-011", "WG102-014", "WG102-021", "WG102-023", "WG102-033", "WG102-287", "WG102-072")
    async def test_every_linked_page_of_ours_answers(self, registry: Registry) -> None:
        from cds_common.utility.wire import documentation_paths

        server, oauth = (await registry.http.get(WELL_KNOWN)).json(), (await registry.http.get(OAUTH)).json()
        linked = [server["documentation"], server["support"], server["coverage"], server["oauth_metadata"]]
        linked += [
            oauth[name] for name in ("service_documentation", "op_policy_uri", "op_tos_uri", "cds_human_registration", "cds_test_accounts")
        ]
        linked += documentation_paths(registry.offer.utility)
        for address in dict.fromkeys(linked):
            answer = await registry.http.get(address)
            assert answer.status_code == 200, address
            if "/docs" in address:
                assert answer.headers["content-type"].startswith("text/html")
                assert "default-src 'none'" in answer.headers["content-security-policy"]

    @pytest.mark.req("WG101-004", "WG101-022")
    async def test_a_database_that_is_away_is_503(self, settings: Settings) -> None:
        lost = settings.model_copy(update={"database_url": SecretStr("postgresql+asyncpg://a:b@127.0.0.1:1/none")})
        async with application(create_app(lost)) as client:
            for path in (WELL_KNOWN, "/cds/v1/coverage"):
                answer = await client.get(path)
                assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
                assert "retry-after" in answer.headers
            assert (await client.get(OAUTH)).status_code == 200

    async def test_times_move_with_the_content_only(self, registry: Registry) -> None:
        from cds_registry.persistence.published_documents import Times, note_documents

        start = Times(registry.now, registry.now)
        async with registry.sessions.begin() as tx:
            first = await note_documents(tx, {"x": {"a": 1}}, {"x": start}, registry.now)
        registry.later(days=1)
        async with registry.sessions.begin() as tx:
            same = await note_documents(tx, {"x": {"a": 1}}, {"x": start}, registry.now)
            changed = await note_documents(tx, {"x": {"a": 2}}, {"x": start}, registry.now)
        assert same == first == {"x": start}
        assert changed == {"x": Times(start.created, registry.now)}

    @pytest.mark.req("WG101-046")
    async def test_a_former_host_redirects(self, registry: Registry, settings: Any) -> None:
        from starlette.requests import Request

        from cds_registry.api.metadata import _moved

        moved = settings.model_copy(update={"former_hosts": frozenset({"old.example"})})
        request = Request(
            {"type": "http", "headers": [(b"host", b"old.example")], "path": WELL_KNOWN, "scheme": "https", "server": ("x", 1)}
        )
        assert _moved(request, moved) == "http://localhost:8080"
        assert _moved(request, settings) is None
        assert _moved(request, settings.model_copy(update={"moved_to": "https://new.example"})) == "https://new.example"


class TestAuthorizationServerMetadata:
    @pytest.mark.req("WG102-006", "WG102-009", "WG102-010", "WG102-011", "WG102-013", "WG102-022", "WG102-024", "WG102-025", "WG102-026")
    @pytest.mark.req("WG102-027", "WG102-015", "WG102-020", "WG102-029", "WG102-052", "WG102-062")
    async def test_fits_its_format_and_its_parts_agree(self, registry: Registry) -> None:
        answer = await registry.http.get(OAUTH)
        body = answer.json()
        assert_fits(body, "authorization-server-metadata", "customer-data-server-metadata")
        scopes = body["cds_scope_descriptions"]
        assert set(scopes) == set(body["scopes_supported"])
        assert all(key == scope["id"] for key, scope in scopes.items())
        for name in ("response_types_supported", "grant_types_supported", "token_endpoint_auth_methods_supported",
                     "code_challenge_methods_supported", "authorization_details_types_supported"):  # fmt: skip
            assert set(body[name]) == {value for scope in scopes.values() for value in scope[name]}
        named = {field for scope in scopes.values() for field in (*scope["registration_requirements"], *scope["registration_optional"])}
        assert set(body["cds_registration_fields"]) == named
        assert (body["issuer"], body["cds_timezone"]) == ("http://localhost:8080", "America/Los_Angeles")
        assert body["cds_server_provided_files_api"] == "http://localhost:8080/cds/v1/files"

    @pytest.mark.req("WG102-032", "WG102-035", "WG102-037", "WG102-038", "WG102-047", "WG102-049", "WG102-060", "WG102-058")
    async def test_the_scopes_of_section_3_3_have_their_fixed_values(self, registry: Registry) -> None:
        scopes = (await registry.http.get(OAUTH)).json()["cds_scope_descriptions"]
        assert_fits(scopes["cds_client_admin"], "scope-description-cds-client-admin")
        assert_fits(scopes["cds_grant_admin_hlp"], "scope-description-cds-grant-admin")
        assert_fits(scopes["cds_server_provided_files_hlp"], "scope-description-cds-server-provided-files")
        for scope in scopes.values():
            if "authorization_code" in scope["grant_types_supported"]:
                assert scope["code_challenge_methods_supported"] == ["S256"]
            else:
                assert scope["code_challenge_methods_supported"] == []
            assert scope["grant_admin_scope"] in {None, "cds_grant_admin_hlp"}


class TestClientMetadata:
    @pytest.mark.req("WG102-125", "WG102-126", "WG101-050", "WG101-006")
    async def test_holds_the_clients_own_scopes_and_purposes_behind_its_token(self, registry: Registry) -> None:
        other = await registry.party(client_name="Other")
        party = await registry.party("cds_client_admin cds_usage_hlp")
        consent = await party.client("cds_usage_hlp")
        anonymous = await registry.http.get(consent["cds_server_metadata"])
        assert anonymous.status_code == 401
        assert (await other.get(consent["cds_server_metadata"])).status_code == 404
        server = (await party.get(consent["cds_server_metadata"])).json()
        assert_fits(server, "server-metadata")
        assert server["cds_metadata_url"] == consent["cds_server_metadata"]
        assert (await registry.http.get(server["oauth_metadata"])).status_code == 401
        mine = {"a": {"id": "", "name": "Audit", "content": "We look.", "related_uri": None, "scopes_supported": []}}
        changed = (await party.put(consent["cds_client_uri"], {**consent, "cds_purposes": mine})).json()
        oauth = (await party.get(server["oauth_metadata"])).json()
        assert_fits(oauth, "client-authorization-server-metadata", "customer-data-server-metadata")
        assert set(oauth["cds_scope_descriptions"]) == {"cds_usage_hlp", "cds_grant_admin_hlp"}
        fields = oauth["cds_scope_descriptions"]["cds_usage_hlp"]["authorization_details_fields_supported"]
        purpose = next(field for field in fields if field["id"] == "purpose")
        assert {choice["id"] for choice in purpose["choices"]} == set(changed["cds_purposes"])


class TestCoverage:
    @pytest.mark.req("WG101-021", "WG101-023", "WG101-025", "WG101-028", "WG101-029", "WG101-034", "WG101-035", "WG101-013", "WG102-059")
    @pytest.mark.req("WG101-031", "WG101-032", "WG101-033", "WG101-039", "WG101-041", "WG101-043", "WG101-044", "WG101-038")
    async def test_lists_entries_last_updated_first(self, registry: Registry) -> None:
        answer = await registry.http.get("/cds/v1/coverage")
        body = answer.json()
        assert_fits(body, "coverage-list-response")
        assert (body["next"], body["previous"]) == (None, None)
        updated = [entry["updated"] for entry in body["coverage_entries"]]
        assert updated == sorted(updated, reverse=True)
        ids = [entry["id"] for entry in body["coverage_entries"]]
        assert set(ids) == {"hlp-electric", "hlp-gas", "hlp-water"}
        scopes = (await registry.http.get(OAUTH)).json()["cds_scope_descriptions"].values()
        assert {coverage for scope in scopes for coverage in scope["coverages_supported"]} <= set(ids)
        capabilities = {capability for entry in body["coverage_entries"] for capability in entry["capabilities"]}
        assert capabilities <= set((await registry.http.get(WELL_KNOWN)).json()["capabilities"]) - {"coverage"}

    @pytest.mark.req("WG101-026", "WG101-027")
    async def test_ids_limit_the_list(self, registry: Registry) -> None:
        async def ids(query: str) -> set[str]:
            answer = await registry.http.get(f"/cds/v1/coverage?ids={query}")
            assert answer.status_code == 200
            return {entry["id"] for entry in answer.json()["coverage_entries"]}

        assert await ids("hlp-gas%20hlp-water") == await ids("hlp-gas+hlp-water") == {"hlp-gas", "hlp-water"}
        assert await ids("unknown") == set()
        assert (await registry.http.get("/cds/v1/coverage?ids=a&ids=b")).status_code == 400

    @pytest.mark.req("WG101-037", "WG101-052", "WG101-053")
    async def test_maps_are_public_geojson_in_wgs_84(self, registry: Registry) -> None:
        for entry in (await registry.http.get("/cds/v1/coverage")).json()["coverage_entries"]:
            answer = await registry.http.get(entry["geojson_resource"], headers={"Authorization": "Bearer stray"})
            assert (answer.status_code, answer.headers["content-type"]) == (200, "application/geo+json")
            assert answer.json()["type"] in {"Feature", "FeatureCollection"}
        assert (await registry.http.get("/cds/v1/coverage/unknown/geojson")).status_code == 404

    @pytest.mark.req("WG101-024")
    async def test_more_than_a_hundred_entries_come_on_pages(self) -> None:
        from cds_common.problems import ProblemError
        from cds_registry.api.coverage import _window

        entries = [{"id": str(number)} for number in range(250)]
        assert _window(entries, None, None) == (0, 100)
        assert _window(entries, "99", None) == (100, 200)
        assert _window(entries, "199", None) == (200, 250)
        assert _window(entries, None, "200") == (100, 200)
        assert _window(entries, None, "40") == (0, 40)
        with pytest.raises(ProblemError):
            _window(entries, "999", None)

    @pytest.mark.req("WG101-054")
    async def test_floods_meet_429(self, registry: Registry) -> None:
        statuses = [(await registry.http.get("/cds/v1/coverage/unknown/geojson")).status_code for _ in range(520)]
        assert statuses == [404] * 500 + [429] * 20
        registry.later(seconds=1)
        assert (await registry.http.get("/cds/v1/coverage/unknown/geojson")).status_code == 404


async def test_the_strict_profile_says_that_requests_must_be_pushed(
    registry: Registry, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    party = await registry.party()
    consent = await party.client("cds_usage_hlp")
    strict = Publication(registry.offer, only_pushed=True)
    assert strict.authorization_server["require_pushed_authorization_requests"] is True
    assert "require_pushed_authorization_requests" not in Publication(registry.offer).authorization_server
    async with registry.sessions.begin() as tx:
        found = await find_client(tx, consent["client_id"])
        admin = await find_client(tx, party.client_id)
    assert found is not None
    assert admin is not None
    assert strict.client_authorization_server_metadata(found)["require_pushed_authorization_requests"] is True
    assert "require_pushed_authorization_requests" not in strict.client_authorization_server_metadata(admin)
    monkeypatch.setenv("CDS_AUTH_PROFILE", "strict")
    given = settings.model_dump()
    given.pop("auth_profile")
    assert Settings(**given).auth_profile == "strict"
