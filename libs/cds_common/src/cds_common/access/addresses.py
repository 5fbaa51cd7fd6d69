"""Address matching of the `addresses` preselection field (CDS-WG3-01 §7.1.13.1) for addresses of the United States.

Stored addresses are normalised once: a Typical Address (street line, city, state and zip code) loses the name in front, gets its
abbreviations written out and becomes one line of segments; every other one is Atypical and only lower-cased and put on one
line. What a Client sends is always treated as Atypical, so it has to send the normalised form.
"""

import re
from collections.abc import Iterable, Mapping
from uuid import UUID

SEPARATOR = ", "
SEGMENTS = "{street address}, {city}, {state}, {zip code}"

STREET_WORDS: dict[str, str] = {
    "aly": "alley", "apt": "apartment", "ave": "avenue", "av": "avenue", "bldg": "building", "blvd": "boulevard", "cir": "circle",
    "ct": "court", "cv": "cove", "dr": "drive", "e": "east", "expy": "expressway", "fl": "floor", "hts": "heights", "hwy": "highway",
    "ln": "lane", "n": "north", "ne": "northeast", "nw": "northwest", "pkwy": "parkway", "pl": "place", "plz": "plaza", "rd": "road",
    "rm": "room", "rte": "route", "s": "south", "se": "southeast", "sq": "square", "st": "street", "ste": "suite", "sw": "southwest",
    "ter": "terrace", "trl": "trail", "w": "west", "wy": "way",
}  # fmt: skip
"""Abbreviations written out in the street segment, without their full stop; `#` before a number becomes `unit`."""

STATES: dict[str, str] = {
    "AL": "alabama", "AK": "alaska", "AZ": "arizona", "AR": "arkansas", "CA": "california", "CO": "colorado", "CT": "connecticut",
    "DE": "delaware", "DC": "district of columbia", "FL": "florida", "GA": "georgia", "HI": "hawaii", "ID": "idaho", "IL": "illinois",
    "IN": "indiana", "IA": "iowa", "KS": "kansas", "KY": "kentucky", "LA": "louisiana", "ME": "maine", "MD": "maryland",
    "MA": "massachusetts", "MI": "michigan", "MN": "minnesota", "MS": "mississippi", "MO": "missouri", "MT": "montana",
    "NE": "nebraska", "NV": "nevada", "NH": "new hampshire", "NJ": "new jersey", "NM": "new mexico", "NY": "new york",
    "NC": "north carolina", "ND": "north dakota", "OH": "ohio", "OK": "oklahoma", "OR": "oregon", "PA": "pennsylvania",
    "RI": "rhode island", "SC": "south carolina", "SD": "south dakota", "TN": "tennessee", "TX": "texas", "UT": "utah",
    "VT": "vermont", "VA": "virginia", "WA": "washington", "WV": "west virginia", "WI": "wisconsin", "WY": "wyoming",
}  # fmt: skip

EXAMPLES: tuple[tuple[str, str], ...] = (
    ("Tide Mill Bakery\n14 Pier Rd. #3\nPort Alder, WA 98000", "typical"),
    ("Pump house, 2 mi  North of the dam,\nby the gate", "atypical"),
)
"""Stored examples for the documentation page, with their class."""

_STREET = re.compile(r"\s*(?:[0-9]|p\.?\s*o\.?\s*box\b)", re.IGNORECASE)
_STATE_ZIP = re.compile(r"\s*([A-Za-z]{2})\s+([0-9]{5}(?:-[0-9]{4})?)\s*")
_BREAK = re.compile(r"\s*(?:,|\r\n|\r|\n)\s*")


def is_typical(address: str) -> bool:
    """Whether mapping services of the locale would know it: a street line with a house number or PO box, city, state, zip code."""
    segments = [segment for segment in _BREAK.split(address) if segment]
    match = _STATE_ZIP.fullmatch(segments[-1]) if segments else None
    return match is not None and match.group(1).upper() in STATES and len(segments) >= 3 and any(map(_STREET.match, segments[:-2]))


def normalise_typical(address: str) -> str:
    """The Normalized Address of a Typical Address: no name, words written out, lower case, one line."""
    segments = [segment for segment in _BREAK.split(address) if segment]
    first = next((index for index, segment in enumerate(segments) if _STREET.match(segment)), 0)
    segments = segments[first:]
    state_zip = _STATE_ZIP.fullmatch(segments[-1]) if segments else None
    if state_zip is not None:
        state = state_zip.group(1)
        segments[-1:] = [STATES.get(state.upper(), state), state_zip.group(2)]
    city_and_after = 3 if state_zip is not None else 1
    streets = max(len(segments) - city_and_after, 1)
    words = [_write_out(segment) if index < streets else segment for index, segment in enumerate(segments)]
    return SEPARATOR.join(" ".join(segment.lower().split()) for segment in words)


def _write_out(segment: str) -> str:
    spaced = re.sub(r"#\s*(?=\w)", "unit ", segment)
    return " ".join(STREET_WORDS.get(word.lower().rstrip("."), word) for word in spaced.split())


def normalise_input(address: str) -> str:
    """The steps for Atypical Addresses and for everything that a Client sends: lower case, one line, single spaces."""
    return " ".join(address.lower().split())


def normalise_address(address: str) -> str:
    """The Normalized Address of a stored address."""
    return normalise_typical(address) if is_typical(address) else normalise_input(address)


def match_addresses(stored: Mapping[UUID, Iterable[str]], inputs: Iterable[str]) -> frozenset[UUID]:
    """Resources found at the inputs: an input counts only when exactly one available resource bears its address."""
    bearers: dict[str, set[UUID]] = {}
    for resource, addresses in stored.items():
        for address in addresses:
            bearers.setdefault(normalise_address(address), set()).add(resource)
    found = (bearers.get(normalise_input(each), set[UUID]()) for each in inputs)
    return frozenset(next(iter(hits)) for hits in found if len(hits) == 1)
