"""Atom feeds of Green Button as a stream: entries in any order and depth, any namespace version, memory of one entry."""

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import urlsplit
from zlib import error as ZlibError  # noqa: N812  # it is a class

from lxml import etree

MAX_NUMBER_LENGTH = 20
_INTEGER = re.compile(r"[+-]?[0-9]+")
_SAFE: dict[str, Any] = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}
Element = etree._Element  # noqa: SLF001  # the only name of the type


class MalformedFeed(Exception):
    """The file is not well-formed XML, or not a Green Button feed; says where."""

    def __init__(self, line: int | None, reason: str) -> None:
        super().__init__(reason)
        self.line = line


@dataclass(frozen=True, slots=True)
class Links:
    """The addresses of an entry, as paths without host and outer slashes."""

    own: str
    up: str
    related: tuple[str, ...]


BROKEN_GZIP = (gzip.BadGzipFile, EOFError, ZlibError)
"""What reading damaged gzip data raises."""


def open_bytes(path: Path) -> IO[bytes]:
    """The file's bytes; gzip is known by its first two bytes, not by its name."""
    raw = path.open("rb")
    magic = raw.read(2)
    raw.seek(0)
    return cast("IO[bytes]", gzip.open(raw)) if magic == b"\x1f\x8b" else raw


def name_of(element: Element) -> str:
    """Local name; empty for comments and processing instructions."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""  # pyright: ignore[reportUnnecessaryIsInstance]  # comments have a function for a tag


def entries(path: Path, parts: frozenset[str] = frozenset()) -> Iterator[Element]:
    """Each Atom entry, also those inside of others, released after use. Entities are not resolved and nothing is fetched (XXE).

    Elements named in `parts` come one by one before the entry that holds them and are released too: an entry of any size fits.

    Raises:
        MalformedFeed: here the file breaks off; entries before it were whole.
    """
    wanted = tuple(f"{{*}}{name}" for name in ("entry", *parts))
    with open_bytes(path) as stream:
        try:
            _check_root(stream)
            for _, element in etree.iterparse(stream, events=("end",), tag=wanted, **_SAFE):
                yield element
                _release(element)
        except etree.XMLSyntaxError as error:
            raise MalformedFeed(error.lineno, error.msg or "not well-formed XML") from error
        except BROKEN_GZIP as error:
            raise MalformedFeed(None, f"broken gzip data: {error}") from error


def _check_root(stream: IO[bytes]) -> None:
    """Look at the first element alone, so that no other document is read to its end; the stream is then at its start again."""
    _, root = next(iter(etree.iterparse(stream, events=("start",), **_SAFE)))
    if name_of(root) not in {"feed", "entry"}:
        raise MalformedFeed(root.sourceline, f"not an Atom feed but <{name_of(root)}>")
    stream.seek(0)


def _release(element: Element) -> None:
    """Free an element and those of its name before it; what the parser still needs of it stays."""
    element.clear()
    parent, before = element.getparent(), element.getprevious()
    while parent is not None and before is not None and (before.tag == element.tag or not name_of(before)):
        parent.remove(before)
        before = element.getprevious()


def links_of(entry: Element) -> Links:
    """The entry's links."""
    own, up, related = "", "", list[str]()
    for child in entry:
        if name_of(child) == "link":
            href, rel = normal(child.get("href") or ""), child.get("rel")
            if rel == "self":
                own = href
            elif rel == "up":
                up = href
            elif rel == "related":
                related.append(href)
    return Links(own, up, tuple(related))


def normal(href: str) -> str:
    """An address as it is compared: the same resource with or without its host."""
    return urlsplit(href.strip()).path.strip("/")


def contents(entry: Element) -> Iterator[Element]:
    """The resources inside of an entry."""
    for child in entry:
        if name_of(child) == "content":
            yield from (inner for inner in child if name_of(inner))


def number(parent: Element, name: str) -> int | None:
    """The integer in a child element.

    Raises:
        ValueError: it is there but no integer, or absurdly long.
    """
    for child in parent:
        if name_of(child) == name:
            text = (child.text or "").strip()
            if len(text) > MAX_NUMBER_LENGTH or not _INTEGER.fullmatch(text):
                raise ValueError(f"{name} is not a number: {text[:40]!r}")
            return int(text)
    return None


def child_of(parent: Element, name: str) -> Element | None:
    """The first child of a name."""
    return next((child for child in parent if name_of(child) == name), None)


def period_of(parent: Element, name: str) -> tuple[int, int] | None:
    """Start and duration in seconds of a DateTimeInterval child; None = not there.

    Raises:
        ValueError: it has no start, or no positive duration.
    """
    period = child_of(parent, name)
    if period is None:
        return None
    start, duration = number(period, "start"), number(period, "duration")
    if start is None or duration is None or duration <= 0:
        raise ValueError(f"{name} without a start and a positive duration")
    return start, duration


def updated_of(entry: Element) -> datetime | None:
    """When the entry was last changed; None = not said, or not a moment."""
    for child in entry:
        if name_of(child) == "updated" and child.text:
            try:
                moment = datetime.fromisoformat(child.text.strip())
            except ValueError:
                return None
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None
