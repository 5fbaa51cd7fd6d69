"""`cds.grants` as the registry reads it."""

from datetime import timedelta

from sqlalchemy import select

from cds_common.db import Sessions
from cds_common.events.grants import GrantsHeartbeatV1
from cds_common.testing.bus import memory_bus
from cds_registry.events import ROUTERS
from cds_registry.persistence.tables import GrantCopyRow, GrantHeartbeatRow
from cds_registry.settings import Settings
from services.registry.tests.builders import a_grant
from services.registry.tests.conftest import NOW


async def test_keeps_the_newest_version_whatever_the_order_and_only_grants_that_matter_here(settings: Settings, sessions: Sessions) -> None:
    newest = a_grant("g1", registration_id="r", client_id="c", version=3, status="closed")
    older = a_grant("g1", registration_id="r", client_id="c", version=2)
    other = a_grant("g2", registration_id="r", client_id="c", scope_type="cds_usage")
    async with memory_bus(settings, ROUTERS, context={"sessions": sessions}) as bus:
        for event in (newest, older, newest, other):
            await bus.publish(event)
        await bus.raw("cds.grants", b'{"event_type": "grant.published.v9"}', headers={"event_type": "grant.published.v9"})
        await bus.publish(GrantsHeartbeatV1(as_of=NOW))
        await bus.publish(GrantsHeartbeatV1(as_of=NOW - timedelta(seconds=9)))
        assert bus.parked == []
    async with sessions() as session:
        held = {row.grant_id: (row.version, row.status) for row in await session.scalars(select(GrantCopyRow))}
        beats = [row.as_of for row in await session.scalars(select(GrantHeartbeatRow))]
    assert held == {"g1": (3, "closed")}
    assert beats == [min(NOW, beats[0])]


async def test_remembers_files_of_enabled_entries(settings: Settings, sessions: Sessions) -> None:
    entries = [
        {
            "entry_no": number,
            "scope": "f",
            "scope_type": "cds_server_provided_files",
            "details": {"file_id": f"f{number}"},
            "enabled": number < 2,
        }
        for number in range(3)
    ]
    grant = a_grant("g1", registration_id="r", client_id="c", scope_type="cds_server_provided_files", entries=entries)
    async with memory_bus(settings, ROUTERS, context={"sessions": sessions}) as bus:
        await bus.publish(grant)
    async with sessions() as session:
        assert (await session.get_one(GrantCopyRow, "g1")).file_ids == ["f0", "f1"]
