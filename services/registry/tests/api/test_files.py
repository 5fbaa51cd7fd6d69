"""`/cds/v1/files` (CDS-WG1-02 §9) and how operators share files."""

from typing import Any

import pytest

from cds_registry.application.operators import Role
from services.registry.tests.builders import Party, Registry, a_grant
from services.registry.tests.schemas import assert_fits

FILES = "cds_server_provided_files_hlp"
CONTENT = bytes(range(256)) * 4


async def share(registry: Registry, party: Party, name: str = "rates 2026.csv", content: bytes = CONTENT) -> Any:
    return await registry.http.post(
        f"/operator/api/v1/registrations/{party.registration_id}/files",
        params={"name": name, "description": "All rates"},
        content=content,
        headers=await registry.operator() | {"Content-Type": "text/csv"},
    )


async def opened(registry: Registry, party: Party, file_ids: list[str], *, name: str = "files", **changes: Any) -> dict[str, str]:
    """A Grant Admin token that opens a Grant with these files."""
    client = await party.client("cds_grant_admin_hlp")
    own, grant = f"{name}-own", f"{name}-grant"
    entries = [
        {"entry_no": number, "scope": FILES, "scope_type": "cds_server_provided_files", "details": {"file_id": each}, "enabled": True}
        for number, each in enumerate(file_ids)
    ]
    await registry.keep(a_grant(own, registration_id=party.registration_id, client_id=client["client_id"], scope_type="cds_grant_admin"))
    await registry.keep(
        a_grant(
            grant,
            registration_id=party.registration_id,
            client_id="files",
            scope_type="cds_server_provided_files",
            entries=entries,
            **changes,
        )
    )
    token = registry.token(
        client["client_id"], party.registration_id, scope="cds_grant_admin_hlp", grants=(own,), cds_opens_grant_ids=(grant,)
    )
    registry.tokens.known[name] = token
    return {"Authorization": f"Bearer {name}"}


@pytest.mark.req("WG102-271", "WG102-273", "WG102-274", "WG102-275", "WG102-276", "WG102-277", "WG102-278", "WG102-050")
async def test_a_grant_admin_token_lists_the_files_of_its_grant_only(registry: Registry) -> None:
    party = await registry.party(f"cds_client_admin {FILES}")
    first = (await share(registry, party)).json()
    registry.later(seconds=3)
    await registry.beat()
    second, third = [(await share(registry, party, name)).json() for name in ("b.txt", "c.txt")]
    assert registry.auth.created[0]["authorization_details"] == [{"type": FILES, "file_id": first["file_id"]}]
    headers = await opened(registry, party, [first["file_id"], second["file_id"], "unknown"])
    answer = await registry.http.get("/cds/v1/files", headers=headers)
    body = answer.json()
    assert_fits(body, "server-provided-file-list-response")
    assert [each["file_id"] for each in body["files"]] == [second["file_id"], first["file_id"]]
    assert third["file_id"] not in answer.text
    shown = body["files"][1]
    assert (shown["name"], shown["size"], shown["mime_type"], shown["description"]) == ("rates 2026.csv", 1024, "text/csv", "All rates")
    assert (await registry.http.get(shown["uri"], headers=headers)).json() == shown
    limited = (await registry.http.get("/cds/v1/files", headers=headers, params={"file_ids": first["file_id"]})).json()["files"]
    assert limited == [shown]
    foreign = await registry.http.get(f"/cds/v1/files/{third['file_id']}", headers=headers)
    assert foreign.status_code == 404
    assert (await registry.http.get("/cds/v1/files")).status_code == 401
    assert (await party.get("/cds/v1/files")).status_code == 403


