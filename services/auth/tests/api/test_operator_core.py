"""The operator API of the core: Grants, keys, and the record of what was done."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import text

from cds_auth.application.operator_keys import create_operator_key
from cds_auth.application.signing_keys import KeyRing
from cds_auth.persistence.operators import Operators
from services.auth.tests.core_builders import a_consent_client, an_admin_client
from services.auth.tests.core_driver import Core

API = "/auth-operator/api/v1"


async def operator(core: Core, *, expires: datetime | None = None) -> dict[str, str]:
    async with core.sessions.begin() as tx:
        _, key = await create_operator_key(tx, "ada", now=datetime.now(UTC), expires=expires)
    return {"Authorization": f"Bearer {key}"}


class TestGuard:
    async def test_only_working_operator_keys_open_it(self, core: Core) -> None:
        admin = an_admin_client()
        await core.knows(admin)
        over = await operator(core, expires=datetime.now(UTC) - timedelta(seconds=1))
        for headers in ({}, {"Authorization": "Bearer cdsop_wrong"}, await core.bearer(admin), over):
            answer = await core.http.get(f"{API}/audit", headers=headers)
            assert answer.status_code == 401, headers
        assert (await core.http.get(f"{API}/audit", headers=await operator(core))).status_code == 200


class TestGrantActs:
    @pytest.mark.req("WG102-241", "WG102-235", "WG102-238", "WG102-243")
    async def test_each_act_gives_its_status_and_access(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        by = await operator(core)
        code = await core.consent(client, "cds_usage_hlp cds_service_contracts_hlp")
        both = "cds_usage_hlp cds_service_contracts_hlp"
        for act, body, status, enabled in (
            ("delayed", {}, "delayed", both),
            ("stopped", {}, "stopped", both),
            ("errored", {}, "errored", ""),
            ("clear", {}, "active", both),
            ("suspend", {"note": "complaint 12"}, "suspended", ""),
            ("resume", {}, "active", both),
            ("withhold", {"scopes": ["cds_usage_hlp"]}, "partial", "cds_service_contracts_hlp"),
            ("withhold", {}, "active", both),
            ("disable", {}, "disabled", ""),
        ):
            answer = await core.http.post(f"{API}/grants/{code.grant.grant_id}/{act}", json=body, headers=by)
            assert answer.status_code == 200, answer.text
            grant = answer.json()
            assert (grant["status"], grant["enabled_scope"]) == (status, enabled), act
            assert [e["type"] for e in grant["enabled_authorization_details"]] == enabled.split()
            last = (await core.published(code.grant.grant_id))[-1]
            assert {e.scope for e in last.entries if e.enabled} == set(enabled.split()), act
        refused = await core.http.post(f"{API}/grants/{code.grant.grant_id}/resume", json={}, headers=by)
        assert refused.status_code == 400
        acts = (await core.http.get(f"{API}/audit", params={"target": code.grant.grant_id}, headers=by)).json()["acts"]
        assert [act["action"] for act in acts][:2] == ["grant.disable", "grant.withhold"]
        assert acts[4]["note"] == "complaint 12"
        assert {act["operator"] for act in acts} == {"ada"}

    @pytest.mark.req("WG102-227")
    async def test_superseded_grant_and_its_successor_name_each_other(self, core: Core) -> None:
        client, admin = a_consent_client(), an_admin_client()
        await core.knows(client, admin, registration_id=f"registration-{uuid4().hex}")
        old, new = await core.consent(client), await core.consent(client)
        by, path = await operator(core), f"{API}/grants/{old.grant.grant_id}/supersede"
        for wrong in ({}, {"by": old.grant.grant_id}):
            assert (await core.http.post(path, json=wrong, headers=by)).status_code == 409
        assert (await core.http.post(path, json={"by": new.grant.grant_id}, headers=by)).status_code == 200
        bearer = await core.bearer(admin)
        first, second = [(await core.http.get(f"/cds/v1/grants/{code.grant.grant_id}", headers=bearer)).json() for code in (old, new)]
        assert (first["status"], first["replaced_by"], first["replacing"]) == ("disabled", [second["uri"]], [])
        assert (second["status"], second["replacing"], second["replaced_by"]) == ("active", [first["uri"]], [])

    async def test_paper_consent_is_for_sub_grants_only(self, core: Core) -> None:
        client = a_consent_client()
        await core.knows(client)
        code = await core.consent(client)
        answer = await core.http.post(f"{API}/grants/{code.grant.grant_id}/record-consent", json={}, headers=await operator(core))
        assert answer.status_code == 409
        unknown = await core.http.post(f"{API}/grants/{uuid4().hex}/disable", json={}, headers=await operator(core))
        assert unknown.status_code == 404


class TestRecord:
    async def test_a_changed_row_breaks_the_chain(self, core: Core) -> None:
        by = await operator(core)
        assert (await core.http.get(f"{API}/audit", headers=by)).json()["first_broken_link"] is None
        async with core.sessions() as tx:
            victim = await tx.scalar(
                text("UPDATE operator_audit SET note = 'nothing happened' WHERE id = (SELECT min(id) FROM operator_audit) RETURNING id")
            )
            assert await Operators(tx).first_broken_link() == victim
            await tx.rollback()


class TestKeys:
    async def test_new_key_is_published_before_it_signs_and_old_tokens_go_on(self, core: Core) -> None:
        admin = an_admin_client()
        await core.knows(admin)
        ring, now = KeyRing(core.settings, core.sessions), datetime.now(UTC)
        old = await ring.signer(now)
        token = old.sign({"sub": "x"})
        async with core.sessions.begin() as tx:
            kid = await ring.rotate(tx, now)
        ring = KeyRing(core.settings, core.sessions)
        assert {key["kid"] for key in (await ring.public_jwks())["keys"]} >= {old.kid, kid}
        assert (await ring.signer(now)).kid == old.kid
        later = now + core.settings.signing_key_overlap
        assert (await ring.signer(later)).kid == kid
        assert jwt.decode(token, KeySet.import_key_set(await ring.public_jwks()), algorithms=["ES256"]).claims == {"sub": "x"}

    async def test_private_keys_are_stored_encrypted_and_published_without_private_part(self, core: Core) -> None:
        answer = await core.http.get("/oauth/jwks.json")
        assert answer.headers["cache-control"] == "public, max-age=300"
        assert all(set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"} for key in answer.json()["keys"])
        async with core.sessions() as tx:
            for stored in (await tx.scalars(text("SELECT private_key FROM signing_key"))).all():
                assert b"PRIVATE KEY" not in bytes(stored)

    async def test_operator_can_rotate(self, core: Core) -> None:
        by = await operator(core)
        answer = await core.http.post(f"{API}/keys/rotate", json={"note": "yearly"}, headers=by)
        assert answer.status_code == 200
        kids = {key["kid"] for key in (await core.http.get("/oauth/jwks.json")).json()["keys"]}
        assert answer.json()["kid"] in kids

    async def test_registrys_console_can_rotate_for_an_operator(self, core: Core) -> None:
        order = {"at_once": False, "note": "yearly", "operator": "ada"}
        assert (await core.http.post("/internal/keys/rotate", json=order, headers=core.internal("usage"))).status_code == 401
        made = await core.http.post("/internal/keys/rotate", json=order, headers=core.internal())
        assert made.json()["kid"] in {key["kid"] for key in (await core.http.get("/oauth/jwks.json")).json()["keys"]}
        acts = (await core.http.get(f"{API}/audit", headers=await operator(core))).json()["acts"]
        rotated = next(act for act in acts if act["target"] == made.json()["kid"])
        assert (rotated["operator"], rotated["action"], rotated["note"]) == ("registry:ada", "signing_key.rotate", "yearly")
