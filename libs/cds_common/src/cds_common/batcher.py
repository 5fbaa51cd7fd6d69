"""Calls that are made at the same time travel together: one statement, one round trip and one commit for all of them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from cds_common.faults import is_transient

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True)
class _Waiter(Generic[T, R]):
    item: T
    outcome: asyncio.Future[R]
    context: Context = field(default_factory=copy_context)


class Batcher(Generic[T, R]):
    """Group commit: what is submitted while a batch is under way is the next batch. Nothing waits for a batch to fill.

    `work` gets the items of a batch and gives their results in the same order, all or nothing. It begins after its items were
    submitted, so that a read sees what was committed before it was asked for; a write is committed when its caller goes on. It runs in the
    context (trace) of its first caller, in a task of its own: a caller that is cancelled takes no other with it.
    """

    def __init__(self, work: Callable[[Sequence[T]], Awaitable[Sequence[R]]], *, most: int = 100) -> None:
        self._work, self._most = work, most
        self._waiting: list[_Waiter[T, R]] = []
        self._task: asyncio.Task[None] | None = None

    async def submit(self, item: T) -> R:
        """The result of `item`.

        Raises:
            Exception: what `work` raised. A lasting fault is that of one item: the others of its batch are tried alone.
        """
        waiter: _Waiter[T, R] = _Waiter(item, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        self._go_on()
        return await waiter.outcome

    def _go_on(self) -> None:
        """Begin the next batch unless one is under way or nobody waits."""
        if self._task is None and self._waiting:
            self._task = asyncio.create_task(self._run(), context=self._waiting[0].context)

    async def _run(self) -> None:
        batch = [one for one in self._waiting[: self._most] if not one.outcome.done()]
        del self._waiting[: self._most]
        try:
            await self._settle(batch)
        finally:
            for one in batch:
                one.outcome.cancel()  # no effect on an outcome that is known: only the end of the process leaves others
            self._task = None
            self._go_on()

    async def _settle(self, batch: Sequence[_Waiter[T, R]]) -> None:
        try:
            results = await self._work([one.item for one in batch]) if batch else ()
        except Exception as error:  # noqa: BLE001  # it is the callers': each of them raises it
            if len(batch) > 1 and not is_transient(error):
                for one in batch:
                    await self._settle([one])
                return
            for one in batch:
                if not one.outcome.done():
                    one.outcome.set_exception(error)
        else:
            for one, result in zip(batch, results, strict=True):
                if not one.outcome.done():
                    one.outcome.set_result(result)
