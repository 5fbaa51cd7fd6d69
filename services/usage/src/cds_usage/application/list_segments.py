"""List Usage Segments as one token sees them (CDS-WG3-01 §10.8.8)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cds_common import exact_json
from cds_common.data_answers import weak_etag
from cds_common.grant_copy import Access, log_access
from cds_common.paging import PageRequest
from cds_usage.domain.calendar import Calendar, micros_of, moment_of, moment_of_micros
from cds_usage.domain.day_block import BlockKey, DayBlock
from cds_usage.domain.fragments import Grid, Piece, Reading, column_cells, fragment, fragment_readings, value_rows
from cds_usage.domain.freezing import frozen_block, last_change
from cds_usage.domain.packing import NO_VALUES, unpack
from cds_usage.domain.supply_mix import SUPPLY_MIX, MixNote, mix_cells
from cds_usage.domain.value_formats import Column, FormatCatalogue, format_objects
from cds_usage.persistence.eacs_read import seen_eacs
from cds_usage.persistence.mix_notes import load_mix_notes
from cds_usage.persistence.reach import FLAG
from cds_usage.persistence.segments_read import SegmentFilters, page_of_segments
from cds_usage.persistence.series import SeriesKinds
from cds_usage.persistence.values_read import StoredColumn, StoredLayer, ValuesWanted, load_columns, load_history


@dataclass(frozen=True, slots=True)
class SegmentReader:
    """What listings share for the life of the process."""

    calendar: Calendar
    formats: FormatCatalogue
    kinds: SeriesKinds


async def list_segments(
    session: AsyncSession,
    reader: SegmentReader,
    access: Access,
    filters: SegmentFilters,
    paging: PageRequest,
    now: datetime,
    *,
    endpoint: str = "usage-segments",
) -> "DrawnPage":
    """One page; all reads and the access log's row are done when this returns."""
    await reader.kinds.refresh(session)
    allowed = _allowed_kinds(reader, access)
    page = await page_of_segments(session, access, filters, paging, kinds_by_slot=allowed, now=now)
    wanted = [_wanted(reader, access, allowed, row, now) for row in page.rows]
    stored = await load_columns(session, wanted)
    layers = await load_history(session, _frozen_keys(wanted, stored))
    mixes = await _mixes(session, reader, access, list(zip(wanted, stored, strict=True)), now)
    await log_access(session, access, endpoint=endpoint, object_ids=[row.shown_id for row in page.rows])
    drawn = [
        DrawnSegment(reader, access, row, one, columns, layers, mixes, now)
        for row, one, columns in zip(page.rows, wanted, stored, strict=True)
    ]
    return DrawnPage(drawn, page.next, page.previous)


def _allowed_kinds(reader: SegmentReader, access: Access) -> dict[int, list[int] | None]:
    allowed = dict[int, list[int] | None]()
    for slot in access.slots(FLAG):
        formats = access.entries[slot].value_formats
        allowed[slot] = None if formats is None else [
            kind_id for kind_id, kind in reader.kinds.all.items() if reader.formats.allowed(kind, frozenset(formats))
        ]  # fmt: skip
    return allowed


def shown_mixes(reader: SegmentReader, access: Access) -> dict[int, list[int]]:
    """Entry -> the kinds of supply mix that its usage shows."""
    kinds = reader.kinds.all
    return {
        slot: [each for each in allowed or () if kinds[each].value_type == SUPPLY_MIX]
        for slot, allowed in _allowed_kinds(reader, access).items()
    }


def _wanted(reader: SegmentReader, access: Access, allowed: Mapping[int, list[int] | None], row: Any, now: datetime) -> ValuesWanted:
    kinds = dict[int, int | None]()
    for slot in row.slots:
        frozen_at = access.frozen_at(slot, now)
        moment = None if frozen_at is None else micros_of(frozen_at)
        for kind_id in set(allowed[slot] or ()) & set(row.kind_ids):
            held = kinds.get(kind_id, -1)
            kinds[kind_id] = None if moment is None or held is None else max(moment, held)
    first_day, last_day = reader.calendar.day_of(row.c_start), reader.calendar.day_of(row.c_end - 1)
    return ValuesWanted(row.owner_id, row.meter_device_id, row.interval_seconds, row.phase, first_day, last_day, kinds)


def _key(wanted: ValuesWanted, column: StoredColumn) -> BlockKey:
    return BlockKey(wanted.owner_id, column.series_id, column.day, wanted.interval_seconds, wanted.phase)


def _is_frozen(wanted: ValuesWanted, column: StoredColumn) -> bool:
    moment = wanted.kinds[column.kind_id]
    return moment is not None and column.source_max > moment


