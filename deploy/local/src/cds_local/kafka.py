"""Runs Apache Kafka as one small KRaft process (broker and controller in one), fetched by Maven coordinates."""

import base64
import contextlib
import importlib.resources
import re
import shutil
import socket
import struct
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cds_local import java, paths, ports, processes

RESOURCES = Path(str(importlib.resources.files("cds_local"))) / "resources" / "kafka"

# C1 only: a broker of this load never earns the second compiler back, and it starts in half the time on 2 cores.
_JVM = ["-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:MaxMetaspaceSize=128m", "-Xshare:auto"]
_API_VERSIONS = 18


@dataclass(frozen=True)
class Kafka:
    """A running broker on 127.0.0.1."""

    port: int
    running: processes.Running
    log: Path

    @property
    def bootstrap_servers(self) -> str:
        """The address for clients."""
        return f"{ports.HOST}:{self.port}"

    def stop(self, patience_seconds: float = 20.0) -> None:
        """Stop the broker in order."""
        processes.stop(self.running, patience_seconds=patience_seconds)


def version() -> str:
    """Read the version of Kafka that the pom names."""
    found = re.search(r"<kafka.version>([^<]+)</kafka.version>", (RESOURCES / "pom.xml").read_text())
    if found is None:
        raise ValueError("the pom names no version of Kafka")
    return found.group(1)


def _properties(home: Path, port: int, controller_port: int) -> str:
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{ports.HOST}:{controller_port}",
        "listeners": f"PLAINTEXT://{ports.HOST}:{port},CONTROLLER://{ports.HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{ports.HOST}:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(home / "log"),
        "auto.create.topics.enable": "false",
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "50",
        "group.min.session.timeout.ms": "1000",
        "num.network.threads": "2",
        "num.io.threads": "4",
        "background.threads": "2",
        "num.recovery.threads.per.data.dir": "2",
        # Room for the keys of one cleaning round; the default of 128 MiB is a third of this heap.
        "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
        # An index file is mapped at this size for each of some two hundred partitions.
        "log.index.size.max.bytes": str(1024 * 1024),
        "log.segment.bytes": str(64 * 1024 * 1024),
        # A broker that was killed may register again only when its old session is over.
        "broker.session.timeout.ms": "4000",
        "broker.heartbeat.interval.ms": "1000",
        "unclean.leader.election.enable": "false",
        "telemetry.max.bytes": "1024",
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _java(classes: Path, main: str, arguments: list[str], log: Path) -> processes.Command:
    argv = [java.java(log), *_JVM, f"-Dlog4j2.configurationFile={RESOURCES / 'log4j2.properties'}", "-cp", f"{classes}/*", main, *arguments]
    return processes.Command(argv=argv, log=log)


def answers(port: int) -> bool:
    """Tell whether a broker answers requests here: its port opens some time before it does."""
    request = struct.pack(">hhih", _API_VERSIONS, 0, 1, -1)
    try:
        with socket.create_connection((ports.HOST, port), timeout=1) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            return len(connection.recv(4)) == 4
    except OSError:
        return False


def command(home: Path, *, port: int, controller_port: int, log: Path, cache: Path) -> processes.Command:
    """Fetch Kafka and format the data of `home`, if that wasn't done yet, and give the command that starts a broker on it.

    Raises:
        JavaMissing: Java 17 or Maven can't be had.
        PartFailed: fetching or formatting failed.
    """
    home.mkdir(parents=True, exist_ok=True)
    classes = java.jars(RESOURCES / "pom.xml", RESOURCES / "jars.sha256", cache / f"kafka-{version()}", log)
    configuration = home / "server.properties"
    configuration.write_text(_properties(home, port, controller_port))
    if not (home / "log" / "meta.properties").exists():
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        arguments = ["format", f"--cluster-id={cluster}", "--config", str(configuration)]
        processes.run(_java(classes, "kafka.tools.StorageTool", arguments, log), timeout_seconds=150, part="kafka format")
    return _java(classes, "kafka.Kafka", [str(configuration)], log)


def start(home: Path, *, port: int, controller_port: int, log: Path, cache: Path) -> Kafka:
    """Start a broker (see `command`); returns when it answers.

    Raises:
        PartFailed: the broker ended, or was not ready in time.
    """
    running = processes.start(command(home, port=port, controller_port=controller_port, log=log, cache=cache))
    processes.wait_until(lambda: answers(port), running, "kafka", log, timeout_seconds=150)
    return Kafka(port=port, running=running, log=log)


@contextlib.contextmanager
def kafka(*, port: int | None = None, cache: Path | None = None) -> Iterator[Kafka]:
    """Run a throw-away broker on a free port for the length of a `with` block."""
    folder = Path(tempfile.mkdtemp(prefix="cds-kafka-"))
    try:
        broker = start(
            folder / "broker",
            port=port or ports.free_port(),
            controller_port=ports.free_port(),
            log=folder / "kafka.log",
            cache=cache or paths.repository_cache(),
        )
        try:
            yield broker
        finally:
            broker.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
