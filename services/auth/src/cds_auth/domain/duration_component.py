"""For how long, as sentences (CDS-WG3-01 §9.2.2.2): one per kind of data and pair of times, equal ones said once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from cds_auth.domain.data_component import CONSENT_SCOPE, opened_categories
from cds_auth.domain.duration_words import INFINITE, Clock, Moment, Side, end_phrase, moment, start_phrase
from cds_auth.domain.phrases import Phrases, sentence

RANGES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "usage": ("segment_start", "segment_end"),
        "bills": ("statement_date_start", "statement_date_end"),
        "bill_details": ("start_date", "end_date"),
    }
)
KEPT = ("accounts", "services", "places", "meters", "groups", "certificates")
_ORDER = ("usage", "bills", "bill_details", "kept", "valid")


@dataclass(frozen=True, slots=True)
class TimedScope:
    """What the sentences need of one scope: its open flags and its duration fields, as requested or absolute."""

    scope_type: str
    flags: frozenset[str]
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Span:
    kind: str
    start: str
    end: str


def describe_durations(scopes: Sequence[TimedScope], client_name: str, clock: Clock, phrases: Phrases) -> tuple[str, ...]:
    """The sentences of one Request Section; the same span of several scopes gives one sentence with their nouns joined."""
    spans: dict[_Span, list[str]] = {}
    for scope in scopes:
        for span, nouns in _spans(scope):
            known = spans.setdefault(span, [])
            known.extend(noun for noun in nouns if noun not in known)
    ordered = sorted(spans.items(), key=lambda item: _ORDER.index(item[0].kind))
    return tuple(_sentence(span, nouns, client_name, clock, phrases) for span, nouns in ordered)


def _spans(scope: TimedScope) -> Iterable[tuple[_Span, list[str]]]:
    if scope.scope_type == CONSENT_SCOPE:
        yield _Span("valid", "", _value(scope, "expires")), []
        return
    opened = opened_categories(scope.flags)
    for kind, (start, end) in RANGES.items():
        if kind in opened:
            yield _Span(kind, _value(scope, start), _value(scope, end)), []
    kept = [kind for kind in KEPT if kind in opened]
    if kept:
        yield _Span("kept", "", _value(scope, "sync_until")), kept


def _value(scope: TimedScope, field: str) -> str:
    # A scope that does not offer the field has no bound in it: data flows until the authorization ends.
    value = scope.details.get(field)
    return INFINITE if value is None else str(value)


def _sentence(span: _Span, nouns: list[str], client_name: str, clock: Clock, phrases: Phrases) -> str:
    end = moment(span.end, clock, backwards=False)
    if span.kind == "valid":
        return _valid(end, client_name, phrases)
    if span.kind == "kept":
        items = phrases.join([phrases(f"kept.{noun}") for noun in nouns])
        if end.side in {Side.NOW, Side.PAST}:
            return phrases("kept.now", items=items)
        return phrases("kept.on", items=items, end=end_phrase(end, phrases))
    return sentence(_range(span.kind, moment(span.start, clock, backwards=True), end, phrases))


def _valid(end: Moment, client_name: str, phrases: Phrases) -> str:
    if end.side is Side.UNBOUNDED:
        return phrases("valid.open")
    if end.side is Side.FUTURE:
        return phrases("valid.on", end=end_phrase(end, phrases))
    return phrases("valid.now", client=client_name)


def _range(kind: str, start: Moment, end: Moment, phrases: Phrases) -> str:
    words = {
        "noun": phrases(f"noun.{kind}"),
        "new": phrases(f"noun.{kind}.new"),
        "past": phrases(f"noun.{kind}.past"),
        "all_past": phrases(f"noun.{kind}.all_past"),
    }
    if end.side is Side.PAST:
        return _ended_range(start, end, words, phrases)
    if start.side is Side.UNBOUNDED:
        if end.side is Side.NOW:
            return phrases("range.all.now", **words)
        return phrases("range.all.on", end=end_phrase(end, phrases), **words)
    if start.side is Side.PAST:
        if end.side is Side.NOW:
            return phrases("range.back.now", start=start_phrase(start, phrases), **words)
        return phrases("range.back.on", start=start_phrase(start, phrases), end=end_phrase(end, phrases), **words)
    return _coming_range(start, end, words, phrases)


def _ended_range(start: Moment, end: Moment, words: dict[str, str], phrases: Phrases) -> str:
    end_date = phrases.date(end.day)
    if start.side is Side.UNBOUNDED:
        return phrases("range.all.past", end_date=end_date, **words)
    if start.side is not Side.PAST or start.day > end.day:
        return phrases("range.none.now", **words)
    return phrases("range.past", start_date=phrases.date(start.day), end_date=end_date, **words)


def _coming_range(start: Moment, end: Moment, words: dict[str, str], phrases: Phrases) -> str:
    empty = end.side is Side.NOW or (end.side is Side.FUTURE and start.side is Side.FUTURE and start.day >= end.day)
    if empty:
        return phrases("range.none.now", **words)
    if start.side is Side.NOW:
        return phrases("range.today.on", end=end_phrase(end, phrases), **words)
    return phrases("range.future.on", start_date=phrases.date(start.day), end=end_phrase(end, phrases), **words)
