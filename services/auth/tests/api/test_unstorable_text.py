"""NUL hides in any parameter; no database can hold it, and nobody is to be woken for it."""

from services.auth.tests.core_builders import a_consent_client, a_direct_client, an_admin_client
from services.auth.tests.core_driver import Core

NUL = "a\0b"


async def test_nul_is_refused_wherever_it_hides(core: Core) -> None:
    direct, consent, admin = a_direct_client(), a_consent_client(), an_admin_client()
    await core.knows(direct, consent, admin)
    details = [{"type": "cds_query_accounts_hlp", "account_numbers": [NUL]}]
    token = (await core.client_credentials(admin, "cds_client_admin"))["access_token"]
    challenge = {"code_challenge": "7mKaPHPP5pCmMIlknWu8gHspglDPUdYuwEKC9m79yUo", "code_challenge_method": "S256"}
    pushed = {"response_type": "code", "client_id": consent.client_id, "scope": "cds_usage_hlp", "state": NUL, **challenge}
    answers = [
        await core.token(direct, grant_type="client_credentials", authorization_details=details),
        await core.http.post("/oauth/par", data=pushed, headers=consent.basic),
        await core.http.get("/oauth/authorize", params={"client_id": NUL, "response_type": "code"}),
        await core.http.get("/cds/v1/grants", params={"states": NUL}, headers={"Authorization": f"Bearer {token}"}),
    ]
    assert [answer.status_code for answer in answers] == [400] * 4
    assert answers[0].json()["error"] == "invalid_request"
