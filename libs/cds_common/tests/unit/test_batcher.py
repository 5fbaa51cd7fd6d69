"""What is called at the same time travels together, and nobody pays for a neighbour."""

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar

import pytest

from cds_common.batcher import Batcher
from cds_common.errors import TransientError

caller: ContextVar[str] = ContextVar("caller", default="nobody")


class Shop:
    """Doubles numbers, a batch at a time, when it is let."""

    def __init__(self, *, most: int = 100) -> None:
        self.batches: list[list[int]] = []
        self.callers: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.batcher = Batcher(self.work, most=most)

    async def work(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.callers.append(caller.get())
        await self.open.wait()
        if 0 in items:
            raise ZeroDivisionError
        if -1 in items:
            raise TransientError("away")
        return [2 * item for item in items]

    def ask(self, item: int) -> asyncio.Task[int]:
        return asyncio.create_task(self.batcher.submit(item))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_one_alone_does_not_wait() -> None:
    shop = Shop()
    assert await asyncio.wait_for(shop.batcher.submit(4), 1) == 8
    assert await asyncio.wait_for(shop.batcher.submit(5), 1) == 10
    assert shop.batches == [[4], [5]]


async def test_what_comes_meanwhile_is_the_next_batch_and_each_gets_its_own_result() -> None:
    shop = Shop(most=3)
    shop.open.clear()
    asked = [shop.ask(1)]
    await settle()
    asked += [shop.ask(number) for number in range(2, 7)]
    await settle()
    assert shop.batches == [[1]]
    assert not any(one.done() for one in asked)
    shop.open.set()
    assert await asyncio.gather(*asked) == [2, 4, 6, 8, 10, 12]
    assert shop.batches == [[1], [2, 3, 4], [5, 6]]


async def test_a_caller_that_leaves_takes_nobody_with_it() -> None:
    shop = Shop()
    shop.open.clear()
    first, second = shop.ask(1), shop.ask(2)
    await settle()
    third, fourth = shop.ask(3), shop.ask(4)
    await settle()
    first.cancel()
    third.cancel()
    await settle()
    shop.open.set()
    assert await asyncio.gather(second, fourth) == [4, 8]
    assert first.cancelled()
    assert third.cancelled()
    assert shop.batches == [[1, 2], [4]]


async def test_a_lasting_fault_is_that_of_one() -> None:
    shop = Shop()
    found = await asyncio.gather(*(shop.ask(number) for number in (1, 0, 3)), return_exceptions=True)
    assert found[::2] == [2, 6]
    assert isinstance(found[1], ZeroDivisionError)
    assert shop.batches == [[1, 0, 3], [1], [0], [3]]


async def test_a_passing_fault_is_everybodys_and_the_next_batch_goes_on() -> None:
    shop = Shop()
    found = await asyncio.gather(*(shop.ask(number) for number in (1, -1, 3)), return_exceptions=True)
    assert [type(one) for one in found] == [TransientError] * 3
    assert shop.batches == [[1, -1, 3]]
    assert await shop.batcher.submit(5) == 10


async def test_each_batch_runs_in_the_context_of_its_first_caller() -> None:
    """Else every statement would hang in the trace of the request that came first."""
    shop = Shop()
    shop.open.clear()

    async def ask(name: str) -> None:
        caller.set(name)
        await shop.batcher.submit(1)

    asked = [asyncio.create_task(ask("one"))]
    await settle()
    asked += [asyncio.create_task(ask(name)) for name in ("two", "three")]
    await settle()
    shop.open.set()
    await asyncio.gather(*asked)
    assert shop.callers == ["one", "two"]


@pytest.mark.filterwarnings("error")
async def test_the_end_of_the_process_leaves_nobody_waiting() -> None:
    shop = Shop()
    shop.open.clear()
    asked = shop.ask(1)
    await settle()
    (running,) = (task for task in asyncio.all_tasks() if task.get_coro().__qualname__ == "Batcher._run")  # type: ignore[union-attr]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asked, 1)