@pytest.mark.req("WG102-273")
async def test_a_grant_admin_token_for_data_is_no_ended_one(registry: Registry) -> None:
    party = await registry.party(f"cds_client_admin cds_usage_hlp {FILES}")
    headers = await opened(registry, party, [])
    entries = [{"entry_no": 0, "scope": "cds_usage_hlp", "scope_type": "cds_usage", "details": {}, "enabled": True}]
    data = a_grant("data", registration_id=party.registration_id, client_id="data", entries=entries)
    registry.auth.grants["data"] = data
    registry.tokens.known["files"] = registry.tokens.known["files"].model_copy(update={"cds_opens_grant_ids": ("data",)})
    answer = await registry.http.get("/cds/v1/files", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


@pytest.mark.req("WG102-279", "WG102-280")
async def test_downloads_whole_and_by_range(registry: Registry) -> None:
    party = await registry.party(f"cds_client_admin {FILES}")
    file = (await share(registry, party)).json()
    headers = await opened(registry, party, [file["file_id"]])
    url = f"/cds/v1/files/{file['file_id']}/content"
    whole = await registry.http.get(url, headers=headers)
    assert (whole.status_code, whole.content) == (200, CONTENT)
    assert (whole.headers["content-length"], whole.headers["content-type"]) == ("1024", "text/csv")
    assert whole.headers["content-disposition"] == "attachment; filename*=UTF-8''rates%202026.csv"
    for wanted, expected, shown in (
        ("bytes=0-9", CONTENT[:10], "bytes 0-9/1024"), ("bytes=1000-", CONTENT[1000:], "bytes 1000-1023/1024"),
        ("bytes=-5", CONTENT[-5:], "bytes 1019-1023/1024"), ("bytes=1020-9999", CONTENT[1020:], "bytes 1020-1023/1024"),
    ):  # fmt: skip
        part = await registry.http.get(url, headers=headers | {"Range": wanted})
        assert (part.status_code, part.content, part.headers["content-range"]) == (206, expected, shown)
    for ignored in ("bytes=9-1", "bytes=0-1,3-4", "items=0-1"):
        assert (await registry.http.get(url, headers=headers | {"Range": ignored})).status_code == 200
    outside = await registry.http.get(url, headers=headers | {"Range": "bytes=1024-"})
    assert (outside.status_code, outside.headers["content-range"]) == (416, "bytes */1024")
    changed = await registry.http.get(url, headers=headers | {"Range": "bytes=0-9", "If-Range": '"old"'})
    assert changed.status_code == 200
    for known in (whole.headers["etag"], f'"old", W/{whole.headers["etag"]}', "*"):
        same = await registry.http.get(url, headers=headers | {"Range": "bytes=0-9", "If-None-Match": known})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", whole.headers["etag"])
    assert (await registry.http.get(url, headers=headers | {"If-None-Match": '"old"'})).status_code == 200
    assert (await registry.http.get(url)).status_code == 401


@pytest.mark.req("WG102-044")
async def test_an_ended_grant_or_an_unshared_file_closes_the_download(registry: Registry) -> None:
    party = await registry.party(f"cds_client_admin {FILES}")
    file = (await share(registry, party)).json()
    headers = await opened(registry, party, [file["file_id"]])
    url = f"/cds/v1/files/{file['file_id']}/content"
    assert (await registry.http.get(url, headers=headers)).status_code == 200
    ended = await opened(registry, party, [file["file_id"]], name="ended", status="revoked")
    assert (await registry.http.get(url, headers=ended)).status_code == 401
    removed = await registry.http.delete(f"/operator/api/v1/files/{file['file_id']}", headers=await registry.operator())
    assert removed.json()["removed_at"] == "2026-11-24T18:00:00Z"
    assert registry.auth.closed_files == [((await party.client(FILES))["client_id"], file["file_id"])]
    assert (await registry.http.get(url, headers=headers)).status_code == 404
    assert (await registry.http.get("/cds/v1/files", headers=headers)).json()["files"] == []


async def test_a_file_stays_shared_while_auth_cannot_end_its_grant(registry: Registry) -> None:
    party = await registry.party(f"cds_client_admin {FILES}")
    file = (await share(registry, party)).json()
    headers = await opened(registry, party, [file["file_id"]])
    registry.auth.reachable = False
    path = f"/operator/api/v1/files/{file['file_id']}"
    assert (await registry.http.delete(path, headers=await registry.operator())).status_code == 503
    registry.auth.reachable = True
    assert (await registry.http.get(f"/cds/v1/files/{file['file_id']}", headers=headers)).status_code == 200


async def test_sharing_needs_a_files_client_a_reviewer_and_auth(registry: Registry, settings: Any) -> None:
    without = await registry.party()
    assert (await share(registry, without)).status_code == 409
    party = await registry.party(f"cds_client_admin {FILES}")
    assert (await share(registry, party, name="../etc")).status_code == 400
    assert (await share(registry, party, content=b"")).status_code == 400
    before = sorted(settings.files_dir.rglob("*-*"))
    registry.auth.reachable = False
    assert (await share(registry, party)).status_code == 503
    assert sorted(settings.files_dir.rglob("*-*")) == before
    viewer = await registry.operator(Role.viewer, "vera")
    path = f"/operator/api/v1/registrations/{party.registration_id}/files?name=a.txt"
    assert (await registry.http.post(path, headers=viewer, content=b"x")).status_code == 403
