"""What tracing costs."""

from collections.abc import Iterator

from tests.bench import loader
from tests.bench.frame import Benchmark, Figure, Goal, in_turn
from tests.bench.world import World


def run(world: World) -> Iterator[Figure]:
    """Account lists of two api processes of our own, without ingress: one samples 10 % of its requests, one has no tracing at all."""
    head = f"GET /cds/v1/accounts HTTP/1.1\r\nHost: {world.host}\r\nAuthorization: Bearer {world.consent_token}\r\n\r\n".encode()
    with (
        world.beside("accounts", CDS_ACCOUNTS_TRACE_SAMPLE_RATIO="0.1") as sampled,
        world.beside("accounts", OTEL_SDK_DISABLED="true", CDS_ACCOUNTS_OTLP_ENDPOINT="") as untraced,
    ):
        for address in (sampled, untraced):
            loader.run(address, lambda _n: head, seconds=1)
        taken = in_turn(
            world.rounds + 2,
            ours=lambda: loader.run(sampled, lambda _n: head, seconds=world.seconds / 2).rate,
            floor=lambda: loader.run(untraced, lambda _n: head, seconds=world.seconds / 2).rate,
        )
    note = "spans of the request and of each statement, sent to the local trace store, which runs on the same cores"
    yield Figure("account lists with tracing at 10 %", "lists/s", taken["ours"], taken["floor"], (), {}, (Goal("floor", 0.85),), note)


BENCHMARK = Benchmark("tracing", "Tracing", run, floor="the same process without tracing (OTEL_SDK_DISABLED), in the same turns")
