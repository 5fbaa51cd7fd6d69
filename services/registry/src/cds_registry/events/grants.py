"""`cds.grants`: the small copy by which tokens are checked here."""

from typing import Any

from faststream.kafka import KafkaRouter

from cds_common.grant_news import MAX_GRANTS, apply_heartbeats, read_news
from cds_common.inbox import once_each
from cds_common.kafka import Sessions, subscriber
from cds_registry.persistence.grants import concerns_registry, keep_grant

router = KafkaRouter()
grants = subscriber(router, "cds.grants", service="registry", batch=True, max_records=MAX_GRANTS)


@grants
async def on_grants(messages: list[dict[str, Any]], sessions: Sessions) -> None:
    """Keep the newest version of Grants that open something here, and how fresh the copy is; all others are none of our business."""
    news = read_news(messages)
    concerned = [grant for grant in news.grants if concerns_registry(grant)]
    async with once_each(sessions, consumer="registry.grants", events=concerned) as (session, new):
        for grant in new:
            with news.trace(grant):
                await keep_grant(session, grant)
        if news.heartbeats:
            await apply_heartbeats(session, news.heartbeats)
