"""`cds.grants` and `cds.entitlements`: what each Grant opens; answers readiness with the consents that are missing."""

from faststream.kafka import KafkaRouter
from sqlalchemy.ext.asyncio import AsyncSession

from cds_aggregation.application.answer_grants import answer_grant
from cds_common.grant_copy.consumers import subscribe_grant_copy

router = KafkaRouter()


async def _on_change(session: AsyncSession, grant_id: str) -> None:
    await answer_grant(session, grant_id)


subscribe_grant_copy(router, service="aggregation", on_change=_on_change)
