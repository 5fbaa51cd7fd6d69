"""Short requests at 32 connections: account lists and tokens by client_credentials."""

from collections.abc import Iterator

from tests.bench import loader
from tests.bench.frame import Benchmark, Figure, Goal, in_turn
from tests.bench.world import World, committed_inserts

_FLOOR = "one committed INSERT for each, by asyncpg over 8 connections: every request leaves a row behind (access log, token)"


def _measured(world: World, service: str, request: loader.Request, what: str, unit: str, goals: tuple[Goal, ...]) -> Figure:
    loads: list[loader.Load] = []

    def ours() -> float:
        loads.append(loader.run(world.ingress, request, seconds=world.seconds))
        return loads[-1].rate

    worked = world.cpu_seconds(f"{service}-api")
    taken = in_turn(world.rounds, ours=ours, floor=lambda: committed_inserts(world, service))
    worked = (world.cpu_seconds(f"{service}-api") - worked) * 1000 / sum(len(load.latencies_ms) for load in loads)
    middle = sorted(loads, key=lambda load: load.rate)[len(loads) // 2]
    return Figure(
        what,
        unit,
        taken["ours"],
        taken["floor"],
        (),
        middle.percentiles,
        goals,
        f"{worked:.2f} ms of CPU in {service}-api; {middle.note()}",
    )


def lists(world: World) -> Iterator[Figure]:
    """The account list of a consent token."""
    request = loader.get("/cds/v1/accounts", world.host, world.consent_token)
    yield _measured(world, "accounts", request, "account list of a consent token", "lists/s", (Goal("value", 1500),))


def tokens(world: World) -> Iterator[Figure]:
    """Issued and persisted."""
    request = loader.post_form("/oauth/token", world.host, world.admin_basic, "grant_type=client_credentials&scope=cds_client_admin")
    goals = (Goal("value", 1000), Goal("p99", 50, at_most=True))
    yield _measured(world, "auth", request, "access token by client_credentials, persisted", "tokens/s", goals)


LISTS = Benchmark("lists", "Account lists", lists, floor=_FLOOR)
TOKENS = Benchmark("tokens", "Token issuance", tokens, floor=_FLOOR)
