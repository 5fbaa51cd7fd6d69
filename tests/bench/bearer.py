"""What the check of a bearer token adds to a request."""

import asyncio
import time
from collections.abc import Iterator

import httpx

from cds_accounts.settings import Settings
from cds_common.tokens import TokenVerifier
from tests.bench import loader
from tests.bench.frame import Benchmark, Figure, Goal
from tests.bench.world import World

CHECKS = 5_000


def run(world: World) -> Iterator[Figure]:
    """The share of the service's time for an account list that checking its token takes, once the token is known, and the first time."""
    variables = {name.removeprefix("CDS_ACCOUNTS_").lower(): value for name, value in world.stack.environment("accounts").items()}
    settings = Settings.model_validate(variables)
    request = loader.get("/cds/v1/accounts", world.host, world.consent_token)
    warm, cold, requests = [], [], []
    with world.beside("accounts") as address:
        for _ in range(world.rounds):
            load = loader.run(address, request, connections=1, seconds=world.seconds / 2)
            requests.append(load.percentiles["p50"])
            each = asyncio.run(_checks(settings, world.consent_token))
            warm.append(each[0] / requests[-1] * 100)
            cold.append(each[1])
    note = f"of a request of {sorted(requests)[len(requests) // 2]:.2f} ms at one connection, without ingress"
    yield Figure("bearer check of a known token", "% of a request", warm, goals=(Goal("value", 10, at_most=True),), note=note)
    yield Figure("bearer check of a token that is seen for the first time", "ms", cold, note="signature; no database, keys are cached")


async def _checks(settings: Settings, token: str) -> tuple[float, float]:
    """Milliseconds of a check when warm, and of a first one with the keys at hand."""
    async with httpx.AsyncClient(trust_env=False) as http:
        verifier = TokenVerifier(settings, http)
        await verifier.verify(token)
        began = time.perf_counter()
        for _ in range(CHECKS):
            await verifier.verify(token)
        warm = (time.perf_counter() - began) * 1000 / CHECKS
        began = time.perf_counter()
        for _ in range(100):
            verifier._verified.clear()
            await verifier.verify(token)
        return warm, (time.perf_counter() - began) * 1000 / 100


BENCHMARK = Benchmark("bearer", "Bearer check", run)
