"""All checks over what one token sees."""

from collections.abc import Callable, Iterator, Mapping

from cds_cli.checking import amounts, relations
from cds_cli.checking.reading import Seen
from cds_cli.journey.schemas import SCHEMA_OF

ROWS = 24


def invalid(seen: Seen) -> Iterator[str]:
    """Every object is valid by its published schema; of a segment's values the first rows, since they are alike."""
    from cds_common.testing.schemas import first_fault  # noqa: PLC0415  # jsonschema takes seconds to load, and every command would wait

    for key, objects in seen.objects.items():
        for each in objects:
            shown = each | {"values": each["values"][:ROWS]} if key == "usage_segments" else each
            fault = first_fault(SCHEMA_OF[key], shown)
            if fault is not None:
                yield fault


CHECKS: Mapping[str, Callable[[Seen], Iterator[str]]] = {
    "objects are valid": invalid,
    "no object stands twice": relations.doubles,
    "ids lead somewhere": relations.unresolved,
    "sections are on their own account's statement": relations.sections_of_other_accounts,
    "parents and children agree": relations.parents_and_children,
    "entities have the number of their coverage": relations.entity_numbers,
    "groups are short and hide their members": relations.groups,
    "certificates are those of the segment": relations.certificates,
    "bills add up": amounts.bills,
    "bills agree with the meters": amounts.measured,
    "values fit meters and directions": amounts.directions,
}


def find_faults(seen: Seen) -> dict[str, list[str]]:
    """The faults by check; checks without a fault are left out."""
    found = {name: list(check(seen)) for name, check in CHECKS.items()}
    return {name: faults for name, faults in found.items() if faults}
