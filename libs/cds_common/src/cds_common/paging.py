"""Pages by key, never by offset: a list stays whole while its rows move and a client follows the links."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from fastapi import Depends, Query
from sqlalchemy import ColumnElement, Select, and_, bindparam, false, or_, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute
from starlette.requests import Request

from cds_common.errors import FieldFault
from cds_common.keys import derive_key
from cds_common.problems import ProblemError, ProblemType
from cds_common.settings import CommonSettings

PAGE_SIZE = 100
MAX_CURSOR_LENGTH = 2000
INVALID_CURSOR = ProblemType(400, "invalid-cursor", "The page link is not valid")

Column = ColumnElement[Any] | InstrumentedAttribute[Any]


@dataclass(frozen=True, slots=True)
class SortKey:
    """One sort column. `text` compares by code point (`COLLATE "C"`); none sorts first unless `nulls_first` is false.

    `nullable=False` promises that the column has no nulls, which lets Postgres use an index for deep pages.
    """

    column: Column
    descending: bool = False
    text: bool = False
    nulls_first: bool = True
    nullable: bool = True

    @property
    def expression(self) -> ColumnElement[Any]:
        """What is sorted and compared by."""
        column: Any = self.column
        return column.collate("C") if self.text else column.expression if isinstance(column, InstrumentedAttribute) else column

    def reversed(self) -> "SortKey":
        """The key of the opposite order."""
        return SortKey(self.column, not self.descending, self.text, not self.nulls_first, self.nullable)

    def order(self) -> ColumnElement[Any]:
        """The ORDER BY element."""
        direction = self.expression.desc() if self.descending else self.expression.asc()
        if not self.nullable:
            return direction
        return direction.nulls_first() if self.nulls_first else direction.nulls_last()

    def same(self, value: Any) -> ColumnElement[bool]:
        """The column equals `value`, none included."""
        return self.expression.is_(None) if value is None else self.expression == self._bound(value)

    def after(self, value: Any) -> ColumnElement[bool]:
        """The column sorts strictly after `value`."""
        if value is None:
            return self.expression.is_not(None) if self.nulls_first else false()
        beyond = self.expression < self._bound(value) if self.descending else self.expression > self._bound(value)
        return beyond if self.nulls_first or not self.nullable else or_(beyond, self.expression.is_(None))

    def _bound(self, value: Any) -> ColumnElement[Any]:
        column: Any = self.column
        return bindparam(None, value, type_=column.type, unique=True)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Where the client is in a list: the address it called and the cursor it brought."""

    settings: CommonSettings
    path: str
    query: tuple[tuple[str, str], ...]
    cursor: str | None

    def following(self, link: str) -> "PageRequest":
        """The request that a page's `next` stands for, for an export that walks through a list by itself."""
        return replace(self, cursor=parse_qs(urlsplit(link).query)["cursor"][0])


async def _page_request(
    request: Request, cursor: Annotated[str | None, Query(description="Opaque; follow `next` and `previous` instead")] = None
) -> PageRequest:
    query = tuple((name, value) for name, value in request.query_params.multi_items() if name != "cursor")
    if len(request.query_params.getlist("cursor")) > 1 or len(cursor or "") > MAX_CURSOR_LENGTH:
        raise _invalid()
    return PageRequest(request.state.settings, request.url.path, query, cursor)


