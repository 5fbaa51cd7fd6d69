"""What leaves through the outbox, and what is kept how."""

import json
from typing import Any, ClassVar

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import delete, select, update

from cds_common.events.clients import ClientPublishedV1
from cds_common.message_tables import OUTBOX
from cds_registry.adapters.secret_box import SecretBox, SecretUnreadable
from cds_registry.application.operators import Role, operator_of_key, verify_password
from cds_registry.application.republish import republish_after_change
from cds_registry.operator_account import run
from cds_registry.persistence.operators import find_operator
from cds_registry.persistence.tables import ClientRow, CredentialRow, PublishedDocumentRow
from cds_registry.rotate_secrets import rotate
from cds_registry.settings import Settings
from services.registry.tests.builders import Registry


class AsAuth(Settings):
    """The same secrets in the hands of auth."""

    service: ClassVar[str] = "auth"


async def published(registry: Registry, topic: str = "cds.clients") -> list[Any]:
    async with registry.sessions() as session:
        rows = await session.execute(select(OUTBOX.c.body).where(OUTBOX.c.topic == topic).order_by(OUTBOX.c.id))
        return [json.loads(row[0]) for row in rows]


async def test_registration_publishes_every_object_and_no_secret(registry: Registry) -> None:
    party = await registry.party("cds_client_admin cds_usage_hlp cds_query_accounts_hlp", cds_invite_code="HLP-INV-2209")
    credentials = (await party.get("/cds/v1/credentials")).json()["credentials"]
    bodies = await published(registry)
    snapshots = {each["client_id"]: ClientPublishedV1.model_validate(each) for each in bodies}
    assert set(snapshots) == {each["client_id"] for each in await party.clients()}
    for each in credentials:
        assert each["client_secret"] not in json.dumps(bodies)
        assert [held.credential_id for held in snapshots[each["client_id"]].credentials] == [each["credential_id"]]
    consent = next(each for each in snapshots.values() if each.response_types)
    assert (consent.environment, consent.status, consent.scope_types) == ("sandbox", "sandbox", {"cds_usage_hlp": "cds_usage"})
    assert consent.server_redirect_uri == f"http://localhost:8080/consent/done/{consent.client_id}"
    assert [(each.id, each.written_by_client, each.reviewed) for each in consent.purposes] == [("hlp-any-use", False, True)]
    direct = next(each for each in snapshots.values() if each.scope == "cds_query_accounts_hlp")
    assert direct.direct_permission is not None
    assert direct.direct_permission.account_refs == ["AC-B-310-77"]
    assert "HLP-INV-2209" not in json.dumps(bodies)


async def test_versions_rise_with_every_change_of_an_object_or_its_credentials(registry: Registry) -> None:
    party = await registry.party()
    consent = await party.client("cds_usage_hlp")
    await party.post("/cds/v1/credentials", {"client_id": consent["client_id"]})
    await party.put(consent["cds_client_uri"], {"redirect_uris": ["https://a.example/b"]})
    versions = [each["version"] for each in await published(registry) if each["client_id"] == consent["client_id"]]
    assert len(versions) == 3
    assert versions == sorted(set(versions))
    messages = await published(registry, "cds.messages")
    assert all("description" not in each and "name" not in each for each in messages)


async def test_internal_read_is_the_published_snapshot(registry: Registry, settings: Settings) -> None:
    from cds_common.internal import sign_call

    party = await registry.party()
    auth = AsAuth.model_construct(**dict(settings))
    headers = {"Authorization": f"Bearer {sign_call(auth, audience='registry')}"}
    answer = await registry.http.get(f"/internal/clients/{party.client_id}", headers=headers)
    assert answer.status_code == 200, answer.text
    last = next(each for each in await published(registry) if each["client_id"] == party.client_id)
    unequal = {name for name in last if last[name] != answer.json()[name]}
    assert unequal <= {"event_id", "occurred_at"}
    assert (await registry.http.get("/internal/clients/unknown", headers=headers)).status_code == 404
    for wrong in ({}, party.headers, {"Authorization": f"Bearer {sign_call(settings, audience='registry')}"}):
        assert (await registry.http.get(f"/internal/clients/{party.client_id}", headers=wrong)).status_code == 401


async def test_a_changed_configuration_publishes_everything_once_more(registry: Registry) -> None:
    await registry.party()
    before = len(await published(registry))
    assert await republish_after_change(registry.sessions, registry.offer, registry.now) == 3
    assert await republish_after_change(registry.sessions, registry.offer, registry.now) == 0
    assert len(await published(registry)) == before + 3
    async with registry.sessions.begin() as tx:
        await tx.execute(update(PublishedDocumentRow).where(PublishedDocumentRow.name == "client-snapshots").values(digest="other"))
    assert await republish_after_change(registry.sessions, registry.offer, registry.now) == 3


async def test_secrets_move_to_a_new_key(registry: Registry) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    first = SecretBox(SecretStr(old), SecretStr("c" * 40))
    party = await registry.party()
    secret = first.make()
    async with registry.sessions.begin() as tx:
        await tx.execute(update(CredentialRow).values(secret_encrypted=secret.encrypted))
    assert await rotate(registry.sessions, SecretBox(SecretStr(f"{new}, {old}"), SecretStr("c" * 40))) == 3
    async with registry.sessions() as session:
        held = list(await session.scalars(select(CredentialRow.secret_encrypted)))
    assert {SecretBox(SecretStr(new), SecretStr("x" * 40)).open(each) for each in held} == {secret.plain}
    with pytest.raises(SecretUnreadable):
        first.open(held[0])
    assert party.client_id


async def test_the_first_operator_comes_from_the_command_line(settings: Settings, registry: Registry) -> None:
    from cds_common import db
    from cds_registry.persistence.tables import AuditRow, OperatorRow

    made = await run(settings, "create", "command-line-test", Role.admin)
    assert made is not None
    engine = db.create_engine(settings, process="test")
    try:
        async with db.create_sessions(engine).begin() as session:
            assert (await operator_of_key(session, made.key)).name == "command-line-test"
            row = await find_operator(session, "command-line-test")
            assert row is not None
            assert verify_password(row.password_hash, made.password)
            assert made.key not in f"{row.key_hash}{row.password_hash}"
            await session.execute(delete(OperatorRow).where(OperatorRow.name == "command-line-test"))
            await session.execute(delete(AuditRow))
    finally:
        await engine.dispose()


@pytest.mark.req("WG102-112")
async def test_the_database_itself_holds_production_and_sandbox_apart(registry: Registry) -> None:
    from sqlalchemy.exc import IntegrityError

    await registry.party()
    with pytest.raises(IntegrityError):
        async with registry.sessions.begin() as tx:
            await tx.execute(update(ClientRow).values(status_options=["production", "sandbox"]))
