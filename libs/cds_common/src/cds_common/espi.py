"""Green Button (NAESB REQ.21, ESPI 1.1) on the wire: Atom entries and the codes of units, commodities, qualities and currencies.

Element names and their order are those of the public ESPI schemas; values are integers with a power of ten, money is in
1/100,000 of the currency.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from uuid import NAMESPACE_URL, UUID, uuid5
from xml.sax.saxutils import escape, quoteattr

BASE = "/espi/1_1/resource"
MEDIA_TYPE = "application/atom+xml"
USAGE_NAMESPACE = "http://naesb.org/espi"
CUSTOMER_NAMESPACE = "http://naesb.org/espi/customer"

ELECTRICITY, GAS, WATER = 0, 1, 2
"""ServiceKind."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of CDS-WG3-01 in ESPI: its `uom` times ten to the `power`."""

    uom: int
    power: int = 0


UNITS: Mapping[str, Unit] = {
    "Wh": Unit(72), "kWh": Unit(72, 3), "MWh": Unit(72, 6), "W": Unit(38), "kW": Unit(38, 3), "MW": Unit(38, 6),
    "varh": Unit(73), "kvarh": Unit(73, 3), "var": Unit(63), "kvar": Unit(63, 3),
    "m3": Unit(42), "Sm3": Unit(42), "L": Unit(134), "gal": Unit(128), "ft3": Unit(119), "scf": Unit(119), "CCF": Unit(119, 2),
    "MCF": Unit(119, 3), "MMCF": Unit(119, 6), "Btu": Unit(132), "therm": Unit(169),
}  # fmt: skip
"""Units with a counterpart; others are not shown as Green Button."""

CURRENCIES: Mapping[str, int] = {"AUD": 36, "CAD": 124, "USD": 840, "EUR": 978}
QUALITIES: Mapping[str, int] = {
    "raw": 14, "manual": 7, "valid": 17, "revenue": 19, "estimated": 8, "calculated": 11, "corrected": 7, "website": 16,
}  # fmt: skip
FLOW_DIRECTIONS: Mapping[str, int] = {"forward": 1, "reverse": 19, "net": 4}

_FEED = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
    "<id>urn:uuid:{id}</id><title>{title}</title><updated>{updated}</updated>"
)
_POWERS = (0, -1, -2, -3, -6, -9, -12)


def moment(value: datetime) -> str:
    """An Atom date."""
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")


def element(name: str, *content: str) -> str:
    """An element; `content` is XML already."""
    return f"<{name}>{''.join(content)}</{name}>"


def leaf(name: str, value: object | None, limit: int = 256) -> str:
    """An element with text, cut to what the schema allows; nothing for None."""
    return "" if value is None else f"<{name}>{escape(_printable(str(value))[:limit])}</{name}>"


def _printable(text: str) -> str:
    """Without characters that XML cannot hold."""
    return "".join(one for one in text if one in "\t\n\r" or " " <= one <= "\ud7ff" or "\ue000" <= one <= "\ufffd" or one > "\uffff")


def derived_id(*parts: object) -> UUID:
    """The id of a resource that Green Button has and we have not; the same parts give the same id and tell nothing about them."""
    return uuid5(NAMESPACE_URL, "urn:cds-server:espi:" + "\x1f".join(map(str, parts)))


@dataclass(frozen=True, slots=True)
class Entry:
    """One Atom entry. Paths begin below the public address; `up` is the collection that lists it."""

    path: str
    title: str
    content: str
    published: datetime
    updated: datetime
    related: tuple[str, ...] = ()

    @property
    def up(self) -> str:
        """The path of its collection."""
        return self.path.rpartition("/")[0]

    def xml(self, public_url: str, *, alone: bool = False) -> bytes:
        """The entry; `alone` as a document of its own."""
        links = [("self", self.path), ("up", self.up), *(("related", path) for path in self.related)]
        head = '<?xml version="1.0" encoding="UTF-8"?>\n<entry xmlns="http://www.w3.org/2005/Atom">' if alone else "<entry>"
        written = [
            head,
            leaf("id", f"urn:uuid:{uuid5(NAMESPACE_URL, public_url + self.path)}"),
            *(f"<link rel={quoteattr(rel)} href={quoteattr(public_url + path)}/>" for rel, path in links),
            leaf("title", self.title),
            element("content", self.content),
            leaf("published", moment(self.published)),
            leaf("updated", moment(self.updated)),
            "</entry>",
        ]
        return "".join(written).encode()


def feed_head(public_url: str, path: str, title: str, updated: datetime) -> bytes:
    """The beginning of a feed, up to its entries."""
    head = _FEED.format(id=uuid5(NAMESPACE_URL, public_url + path), title=escape(title), updated=moment(updated))
    return f"{head}<link rel={quoteattr('self')} href={quoteattr(public_url + path)}/>".encode()


def feed_tail(following: str | None) -> bytes:
    """The end of a feed, with the address of the next one (RFC 5005)."""
    onward = f"<link rel={quoteattr('next')} href={quoteattr(following)}/>" if following else ""
    return f"{onward}</feed>".encode()


def content(name: str, namespace: str, *members: str) -> str:
    """The resource inside an entry."""
    return f"<{name} xmlns={quoteattr(namespace)}>{''.join(members)}</{name}>"


def interval(start: int, duration: int, name: str = "interval") -> str:
    """A DateTimeInterval, in seconds."""
    return element(name, leaf("duration", duration), leaf("start", start))


def measurement(name: str, amount: Decimal, unit: Unit, at: int | None = None) -> str:
    """A SummaryMeasurement with all digits of `amount`; nothing when they do not fit into 48 bits."""
    digits = max(0, -int(amount.as_tuple().exponent))
    power = next((one for one in _POWERS if one <= unit.power - digits), None)
    if power is None:
        return ""
    value = int(amount.scaleb(unit.power - power))
    if abs(value) >= 1 << 47:
        return ""
    return element(name, leaf("powerOfTenMultiplier", power), leaf("timeStamp", at), leaf("uom", unit.uom), leaf("value", value))


def money(amount: Decimal) -> int:
    """1/100,000 of the currency; finer digits are rounded half to even, since ESPI has none."""
    return int(amount.scaleb(5).to_integral_value(ROUND_HALF_EVEN))


def whole_feed(public_url: str, path: str, title: str, entries: Iterable[Entry], *, following: str | None, now: datetime) -> bytes:
    """A feed in one piece; `updated` is that of its newest entry."""
    listed = list(entries)
    updated = max((entry.updated for entry in listed), default=now)
    return b"".join((feed_head(public_url, path, title, updated), *(entry.xml(public_url) for entry in listed), feed_tail(following)))
