"""A message has its effect once, also when two deliveries run at the same time."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from cds_common.inbox import MessagePlace, current_place, once, once_each
from cds_common.message_tables import INBOX
from libs.cds_common.tests.builders import ThingChangedV1, a_change


async def test_second_delivery_gets_no_transaction(committed_engine: AsyncEngine) -> None:
    sessions, event_id = async_sessionmaker(committed_engine), uuid4()
    async with once(sessions, consumer="a", event_id=event_id) as tx:
        assert tx is not None
    async with once(sessions, consumer="a", event_id=event_id) as tx:
        assert tx is None
    async with once(sessions, consumer="b", event_id=event_id) as tx:
        assert tx is not None, "each consumer counts for itself"


async def test_failed_handling_leaves_no_inbox_row(committed_engine: AsyncEngine) -> None:
    sessions, event_id = async_sessionmaker(committed_engine), uuid4()
    with pytest.raises(RuntimeError):
        async with once(sessions, consumer="a", event_id=event_id):
            raise RuntimeError
    async with once(sessions, consumer="a", event_id=event_id) as tx:
        assert tx is not None


async def test_two_deliveries_at_once_have_one_effect(committed_engine: AsyncEngine) -> None:
    sessions, event_id = async_sessionmaker(committed_engine), uuid4()
    async with committed_engine.begin() as connection:
        await connection.execute(text("CREATE TABLE effects (number int)"))

    async def handle() -> None:
        async with once(sessions, consumer="a", event_id=event_id) as tx:
            if tx is not None:
                await asyncio.sleep(0.1)
                await tx.execute(text("INSERT INTO effects VALUES (1)"))

    await asyncio.gather(*(handle() for _ in range(5)))
    async with sessions() as session:
        assert await session.scalar(text("SELECT count(*) FROM effects")) == 1
        assert await session.scalar(select(func.count()).select_from(INBOX)) == 1


async def test_row_says_where_the_message_lies(committed_engine: AsyncEngine) -> None:
    sessions = async_sessionmaker(committed_engine)
    token = current_place.set(MessagePlace("cds.grants", 2, 41))
    async with once(sessions, consumer="a", event_id=uuid4()):
        pass
    current_place.reset(token)
    async with sessions() as session:
        row = (await session.execute(select(INBOX))).one()
    assert (row.topic, row.partition, row.offset) == ("cds.grants", 2, 41)


async def test_of_a_batch_only_the_new_events_are_given_and_each_once(committed_engine: AsyncEngine) -> None:
    sessions, first, second = async_sessionmaker(committed_engine), a_change(version=1), a_change(version=2)
    async with once_each(sessions, consumer="a", events=[first]) as (_, new):
        assert new == [first]
    async with once_each(sessions, consumer="a", events=[second, first, second]) as (_, new):
        assert new == [second]
    async with once_each(sessions, consumer="b", events=[second, first]) as (_, new):
        assert new == [second, first], "each consumer counts for itself, and the order is that of the batch"
    async with once_each(sessions, consumer="a", events=list[ThingChangedV1]()) as (_, new):
        assert new == []


async def test_a_batch_that_failed_is_given_again_as_a_whole(committed_engine: AsyncEngine) -> None:
    sessions, events = async_sessionmaker(committed_engine), [a_change(version=1), a_change(version=2)]
    with pytest.raises(RuntimeError):
        async with once_each(sessions, consumer="a", events=events):
            raise RuntimeError
    async with once_each(sessions, consumer="a", events=events) as (_, new):
        assert new == events
