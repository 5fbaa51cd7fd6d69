"""Snapshots hold parts of the configuration (scope types, default Purposes): when it changes, all are published again."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from cds_common.db import Sessions
from cds_common.worker import WorkerState
from cds_registry.application.configured import configured_utility
from cds_registry.application.offer import Offer, build_offer
from cds_registry.application.publish_client import publish_client
from cds_registry.persistence.clients import Clients, every_client_id, lock_client
from cds_registry.persistence.published_documents import Times, changed_digest, note_documents

log = structlog.get_logger(__name__)

_NAME = "client-snapshots"
_BATCH = 200
_PAUSE_SECONDS = 3600.0


async def keep_published(state: WorkerState) -> None:
    """Task of the worker: after a change of the configuration publish every Client Object once more."""
    utility, _ = configured_utility(state.settings)
    offer = build_offer(utility, state.settings.public_url)
    while True:
        await republish_after_change(state.sessions, offer, datetime.now(UTC))
        await asyncio.sleep(_PAUSE_SECONDS)


async def republish_after_change(sessions: Sessions, offer: Offer, now: datetime) -> int:
    """Publish all snapshots again unless that was done with this configuration; gives how many.

    A stop half way repeats it at the next start: the configuration is noted as published last.
    """
    content = {
        "scopes": {name: scope.type for name, scope in offer.catalogue.scopes.items()},
        "details": {name: list(scope.details_types) for name, scope in offer.catalogue.scopes.items()},
        "purposes": [purpose.document() for purpose in offer.server_purposes],
    }
    async with sessions.begin() as session:
        if not await changed_digest(session, _NAME, content):
            return 0
        client_ids = await every_client_id(session)
    for start in range(0, len(client_ids), _BATCH):
        async with sessions.begin() as session:
            await _republish(session, client_ids[start : start + _BATCH], offer, now)
    async with sessions.begin() as session:
        await note_documents(session, {_NAME: content}, {_NAME: Times(now, now)}, now)
    log.info("client_snapshots_published_again", count=len(client_ids))
    return len(client_ids)


async def _republish(session: AsyncSession, client_ids: Sequence[str], offer: Offer, now: datetime) -> None:
    for client_id in client_ids:
        client = (await lock_client(session, client_id)).bumped(now)
        await Clients(session, client.registration_id).save(client)
        await publish_client(session, client, offer)
