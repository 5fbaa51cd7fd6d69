"""Keeps the newest spans in one SQLite file of bounded size."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cds_local.tracestore.otlp import Event, Span

_SCHEMA = """
create table if not exists span (
    number integer primary key autoincrement,
    trace_id text not null,
    span_id text not null,
    parent_id text not null,
    service text not null,
    name text not null,
    kind text not null,
    start_ns integer not null,
    end_ns integer not null,
    error text,
    attributes text not null,
    events text not null,
    unique (trace_id, span_id)
);
create index if not exists span_service on span (service, number);
"""
_COLUMNS = "trace_id, span_id, parent_id, service, name, kind, start_ns, end_ns, error, attributes, events"


@dataclass(frozen=True)
class TraceSummary:
    """One line of the list of traces; `name` is the root's, or the earliest span's while the root hasn't come."""

    trace_id: str
    name: str
    services: list[str]
    spans: int
    errors: int
    start_ns: int
    duration_ms: float


class Store:
    """The spans; used from one thread.

    Args:
        file: the SQLite file.
        limit: how many spans are kept; the oldest go first.
    """

    def __init__(self, file: Path, limit: int = 200_000) -> None:
        self._limit = limit
        self._database = sqlite3.connect(file, isolation_level=None)
        self._database.execute("pragma journal_mode = wal")
        # A trace lost in a power cut is no loss.
        self._database.execute("pragma synchronous = off")
        self._database.executescript(_SCHEMA)

    def add(self, spans: Sequence[Span]) -> None:
        """Keep spans; one that came before is replaced."""
        rows = [
            (
                *(span.trace_id, span.span_id, span.parent_id, span.service, span.name, span.kind),
                *(_storable(span.start_ns), _storable(span.end_ns), span.error),
                *(json.dumps(span.attributes), json.dumps([asdict(event) for event in span.events])),
            )
            for span in spans
        ]
        self._database.execute("begin immediate")
        self._database.executemany(f"insert or replace into span ({_COLUMNS}) values ({', '.join('?' * 11)})", rows)  # noqa: S608
        self._database.execute("delete from span where number <= (select max(number) from span) - ?", (self._limit,))
        self._database.execute("commit")

    def trace(self, trace_id: str) -> list[Span]:
        """Give the spans of a trace by start time; none when it is unknown."""
        rows = self._database.execute(f"select {_COLUMNS} from span where trace_id = ? order by start_ns, number", (trace_id,))  # noqa: S608
        return [_span(row) for row in rows]

    def newest(self, limit: int, service: str | None = None) -> list[TraceSummary]:
        """Give the traces that spans came for last, newest first, of one service or of all."""
        ids = self._database.execute(
            """select trace_id from (select trace_id, max(number) as newest from
               (select trace_id, number from span where ? is null or service = ? order by number desc limit 20000)
               group by trace_id) order by newest desc limit ?""",
            (service, service, limit),
        ).fetchall()
        return [_summary(self.trace(trace_id)) for (trace_id,) in ids]

    def services(self) -> list[str]:
        """Name the services that spans came from."""
        return [name for (name,) in self._database.execute("select distinct service from span order by service")]

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _storable(nanoseconds: int) -> int:
    # OTLP times are unsigned 64-bit; SQLite's integers are signed.
    return min(nanoseconds, 2**63 - 1)


def _span(row: tuple[Any, ...]) -> Span:
    *plain, attributes, events = row
    return Span(*plain, attributes=json.loads(attributes), events=[Event(**event) for event in json.loads(events)])


def _summary(spans: Sequence[Span]) -> TraceSummary:
    known = {span.span_id for span in spans}
    root = next((span for span in spans if span.parent_id not in known), spans[0])
    start = min(span.start_ns for span in spans)
    return TraceSummary(
        trace_id=root.trace_id,
        name=f"{root.service}: {root.name}",
        services=sorted({span.service for span in spans}),
        spans=len(spans),
        errors=sum(span.error is not None for span in spans),
        start_ns=start,
        duration_ms=(max(span.end_ns for span in spans) - start) / 1e6,
    )
