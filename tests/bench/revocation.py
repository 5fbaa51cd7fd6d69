"""From the answer that ends a Grant to the refusal of every data API, with the bus and without it."""

import asyncio
import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.bench.frame import Benchmark, Figure, Goal, percentiles
from tests.bench.world import World
from tests.e2e.support import LISTINGS, QUERIES, everybody_ready

TRIALS = int(os.environ.get("REVOCATIONS", "1000"))
CLIENTS = 16
MAKING = 4
DOWN_GRANTS = 40
FULL_REQUESTS, SHORT_REQUESTS = 10_000, 2_000
"""Beyond the cap: all of them by BENCH=revocation, a fifth within `make bench`."""
CAP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Open:
    """A Grant that opens every data API, and its token."""

    uri: str
    token: str


class Grants:
    """Makes and ends Grants over HTTP, many at a time."""

    def __init__(self, world: World, http: httpx.AsyncClient) -> None:
        self._client, self.http = world.client.client, http
        self.apis = [world.client.api(api) for api in LISTINGS.values()]
        self._scopes = [self._client.scope_id(each) for each in QUERIES]

    async def make(self, number: int) -> Open:
        """A Grant of its own: each is frozen at another day of the future."""
        until = (datetime(2040, 1, 1, tzinfo=UTC) + timedelta(hours=number)).strftime("%Y-%m-%dT%H:00:00Z")
        details = [{"type": scope, "sync_until": until} for scope in self._scopes]
        form = {"grant_type": "client_credentials", "scope": " ".join(self._scopes), "authorization_details": json.dumps(details)}
        answer = await self.http.post(self._client.metadata["token_endpoint"], data=form, auth=self._client.credentials["direct"].basic)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        (grant_id,) = body["cds_grant_ids"]
        made = Open(f"{self._client.metadata['cds_grants_api']}/{grant_id}", body["access_token"])
        await asyncio.gather(*(self._until(api, made, 200, pause=0.4) for api in self.apis))
        return made

    async def make_all(self, numbers: Iterable[int]) -> list[Open]:
        """Several Grants, `MAKING` at a time."""
        places = asyncio.Semaphore(MAKING)

        async def one(number: int) -> Open:
            async with places:
                return await self.make(number)

        return await asyncio.gather(*map(one, numbers))

    async def end(self, grant: Open) -> None:
        """Close it; returns when the server has answered."""
        answer = await self.http.patch(
            grant.uri, json={"status": "closed"}, headers={"authorization": f"Bearer {self._client.admin_token}"}
        )
        assert answer.status_code in {200, 202}, answer.text

    async def status(self, api: str, grant: Open) -> int:
        """One request."""
        return (await self.http.get(api, headers={"authorization": f"Bearer {grant.token}"})).status_code

    async def _until(self, api: str, grant: Open, wanted: int, *, pause: float = 0.005) -> float:
        """Ask until the answer has the status; the moment of that answer."""
        deadline = time.perf_counter() + 30
        while (status := await self.status(api, grant)) != wanted:
            assert time.perf_counter() < deadline, f"{api} still answers {status}"
            await asyncio.sleep(pause)
        return time.perf_counter()

    async def refused_after(self, grant: Open) -> float:
        """Milliseconds from the answer that ended it until every API has refused."""
        await self.end(grant)
        began = time.perf_counter()
        return (max(await asyncio.gather(*(self._until(api, grant, 401) for api in self.apis))) - began) * 1000


def run(world: World) -> Iterator[Figure]:
    """Bus up: one Grant after the other. Bus down: all at once, then requests beyond the cap."""
    waits = asyncio.run(_bus_up(world))
    taken = percentiles(waits)
    goals = (Goal("p99", 250, at_most=True), Goal("max", 1000, at_most=True))
    note = f"{len(waits):,} revocations; until each of {len(LISTINGS)} data APIs has answered 401, refusal's own round trip included"
    yield Figure("revocation to refusal, bus up", "ms", [taken["p50"]], (), (), taken, goals, note)
    yield from asyncio.run(_bus_down(world, FULL_REQUESTS if world.named else SHORT_REQUESTS))
    everybody_ready(world.stack)


async def _bus_up(world: World) -> list[float]:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        grants, waits = Grants(world, http), list[float]()
        for first in range(0, TRIALS, 50):
            made = await grants.make_all(range(first, min(first + 50, TRIALS)))
            await asyncio.to_thread(world.settle)  # a Grant can be read before its events are: they must not stand in the way of the ends
            waits += [await grants.refused_after(grant) for grant in made]
        return waits


async def _bus_down(world: World, requests: int) -> Sequence[Figure]:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        grants = Grants(world, http)
        made = await grants.make_all(range(100_000, 100_000 + DOWN_GRANTS))
        await asyncio.to_thread(world.stack.kill, "kafka")
        try:
            last_data, leaked = await _hammered(grants, made, requests)
        finally:
            await asyncio.to_thread(world.stack.start, "kafka")
    note = f"{DOWN_GRANTS} Grants ended while Kafka was killed; the last answer with data was asked for {last_data:.2f} s after the end"
    return [
        Figure("revocation to refusal, bus down", "s", [last_data], goals=(Goal("value", CAP_SECONDS, at_most=True),), note=note),
        Figure(
            "answers with data after the cap, bus down", f"of {requests:,}", [leaked], goals=(Goal("value", 0, at_most=True),),
            note=f"requests over all data APIs, {CAP_SECONDS:.0f} s and more after the end",
        ),
    ]  # fmt: skip


async def _hammered(grants: Grants, made: Sequence[Open], requests: int) -> tuple[float, float]:
    """(seconds after the end at which the last answer with data was asked for, answers with data beyond the cap)."""
    await asyncio.gather(*map(grants.end, made))
    ended, last, leaked, beyond = time.perf_counter(), 0.0, 0, 0
    targets = [(api, grant) for grant in made for api in grants.apis]
    number = 0

    async def one() -> None:
        nonlocal last, leaked, beyond, number
        while beyond < requests:
            api, grant = targets[number % len(targets)]
            number += 1
            sent = time.perf_counter() - ended
            shown = await grants.status(api, grant) == 200
            last = max(last, sent) if shown else last
            if sent > CAP_SECONDS:
                beyond += 1
                leaked += shown

    await asyncio.gather(*(one() for _ in range(CLIENTS)))
    return last, float(leaked)


BENCHMARK = Benchmark("revocation", "Revocation to refusal", run)
