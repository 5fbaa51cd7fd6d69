"""Reads the current metrics of the stack's processes (Prometheus text format)."""

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx
from prometheus_client.parser import text_string_to_metric_families

from cds_local.ports import HOST

_MAX_BYTES = 2 * 1024 * 1024
_MAX_SAMPLES = 2_000


@dataclass(frozen=True)
class Sample:
    """One value of a metric."""

    name: str
    labels: dict[str, str]
    value: float


@dataclass
class Target:
    """A process that shows metrics, with what it showed last; `age` is in seconds, None when it never answered."""

    name: str
    port: int
    samples: list[Sample] = field(default_factory=list[Sample])
    problem: str | None = "not read yet"
    read_at: float | None = None

    @property
    def age(self) -> float | None:
        """How old the values are, in seconds."""
        return None if self.read_at is None else time.monotonic() - self.read_at


def read_samples(text: str) -> list[Sample]:
    """Read a metrics document; histogram buckets and times of creation are left out, as is what JSON has no number for.

    Raises:
        ValueError: it isn't one, or it is larger than 2 MiB.
    """
    if len(text) > _MAX_BYTES:
        raise ValueError("more than 2 MiB of metrics")
    samples = [
        Sample(sample.name, dict(sample.labels), sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith(("_bucket", "_created")) and math.isfinite(sample.value)
    ]
    return samples[:_MAX_SAMPLES]


async def _read(client: httpx.AsyncClient, target: Target) -> None:
    try:
        answer = await client.get(f"http://{HOST}:{target.port}/metrics")
        answer.raise_for_status()
        target.samples = read_samples(answer.text)
        target.read_at = time.monotonic()
        target.problem = None
    except (httpx.HTTPError, ValueError) as error:
        target.problem = f"{type(error).__name__}: {error}"[:200]


async def read_forever(targets: Mapping[str, Target], every_seconds: float) -> None:
    """Read all targets again and again until cancelled."""
    async with httpx.AsyncClient(timeout=2.0) as client:
        while True:
            for target in targets.values():
                await _read(client, target)
            await asyncio.sleep(every_seconds)
