"""One number for one entity: Entities of Customer Data carry that of the Coverage Entries (CDS-WG3-01 §10.1.4, CDS-WG1-01 §4.3)."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from cds_common.events.utility import BillRecordedV1, BillSection, Entity, UtilityEvent
from cds_common.utility.loader import load_utility

Named = TypeVar("Named", bound=UtilityEvent | BillSection)
_PLACES = ("account_entity", "contract_entity", "distribution_entity", "supply_entity")


@lru_cache(maxsize=8)
def covered_numbers(path: Path | None) -> Mapping[str, str]:
    """Entity name -> its number in the Coverage Entries of the utility's file; {} without a file."""
    if path is None:
        return {}
    return {each.entity_name: each.entity_number for each in load_utility(path).coverage if each.entity_number is not None}


def numbered_as_covered(thing: Named, numbers: Mapping[str, str]) -> Named:
    """The message with every entity under the number of its Coverage Entries, whatever number the source has for it."""
    changed: dict[str, Any] = {}
    for place in _PLACES:
        entity: Entity | None = getattr(thing, place, None)
        number = None if entity is None else numbers.get(entity.entity_name)
        if entity is not None and number is not None and number != entity.entity_number:
            changed[place] = entity.model_copy(update={"entity_number": number})
    if isinstance(thing, BillRecordedV1):
        changed["sections"] = [numbered_as_covered(section, numbers) for section in thing.sections]
    return thing.model_copy(update=changed) if changed else thing
