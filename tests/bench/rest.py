"""Each process as it starts by itself, without the runner's shared libraries: when it is ready, and what it holds at rest."""

import time
from collections.abc import Iterator

import psutil

from cds_local import parts, ports, processes
from cds_local.routes import SERVICES
from tests.bench.frame import Benchmark, Figure, Goal
from tests.bench.world import ROOT, World

REST_SECONDS = 3.0


def run(world: World) -> Iterator[Figure]:
    """One process more of each kind, started the way a container starts it, one after the other."""
    memory, waits = dict[str, float](), dict[str, float]()
    for service in SERVICES:
        for kind in ("api", "worker"):
            memory[f"{service}-{kind}"], waits[f"{service}-{kind}"] = _one(world, service, kind)
    largest, slowest = max(memory, key=memory.__getitem__), max(waits, key=waits.__getitem__)
    listed = ", ".join(f"{name} {size:.0f}" for name, size in memory.items())
    limits = (Goal("value", 150, at_most=True), Goal("value", 3, at_most=True))
    yield Figure("largest process at rest", "MiB", [memory[largest]], goals=limits[:1], note=f"resident, MiB: {listed}")
    listed = ", ".join(f"{name} {wait:.1f}" for name, wait in waits.items())
    yield Figure(
        "slowest process to be ready", "s", [waits[slowest]], goals=limits[1:], note=f"from exec to 200 of /health/ready, s: {listed}"
    )


def _one(world: World, service: str, kind: str) -> tuple[float, float]:
    """(MiB at rest, seconds until ready)."""
    port = ports.free_port()
    log = world.stack.layout.logs / f"bench-rest-{service}-{kind}.log"
    environment = world.stack.environment(service) | {f"CDS_{service.upper()}_WORKER_HEALTH_PORT": str(port)}
    command = (
        parts.api_command(service, port, environment, log, ROOT) if kind == "api" else parts.worker_command(service, environment, log, ROOT)
    )
    began = time.monotonic()
    running = processes.start(command)
    try:
        processes.wait_until(lambda: parts.answers_ready(port), running, service, log, 60)
        took = time.monotonic() - began
        time.sleep(REST_SECONDS)
        return psutil.Process(running.pid).memory_info().rss / 2**20, took
    finally:
        processes.stop(running)


BENCHMARK = Benchmark("rest", "At rest", run)
