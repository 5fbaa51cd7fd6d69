"""What the benchmarks share: a stack of its own with the demo utility, Clients and tokens, households with known readings."""

import asyncio
import os
import sys
import time
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import psutil

from cds_cli.demo_utility.generate import events
from cds_cli.journey.story import Story
from cds_cli.loading.publish import wait_until_taken
from cds_common.events.utility import ReadingsRecordedV1, UtilityEvent
from cds_local import parts, ports, processes, topics
from cds_local.routes import SERVICES
from cds_local.stack import LocalStack
from tests.e2e.support import QUERIES, agree, begin, household, listing, newcomer, query, readings, until

ROOT = Path(__file__).parents[2]
FIRST, DAYS = date(2026, 1, 1), 31
"""The month of the measured readings: no change of clocks, 2,976 quarter hours."""
LOADING_SECONDS = 600
UNLIMITED = {
    "CLIENT_REQUESTS_PER_SECOND": "0",
    "TOKEN_REQUESTS_PER_SECOND": "0",
    "FAILED_TOKENS_PER_MINUTE": "0",
    "REQUESTS_PER_SECOND": "1000000",
    "REGISTRATIONS_PER_MINUTE": "1000000",
    "API_CALLS_PER_SECOND": "1000000",
    "ACCESS_TOKEN_LIFETIME": "7200",
}
"""One generator plays thousands of Clients: the rate limits stay in the path and are set so that they never say no."""


def demo() -> Iterator[UtilityEvent]:
    """The demo utility without its readings: the measured ones are made by the benchmarks."""
    return (event for event in events(date(2026, 1, 10)) if not isinstance(event, ReadingsRecordedV1))


def new_stack() -> LocalStack:
    """A stack on free ports, durable as an installation is."""
    environment = {f"CDS_{service.upper()}_{name}": value for service in SERVICES for name, value in UNLIMITED.items()}
    return LocalStack(ROOT, port_choice="free", durable=True, environment=environment)


