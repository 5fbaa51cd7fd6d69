"""The subscribers that fill the copy; a service adds them to its router with one call."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from faststream.kafka import KafkaRouter
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.events.grants import GrantPublishedV1, GrantsHeartbeatV1
from cds_common.events.resources import EntitlementsResolvedV1
from cds_common.grant_copy.apply import apply_entitlements, apply_grant, apply_heartbeat
from cds_common.grant_copy.readiness import DataService, answer_readiness
from cds_common.inbox import current_place, once
from cds_common.kafka import Sessions, event_type, subscriber

OnChange = Callable[[AsyncSession, str], Awaitable[None]]
"""Runs in the transaction of a change of a Grant or its entitlements."""

# FastStream's routers hold their subscribers weakly: one that no variable keeps is collected, and its topic never read.
_KEPT: list[Any] = []


def subscribe_grant_copy(router: KafkaRouter, *, service: DataService, on_change: OnChange | None = None) -> None:
    """Subscribe `router` to `cds.grants` and `cds.entitlements`.

    After each applied change `on_change` runs in the same transaction; without one, readiness is answered.
    """

    async def answer(session: AsyncSession, grant_id: str) -> None:
        await answer_readiness(session, grant_id, service=service)

    changed = on_change or answer
    subscribe_grants(router, service=service, on_change=changed)
    entitlements = subscriber(router, "cds.entitlements", service=service)
    _KEPT.append(entitlements)

    @entitlements(filter=event_type(EntitlementsResolvedV1.type_name()))
    async def on_entitlements(event: EntitlementsResolvedV1, sessions: Sessions) -> None:
        async with once(sessions, consumer=f"{service}.entitlements", event_id=event.event_id) as session:
            if session is not None and await apply_entitlements(session, event):
                await changed(session, event.grant_id)

    @entitlements
    async def ignore_newer_entitlements(event: dict[str, Any]) -> None:  # pyright: ignore[reportUnusedFunction]
        """Event types that this version does not know are not ours to fail on."""


def subscribe_grants(router: KafkaRouter, *, service: DataService, on_change: OnChange) -> None:
    """Subscribe `router` to Grants and heartbeats of `cds.grants` only (accounts resolves the entitlements itself)."""
    grants = subscriber(router, "cds.grants", service=service, prompt=True)
    _KEPT.append(grants)

    @grants(filter=event_type(GrantPublishedV1.type_name()))
    async def on_grant(event: GrantPublishedV1, sessions: Sessions) -> None:
        place = current_place.get()
        async with once(sessions, consumer=f"{service}.grants", event_id=event.event_id) as session:
            if session is not None and await apply_grant(session, event, partition=place.partition if place else None):
                await on_change(session, event.grant_id)

    @grants(filter=event_type(GrantsHeartbeatV1.type_name()))
    async def on_heartbeat(event: GrantsHeartbeatV1, sessions: Sessions) -> None:  # pyright: ignore[reportUnusedFunction]
        # One a second and partition, and repeating it changes nothing: no inbox row.
        place = current_place.get()
        async with sessions.begin() as session:
            await apply_heartbeat(session, place.partition if place else 0, min(event.as_of, datetime.now(UTC)))

    @grants
    async def ignore_newer_grants(event: dict[str, Any]) -> None:  # pyright: ignore[reportUnusedFunction]
        """Event types that this version does not know are not ours to fail on."""
