"""What a customer may change of a request on the form: less data and less time, never more (CDS-WG3-01 §7.4.5, §9.2.1.3-4)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cds_auth.domain.customer_errors import FormRefused
from cds_auth.domain.data_component import CATEGORIES, CONSENT_SCOPE, opened_categories
from cds_auth.domain.duration_component import KEPT, RANGES
from cds_auth.domain.duration_words import INFINITE, Clock, Side, end_phrase, moment, start_phrase
from cds_auth.domain.phrases import Phrases
from cds_auth.domain.usage_words import UsageKind, usage_line
from cds_common.access.catalogue import FIELDS, SCOPE_TYPES
from cds_common.access.details import EffectiveEntry
from cds_common.access.flags import VALUE_TYPES, effective_flags
from cds_common.access.offers import OfferedScope
from cds_common.access.values import BadValue, Moment, check_value

_KIND = "kind:"
_STEPS = ("P3Y", "P2Y", "P1Y", "P6M", "P3M", "P1M")


@dataclass(frozen=True, slots=True)
class SectionEdits:
    """What was posted about one Request Section; `kept` is None when its controls were not on the page."""

    removed: bool = False
    kept: frozenset[str] | None = None
    times: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def empty(self) -> bool:
        """Whether nothing was posted."""
        return not self.removed and self.kept is None and not any(self.times.values())


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of data that may be left out."""

    key: str
    label: str
    kept: bool = True


@dataclass(frozen=True, slots=True)
class TimeChoice:
    """One length of time to choose; an empty value is what the Client asked for."""

    value: str
    label: str
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class TimeControl:
    """A bound in time that may be drawn closer."""

    key: str
    label: str
    choices: tuple[TimeChoice, ...]


@dataclass(frozen=True, slots=True)
class EditControls:
    """The controls of one editable section, as they stand."""

    parts: tuple[Part, ...] = ()
    times: tuple[TimeControl, ...] = ()
    removed: bool = False

    @property
    def changed(self) -> bool:
        """Whether anything differs from the request."""
        drawn_in = any(choice.chosen and choice.value for control in self.times for choice in control.choices)
        return self.removed or drawn_in or not all(part.kept for part in self.parts)


@dataclass(frozen=True, slots=True)
class EditWords:
    """What the controls need besides the section: language, clock, kinds of usage values, and the limits of each scope's fields."""

    phrases: Phrases
    clock: Clock
    usage_kinds: Mapping[str, UsageKind]
    offered: Mapping[str, OfferedScope]


@dataclass(frozen=True, slots=True)
class _Bound:
    key: str
    field_id: str
    value: str
    scopes: tuple[str, ...]


def is_editable(section: Iterable[EffectiveEntry]) -> bool:
    """Whether the Client lets the customer change this section."""
    return all(entry.scope_type != CONSENT_SCOPE and entry.details.get("allow_scope_modifications") is True for entry in section)


def edit_section(
    section: Sequence[EffectiveEntry], edits: SectionEdits, words: EditWords
) -> tuple[tuple[EffectiveEntry, ...], EditControls | None]:
    """The section with the customer's changes, and its controls; None when it cannot be changed.

    Raises:
        FormRefused: a change to a section that has none, a part that it lacks, or a time that would be longer.
    """
    if not is_editable(section):
        if not edits.empty:
            raise FormRefused("This part of the request cannot be changed.")
        return tuple(section), None
    parts, bounds = _parts(section, words), _bounds(section)
    kept = frozenset(part.key for part in parts) if edits.kept is None else edits.kept
    if not kept <= {part.key for part in parts} or not edits.times.keys() <= {bound.key for bound in bounds}:
        raise FormRefused("A change that this part of the request does not offer.")
    times = tuple(control for bound in bounds if (control := _time_control(bound, edits.times.get(bound.key, ""), words)))
    chosen = {control.key: choice.value for control in times for choice in control.choices if choice.chosen and choice.value}
    if chosen != {key: value for key, value in edits.times.items() if value}:
        raise FormRefused("A time that this part of the request does not offer.")
    off = frozenset(part.key for part in parts) - kept
    drawn_in = {(scope, bound.field_id): chosen[bound.key] for bound in bounds if bound.key in chosen for scope in bound.scopes}
    changed = tuple(_entry(entry, off, drawn_in) for entry in section)
    return changed, EditControls(tuple(replace(part, kept=part.key in kept) for part in parts), times, edits.removed)


def _entry(entry: EffectiveEntry, off: frozenset[str], drawn_in: Mapping[tuple[str, str], str]) -> EffectiveEntry:
    details = dict(entry.details)
    for key in off:
        if details.get(key) is True:
            details[key] = False
    if isinstance(kinds := details.get(VALUE_TYPES), list):
        left: list[Any] = [kind for kind in kinds if f"{_KIND}{kind}" not in off]  # pyright: ignore[reportUnknownVariableType]
        details[VALUE_TYPES] = left or None
    for (scope, field_id), value in drawn_in.items():
        if scope == entry.scope:
            details[field_id] = value
    return replace(entry, details=details)


