"""Receipts: seen without a login, in full by their customer, then and now, and the way to stop (CDS-WG3-01 §9.4)."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from cds_auth.application.customer_sessions import hash_of
from cds_auth.application.page_secrets import PageSecrets
from cds_auth.domain.grant import Grant
from cds_auth.domain.grant_status import GrantStatus
from cds_auth.domain.receipt import new_confirmation
from cds_auth.persistence.customer_tables import DecisionRow, ReceiptRow
from services.auth.tests.core_builders import AClient
from services.auth.tests.core_driver import Core
from services.auth.tests.customer_builders import Household
from services.auth.tests.customer_driver import Person
from services.auth.tests.customer_world import World, a_purpose

DETAILS = [{"type": "cds_service_contracts_hlp", "include_contract_numbers": True, "sync_until": "P3Y", "purpose": "mine"}]
SECRETS = ("88-1203", "220-471", "220-472", "Pier Road", "R. Moss")


async def _receipt(world: World, vault: PageSecrets, client: AClient, home: Household) -> tuple[Person, str, ReceiptRow]:
    person, _ = await world.approved(client, home, [home.id("service_contract", "220-471")], authorization_details=json.dumps(DETAILS))
    row = (await world.receipts(client))[-1]
    return person, f"/receipts/{vault.decrypt(row.token_encrypted)}", row


@pytest.mark.req("WG3C-228", "WG3C-229", "WG3C-236", "WG3C-238", "WG3C-239", "WG3C-241", "WG3C-244", "WG3C-246", "WG3C-245", "WG3C-235")
async def test_anybody_with_the_address_sees_the_receipt_without_customer_data(world: World, vault: PageSecrets) -> None:
    client, home = await world.client(), await world.home()
    _, address, row = await _receipt(world, vault, client, home)
    page = await world.person().get(address)
    assert page.status == 200
    assert '<meta name="robots" content="noindex' in page.source
    spaced = " ".join(row.confirmation[i : i + 4] for i in (0, 4, 8))
    for words in (
        "Harbor Light & Power", spaced, "Being set up", "Kestrel Home Audits", "Your list of services (service numbers)",
        "kept up to date for the next 3 years", "1 service", "We work out how much heat", "Written by Kestrel Home Audits:",
        "Data Sharing Terms, version of", "Contact support", "Stop this access",
    ):  # fmt: skip
        assert words in page.text, words
    assert f'href="/login?to={address}"' in page.source


@pytest.mark.req("WG3C-240", "WG3C-249")
async def test_no_customer_data_is_in_the_source_without_the_right_login(world: World, vault: PageSecrets) -> None:
    client, home, stranger = await world.client(), await world.home(), await world.home()
    person, address, _ = await _receipt(world, vault, client, home)
    anonymous = await world.person().get(address)
    other, _ = await world.form(client, stranger)
    foreign = await other.get(address)
    for secret in SECRETS:
        assert secret not in anonymous.source, secret
        assert secret not in foreign.source, secret
    assert "logged in as someone else" in foreign.text
    own = await person.get(address)
    assert "220-471" in own.text
    assert "14 Pier Road" in own.text
    assert "220-472" not in own.text
    back = world.person()
    login = await back.get(f"/login?to={address}")
    assert (await back.log_in(login, home)).path == address


@pytest.mark.req("WG3C-227")
async def test_the_address_is_random_and_never_told_to_the_client(world: World, vault: PageSecrets) -> None:
    client, home = await world.client(), await world.home()
    _, answer = await world.approved(client, home, [home.id("service_contract", "220-471")])
    [row] = await world.receipts(client)
    token = vault.decrypt(row.token_encrypted)
    assert len(token) >= 43
    assert token not in json.dumps(answer)
    assert row.confirmation not in token
    assert row.grant_id not in token
    assert str(row.receipt_id) not in token
    assert token.encode() not in row.token_hash
    assert token.encode() not in row.token_encrypted


@pytest.mark.req("WG3C-248", "WG3C-247", "WG3C-074")
async def test_whoever_holds_the_address_can_stop_the_access_by_post_only(world: World, vault: PageSecrets) -> None:
    client, home = await world.client(), await world.home()
    _, address, _ = await _receipt(world, vault, client, home)
    person = world.person()
    confirm = await person.get(f"{address}/revoke")
    assert "will no longer be able to read your data" in confirm.text
    [grant] = await world.grants(client)
    assert grant.status is GrantStatus.PENDING
    assert (await person.post(f"{address}/revoke", {})).status == 403
    stopped = await person.post(f"{address}/revoke", {"csrf": confirm.csrf})
    assert "You stopped this access" in stopped.text
    assert "Stopped by you" in stopped.text
    assert "Stop this access" not in stopped.text
    [grant] = await world.grants(client)
    assert (grant.status, grant.enabled_scope, grant.enabled_authorization_details) == (GrantStatus.REVOKED, "", [])
    again = await person.post(f"{address}/revoke", {"csrf": confirm.csrf})
    assert "already ended" in again.text or "Stopped by you" in again.text
    async with world.open() as tx:
        lines = await tx.scalar(
            select(func.count()).select_from(DecisionRow).where(DecisionRow.grant_id == grant.grant_id, DecisionRow.kind == "revoked")
        )
    assert lines == 1


@pytest.mark.req("WG3C-248")
async def test_a_stopped_access_gets_no_token_any_more(world: World, vault: PageSecrets) -> None:
    client, home = await world.client(), await world.home()
    person, answer = await world.approved(client, home, [home.id("service_contract", "220-471")])
    [row] = await world.receipts(client)
    address = f"/receipts/{vault.decrypt(row.token_encrypted)}"
    await person.post(f"{address}/revoke", {"csrf": (await person.get(f"{address}/revoke")).csrf})
    form = {
        "grant_type": "authorization_code", "code": answer["code"], "redirect_uri": "https://app.kestrel.example/oauth/back",
        "code_verifier": "Qm7xT2c-91hVbZpLk0uYdRw8sNfJ3aGe_KiO5tXyMqE",
    }  # fmt: skip
    answered = await world.http.post("/oauth/token", data=form, headers=client.basic)
    assert (answered.status_code, answered.json()["error"]) == (400, "invalid_grant")


@pytest.mark.req("WG3C-237", "WG3C-244", "WG3C-251", "WG3C-014")
async def test_later_changes_stand_beside_what_was_approved(world: World, vault: PageSecrets) -> None:
    client = await world.client(client_uri="https://www.kestrel.example", client_uri_verified=True)
    home = await world.home()
    person, address, _ = await _receipt(world, vault, client, home)
    before = await person.get(address)
    assert "Now called" not in before.text
    assert "Changed since then" not in before.text
    assert 'href="https://www.kestrel.example" target="_blank" rel="noopener nofollow"' in before.source
    client.changed(
        client_name="Kestrel Energy", client_uri="https://kestrel.energy.example", purposes=[a_purpose(content="Something else")]
    )
    await world.publish(client)
    page = await person.get(address)
    assert "Kestrel Home Audits" in page.text
    assert "Now called : Kestrel Energy" in page.text.replace("called:", "called :")
    assert 'href="https://www.kestrel.example"' in page.source
    assert "https://kestrel.energy.example" in page.source
    assert "We work out how much heat" in page.text
    assert "Something else" not in page.text


@pytest.mark.req("WG3C-019")
async def test_the_purposes_name_is_nowhere(world: World, vault: PageSecrets) -> None:
    client, home = await world.client(), await world.home()
    person, page = await world.form(client, home, authorization_details=json.dumps(DETAILS))
    assert "INTERNAL-NAME-77" not in page.source
    assert "how much heat" in page.text
    person, address, _ = await _receipt(world, vault, client, home)
    assert "INTERNAL-NAME-77" not in (await person.get(address)).source


@pytest.mark.req("WG3C-242", "WG3C-243")
async def test_all_and_what_comes_later_are_said_in_words(world: World, vault: PageSecrets) -> None:
    client, home = await world.client(), await world.home()
    details = [{"type": "cds_service_contracts_hlp", "contract_numbers": ["_all", "_include_future"]}]
    person, page = await world.form(client, home, authorization_details=json.dumps(details))
    await person.press(page, "approve")
    [row] = await world.receipts(client)
    address = f"/receipts/{vault.decrypt(row.token_encrypted)}"
    assert "All of your services at that time" in (await person.get(address)).text
    anonymous = await world.person().get(address)
    assert "Services that you add in the future are included." in anonymous.text
    assert "2 services" in anonymous.text


@pytest.mark.req("WG3C-245")
async def test_the_accepted_terms_can_be_read_for_good(world: World, vault: PageSecrets) -> None:
    client, home = await world.client(), await world.home()
    _, address, _ = await _receipt(world, vault, client, home)
    terms = await world.person().get(f"{address}/terms")
    assert terms.status == 200
    assert "You can stop an authorization at any time" in terms.text


async def test_an_unknown_address_is_not_found(world: World) -> None:
    assert (await world.person().get("/receipts/" + "x" * 43)).status == 404
    assert (await world.person().get("/receipts/" + "x" * 4000)).status == 404


@pytest.mark.req("WG3C-253")
async def test_there_is_a_way_to_print(world: World, vault: PageSecrets) -> None:
    client, home = await world.client(), await world.home()
    _, address, _ = await _receipt(world, vault, client, home)
    assert "data-print" in (await world.person().get(address)).source


async def test_the_snapshot_is_written_once_and_read_back_the_same(world: World, vault: PageSecrets) -> None:
    from cds_auth.domain.receipt import ReceiptSnapshot

    client, home = await world.client(), await world.home()
    _, _, row = await _receipt(world, vault, client, home)
    snapshot = ReceiptSnapshot.from_json(row.snapshot)
    assert ReceiptSnapshot.from_json(json.loads(json.dumps(snapshot.to_json()))) == snapshot
    [section] = snapshot.sections
    assert [UUID(entry.id) for entry in section.entries] == [home.id("service_contract", "220-471")]
    assert row.created <= datetime.now(UTC)


@pytest.mark.req("WG3C-251", "WG3C-238")
async def test_a_reduced_grant_shows_what_is_shared_now(world: World, vault: PageSecrets, core: Core) -> None:
    client, home = await world.client(), await world.home()
    scopes = "cds_service_contracts_hlp cds_usage_hlp"
    person, page = await world.form(client, home, scope=scopes)
    ticked = home.id("service_contract", "220-471").hex
    await person.press(page, "approve", s1=[ticked], s2=[home.id("service_contract", "220-472").hex])
    [row], [grant] = await world.receipts(client), await world.grants(client)
    address = f"/receipts/{vault.decrypt(row.token_encrypted)}"
    assert "Changed since then" not in (await person.get(address)).text

    def without_usage(before: Grant) -> Grant:
        return before.with_entries(tuple(e for e in before.entries if e.scope != "cds_usage_hlp"), datetime.now(UTC))

    await core.change(grant.grant_id, without_usage)
    page = await world.person().get(address)
    assert "Your meter usage" in page.text.split("Changed since then")[0]
    assert "What is shared now" in page.text
    now_part = page.text.split("What is shared now")[1]
    assert "Your list of services" in now_part
    assert "Your meter usage" not in now_part
    assert "Selected now 1 service" in now_part


@pytest.mark.req("WG3C-252", "WG3C-234")
async def test_a_replaced_receipt_says_so_and_leads_to_the_newer_one(world: World, vault: PageSecrets) -> None:
    client, home = await world.client(), await world.home()
    person, address, row = await _receipt(world, vault, client, home)
    token = "n" * 43
    async with world.sessions.begin() as tx:
        values = {c.name: getattr(row, c.name) for c in ReceiptRow.__table__.columns}
        newer = {
            "receipt_id": uuid4(),
            "token_hash": hash_of(token),
            "token_encrypted": vault.encrypt(token),
            "confirmation": new_confirmation(),
        }
        tx.add(ReceiptRow(**(values | newer | {"created": row.created + timedelta(seconds=1)})))
    old = await person.get(address)
    assert "replaced by a more recent one" in old.text
    assert f'href="/receipts/{token}"' in old.source
    assert "replaced by a more recent one" not in (await person.get(f"/receipts/{token}")).text
