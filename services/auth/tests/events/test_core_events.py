"""`cds.clients` and `cds.readiness` as they arrive: once, late, doubled, unknown, broken."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from cds_auth.events import clients, readiness
from cds_common.events.grants import GrantReadinessV1
from cds_common.testing.bus import MemoryBus, memory_bus
from services.auth.tests.core_builders import a_consent_client, a_direct_client
from services.auth.tests.core_driver import Core


@pytest.fixture(scope="module")
async def bus(core: Core) -> AsyncIterator[MemoryBus]:
    context = {"sessions": core.sessions, "rules": core.rules, "clients": core.directory}
    async with memory_bus(core.settings, (clients.router, readiness.router), context=context) as opened:
        yield opened


class TestClients:
    async def test_client_can_ask_for_tokens_after_its_event(self, core: Core, bus: MemoryBus) -> None:
        direct = a_direct_client()
        await bus.publish(direct.snapshot)
        assert (await core.client_credentials(direct, "cds_query_accounts_hlp"))["access_token"]

    async def test_late_event_does_not_bring_back_the_past(self, core: Core, bus: MemoryBus) -> None:
        direct = a_direct_client()
        first = direct.snapshot
        await bus.publish(direct.changed(status="disabled"))
        await bus.publish(first)
        assert (await core.token(direct, grant_type="client_credentials", scope="cds_query_accounts_hlp")).status_code == 401

    async def test_unknown_types_pass_and_broken_ones_are_parked(self, bus: MemoryBus) -> None:
        await bus.raw("cds.clients", b'{"event_type": "client.renamed.v9"}', headers={"event_type": "client.renamed.v9"})
        assert bus.parked == []
        await bus.raw("cds.clients", b'{"client_id": 5}', headers={"event_type": "client.published.v1"})
        assert [parked.topic for parked in bus.parked] == ["cds.clients.dead"]
        bus.parked.clear()


class TestReadiness:
    async def test_grant_opens_when_all_touched_services_are_ready(self, core: Core, bus: MemoryBus) -> None:
        client = a_consent_client()
        await core.knows(client)
        grant = (await core.consent(client, ready=False)).grant
        words = [
            GrantReadinessV1(grant_id=grant.grant_id, entries_version=1, service=service, outcome="ready")
            for service in ("accounts", "usage")
        ]
        await bus.publish(words[0])
        assert (await core.grant(grant.grant_id)).status == "pending"
        await bus.publish(words[1])
        assert (await core.grant(grant.grant_id)).status == "active"
        count = len(await core.published(grant.grant_id))
        for word in words:
            await bus.publish(word)
            await bus.publish(word.model_copy(update={"event_id": uuid4()}))
        assert len(await core.published(grant.grant_id)) == count

    async def test_word_about_other_entries_opens_nothing(self, core: Core, bus: MemoryBus) -> None:
        client = a_consent_client()
        await core.knows(client)
        grant = (await core.consent(client, ready=False)).grant
        for service in ("accounts", "usage", "billing"):
            await bus.publish(GrantReadinessV1(grant_id=grant.grant_id, entries_version=7, service=service, outcome="ready"))
        assert (await core.grant(grant.grant_id)).status == "pending"

    async def test_word_about_an_unknown_grant_is_no_fault(self, bus: MemoryBus) -> None:
        await bus.publish(GrantReadinessV1(grant_id="unknown", entries_version=1, service="usage", outcome="ready"))
        assert bus.parked == []