def _parts(section: Sequence[EffectiveEntry], words: EditWords) -> tuple[Part, ...]:
    """Whatever is open because the Client asked for it; what belongs to the scope itself only goes with its section."""
    asked: set[str] = set()
    for entry in section:
        own = SCOPE_TYPES[entry.scope_type].implied
        asked |= {name for name in effective_flags(entry.scope_type, entry.details) - own if entry.details.get(name) is True}
    opened = opened_categories(frozenset().union(*(effective_flags(entry.scope_type, entry.details) for entry in section)))
    parts: list[Part] = []
    for category, (flag, below) in CATEGORIES.items():
        if category not in opened:
            continue
        if flag in asked:
            parts.append(Part(flag, words.phrases(f"data.{category}")))
        parts += [Part(name, words.phrases(f"data.{name}")) for name in below if name in asked]
        if category == "services" and "accounts" not in opened and "include_account_numbers" in asked:
            parts.append(Part("include_account_numbers", words.phrases("data.services.account_number")))
        if category == "usage":
            parts += _usage_parts(section, words)
    return tuple(parts)


def _usage_parts(section: Sequence[EffectiveEntry], words: EditWords) -> list[Part]:
    kinds: dict[str, None] = {}
    for entry in section:
        offered = words.offered[entry.scope].fields.get(VALUE_TYPES)
        if offered is not None and offered.format.endswith("_or_null"):
            kinds |= dict.fromkeys(entry.details.get(VALUE_TYPES) or ())
    named = ((kind, words.usage_kinds.get(kind, UsageKind(kind))) for kind in kinds)
    return [Part(f"{_KIND}{kind}", usage_line(known, words.phrases).label) for kind, known in named]


def _bounds(section: Sequence[EffectiveEntry]) -> tuple[_Bound, ...]:
    """Every bound that means something here; the same value of merged scopes is one bound."""
    scopes: dict[tuple[str, str], list[str]] = {}
    for entry in section:
        opened = opened_categories(effective_flags(entry.scope_type, entry.details))
        names = [name for kind, pair in RANGES.items() if kind in opened for name in pair]
        names += ["sync_until"] if opened & set(KEPT) else []
        for name in names:
            if isinstance(value := entry.details.get(name), str):
                scopes.setdefault((name, value), []).append(entry.scope)
    bounds: list[_Bound] = []
    for (name, value), of in scopes.items():
        before = sum(bound.field_id == name for bound in bounds)
        bounds.append(_Bound(f"{name}-{before + 1}" if before else name, name, value, tuple(of)))
    return tuple(bounds)


def _time_control(bound: _Bound, chosen: str, words: EditWords) -> TimeControl | None:
    back = FIELDS[bound.field_id].looks_back
    zero = "P0D" if FIELDS[bound.field_id].formats == ("relative_or_absolute_date",) else "PT0S"
    reach = _reach(bound.value, words.clock, back=back)
    values = [step for step in (*_STEPS, zero) if _reach(step, words.clock, back=back) < reach and _allowed(step, bound, words)]
    if not values:
        return None
    asked = words.phrases("edit.as_asked", time=_time_words(bound.value, words, back=back))
    choices = [TimeChoice("", asked, not chosen)] + [TimeChoice(v, _time_words(v, words, back=back), v == chosen) for v in values]
    return TimeControl(bound.key, words.phrases(f"edit.{bound.field_id}"), tuple(choices))


def _reach(value: str, clock: Clock, *, back: bool) -> float:
    """Days from today that a bound lies away; negative for one on the other side of today."""
    at = moment(value, clock, backwards=back)
    if at.side is Side.UNBOUNDED:
        return float("inf")
    if at.side is Side.NOW:
        return 0.0
    days = (clock.today - at.day).days if back else (at.day - clock.today).days
    # Later today is not now: it can still be drawn in.
    return days or (0.5 if (at.side is Side.PAST) is back else -0.5)


def _allowed(value: str, bound: _Bound, words: EditWords) -> bool:
    try:
        for scope in bound.scopes:
            check_value(words.offered[scope].fields[bound.field_id], value, Moment(words.clock.now, words.clock.timezone))
    except BadValue:
        return False
    return True


def _time_words(value: str, words: EditWords, *, back: bool) -> str:
    at = moment(value, words.clock, backwards=back)
    if at.side is Side.NOW:
        return words.phrases("edit.from_today" if back else "edit.until_today")
    if back and value == INFINITE:
        return words.phrases("edit.all_past")
    if back and at.side is Side.FUTURE:
        return words.phrases("edit.from", date=words.phrases.date(at.day))
    return start_phrase(at, words.phrases) if back else end_phrase(at, words.phrases)
