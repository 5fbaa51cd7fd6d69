"""Following `next` and `previous` gives every row once, in order, whatever the sort keys."""

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings, strategies
from sqlalchemy import TIMESTAMP, Column, Integer, MetaData, Numeric, Table, Text, Uuid, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from cds_common.db import Sessions
from cds_common.paging import Listing, PageRequest, SortKey
from cds_common.problems import ProblemError
from libs.cds_common.tests.conftest import SampleSettings, sample_settings

THINGS = Table(
    "paged_things",
    MetaData(),
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=True),
    Column("amount", Numeric, nullable=True),
    Column("number", Integer, nullable=False),
    Column("moment", TIMESTAMP(timezone=True), nullable=True),
)
C = THINGS.c
EPOCH = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
async def things(connection: AsyncConnection) -> AsyncConnection:
    await connection.run_sync(THINGS.create)
    return connection


def request(query: list[tuple[str, str]] | None = None, *, cursor: str | None = None, path: str = "/cds/v1/things") -> PageRequest:
    return PageRequest(sample_settings(), path, tuple(query or ()), cursor)


def followed(url: str) -> PageRequest:
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "http://localhost:8080/cds/v1/things"
    pairs = parse_qsl(parts.query)
    return request([pair for pair in pairs if pair[0] != "cursor"], cursor=dict(pairs)["cursor"])


rows_strategy = strategies.lists(
    strategies.tuples(
        strategies.one_of(strategies.none(), strategies.sampled_from(["", "a", "B", "b", "Ä", "z", "aa", "10", "9"])),
        strategies.one_of(strategies.none(), strategies.sampled_from([Decimal("1.0"), Decimal(1), Decimal("-2.50"), Decimal("0.10")])),
        strategies.integers(-1, 1),
        strategies.one_of(strategies.none(), strategies.integers(0, 2)),
    ),
    min_size=0,
    max_size=14,
)


def keys_strategy() -> strategies.SearchStrategy[tuple[SortKey, ...]]:
    key = strategies.one_of(
        strategies.builds(
            SortKey,
            strategies.just(C.name),
            descending=strategies.booleans(),
            text=strategies.sampled_from([True]),
            nulls_first=strategies.booleans(),
        ),
        strategies.builds(SortKey, strategies.just(C.amount), descending=strategies.booleans(), nulls_first=strategies.booleans()),
        strategies.builds(SortKey, strategies.just(C.number), descending=strategies.booleans(), nullable=strategies.sampled_from([False])),
        strategies.builds(SortKey, strategies.just(C.moment), descending=strategies.booleans(), nulls_first=strategies.booleans()),
    )
    return strategies.lists(key, min_size=0, max_size=3, unique_by=lambda k: k.column.name).map(tuple)


def plain_sort(rows: list[dict[str, Any]], keys: tuple[SortKey, ...]) -> list[UUID]:
    """Stable sorts from the last key to the first: an order that owes nothing to SQL."""
    ordered = sorted(rows, key=lambda row: row["id"].int)
    for key in reversed(keys):
        name = key.column.name
        with_value = sorted((row for row in ordered if row[name] is not None), key=lambda row: row[name], reverse=False)
        if key.descending:
            groups = [list(group) for _, group in itertools.groupby(with_value, key=lambda row: row[name])]
            with_value = [row for group in reversed(groups) for row in group]
        none = [row for row in ordered if row[name] is None]
        ordered = none + with_value if key.nulls_first else with_value + none
    return [row["id"] for row in ordered]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=rows_strategy, keys=keys_strategy(), size=strategies.integers(1, 5))
async def test_pages_join_to_the_sorted_list_both_ways(
    things: AsyncConnection, sessions: Sessions, values: list[tuple[Any, ...]], keys: tuple[SortKey, ...], size: int
) -> None:
    rows = [
        {
            "id": UUID(int=(number * 7919) % 101),
            "name": v[0],
            "amount": v[1],
            "number": v[2],
            "moment": None if v[3] is None else EPOCH + timedelta(microseconds=v[3]),
        }
        for number, v in enumerate(values)
    ]
    listing = Listing("things", keys, tie=C.id, size=size)
    async with sessions() as session:
        await session.execute(delete(THINGS))
        if rows:
            await session.execute(THINGS.insert(), rows)
        wanted = plain_sort(rows, keys)
        pages = [await listing.page(session, select(C.id), request(), identity="me")]
        assert pages[0].previous is None
        while pages[-1].next:
            assert len(pages) <= len(rows)
            pages.append(await listing.page(session, select(C.id), followed(pages[-1].next), identity="me"))
        assert [row for page in pages for row in page.scalars()] == wanted
        assert all(len(page.rows) == size for page in pages[:-1])
        back = [pages[-1]]
        while back[-1].previous:
            assert len(back) <= len(rows) + 1
            back.append(await listing.page(session, select(C.id), followed(back[-1].previous), identity="me"))
        assert [row for page in reversed(back) for row in page.scalars()] == wanted