class World:
    """The running stack and what was made in it; `named` = only the benchmarks that were asked for by name run.

    Seconds of a run of requests, rounds of the turns, and the size of what is loaded come from the environment.
    """

    def __init__(self, stack: LocalStack, *, named: bool) -> None:
        self.stack, self.named = stack, named
        self.seconds = float(os.environ.get("BENCH_SECONDS", "4"))
        self.rounds = int(os.environ.get("BENCH_ROUNDS", "3"))
        self.scale = float(os.environ.get("BENCH_SCALE", "1"))

    @property
    def host(self) -> str:
        """The value of the Host header."""
        return urlsplit(self.stack.public_url).netloc

    @property
    def ingress(self) -> tuple[str, int]:
        """Where the ingress listens."""
        return "127.0.0.1", self.stack.ports["ingress"]

    def dsn(self, service: str) -> str:
        """A service's database, as the superuser."""
        return self.stack.postgres.url(scheme="postgresql").rsplit("/", 1)[0] + f"/{service}"

    def sql(self, service: str, query: str, *arguments: object) -> list[Any]:
        """Rows of a service's database."""

        async def ask() -> list[Any]:
            connection = await asyncpg.connect(self.dsn(service))
            try:
                return await connection.fetch(query, *arguments)
            finally:
                await connection.close()

        return asyncio.run(ask())

    def send(self, messages: Iterable[UtilityEvent]) -> None:
        """Publish and wait until the services have taken in what follows from it as well."""
        servers = self.stack.kafka_bootstrap_servers
        sent = begin(self.stack, messages)
        assert asyncio.run(wait_until_taken(servers, sent, lambda _left: None, LOADING_SECONDS)), "not everything was taken in"
        self.settle()

    def settle(self, seconds: float = 300) -> None:
        """Wait until no consumer is behind and every outbox is empty."""

        def quiet() -> bool | None:
            if any(lag for state in asyncio.run(topics.states(self.stack.kafka_bootstrap_servers)) for lag in state.lag.values()):
                return None
            waiting = "SELECT count(*) AS waiting FROM outbox WHERE published_at IS NULL"
            return True if not any(self.sql(service, waiting)[0]["waiting"] for service in SERVICES) else None

        until("every consumer has caught up", quiet, seconds)

    @cached_property
    def client(self) -> Story:
        """A Client with consent and direct access to the whole sandbox."""
        return newcomer(self.stack, [*QUERIES, "cds_usage"], direct="cds_query_usage", consent="cds_usage")

    @property
    def admin_basic(self) -> str:
        """Credentials of the Client Admin object, as HTTP Basic has them."""
        return b64encode(":".join(self.client.client.credentials["admin"].basic).encode()).decode()

    @cached_property
    def consent_token(self) -> str:
        """An access token of a Grant that a customer gave for one scope."""
        scope = self.client.client.scope_id("cds_usage")
        shown = {"include_accounts": True, "include_account_numbers": True, "include_service_contracts": True}
        asked = {"contract_numbers": ["_all"], "authorization_form_selection_type": "service_contract_selection", **shown}
        token = str(agree(self.client, "moss", {"type": scope, **asked})["access_token"])
        until("the customer's accounts", lambda: listing(self.client, "accounts", token) or None)
        return token

    @cached_property
    def month(self) -> tuple[str, str, dict[str, Any]]:
        """(path, access token, segment) of one meter's month of quarter hours."""
        self.send([*household("BM-1"), *month_of("BM-1", 1)])
        token = query(self.client, "cds_query_usage", account_numbers=["BM-1"], segment_start="P3Y")
        (segment,) = until("the month", lambda: listing(self.client, "usage_segments", token) or None)
        assert sum(len(row) for row in segment["values"]) == DAYS * 96
        return f"/cds/v1/usage-segments?cds_usagesegment_ids={segment['cds_usagesegment_id']}", token, segment

    @contextmanager
    def beside(self, service: str, **environment: str) -> Iterator[tuple[str, int]]:
        """One more api process of a service, without the ingress, with other settings; gives its address."""
        port = ports.free_port()
        log = self.stack.layout.logs / f"bench-{service}-{port}.log"
        command = parts.api_command(service, port, self.stack.environment(service) | environment, log, ROOT)
        running = processes.start(command)
        try:
            processes.wait_until(lambda: parts.answers_ready(port), running, service, log, 60)
            yield "127.0.0.1", port
        finally:
            processes.stop(running)

    def cpu_seconds(self, part: str) -> float:
        """What a process of the stack has worked so far: unlike time by the clock it hardly depends on what else the machine does."""
        pid = next(each.pid for each in self.stack.status() if each.name == part)
        times = psutil.Process(pid).cpu_times()
        return times.user + times.system

    def rss(self, names: Iterable[str] = ()) -> dict[str, float]:
        """Resident MiB of each process of ours, by part."""
        wanted = set(names)
        own = (part for part in self.stack.status() if part.name not in {"postgres", "kafka", "traces"})
        return {part.name: part.memory_bytes / 2**20 for part in own if not wanted or part.name in wanted}


def month_of(number: str, seed: int) -> list[ReadingsRecordedV1]:
    """A month of quarter hours of a household, a message a day."""
    return [
        readings(number, FIRST + timedelta(days=day), [(seed * 97 + day * 31 + n * 37) % 900 for n in range(96)]) for day in range(DAYS)
    ]


def committed_inserts(world: World, service: str, connections: int = 32) -> float:
    """Committed one-row transactions a second, over 8 connections: what a request that leaves one row behind costs at least."""

    async def insert() -> float:
        pool = await asyncpg.create_pool(world.dsn(service), min_size=8, max_size=8)
        try:
            await pool.execute(
                "CREATE TABLE IF NOT EXISTS bench_floor (no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz)"
            )
            done, stop_at = 0, time.monotonic() + world.seconds / 2

            async def one() -> None:
                nonlocal done
                while time.monotonic() < stop_at:
                    await pool.execute("INSERT INTO bench_floor (at) VALUES (now())")
                    done += 1

            began = time.monotonic()
            await asyncio.gather(*(one() for _ in range(connections)))
            return done / (time.monotonic() - began)
        finally:
            await pool.execute("DROP TABLE IF EXISTS bench_floor")
            await pool.close()

    return asyncio.run(insert())


@contextmanager
def child(module: str, *arguments: str, port: int) -> Iterator[tuple[str, int]]:
    """A process of our own that serves HTTP on `port`; gives its address once it answers."""
    log = ROOT / ".local" / "bench-child.log"
    argv = [sys.executable, "-m", module, *arguments, str(port)]
    running = processes.start(processes.Command(argv=argv, env={"PYTHONPATH": str(ROOT)}, log=log, cwd=ROOT))
    try:
        processes.wait_until(lambda: _answers(port), running, module, log, 30)
        yield "127.0.0.1", port
    finally:
        processes.stop(running)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
