"""A batch of `cds.grants`: whose trace each Grant continues, and how fresh each partition is."""

from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import ConsumerRecord
from opentelemetry import trace

from cds_common.events.envelope import IntegrationEvent
from cds_common.events.grants import GrantsHeartbeatV1
from cds_common.grant_news import read_news
from cds_common.inbox import current_records
from cds_common.telemetry import is_unrecorded
from libs.cds_common.tests.grant_copy.test_copy import a_grant

TRACES = ("4bf92f3577b34da6a3ce929d0e0e4736", "aaf92f3577b34da6a3ce929d0e0e4736")
NOW = datetime.now(UTC)


def a_record(event: IntegrationEvent, partition: int, trace_id: str | None = None) -> ConsumerRecord[Any, Any]:
    headers = [("traceparent", f"00-{trace_id}-00f067aa0ba902b7-01".encode())] if trace_id else [("odd", None)]
    body = event.model_dump_json().encode()
    return ConsumerRecord("cds.grants", partition, 7, 0, 0, b"key", body, None, 0, len(body), tuple(headers))  # type: ignore[arg-type]


def test_each_grant_goes_on_in_its_own_trace() -> None:
    events = [a_grant(), a_grant(grant_id="g2")]
    records = [a_record(event, partition, trace_id) for partition, (event, trace_id) in enumerate(zip(events, TRACES, strict=True))]
    token = current_records.set(records)
    try:
        news = read_news([event.model_dump(mode="json") for event in events])
    finally:
        current_records.reset(token)
    for partition, (grant, trace_id) in enumerate(zip(news.grants, TRACES, strict=True)):
        assert news.partition(grant) == partition
        with news.trace(grant):
            assert trace.format_trace_id(trace.get_current_span().get_span_context().trace_id) == trace_id


def test_the_latest_heartbeat_of_a_partition_counts_and_none_from_the_future() -> None:
    moments = [(0, NOW), (0, NOW - timedelta(seconds=1)), (3, NOW + timedelta(days=1))]
    events = [GrantsHeartbeatV1(as_of=moment) for _, moment in moments]
    token = current_records.set([a_record(event, partition) for event, (partition, _) in zip(events, moments, strict=True)])
    try:
        news = read_news([event.model_dump(mode="json") for event in events])
    finally:
        current_records.reset(token)
    assert news.heartbeats[0] == NOW
    assert NOW <= news.heartbeats[3] <= datetime.now(UTC)


def test_only_the_lowest_flag_says_that_a_trace_is_recorded() -> None:
    spoken = {flags: is_unrecorded(f"00-{TRACES[0]}-00f067aa0ba902b7-{flags}") for flags in ("00", "01", "02", "03")}
    assert spoken == {"00": True, "01": False, "02": True, "03": False}
    assert not is_unrecorded("")
