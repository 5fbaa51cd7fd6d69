"""Registries that run another configuration than the shipped one, in-process with real Postgres."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from cds_common import clock
from cds_common.db import Sessions
from cds_common.testing.app import application
from cds_common.utility import Utility
from cds_registry.api.pages import Pages
from cds_registry.api.rate_limits import Limits
from cds_registry.api.state import read_maps
from cds_registry.application.modify_client import ClientTools, ReviewPolicy
from cds_registry.application.offer import build_offer
from cds_registry.application.publication import Publication
from cds_registry.settings import Settings
from services.registry.tests.builders import Registry, StandInAuth, StandInTokens

CONFIG = Path(__file__).parents[2] / "config"
Serve = Callable[..., AbstractAsyncContextManager[Registry]]


def server_of(app: FastAPI, state: dict[str, Any], sessions: Sessions, settings: Settings, start: datetime) -> Serve:
    """Gives `serve(utility, **settings)`: another process of the registry on the same database."""

    @asynccontextmanager
    async def serve(utility: Utility, *, now: datetime = start, **changes: Any) -> AsyncIterator[Registry]:
        changed = settings.model_copy(update=changes)
        offer = build_offer(utility, changed.public_url)
        moment = [now]

        def stand() -> datetime:
            return moment[0]

        auth, tokens = StandInAuth(), StandInTokens()
        tools: ClientTools = state["tools"]
        parts: dict[str, Any] = {
            "settings": changed,
            "sessions": sessions,
            "offer": offer,
            "auth": auth,
            "tokens": tokens,
            "tools": replace(tools, offer=offer, auth=auth, policy=ReviewPolicy(changed.reviewed_fields, frozenset())),
            "publication": Publication(offer),
            "maps": read_maps(utility, CONFIG),
            "pages": Pages(changed, offer, CONFIG),
            "limits": Limits.of(changed, clock=lambda: stand().timestamp()),
        }
        before = app.dependency_overrides.get(clock.now)
        app.dependency_overrides[clock.now] = stand
        try:
            async with application(app, state={**state, **parts}, base_url=changed.public_url) as client:
                yield Registry(client, auth, tokens, sessions, moment, offer)
        finally:
            if before is None:
                del app.dependency_overrides[clock.now]
            else:
                app.dependency_overrides[clock.now] = before

    return serve