def _frozen_keys(wanted: Sequence[ValuesWanted], stored: Sequence[Sequence[StoredColumn]]) -> Iterable[BlockKey]:
    pairs = ((one, column) for one, columns in zip(wanted, stored, strict=True) for column in columns)
    return {_key(one, column) for one, column in pairs if _is_frozen(one, column)}


@dataclass(frozen=True, slots=True)
class Mixes:
    """What stands beside the shares on a page, and the certificates among it that the token sees."""

    notes: Mapping[BlockKey, Sequence[MixNote]]
    seen_eacs: frozenset[UUID]


async def _mixes(
    session: AsyncSession,
    reader: SegmentReader,
    access: Access,
    stored: Sequence[tuple[ValuesWanted, Sequence[StoredColumn]]],
    now: datetime,
) -> Mixes:
    mixed = {kind_id for kind_id, kind in reader.kinds.all.items() if kind.value_type == SUPPLY_MIX}
    keys = {_key(wanted, column) for wanted, columns in stored for column in columns if column.kind_id in mixed}
    notes = await load_mix_notes(session, keys)
    named = {eac_id for held in notes.values() for note in held for eac_id in note.eac_ids}
    return Mixes(notes, await seen_eacs(session, access, named, mixes=shown_mixes(reader, access), now=now))


