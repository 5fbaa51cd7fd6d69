"""A small HTTP load generator: keep-alive connections on one uvloop, each answer timed from its send (or its due time) to the last byte."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import httptools
import uvloop

from tests.bench.frame import percentiles

T = TypeVar("T")
Request = Callable[[int], bytes]
SAMPLED_ONE_IN = 10
"""One request in ten is traced, through all services, as an installation would."""


def traced(number: int) -> str:
    """The header by which a request is sampled or not (W3C trace context)."""
    flag = "01" if number % SAMPLED_ONE_IN == 0 else "00"
    return f"traceparent: 00-{number + 1:032x}-{number + 1:016x}-{flag}\r\n"


@dataclass(slots=True)
class Load:
    """What a run gave; `busy` is the share of one core that the generator itself used."""

    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list[float])
    statuses: dict[int, int] = field(default_factory=dict[int, int])
    busy: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies_ms) / self.seconds

    @property
    def failures(self) -> int:
        """Answers that are no 2xx."""
        return sum(count for status, count in self.statuses.items() if not 200 <= status < 300)

    @property
    def percentiles(self) -> dict[str, float]:
        """Latencies."""
        return percentiles(self.latencies_ms)

    def note(self) -> str:
        """What a table says besides."""
        return f"{self.failures} failures; the generator used {self.busy:.0%} of a core"


class _Connection(asyncio.Protocol):
    """One connection; `after` is called when an answer is complete."""

    def __init__(self, load: Load, after: Callable[["_Connection"], None]) -> None:
        self._load, self._after = load, after
        self.began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own kind

    def send(self, request: bytes, began: float) -> None:
        self.began = began
        self._parser = httptools.HttpResponseParser(self)
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        self._load.latencies_ms.append((time.perf_counter() - self.began) * 1000)
        self._load.statuses[status] = self._load.statuses.get(status, 0) + 1
        self._after(self)


async def _connected(host: str, port: int, load: Load, after: Callable[[_Connection], None]) -> _Connection:
    _, connection = await asyncio.get_running_loop().create_connection(lambda: _Connection(load, after), host, port)
    return connection


async def _closed_loop(host: str, port: int, request: Request, connections: int, seconds: float) -> Load:
    load, number, running = Load(), 0, connections
    stop_at = time.perf_counter() + seconds
    finished = asyncio.Event()

    def following(connection: _Connection) -> None:
        nonlocal number, running
        now = time.perf_counter()
        if now < stop_at:
            number += 1
            connection.send(request(number), now)
            return
        connection.transport.close()
        running -= 1
        if not running:
            finished.set()

    opened = [await _connected(host, port, load, following) for _ in range(connections)]
    began, used = time.perf_counter(), time.process_time()
    for connection in opened:
        following(connection)
    await asyncio.wait_for(finished.wait(), seconds + 60)
    load.seconds = time.perf_counter() - began
    load.busy = (time.process_time() - used) / load.seconds
    return load


async def _open_loop(host: str, port: int, request: Request, rate: float, connections: int, seconds: float) -> Load:
    """Requests are due at their times whatever the server does, and wait for a free connection on the clock of their latency."""
    load = Load()
    free: asyncio.Queue[_Connection] = asyncio.Queue()
    for _ in range(connections):
        free.put_nowait(await _connected(host, port, load, free.put_nowait))
    began, used = time.perf_counter(), time.process_time()
    for number in range(int(rate * seconds)):
        due = began + number / rate
        if (pause := due - time.perf_counter()) > 0:
            await asyncio.sleep(pause)
        (await free.get()).send(request(number), due)
    for _ in range(connections):
        (await asyncio.wait_for(free.get(), 60)).transport.close()
    load.seconds = time.perf_counter() - began
    load.busy = (time.process_time() - used) / load.seconds
    return load


def in_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run on a uvloop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def run(address: tuple[str, int], request: Request, *, connections: int = 32, seconds: float = 5.0) -> Load:
    """Ask for `seconds` over `connections`, each asking again when it is answered; `request(n)` gives the bytes of the n-th request."""
    return in_loop(_closed_loop(*address, request, connections, seconds))


def run_at(address: tuple[str, int], request: Request, *, rate: float, seconds: float, connections: int = 128) -> Load:
    """Ask `rate` times a second for `seconds`."""
    return in_loop(_open_loop(*address, request, rate, connections, seconds))


def get(path: str, host: str, bearer: str) -> Request:
    """A GET with an access token."""
    head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {bearer}\r\n"
    return lambda number: f"{head}{traced(number)}\r\n".encode()


def page(path: str, host: str, cookie: str) -> Request:
    """A GET as a browser sends it."""
    head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nCookie: {cookie}\r\n"
    return lambda number: f"{head}{traced(number)}\r\n".encode()


def post_form(path: str, host: str, basic: str, body: str) -> Request:
    """A POST with HTTP Basic and a form."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {basic}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
    )
    return lambda number: f"{head}{traced(number)}\r\n{body}".encode()