@pytest.fixture
async def hundred_and_one(things: AsyncConnection, session: AsyncSession) -> AsyncSession:
    await session.execute(THINGS.insert(), [{"id": UUID(int=number), "number": number} for number in range(101)])
    return session


ORDERED = Listing("things", (SortKey(C.number, nullable=False),), tie=C.id)


async def test_hundred_objects_are_one_page_and_one_more_makes_two(hundred_and_one: AsyncSession) -> None:
    page = await ORDERED.page(hundred_and_one, select(C.number).where(C.number < 100), request(), identity="me")
    assert (len(page.rows), page.next, page.previous) == (100, None, None)
    page = await ORDERED.page(hundred_and_one, select(C.number), request(), identity="me")
    assert len(page.rows) == 100
    assert page.next is not None
    rest = await ORDERED.page(hundred_and_one, select(C.number), followed(page.next), identity="me")
    assert (rest.scalars(), rest.next) == ([100], None)


async def test_rows_that_appear_meanwhile_neither_shift_nor_double_a_page(hundred_and_one: AsyncSession) -> None:
    page = await ORDERED.page(hundred_and_one, select(C.number), request(), identity="me")
    assert page.next is not None
    await hundred_and_one.execute(THINGS.insert(), [{"id": UUID(int=500), "number": -5}])
    rest = await ORDERED.page(hundred_and_one, select(C.number), followed(page.next), identity="me")
    assert rest.scalars() == [100]


async def test_link_keeps_the_filters(hundred_and_one: AsyncSession) -> None:
    query = [("after", "2025-01-01T00:00Z"), ("ids", "a b&c")]
    page = await ORDERED.page(hundred_and_one, select(C.number), request(query), identity="me")
    assert page.next is not None
    assert [pair for pair in parse_qsl(urlsplit(page.next).query) if pair[0] != "cursor"] == query


@pytest.mark.parametrize(
    "how", ["another list", "another caller", "another filter", "another path", "another key", "tampered", "garbage", "empty"]
)
async def test_cursor_made_for_something_else_is_refused(hundred_and_one: AsyncSession, how: str) -> None:
    page = await ORDERED.page(hundred_and_one, select(C.number), request(), identity="me")
    assert page.next is not None
    good = followed(page.next)
    assert good.cursor is not None
    flipped = good.cursor[:-6] + ("A" if good.cursor[-6] != "A" else "B") + good.cursor[-5:]
    other_key: SampleSettings = sample_settings(internal_key="o" * 40)
    listing, wanted, identity = {
        "another list": (Listing("other", ORDERED.keys, tie=C.id), good, "me"),
        "another caller": (ORDERED, good, "you"),
        "another filter": (ORDERED, request([("after", "2025")], cursor=good.cursor), "me"),
        "another path": (ORDERED, request(cursor=good.cursor, path="/cds/v1/others"), "me"),
        "another key": (ORDERED, PageRequest(other_key, good.path, good.query, good.cursor), "me"),
        "tampered": (ORDERED, request(cursor=flipped), "me"),
        "garbage": (ORDERED, request(cursor="%%%"), "me"),
        "empty": (ORDERED, request(cursor="AAAA"), "me"),
    }[how]
    with pytest.raises(ProblemError) as refusal:
        await listing.page(hundred_and_one, select(C.number), wanted, identity=identity)
    assert refusal.value.kind.status == 400


async def test_cursor_hides_the_values_it_stands_for(things: AsyncConnection, session: AsyncSession) -> None:
    await session.execute(THINGS.insert(), [{"id": UUID(int=n), "number": n, "name": "masked-account-number"} for n in range(2)])
    listing = Listing("things", (SortKey(C.name, text=True),), tie=C.id, size=1)
    page = await listing.page(session, select(C.id), request(), identity="me")
    import base64

    assert page.next is not None
    cursor = followed(page.next).cursor or ""
    assert b"masked" not in base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
