"""Lays the spans of a trace out as a tree, for the page and for the terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cds_local.tracestore.otlp import Span


@dataclass(frozen=True)
class Placed:
    """A span with its depth below the root and its place in the trace's time, as parts of the whole from 0 to 1."""

    span: Span
    depth: int
    offset: float
    width: float

    @property
    def duration_ms(self) -> float:
        """How long it took."""
        return (self.span.end_ns - self.span.start_ns) / 1e6


def placed(spans: Sequence[Span]) -> list[Placed]:
    """Order spans parents first, children by start time; a span whose parent never came stands as a root.

    Spans that name each other as parents stand as roots too, so that none is left out.
    """
    if not spans:
        return []
    start = min(span.start_ns for span in spans)
    whole = max(max(span.end_ns for span in spans) - start, 1)
    return [Placed(span, depth, (span.start_ns - start) / whole, (span.end_ns - span.start_ns) / whole) for span, depth in _walk(spans)]


def _walk(spans: Sequence[Span]) -> Iterator[tuple[Span, int]]:
    known = {span.span_id for span in spans}
    children: dict[str, list[Span]] = {}
    for span in sorted(spans, key=lambda one: one.start_ns):
        children.setdefault(span.parent_id if span.parent_id in known else "", []).append(span)
    seen: set[str] = set()
    waiting = [(span, 0) for span in reversed(children.get("", []))]
    rest = iter(sorted(spans, key=lambda one: one.start_ns))
    while True:
        while waiting:
            span, depth = waiting.pop()
            if span.span_id in seen:
                continue
            seen.add(span.span_id)
            yield span, depth
            waiting += [(child, depth + 1) for child in reversed(children.get(span.span_id, []))]
        left = next((span for span in rest if span.span_id not in seen), None)
        if left is None:
            return
        waiting = [(left, 0)]
