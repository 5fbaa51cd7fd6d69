"""The subscribers that fill the copy; a service adds them to its router with one call."""

from collections.abc import Awaitable, Callable
from typing import Any

from faststream.kafka import KafkaRouter
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.events.resources import EntitlementsResolvedV1
from cds_common.grant_copy.apply import apply_entitlements, apply_grant
from cds_common.grant_copy.readiness import DataService, answer_readiness
from cds_common.grant_news import MAX_GRANTS, apply_heartbeats, read_news
from cds_common.inbox import once, once_each
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
    grants = subscriber(router, "cds.grants", service=service, batch=True, max_records=MAX_GRANTS)
    _KEPT.append(grants)

    @grants
    async def on_grants(messages: list[dict[str, Any]], sessions: Sessions) -> None:  # pyright: ignore[reportUnusedFunction]
        news = read_news(messages)
        async with once_each(sessions, consumer=f"{service}.grants", events=news.grants) as (session, new):
            for grant in new:
                with news.trace(grant):
                    if await apply_grant(session, grant, partition=news.partition(grant)):
                        await on_change(session, grant.grant_id)
            if news.heartbeats:
                await apply_heartbeats(session, news.heartbeats)