Paging = Annotated[PageRequest, Depends(_page_request)]


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of one page and the absolute addresses of its neighbours; rows end with the sort values as `sort_0`, `sort_1`, …"""

    rows: Sequence[Any]
    next: str | None
    previous: str | None

    def scalars(self) -> list[Any]:
        """The first column (the entity) of each row."""
        return [row[0] for row in self.rows]


class Turn:
    """Where to begin and which way to go for one page, and the links of its neighbours; for a service with a query of its own.

    The query sorts by `length` values (the tie-breaker last), in reverse when `backward`, starts strictly after `position`
    if there is one, and asks for `size + 1` rows.

    Raises:
        ProblemError: 400, the cursor is forged or was made for another list, caller or filter.
    """

    def __init__(self, paging: PageRequest, *, name: str, identity: str, length: int, size: int = PAGE_SIZE) -> None:
        self._paging, self._name, self._identity = paging, name, identity
        self.size = size
        self.backward, self.position = self._seal().open(paging.cursor, length) if paging.cursor else (False, None)

    def page(self, found: Sequence[Any], position_of: Callable[[Any], tuple[Any, ...]]) -> Page:
        """The page of the rows that the query found; `position_of` gives the values that a row is sorted by."""
        rows, more = list(found[: self.size]), len(found) > self.size
        if self.backward:
            rows.reverse()
        onward = rows and (more or self.backward)
        back = rows and (more if self.backward else self.position is not None)
        return Page(
            rows,
            self._seal().link(position_of(rows[-1]), backward=False) if onward else None,
            self._seal().link(position_of(rows[0]), backward=True) if back else None,
        )

    def _seal(self) -> "_Seal":
        # Made when needed only: most lists fit on one page.
        return _Seal(self._paging, self._name, self._identity)


@dataclass(frozen=True, slots=True)
class Listing:
    """The order of one list. Ties are broken by `tie`, an id that is unique among the rows, ascending.

    `name` and the caller's identity are bound into the cursors: one made for another list, client, Grant or filter is refused.
    """

    name: str
    keys: tuple[SortKey, ...]
    tie: Column
    tie_text: bool = False
    size: int = PAGE_SIZE

    async def page(self, session: AsyncSession, statement: Select[Any], paging: PageRequest, *, identity: str) -> Page:
        """Run `statement` (without order and limit, not DISTINCT or grouped) for the wanted page.

        Raises:
            ProblemError: 400, the cursor is forged or was made for another list, caller or filter.
        """
        turn = Turn(paging, name=self.name, identity=identity, length=len(self.keys) + 1, size=self.size)
        keys = self._keys(backward=turn.backward)
        if turn.position is not None:
            statement = statement.where(_beyond(keys, turn.position))
        found = (await session.execute(_sorted(statement, keys).limit(self.size + 1))).all()
        count = len(keys)
        return turn.page(found, lambda row: tuple(row[-count:]))

    def first_page(self, statement: Select[Any]) -> Select[Any]:
        """`statement` in the order of the list, with its sort values at the end and no limit yet; for a service with a `Turn`."""
        return _sorted(statement, self._keys(backward=False))

    def _keys(self, *, backward: bool) -> tuple[SortKey, ...]:
        keys = (*self.keys, SortKey(self.tie, text=self.tie_text, nullable=False))
        return tuple(key.reversed() for key in keys) if backward else keys


def _sorted(statement: Select[Any], keys: Sequence[SortKey]) -> Select[Any]:
    columns = [key.expression.label(f"sort_{number}") for number, key in enumerate(keys)]
    return statement.add_columns(*columns).order_by(*(key.order() for key in keys))


def _beyond(keys: Sequence[SortKey], position: Sequence[Any]) -> ColumnElement[bool]:
    """Rows strictly after `position` in the order of `keys`."""
    if len({key.descending for key in keys}) == 1 and not any(key.nullable for key in keys):
        here = tuple_(*(key.expression for key in keys))
        there = tuple_(*(key._bound(value) for key, value in zip(keys, position, strict=True)))  # noqa: SLF001
        return here < there if keys[0].descending else here > there
    steps: list[ColumnElement[bool]] = []
    equal: list[ColumnElement[bool]] = []
    for key, value in zip(keys, position, strict=True):
        steps.append(and_(*equal, key.after(value)))
        equal.append(key.same(value))
    # The first key alone bounds the scan of an index; the steps alone would not.
    return and_(or_(keys[0].same(position[0]), keys[0].after(position[0])), or_(*steps))


class _Seal:
    """Encrypts positions into cursors: a client must not read a sort value that its Grant masks, nor make up a position.

    AES-SIV (RFC 5297) gives a position the same cursor every time, so that an unchanged page keeps its bytes and its ETag.
    """

    def __init__(self, paging: PageRequest, name: str, identity: str) -> None:
        self._paging = paging
        self._cipher = AESSIV(derive_key(paging.settings.internal_key, "page-cursors"))
        bound = msgspec.json.encode([name, paging.path, identity, sorted(paging.query)])
        self._bound = hashlib.sha256(bound).digest()

    def link(self, position: Sequence[Any], *, backward: bool) -> str:
        """The absolute address of the page after, or before, `position`."""
        plain = msgspec.msgpack.encode([backward, [_pack(value) for value in position]])
        cursor = base64.urlsafe_b64encode(self._cipher.encrypt(plain, [self._bound])).rstrip(b"=").decode()
        return f"{self._paging.settings.public_url}{self._paging.path}?{urlencode([*self._paging.query, ('cursor', cursor)])}"

    def open(self, cursor: str, length: int) -> tuple[bool, tuple[Any, ...]]:
        """Read a cursor made by `link` for the same list, caller and filter."""
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            plain = self._cipher.decrypt(raw, [self._bound])
            backward, packed = msgspec.msgpack.decode(plain, type=tuple[bool, list[tuple[str, Any]]])
            position = tuple(_unpack(kind, value) for kind, value in packed)
        except (ValueError, InvalidTag, msgspec.MsgspecError) as error:
            raise _invalid() from error
        if len(position) != length:
            raise _invalid()
        return backward, position


def _invalid() -> ProblemError:
    return ProblemError(INVALID_CURSOR, "The page link is not valid for this list", faults=(FieldFault("#query/cursor", "not valid"),))


def _pack(value: Any) -> tuple[str, Any]:
    match value:
        case None | bool() | int() | str():
            return "v", value
        case datetime():
            return "t", value.isoformat()
        case date():
            return "d", value.isoformat()
        case Decimal():
            return "n", str(value)
        case UUID():
            return "u", str(value)
        case _:
            raise TypeError(f"cannot page by {type(value).__name__}")


def _unpack(kind: str, value: Any) -> Any:
    readers: dict[str, Any] = {"v": lambda v: v, "t": datetime.fromisoformat, "d": date.fromisoformat, "n": Decimal, "u": UUID}
    return readers[kind](value)
