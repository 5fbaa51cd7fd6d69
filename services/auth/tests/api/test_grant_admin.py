"""Grant Admin tokens: one Grant of the own registration, as long as it is open."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from cds_auth.domain.grant_status import GrantStatus
from services.auth.tests.core_builders import AClient, a_consent_client, a_grant_admin_client, an_admin_client
from services.auth.tests.core_driver import Core

SCOPE = "cds_grant_admin_hlp"


async def pair(core: Core) -> tuple[AClient, AClient]:
    consent, grant_admin = a_consent_client(), a_grant_admin_client()
    await core.knows(consent, grant_admin, registration_id=f"registration-{uuid4().hex}")
    return consent, grant_admin


def opening(client_id: str, grant_id: str) -> list[dict[str, str]]:
    return [{"type": SCOPE, "client_id": client_id, "grant_id": grant_id}]


class TestGrantAdmin:
    @pytest.mark.req("WG102-039", "WG102-042")
    async def test_opens_a_grant_whose_code_was_never_redeemed(self, core: Core) -> None:
        consent, grant_admin = await pair(core)
        code = await core.consent(consent)
        wanted = opening(consent.client_id, code.grant.grant_id)
        found = await core.client_credentials(grant_admin, SCOPE, wanted)
        assert (found["scope"], found["authorization_details"]) == (SCOPE, wanted)
        assert len(found["cds_grant_ids"]) == 1
        assert found["cds_grant_ids"] != [code.grant.grant_id]
        claims = await core.claims(found["access_token"])
        assert claims["cds_opens_grant_ids"] == [code.grant.grant_id]
        assert claims["cds_grant_ids"] == found["cds_grant_ids"]
        assert (await core.grant(found["cds_grant_ids"][0])).status == "active"

    @pytest.mark.req("WG102-042")
    async def test_one_of_production_opens_the_sandbox_too(self, core: Core) -> None:
        """A registration has one Grant Admin object, of production, beside its sandbox Clients."""
        consent, grant_admin = a_consent_client(), a_grant_admin_client(environment="production", status="production")
        await core.knows(consent, grant_admin, registration_id=f"registration-{uuid4().hex}")
        code = await core.consent(consent)
        found = await core.client_credentials(grant_admin, SCOPE, opening(consent.client_id, code.grant.grant_id))
        assert (await core.claims(found["access_token"]))["environment"] == "sandbox"
        assert (await core.grant(found["cds_grant_ids"][0])).environment == "sandbox"
        again = await core.client_credentials(grant_admin, SCOPE, opening(consent.client_id, code.grant.grant_id))
        assert (await core.claims(again["access_token"]))["cds_grant_ids"] == found["cds_grant_ids"]

    @pytest.mark.req("WG102-044", "WG102-235")
    async def test_ends_with_the_grant(self, core: Core) -> None:
        consent, grant_admin = await pair(core)
        code = await core.consent(consent)
        wanted = opening(consent.client_id, code.grant.grant_id)
        found = await core.client_credentials(grant_admin, SCOPE, wanted)
        assert await core.active(grant_admin, found["access_token"])
        await core.change(code.grant.grant_id, lambda grant: grant.end(GrantStatus.CLOSED, datetime.now(UTC)))
        assert not await core.active(grant_admin, found["access_token"])
        refused = await core.token(grant_admin, grant_type="client_credentials", scope=SCOPE, authorization_details=wanted)
        assert refused.status_code == 400

    @pytest.mark.req("WG102-039", "WG102-040", "WG102-041", "WG102-084")
    async def test_refusals_look_alike(self, core: Core) -> None:
        consent, grant_admin = await pair(core)
        stranger, _ = await pair(core)
        own, foreign = await core.consent(consent), await core.consent(stranger)
        pending = await core.consent(consent, ready=False)
        admin = an_admin_client()
        await core.knows(admin, registration_id=consent.registration_id)
        admin_grant = (await core.client_credentials(admin, "cds_client_admin"))["cds_grant_ids"][0]
        bodies: set[str] = set()
        for wanted in (
            opening(consent.client_id, "unknown"),
            opening(stranger.client_id, foreign.grant.grant_id),
            opening(consent.client_id, foreign.grant.grant_id),
            opening(stranger.client_id, own.grant.grant_id),
            opening(consent.client_id, pending.grant.grant_id),
            opening(admin.client_id, admin_grant),
        ):
            answer = await core.token(grant_admin, grant_type="client_credentials", scope=SCOPE, authorization_details=wanted)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_authorization_details")
            bodies.add(answer.text)
        assert len(bodies) == 1
        for malformed in (
            None,
            [],
            [*opening(consent.client_id, own.grant.grant_id), *opening(consent.client_id, own.grant.grant_id)],
            [{"type": SCOPE, "client_id": consent.client_id}],
            [{"type": SCOPE, "grant_id": own.grant.grant_id}],
        ):
            answer = await core.token(grant_admin, grant_type="client_credentials", scope=SCOPE, authorization_details=malformed)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_authorization_details"), malformed
