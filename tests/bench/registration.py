"""Dynamic registration, one after the other."""

import json
import time
from collections.abc import Iterator

import httpx

from tests.bench.frame import Benchmark, Figure, Goal, percentiles
from tests.bench.world import World

COUNT = 150
BODY = {
    "scope": "cds_client_admin cds_usage_hlp", "client_name": "Bench", "client_uri": "https://bench.example",
    "contacts": ["dev@bench.example"],
}  # fmt: skip


def run(world: World) -> Iterator[Figure]:
    """From the POST to the last byte of the answer."""
    waits: list[float] = []
    body = json.dumps(BODY).encode()
    with httpx.Client(base_url=world.stack.public_url, trust_env=False, timeout=30) as http:
        for _ in range(COUNT + 10):
            began = time.perf_counter()
            answer = http.post("/oauth/register", content=body, headers={"content-type": "application/json"})
            waits.append((time.perf_counter() - began) * 1000)
            assert answer.status_code == 201, answer.text
    taken = percentiles(waits[10:])
    yield Figure("registration", "ms", [taken["p50"]], (), (), taken, (Goal("p95", 60, at_most=True),), f"{COUNT} registrations")


BENCHMARK = Benchmark("registration", "Dynamic registration", run)
