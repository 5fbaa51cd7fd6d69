"""A data service's word about a Grant (design §3)."""

from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from cds_auth.application.rules import AuthRules
from cds_auth.application.settle_grant import change_grant
from cds_auth.domain.errors import GrantNotFound
from cds_auth.persistence.grants import Grants
from cds_auth.persistence.readiness import ReadinessWords
from cds_common.events.grants import GrantReadinessV1

log = structlog.get_logger(__name__)


async def apply_readiness(tx: AsyncSession, word: GrantReadinessV1, *, rules: AuthRules, now: datetime) -> None:
    """Keep the word and settle the Grant; one about entries that are gone, or older than what is held, changes nothing."""
    try:
        # The row is locked before the word refers to it, so that nothing waits for a lock that it half holds itself.
        grant = await Grants(tx).get_for_update(word.grant_id)
    except GrantNotFound:
        log.warning("readiness_of_unknown_grant", grant_id=word.grant_id, service=word.service)
        return
    if word.entries_version > grant.entries_version or not await ReadinessWords(tx).store(word):
        return
    if word.entries_version == grant.entries_version:
        await change_grant(tx, word.grant_id, lambda locked: locked, rules=rules, now=now)
