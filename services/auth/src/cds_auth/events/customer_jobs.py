"""Work beside the consumers: send receipts, forget what ran out."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import structlog

from cds_auth.adapters.mail_server import SmtpSender
from cds_auth.application.page_secrets import PageSecrets
from cds_auth.application.receipt_mail import GIVE_UP_AFTER, send_next
from cds_auth.domain.customer import FAILURE_WINDOW
from cds_auth.persistence import consent_requests, customer_logins, receipts
from cds_auth.persistence.languages import load_languages
from cds_auth.settings import Settings
from cds_common.faults import DATABASE_FAULTS
from cds_common.utility import load_utility
from cds_common.worker import WorkerState

log = structlog.get_logger(__name__)

_MAIL_PAUSE = 2.0
_CLEAN_PAUSE = 300.0
_DECIDED_FOR = timedelta(days=1)
"""How long `already decided` can be said of a request."""


async def send_receipts(state: WorkerState) -> None:
    """Send notifications as they become due; without a mail server they wait, and are given up after a day."""
    settings = cast("Settings", state.settings)
    if settings.smtp_host is None:
        log.info("receipts_not_mailed", reason="no mail server is set")
        await asyncio.Event().wait()
    vault, languages, sender = PageSecrets(settings), load_languages(), SmtpSender(settings)
    timezone = load_utility(cast("Path", settings.utility_config)).tz
    while True:
        try:
            async with state.sessions.begin() as tx:
                more = await send_next(tx, settings, vault, languages, timezone, sender, now=datetime.now(UTC))
        except DATABASE_FAULTS as error:
            log.warning("receipt_mail_waits", error_type=type(error).__name__)
            more = False
        if not more:
            await asyncio.sleep(_MAIL_PAUSE)


async def forget(state: WorkerState) -> None:
    """Drop requests, sessions, login failures and log lines whose time is over."""
    settings = cast("Settings", state.settings)
    while True:
        now = datetime.now(UTC)
        try:
            async with state.sessions.begin() as tx:
                await consent_requests.drop_expired(
                    tx, requests_before=now - _DECIDED_FOR, sessions_before=now - settings.customer_session_lifetime
                )
                await customer_logins.drop_old_failures(tx, now - FAILURE_WINDOW)
                await receipts.give_up_mails(tx, due_before=now - 2 * GIVE_UP_AFTER, now=now)
                await receipts.drop_old_accesses(tx, now - settings.access_log_retention)
        except DATABASE_FAULTS as error:
            log.warning("cleaning_waits", error_type=type(error).__name__)
        await asyncio.sleep(_CLEAN_PAUSE)


jobs: tuple[Callable[[WorkerState], Awaitable[None]], ...] = (send_receipts, forget)
