"""Sending to a real broker: everything arrives in the order of its key, and what is acknowledged has no gap."""

from datetime import UTC, datetime
from typing import ClassVar

import pytest

from cds_cli.loading.publish import cluster_id, publish
from cds_common.events.utility import CustomerRecordedV1
from cds_common.testing.kafka import new_topic, read_all

COUNT = 700
"""More than may be on the way at a time."""


@pytest.mark.kafka
async def test_what_is_acknowledged_grows_without_a_gap_and_keys_keep_their_order(kafka_bootstrap: str) -> None:
    async with new_topic(kafka_bootstrap, partitions=3) as name:

        class Told(CustomerRecordedV1):
            topic: ClassVar[str] = name

        at = datetime(2026, 1, 1, tzinfo=UTC)
        events = [Told(environment="sandbox", source_time=at, customer_ref=f"C-{n % 7}", name=str(n)) for n in range(COUNT)]
        counts = list[int]()
        sent = await publish(kafka_bootstrap, events, lambda _event: None, counts.append)

        assert counts == list(range(1, COUNT + 1))
        assert sum(sent.values()) == COUNT
        found = [Told.model_validate_json(record.value or b"") for record in await read_all(kafka_bootstrap, name)]
        for key in {event.customer_ref for event in events}:
            assert [one.name for one in found if one.customer_ref == key] == [one.name for one in events if one.customer_ref == key]
        assert await cluster_id(kafka_bootstrap)
