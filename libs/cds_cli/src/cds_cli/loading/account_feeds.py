"""Account data of Green Button feeds: resources in any order and over several files, kept on disk until their relations are known."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from cds_cli.loading.account_fields import KINDS, fields_of, usage_points_of
from cds_cli.loading.espi import read_description
from cds_cli.loading.espi_codes import UnknownCode, service_type
from cds_cli.loading.feed import BROKEN_GZIP, Element, Links, MalformedFeed, contents, entries, links_of, name_of, open_bytes, updated_of
from cds_cli.loading.places import EPOCH
from cds_cli.loading.summary import Summary
from cds_common.events.vocabulary import ServicePointType

_NAMESPACE = b"naesb.org/espi/customer"
_CHUNK = 1 << 20
_SCHEMA = """
CREATE TABLE resource (link TEXT PRIMARY KEY, kind TEXT, updated TEXT, source TEXT, line INTEGER, fields TEXT);
CREATE INDEX resource_kind ON resource (kind);
CREATE TABLE edge (a TEXT, b TEXT, called BOOLEAN, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE INDEX edge_back ON edge (b, a);
CREATE TABLE point (location TEXT, link TEXT, tail TEXT, PRIMARY KEY (location, link)) WITHOUT ROWID;
CREATE INDEX point_tail ON point (tail);
CREATE TABLE service (link TEXT PRIMARY KEY, tail TEXT, kind INTEGER);
CREATE INDEX service_tail ON service (tail);
"""
_DIRECT = """SELECT r.* FROM resource r WHERE r.kind = :kind AND r.link <> :link AND
    r.link IN (SELECT b FROM edge WHERE a = :link UNION SELECT a FROM edge WHERE b = :link) ORDER BY r.link"""
_BY_COLLECTION = """SELECT r.* FROM edge mine JOIN edge theirs ON theirs.b = mine.b JOIN resource r ON r.link = theirs.a
    WHERE mine.a = :link AND r.kind = :kind AND r.link <> :link AND mine.called <> theirs.called ORDER BY r.link"""


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as its feed says it."""

    link: str
    kind: str
    updated: datetime
    source: str
    line: int
    fields: dict[str, str]


class AccountStore:
    """Resources with their relations, in a temporary database that spills to disk."""

    def __init__(self) -> None:
        self._base = sqlite3.connect("")  # a file without a name, gone with the connection
        self._base.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    def read(self, path: Path) -> None:
        """Take in the account data of a feed; what else there is, and where it breaks off, is said by who reads its usage."""
        try:
            for entry in entries(path):
                links = links_of(entry)
                for content in contents(entry):
                    kind = KINDS.get(name_of(content))
                    if kind is not None:
                        self._add(entry, content, kind, links, path.name)
        except MalformedFeed:
            return

    def read_services(self, path: Path) -> None:
        """Learn which usage points of a feed are electricity, gas or water."""
        try:
            feed = read_description(path, Summary())
        except MalformedFeed:
            return
        rows = ((link, _tail(link), kind) for link, kind in feed.usage_points.items())
        self._base.executemany("INSERT OR REPLACE INTO service VALUES (?, ?, ?)", rows)

    def _add(self, entry: Element, content: Element, kind: str, links: Links, source: str) -> None:
        row = (links.own, kind, (updated_of(entry) or EPOCH).isoformat(), source, content.sourceline, json.dumps(fields_of(content, kind)))
        self._base.execute("INSERT OR REPLACE INTO resource VALUES (?, ?, ?, ?, ?, ?)", row)
        points = {link for link in (*links.related, *usage_points_of(content)) if _tail(link)}
        # The parent of a nested address, what the entry calls related, and its collection, which its parent may call related.
        edges = dict.fromkeys((links.own.rsplit("/", 2)[0], links.up), False) | dict.fromkeys(links.related, True)
        rows = [(links.own, other, called) for other, called in edges.items() if other not in {"", links.own} and other not in points]
        self._base.executemany("INSERT OR IGNORE INTO edge VALUES (?, ?, ?)", rows)
        self._base.executemany("INSERT OR IGNORE INTO point VALUES (?, ?, ?)", [(links.own, link, _tail(link)) for link in points])

    def all(self, kind: str) -> Iterator[Resource]:
        """Every resource of a kind, in the order of the files."""
        for row in self._base.execute("SELECT * FROM resource WHERE kind = ? ORDER BY rowid", (kind,)):
            yield _resource(row)

    def get(self, link: str) -> Resource | None:
        """One resource by its address."""
        row = self._base.execute("SELECT * FROM resource WHERE link = ?", (link,)).fetchone()
        return None if row is None else _resource(row)

    def related(self, link: str, kind: str) -> list[Resource]:
        """Resources of a kind that stand in relation to one: by links of either, nested addresses, or a collection of its own.

        Where no relation is said and there is only one resource of the kind, it is meant.
        """
        for statement in (_DIRECT, _BY_COLLECTION):
            rows = self._base.execute(statement, {"link": link, "kind": kind}).fetchall()
            if rows:
                return [_resource(row) for row in rows]
        only = self._base.execute("SELECT * FROM resource WHERE kind = ? LIMIT 2", (kind,)).fetchall()
        return [_resource(row) for row in only] if len(only) == 1 else []

    def points_of(self, location: str) -> list[str]:
        """The usage points of a location."""
        return [link for (link,) in self._base.execute("SELECT link FROM point WHERE location = ? ORDER BY link", (location,))]

    def location_of(self, point: str) -> tuple[str, str] | None:
        """The location of a usage point, and the usage point's address there (hosts and prefixes of feeds differ)."""
        found = self._base.execute("SELECT location, link FROM point WHERE link = ?", (point,)).fetchall()
        found = found or self._base.execute("SELECT location, link FROM point WHERE tail = ?", (_tail(point),)).fetchall()
        return found[0] if len(found) == 1 else None

    def service_of(self, point: str) -> ServicePointType | None:
        """Electricity, gas or water, where a usage feed of the load says it."""
        found = self._base.execute("SELECT kind FROM service WHERE link = ?", (point,)).fetchall()
        found = found or self._base.execute("SELECT DISTINCT kind FROM service WHERE tail = ?", (_tail(point),)).fetchall()
        try:
            return service_type(found[0][0]) if len(found) == 1 else None
        except UnknownCode:
            return None


def holds_account_data(path: Path) -> bool:
    """Whether the namespace of the retail customer schema occurs in a file."""
    try:
        with open_bytes(path) as stream:
            end = b""
            while chunk := stream.read(_CHUNK):
                if _NAMESPACE in end + chunk:
                    return True
                end = chunk[-len(_NAMESPACE) :]
    except BROKEN_GZIP:
        return False
    return False


def _resource(row: tuple[str, str, str, str, int, str]) -> Resource:
    link, kind, updated, source, line, fields = row
    return Resource(link, kind, datetime.fromisoformat(updated), source, line, json.loads(fields))


def _tail(link: str) -> str:
    """The end of a usage point's address that all of its addresses share; empty for other resources."""
    _, slash, rest = f"/{link}".rpartition("/UsagePoint/")
    return f"UsagePoint/{rest}" if slash and rest and "/" not in rest else ""
