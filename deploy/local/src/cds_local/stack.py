"""A whole stack as one object: `make up` uses one with fixed ports, tests use others with free ports beside it."""

import asyncio
import contextlib
import signal
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from cds_local import envoy, kafka, leftovers, parts, paths, ports, postgres, processes, secret_store, topics, tracestore
from cds_local.environment import service_environment
from cds_local.parts import Part
from cds_local.prefork import Prefork
from cds_local.processes import Command, Running
from cds_local.routes import SERVICES
from cds_local.run_state import RunState

Say = Callable[[str], None]
DEFAULT_PUBLIC_URL = "http://localhost:8080"


class PortTaken(Exception):
    """A fixed port is used by a process that this stack didn't start."""


class OtherAddress(Exception):
    """The stack runs already, with another public address."""


@dataclass(frozen=True)
class PartStatus:
    """What a part does now: `ready`, `starting`, `crashed` (ended without being asked to) or `stopped`."""

    name: str
    state: Literal["ready", "starting", "crashed", "stopped"]
    port: int
    pid: int | None
    memory_bytes: int
    log: Path


def _quiet(_line: str) -> None:
    """Say nothing."""


class LocalStack:
    """PostgreSQL, Kafka, the trace store, the services' api and worker processes and the ingress.

    Args:
        root: the clone; `services/<name>/alembic.ini` and `config/utility.yaml` are found there.
        home: where the stack keeps its files; `.local` with fixed ports, else a folder of its own, removed by `down`.
        port_choice: "fixed" for the addresses of `make up`, "free" for a second stack beside it.
        services: which services to run.
        public_url: the address that clients use; with free ports it is the ingress's own unless given.
        cache: downloads that stacks share.
        durable: False leaves out fsync in PostgreSQL.
        python_path: put before the modules that a service's process finds by itself.
        environment: more variables for the services' processes.
        trace_sample_ratio: the share of traces that are recorded, where the caller does not say (`traceparent`).
    """

    def __init__(
        self,
        root: Path,
        *,
        home: Path | None = None,
        port_choice: Literal["fixed", "free"] = "fixed",
        services: tuple[str, ...] = SERVICES,
        public_url: str | None = None,
        cache: Path | None = None,
        durable: bool = True,
        python_path: Path | None = None,
        environment: Mapping[str, str] | None = None,
        trace_sample_ratio: float = 1.0,
    ) -> None:
        self.root = root.absolute()
        self.services = services
        own_home = paths.stacks_folder(self.root) / uuid.uuid4().hex[:12] if port_choice == "free" else self.root / ".local"
        self.layout = paths.Layout(root=self.root, home=(home or own_home).absolute())
        self.cache = cache or self.layout.cache
        self.throwaway = home is None and port_choice == "free"
        self.ports = parts.free_ports(services) if port_choice == "free" else parts.fixed_ports(services)
        self.public_url = public_url or (DEFAULT_PUBLIC_URL if port_choice == "fixed" else f"http://localhost:{self.ports['ingress']}")
        if port_choice == "fixed":
            self.ports["ingress"] = _listening_port(self.public_url)
        self.durable, self._trace_sample_ratio = durable, trace_sample_ratio
        self._extra = dict(environment or {}) | ({"PYTHONPATH": str(python_path)} if python_path else {})
        self._state = RunState.load(self.layout.run / "state.json")
        self._secrets: dict[str, str] = {}
        self._prefork: Prefork | None = None

    # What it is made of

    @property
    def secrets(self) -> dict[str, str]:
        """The generated passwords and keys."""
        if not self._secrets:
            self.layout.create()
            self._secrets = secret_store.load(self.layout.secrets, self.services)
        return self._secrets

    def environment(self, service: str) -> dict[str, str]:
        """Give the variables of a service, as its processes get them."""
        return self._extra | service_environment(
            service,
            secrets=self.secrets,
            port_numbers=self.ports,
            public_url=self.public_url,
            traces=True,
            trace_sample_ratio=self._trace_sample_ratio,
            files=self.layout.state / "files",
            utility_config=self.root / "config" / "utility.yaml",
        )

    def part(self, name: str) -> Part:
        """Give a part by its name: postgres, kafka, traces, envoy, `<service>-api`, `<service>-worker`."""
        log = self.layout.logs / f"{name}.log"
        if name == "postgres":
            port = self.ports["postgres"]
            ready = partial(postgres.is_ready, port)
            return Part(name, port, log, partial(self._postgres_command, log), ready, 90, signal.SIGINT)
        if name == "kafka":
            return Part(name, self.ports["kafka"], log, partial(self._kafka_command, log), partial(kafka.answers, self.ports["kafka"]), 150)
        if name == "traces":
            port = self.ports["traces"]
            command = partial(
                tracestore.command, port=port, file=self.layout.state / "traces.sqlite", targets=self.metric_targets(), log=log
            )
            return Part(name, port, log, command, partial(parts.answers_ready, port), 90)
        if name == "envoy":
            return Part(name, self.ports["ingress"], log, partial(self._envoy_command, log), self._envoy_ready, 60)
        service, kind = name.rsplit("-", 1)
        port = self.ports[name]
        environment = self.environment(service)
        command = (
            partial(parts.api_command, service, port, environment, log, self.root)
            if kind == "api"
            else partial(parts.worker_command, service, environment, log, self.root)
        )
        return Part(name, port, log, command, partial(parts.answers_ready, port), 180)

    @property
    def part_names(self) -> list[str]:
        """Every part, in the order of starting."""
        kinds = [f"{service}-{kind}" for service in self.services for kind in ("api", "worker")]
        return ["postgres", "kafka", "traces", *kinds, "envoy"]

    def metric_targets(self) -> dict[str, int]:
        """Give the port of each process that shows metrics."""
        return {name: port for name, port in self.ports.items() if name.endswith(("-api", "-worker"))}

    def _postgres_command(self, log: Path) -> Command:
        return postgres.command(
            self.layout.state / "postgres",
            port=self.ports["postgres"],
            password=self.secrets["POSTGRES_PASSWORD"],
            log=log,
            durable=self.durable,
        )

    def _kafka_command(self, log: Path) -> Command:
        return kafka.command(
            self.layout.state / "kafka",
            port=self.ports["kafka"],
            controller_port=self.ports["kafka-controller"],
            log=log,
            cache=self.cache,
        )

    def _envoy_command(self, log: Path) -> Command:
        configured = envoy.configuration(
            port=self.ports["ingress"],
            admin_port=self.ports["ingress-admin"],
            services={service: self.ports[f"{service}-api"] for service in self.services},
            access_log=self.layout.logs / "access.log",
            traces_port=self.ports["traces"],
            trace_sample_ratio=self._trace_sample_ratio,
        )
        return envoy.command(configured, self.layout.run / "envoy.json", log)

    def _envoy_ready(self) -> bool:
        return parts.answers_ready(self.ports["ingress-admin"], "/ready") and ports.accepts(self.ports["ingress"])

    @property
    def postgres(self) -> postgres.Postgres:
        """The database server, for scripts as superuser."""
        return postgres.Postgres(
            port=self.ports["postgres"],
            password=self.secrets["POSTGRES_PASSWORD"],
            binaries=postgres.binaries(),
            log=self.layout.logs / "postgres.log",
        )

    @property
    def kafka_bootstrap_servers(self) -> str:
        """The broker's address."""
        return f"{ports.HOST}:{self.ports['kafka']}"

    def api_url(self, service: str) -> str:
        """Give the internal address of a service's api process."""
        return f"http://{ports.HOST}:{self.ports[f'{service}-api']}"

    # One part

    def alive(self, name: str) -> bool:
        """Tell whether a part's process runs."""
        running = self._state.parts.get(name)
        return running is not None and running.alive

    def start(self, name: str, *, wait: bool = True) -> None:
        """Start a part unless it runs, and wait until it is ready.

        Raises:
            PartFailed: it ended, or wasn't ready in time.
            PortTaken: something else listens on its port.
        """
        if not self.alive(name):
            part = self.part(name)
            if not ports.is_free(part.port):
                raise PortTaken(f"port {part.port} of {name} is in use by another program")
            self._state.started(name, self._launch(name, part.command()))
        if wait:
            self.wait_ready(name)

    def _launch(self, name: str, command: Command) -> Running:
        if self._prefork is not None and name.endswith(("-api", "-worker")):
            return self._prefork.start(command)
        return processes.start(command)

    def wait_ready(self, name: str) -> None:
        """Wait until a started part is ready.

        Raises:
            PartFailed: it ended, or wasn't ready in time.
        """
        part = self.part(name)
        processes.wait_until(part.ready, self._state.parts[name], name, part.log, part.patience_seconds)

    def stop(self, name: str) -> None:
        """Stop a part in order; harmless when it doesn't run."""
        running = self._state.parts.get(name)
        if running is not None:
            processes.stop(running, self.part(name).stop_signal)
            self._state.stopped(name)

    def kill(self, name: str) -> None:
        """End a part as a crash would (SIGKILL), and wait until it is gone. `start` brings it back on its old data.

        Raises:
            KeyError: the part was never started.
        """
        processes.stop(self._state.parts[name], signal.SIGKILL)

    def logs(self, name: str, lines: int = 15) -> str:
        """Give the last lines of a part's log."""
        return processes.tail(self.layout.logs / f"{name}.log", lines)

    def status(self) -> list[PartStatus]:
        """Look at every part."""
        with ThreadPoolExecutor(max_workers=4) as pool:
            return list(pool.map(self._status, self.part_names))

    def _status(self, name: str) -> PartStatus:
        part = self.part(name)
        running = self._state.parts.get(name)
        process = running.process() if running is not None else None
        if process is None:
            return PartStatus(name, "stopped" if running is None else "crashed", part.port, None, 0, part.log)
        return PartStatus(name, "ready" if part.ready() else "starting", part.port, process.pid, process.memory_info().rss, part.log)

    # All of it

    def up(self, say: Say = _quiet, *, services: bool = True) -> None:
        """Start what doesn't run yet, migrate, create topics, wait until every part is ready.

        Args:
            say: told each step with its time.
            services: False starts PostgreSQL, Kafka and the trace store only.

        Raises:
            PartFailed: a part or a migration failed; the others go on running.
            PortTaken: something else listens on a part's port.
            OtherAddress: it runs with another public address.
        """
        self.layout.create()
        with paths.only_one(self.layout.run / "lock"):
            leftovers.sweep(self.root)
            if self._state.public_url not in {"", self.public_url} and any(map(self.alive, self.part_names)):
                raise OtherAddress(f"running as {self._state.public_url}; stop it before it can run as {self.public_url}")
            self._state.public_url = self.public_url
            stale = any(not self.alive(name) for name in self.part_names if name.endswith(("-api", "-worker")))
            if services and stale and self._prefork is None:
                self._prefork = Prefork(self.layout.logs / "prefork.log")
            with ThreadPoolExecutor(max_workers=3) as pool:
                steps = [pool.submit(self._up_database, say, services), pool.submit(self._up_broker, say)]
                steps.append(pool.submit(self._timed, say, "traces", partial(self.start, "traces")))
                for step in steps:
                    step.result()
            if services:
                self._up_services(say)
            if not self.throwaway:
                self._close_prefork()

    def _timed(self, say: Say, what: str, work: Callable[[], object]) -> None:
        began = time.monotonic()
        work()
        say(f"{what}: {time.monotonic() - began:.1f} s")

    def _up_database(self, say: Say, migrate: bool) -> None:
        self._timed(say, "postgres", partial(self.start, "postgres"))
        passwords = {service: self.secrets[f"{service.upper()}_DATABASE_PASSWORD"] for service in self.services}
        self.postgres.ensure_databases(passwords)
        stale = [service for service in self.services if not self.alive(f"{service}-api")]
        if migrate and stale:
            self._timed(say, "migrations", partial(self._migrate_all, stale))

    def _migrate_all(self, services: list[str]) -> None:
        with ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(self.migrate, services))

    def migrate(self, service: str) -> None:
        """Bring one service's database to the newest schema.

        Raises:
            PartFailed: Alembic refused; the message holds its words.
        """
        log = self.layout.logs / f"{service}-migration.log"
        command = parts.migration_command(service, self.environment(service), log, self.root)
        run = processes.run if self._prefork is None else self._prefork.run
        run(command, timeout_seconds=300, part=f"migration of {service}")

    def _up_broker(self, say: Say) -> None:
        self._timed(say, "kafka", partial(self.start, "kafka"))
        self._timed(say, "topics", lambda: asyncio.run(topics.create_missing(self.kafka_bootstrap_servers)))

    def _up_services(self, say: Say) -> None:
        began = time.monotonic()
        for folder in ("registry", "billing"):
            (self.layout.state / "files" / folder).mkdir(parents=True, exist_ok=True)
        names = [name for name in self.part_names if name not in {"postgres", "kafka", "traces"}]
        for name in names:
            self.start(name, wait=False)
        for name in names:
            self.wait_ready(name)
        say(f"{len(self.services)} services and the ingress: {time.monotonic() - began:.1f} s")

    def _close_prefork(self) -> None:
        if self._prefork is not None:
            self._prefork.close()
            self._prefork = None

    def down(self, say: Say = _quiet) -> None:
        """Stop every part that this stack started, also those of a runner that crashed; removes a throw-away stack's files."""
        names = [name for name in reversed(self.part_names) if name in self._state.parts]
        # Services end before what they need, so that none logs errors of a clean stop.
        for group in ([name for name in names if name not in {"postgres", "kafka", "traces"}], ["traces", "kafka", "postgres"]):
            with ThreadPoolExecutor(max_workers=16) as pool:
                list(pool.map(self.stop, [name for name in group if name in names]))
        self._close_prefork()
        say(f"stopped {len(names)} parts" if names else "nothing was running")
        if self.throwaway:
            leftovers.remove(self.layout.home)

    def clean(self) -> None:
        """Stop everything and remove its data, logs and secrets."""
        self.down()
        for folder in (self.layout.state, self.layout.logs, self.layout.run, self.layout.secrets):
            leftovers.remove(folder)

    def __enter__(self) -> Self:
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.down()


def _listening_port(public_url: str) -> int:
    """The ingress listens where a local public address points to; any other address belongs to a proxy in front of it."""
    address = urlsplit(public_url)
    if address.hostname in {"localhost", ports.HOST} and address.port:
        return address.port
    return parts.FIXED_PORTS["ingress"]


@contextlib.contextmanager
def infrastructure(root: Path, services: tuple[str, ...] = SERVICES) -> Iterator[LocalStack]:
    """Run PostgreSQL, Kafka with its topics and the trace store of a throw-away stack for the length of a `with` block."""
    stack = LocalStack(root, port_choice="free", services=services, durable=False)
    try:
        stack.up(services=False)
        yield stack
    finally:
        stack.down()