class DrawnSegment:
    """One segment as the token sees it, on its way out. `row` has the columns of the listing."""

    def __init__(
        self,
        reader: SegmentReader,
        access: Access,
        row: Any,
        wanted: ValuesWanted,
        stored: Sequence[StoredColumn],
        layers: Mapping[BlockKey, list[StoredLayer]],
        mixes: "Mixes",
        now: datetime,
    ) -> None:
        self._now, self._mixes = now, mixes
        self._reader, self._access, self.row, self._wanted, self._layers = reader, access, row, wanted, layers
        self._days = [(column, self._block(column)) for column in stored]
        self.columns = self._columns()

    @property
    def kind_ids(self) -> Iterable[int]:
        """The kinds of series that the token may see in this segment."""
        return self._wanted.kinds

    def validator(self) -> bytes:
        """What determines the segment's JSON, values by their versions: late values of a frozen view have a layer of their own."""
        days = [
            [column.series_id, column.first, column.count, column.quality, column.versions, self._wanted.kinds[column.kind_id],
             len(self._layers.get(_key(self._wanted, column), ()))]
            for column, _ in self._days
        ]  # fmt: skip
        notes = [note for column, _ in self._days for note in self._mixes.notes.get(_key(self._wanted, column), ())]
        eacs = [eac_id for note in notes for eac_id in note.eac_ids if eac_id in self._mixes.seen_eacs]
        return exact_json.encode([self._head(), days, eacs])

    @property
    def _synced(self) -> datetime:
        """Never later than the moment at which every entry that shows the segment was frozen (§7.3.1)."""
        return self.row.synced if self._frozen is None else min(self.row.synced, self._frozen)

    @cached_property
    def _frozen(self) -> datetime | None:
        """The moment after which nothing of the segment changes any more; None while an entry follows the present."""
        moments = [self._access.frozen_at(slot, self._now) for slot in self.row.slots]
        frozen = [moment for moment in moments if moment is not None]
        return max(frozen) if len(frozen) == len(moments) else None

    @cached_property
    def modified(self) -> datetime:
        """Of a frozen segment: the last change of what it shows, so that a later correction leaves it as it was (§7.3.1)."""
        if self._frozen is None:
            return self.row.modified
        changes = [self._modified(column) for column, _ in self._days]
        return max([self.row.created, *(change for change in changes if change is not None)])

    def _modified(self, column: StoredColumn) -> datetime | None:
        moment = self._wanted.kinds[column.kind_id]
        if moment is None or column.packed is None or not _is_frozen(self._wanted, column):
            return column.modified
        stored = self._layers.get(_key(self._wanted, column), ())
        layers = [unpack(layer.packed, self._wanted.interval_seconds) for layer in stored]
        block = unpack(column.packed, self._wanted.interval_seconds)
        changed = last_change(block, layers, [micros_of(layer.recorded) for layer in stored], moment)
        return None if changed is None else max(column.created, moment_of_micros(changed))

    def chunks(self) -> Iterator[bytes]:
        """The segment's JSON."""
        head = exact_json.encode(self._head())
        yield head[:-1] + b',"values":['
        grid = Grid(self.row.c_start, self.row.c_end, self.row.interval_seconds)
        for number, rows in enumerate(value_rows(grid, [list(self._pieces(column)) for column in self.columns])):
            yield b"," + rows if number else rows
        yield b"]}"

    def readings(self, column: Column) -> Iterator[Reading]:
        """The values of one column, in time; those that are missing are left out. Not for supply mixes, whose values are objects."""
        step, first, end = self.row.interval_seconds, self.row.c_start, self.row.c_end
        for day, block in self._days:
            if day.kind_id != column.kind_id:
                continue
            if block is not None:
                found: Iterable[Reading] = (
                    Reading(block.first + index * step, value, block.decimals[index], block.qualities[index])
                    for index, value in enumerate(block.values)
                    if value is not None and block.qualities[index] in column.codes
                )
            elif day.fragment is not None and day.quality in column.codes:
                found = fragment_readings(day.fragment, day.first, step, day.quality)
            else:
                continue
            yield from (one for one in found if first <= one.start < end)

    def _head(self) -> dict[str, Any]:
        row = self.row
        return {
            "cds_usagesegment_id": row.shown_id,
            "cds_created": row.created,
            "cds_modified": self.modified,
            "cds_synced": self._synced,
            "related_aggregations": _one(row.aggregation),
            "related_accounts": row.accounts,
            "related_servicecontracts": row.contracts,
            "related_servicepoints": _one(row.service_point),
            "related_meterdevices": _one(row.meter),
            "related_billsections": row.sections,
            "segment_start": moment_of(row.c_start),
            "segment_end": moment_of(row.c_end),
            "interval": row.interval_seconds,
            "formats": format_objects(self.columns, row.meter),
        }

    def _block(self, column: StoredColumn) -> DayBlock | None:
        """The values of a day, where the stored fragment cannot be sent as it is."""
        if column.packed is None:
            return None
        block = unpack(column.packed, self._wanted.interval_seconds)
        moment = self._wanted.kinds[column.kind_id]
        if moment is None or not _is_frozen(self._wanted, column):
            return block
        layers = [unpack(layer.packed, self._wanted.interval_seconds) for layer in self._layers.get(_key(self._wanted, column), ())]
        return frozen_block(block, layers, moment)

    def _columns(self) -> list[Column]:
        qualities = {kind_id: set[int]() for kind_id in self._wanted.kinds}
        for column, block in self._days:
            if block is not None:
                qualities[column.kind_id] |= {code for code, value in zip(block.qualities, block.values, strict=True) if value is not None}
            elif column.quality != NO_VALUES:
                qualities[column.kind_id].add(column.quality)
        kinds = self._reader.kinds.all
        named = {name for slot in self.row.slots for name in self._access.entries[slot].value_formats or ()}
        found = [(kind_id, kinds[kind_id], frozenset(codes or {0})) for kind_id, codes in qualities.items()]
        return self._reader.formats.columns(found, frozenset(named))

    def _pieces(self, column: Column) -> Iterator[Piece]:
        value_type = column.kind.value_type
        for day, block in self._days:
            if day.kind_id != column.kind_id:
                continue
            if block is not None and value_type == SUPPLY_MIX:
                notes = self._mixes.notes.get(_key(self._wanted, day), ())
                yield Piece(block.first, len(block.values), fragment(mix_cells(block, notes, self._mixes.seen_eacs, column.codes)))
            elif block is not None:
                yield Piece(block.first, len(block.values), fragment(column_cells(block, value_type, column.codes)))
            elif day.fragment is not None and (day.quality in column.codes or day.quality == NO_VALUES):
                yield Piece(day.first, day.count, day.fragment)


def _one(thing: UUID | None) -> list[UUID]:
    return [] if thing is None else [thing]


@dataclass(frozen=True, slots=True)
class DrawnPage:
    """One page of segments; iterated, it gives the answer's JSON in chunks."""

    segments: list[DrawnSegment]
    next: str | None
    previous: str | None

    def __iter__(self) -> Iterator[bytes]:
        yield b'{"usage_segments":['
        for number, segment in enumerate(self.segments):
            if number:
                yield b","
            yield from segment.chunks()
        yield b'],"next":' + exact_json.encode(self.next) + b',"previous":' + exact_json.encode(self.previous) + b"}"

    def taken(self) -> Iterator[DrawnSegment]:
        """The segments one by one, each forgotten with the next: an export holds no more than it has to write."""
        self.segments.reverse()
        while self.segments:
            yield self.segments.pop()

    def etag(self) -> str:
        """A weak validator of the JSON, without writing it."""
        return weak_etag(*(segment.validator() for segment in self.segments), exact_json.encode([self.next, self.previous]))
