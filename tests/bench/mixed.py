"""Tokens, lists, months and consent forms together, at a rate that is held whatever the server does."""

import os
import threading
import time
from collections.abc import Iterator

from cds_cli.journey.client import Pkce
from cds_cli.journey.story import sign_in
from tests.bench import loader
from tests.bench.consent import pushed
from tests.bench.frame import Benchmark, Figure, Goal
from tests.bench.world import World

RATE = 750.0
SHORT_SECONDS, FULL_SECONDS = 60.0, 600.0
MIX = "llllllmmmmmttttlllmmlltmlmtlmltlmtlmlmtf"
"""One letter a request: lists, months, tokens, and a consent form now and then."""


def run(world: World) -> Iterator[Figure]:
    """10 minutes by BENCH=mixed, one within `make bench`; MIXED_SECONDS chooses. Latency counts from when a request is due."""
    seconds = float(os.environ.get("MIXED_SECONDS", FULL_SECONDS if world.named else SHORT_SECONDS))
    path, month_token, _ = world.month
    grant = "grant_type=client_credentials&scope=cds_client_admin"
    kinds = {
        "l": loader.get("/cds/v1/accounts", world.host, world.consent_token),
        "m": loader.get(path, world.host, month_token),
        "t": loader.post_form("/oauth/token", world.host, world.admin_basic, grant),
        "f": _form(world),
    }
    loader.run(world.ingress, lambda number: kinds[MIX[number % len(MIX)]](number), connections=8, seconds=2)
    watched = _Memory(world, seconds)
    watched.start()
    load = loader.run_at(world.ingress, lambda number: kinds[MIX[number % len(MIX)]](number), rate=RATE, seconds=seconds)
    watched.join()
    share = {name: MIX.count(letter) / len(MIX) for name, letter in (("lists", "l"), ("months", "m"), ("tokens", "t"), ("forms", "f"))}
    note = f"due at {RATE:.0f}/s for {seconds:.0f} s: {', '.join(f'{name} {part:.0%}' for name, part in share.items())}; {load.note()}"
    goals = (Goal("p95", 100, at_most=True), Goal("value", RATE * 0.98))
    yield Figure("mixed load", "answers/s", [load.rate], (), (), load.percentiles, goals, note)
    yield Figure("failures under mixed load", "answers", [float(load.failures)], goals=(Goal("value", 0, at_most=True),))
    note = (
        f"from {watched.early:.0f} MiB after a quarter of the time to {watched.late:.0f} MiB at its end, twelve processes and the ingress"
    )
    yield Figure("growth of memory under mixed load", "%", [watched.growth], goals=(Goal("value", 5, at_most=True),), note=note)


def _form(world: World) -> loader.Request:
    """The consent form of a customer who is logged in."""

    story = world.client
    story.wire.http.cookies.clear()
    sign_in(story, pushed(world, Pkce()), "moss")
    page = story.browser.page
    assert page is not None
    cookie = "; ".join(f"{name}={value}" for name, value in story.wire.http.cookies.items())
    return loader.page(page.url.removeprefix(world.stack.public_url), world.host, cookie)


class _Memory(threading.Thread):
    """Resident memory of our processes after a quarter of the time, and at its end."""

    def __init__(self, world: World, seconds: float) -> None:
        super().__init__()
        self._world, self._seconds = world, seconds
        self.early = self.late = 0.0

    def run(self) -> None:
        """Look twice."""
        time.sleep(self._seconds / 4)
        self.early = sum(self._world.rss().values())
        time.sleep(self._seconds * 3 / 4)
        self.late = sum(self._world.rss().values())

    @property
    def growth(self) -> float:
        """In percent."""
        return (self.late / self.early - 1) * 100


BENCHMARK = Benchmark("mixed", "Mixed load", run)
