"""`/cds/v1/credentials` (CDS-WG1-02 §7)."""

from typing import Any

import pytest
from sqlalchemy import select

from cds_registry.persistence.tables import CredentialRow
from services.registry.tests.builders import Party, Registry
from services.registry.tests.schemas import assert_fits


async def listed(party: Party, **params: Any) -> list[dict[str, Any]]:
    return (await party.get("/cds/v1/credentials", params=params)).json()["credentials"]


@pytest.mark.req("WG102-206", "WG102-207", "WG102-208", "WG102-210", "WG102-211", "WG102-215")
async def test_secrets_are_shown_again_and_are_not_in_the_database(registry: Registry) -> None:
    party = await registry.party()
    answer = await party.get("/cds/v1/credentials")
    body = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert_fits(body, "credential-list-response")
    assert (body["next"], body["previous"]) == (None, None)
    secrets = {each["client_secret"] for each in body["credentials"]}
    assert len(secrets) == len(body["credentials"]) == 3
    assert all(len(secret) >= 43 for secret in secrets)
    single = await party.get(body["credentials"][0]["uri"])
    assert single.json() == body["credentials"][0]
    async with registry.sessions() as session:
        for row in await session.scalars(select(CredentialRow)):
            stored = row.secret_encrypted + row.secret_hmac.encode()
            assert not any(secret.encode() in stored for secret in secrets)


@pytest.mark.req("WG102-216", "WG102-214", "WG102-213", "WG102-212")
async def test_a_second_credential_leaves_the_first_valid(registry: Registry) -> None:
    party = await registry.party()
    consent = await party.client("cds_usage_hlp")
    first = (await listed(party, client_ids=consent["client_id"]))[0]
    registry.later(seconds=10)
    await registry.beat()
    answer = await party.post("/cds/v1/credentials", {"client_id": consent["client_id"]})
    assert (answer.status_code, answer.headers["location"]) == (201, answer.json()["uri"])
    made = answer.json()
    assert_fits(made, "credential")
    assert (made["client_id"], made["client_secret_expires_at"]) == (consent["client_id"], 0)
    assert [each["credential_id"] for each in await listed(party, client_ids=consent["client_id"])] == [
        made["credential_id"], first["credential_id"],
    ]  # fmt: skip
    assert await listed(party, after="2026-11-24T18:00:10Z", client_ids=consent["client_id"]) == [made]
    assert await listed(party, before="2026-11-24T18:00Z", client_ids=consent["client_id"]) == [first]
    assert await listed(party, credential_ids=made["credential_id"], client_ids=party.client_id) == []
    told = [each for each in await party.messages() if each.get("related_type") == "credential"]
    assert [each["related_uri"] for each in told] == [made["uri"]]


@pytest.mark.req("WG102-217")
async def test_no_credential_for_foreign_unknown_disabled_or_tokenless_clients(registry: Registry) -> None:
    other = await registry.party(client_name="Other")
    party = await registry.party("cds_client_admin cds_usage_hlp cds_server_provided_files_hlp")
    files, consent = await party.client("cds_server_provided_files_hlp"), await party.client("cds_usage_hlp")
    await party.put(f"/cds/v1/clients/{consent['client_id']}", {"cds_status": "disabled"})
    for body in (
        {},
        [],
        {"client_id": 7},
        *({"client_id": each} for each in (other.client_id, "x", files["client_id"], consent["client_id"])),
    ):
        answer = await party.post("/cds/v1/credentials", body)
        assert answer.status_code == 400, body
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.req("WG102-221", "WG102-220", "WG102-218", "WG102-224")
async def test_an_end_now_is_enforced_at_auth_before_the_answer(registry: Registry) -> None:
    party = await registry.party()
    consent = await party.client("cds_usage_hlp")
    first = (await listed(party, client_ids=consent["client_id"]))[0]
    now = int(registry.now.timestamp())
    answer = await party.patch(first["uri"], {"client_secret_expires_at": now, "client_secret": "mine", "client_id": "x"})
    assert answer.status_code == 200
    assert answer.json() == first | {"client_secret_expires_at": now, "modified": answer.json()["modified"]}
    told = registry.auth.enforced[-1]
    assert told.client_id == consent["client_id"]
    assert [(each.credential_id, each.expires_at) for each in told.credentials] == [(first["credential_id"], registry.now)]


@pytest.mark.req("WG102-221")
async def test_tokens_of_an_ended_credential_end_here_with_the_answer(registry: Registry) -> None:
    party = await registry.party()
    first = (await listed(party, client_ids=party.client_id))[0]
    revoked = registry.auth.grants[party.grant_id].model_copy(update={"version": 2, "revoked_token_parts": ["cred"]})
    registry.auth.grants[party.grant_id] = revoked
    assert (await party.get("/cds/v1/clients")).status_code == 200
    answer = await party.patch(first["uri"], {"client_secret_expires_at": int(registry.now.timestamp())})
    assert answer.status_code == 200
    assert (await party.get("/cds/v1/clients")).status_code == 401


@pytest.mark.req("WG102-219", "WG102-221")
async def test_now_by_the_clock_of_the_client_ends_it_at_once(registry: Registry) -> None:
    party = await registry.party()
    first = (await listed(party, client_ids=party.client_id))[0]
    sent = int(registry.now.timestamp()) - 3
    answer = await party.patch(first["uri"], {"client_secret_expires_at": sent})
    assert (answer.status_code, answer.json()["client_secret_expires_at"]) == (200, sent)
    enforced = registry.auth.enforced[-1].credentials[0].expires_at
    assert enforced is not None
    assert enforced < registry.now


@pytest.mark.req("WG102-219")
async def test_an_end_only_moves_forward(registry: Registry) -> None:
    party = await registry.party()
    first = (await listed(party, client_ids=party.client_id))[0]
    now = int(registry.now.timestamp())
    for wrong in (-1, now - 11, "0", 1.5, None, True, 10**15):
        answer = await party.patch(first["uri"], {"client_secret_expires_at": wrong})
        assert answer.status_code == 400, wrong
    assert (await party.get(first["uri"])).json() == first
    assert (await party.patch(first["uri"], {"client_secret_expires_at": 0})).json() == first
    assert (await party.patch(first["uri"], {})).json() == first
    assert (await party.patch(first["uri"], {"client_secret_expires_at": now + 500})).status_code == 200
    assert registry.auth.enforced == []
    for wrong in (0, now + 501):
        assert (await party.patch(first["uri"], {"client_secret_expires_at": wrong})).status_code == 400
    assert (await party.patch(first["uri"], {"client_secret_expires_at": now + 100})).json()["client_secret_expires_at"] == now + 100


async def test_without_auth_a_credential_does_not_end(registry: Registry) -> None:
    party = await registry.party()
    first = (await listed(party, client_ids=party.client_id))[0]
    registry.auth.reachable = False
    answer = await party.patch(first["uri"], {"client_secret_expires_at": int(registry.now.timestamp())})
    assert answer.status_code == 503
    assert (await party.get(first["uri"])).json() == first


async def test_another_registrations_credential_is_not_found(registry: Registry) -> None:
    other = await registry.party(client_name="Other")
    party = await registry.party()
    foreign = (await listed(other))[0]
    assert (await party.get(foreign["uri"])).status_code == 404
    assert (await party.patch(foreign["uri"], {"client_secret_expires_at": 0})).status_code == 404
