"""What stands beside the share of a supply mix: its carbon intensity and its certificates (CDS-WG3-01 §10.8.5.3.2)."""

from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from cds_usage.domain.day_block import DayBlock
from cds_usage.domain.fragments import decimal_text

SUPPLY_MIX = "electric_supply_mix"


@dataclass(frozen=True, slots=True)
class MixNote:
    """What one message said about the values of one day from slot `first` on.

    It belongs to the values that have the same `source` (microseconds): a value that is replaced takes it along.
    `intensities` in gCO2e/kWh, None where it is not known; `eac_ids` are applied to every value.
    """

    first: int
    source: int
    intensities: tuple[Decimal | None, ...]
    eac_ids: tuple[UUID, ...]

    @property
    def says_nothing(self) -> bool:
        """Whether it stands only for the end of what was said before."""
        return not self.eac_ids and all(each is None for each in self.intensities)


def mix_cells(block: DayBlock, notes: Sequence[MixNote], seen_eacs: Set[UUID], codes: Collection[int]) -> list[str]:
    """The Value Objects of a block of shares; `notes` in the order in which they were recorded, `seen_eacs` are those of the token."""
    cells = ["null"] * len(block.values)
    for slot, value in enumerate(block.values):
        if value is not None and block.qualities[slot] in codes:
            share = f'{{"sm":{decimal_text(value, block.decimals[slot])}'
            cells[slot] = share + _beside(block, slot, notes, seen_eacs) + "}"
    return cells


def _beside(block: DayBlock, slot: int, notes: Sequence[MixNote], seen_eacs: Set[UUID]) -> str:
    start = block.first + slot * block.interval_seconds
    for note in reversed(notes):
        index = (start - note.first) // block.interval_seconds
        if note.source == block.sources[slot] and 0 <= index < len(note.intensities):
            intensity = note.intensities[index]
            eacs = [f'"{eac_id}"' for eac_id in note.eac_ids if eac_id in seen_eacs]
            written = "" if intensity is None else f',"ci":{intensity:f}'
            return f'{written},"eacs":[{",".join(eacs)}]' if eacs else written
    return ""
