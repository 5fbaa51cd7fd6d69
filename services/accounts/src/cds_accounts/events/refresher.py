"""The worker's task that works off the refresh queue."""

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import cast

import structlog

from cds_accounts.application.refresh import refresh_batch
from cds_accounts.settings import Settings
from cds_common.faults import DATABASE_FAULTS
from cds_common.worker import WorkerState

log = structlog.get_logger(__name__)

ROUND_SECONDS = 0.25
"""For entries that other processes wrote; those of this process ring the bell."""


async def refresh_for_ever(state: WorkerState) -> None:
    """Handle batches as they come until cancelled; a database that is away is waited for."""
    wake: asyncio.Event = state.broker.context.get("wake")
    zone = cast("Settings", state.settings).zone()
    while True:
        wake.clear()
        try:
            handled = await refresh_batch(state.sessions, zone=zone, now=datetime.now(UTC))
        except DATABASE_FAULTS as error:
            log.warning("refresh_waits", error_type=type(error).__name__)
            await asyncio.sleep(1)
            continue
        if not handled:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), ROUND_SECONDS)
