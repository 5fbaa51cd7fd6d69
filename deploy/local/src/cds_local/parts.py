"""What a stack is made of: how each part is started, and how one sees that it is ready."""

import http.client
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cds_local import ports
from cds_local.processes import Command

FIXED_PORTS = {"ingress": 8080, "ingress-admin": 8081, "postgres": 8432, "kafka": 8092, "kafka-controller": 8093, "traces": 9411}
_FIRST_API_PORT = 8101
_FIRST_WORKER_PORT = 8121


@dataclass(frozen=True)
class Part:
    """One process of the stack."""

    name: str
    port: int
    log: Path
    command: Callable[[], Command]
    ready: Callable[[], bool]
    patience_seconds: float
    stop_signal: signal.Signals = signal.SIGTERM


def port_names(services: tuple[str, ...]) -> list[str]:
    """Name every port that a stack of these services needs."""
    return [*FIXED_PORTS, *(f"{service}-{kind}" for service in services for kind in ("api", "worker"))]


def fixed_ports(services: tuple[str, ...]) -> dict[str, int]:
    """Give the ports of `make up`."""
    apis = {f"{service}-api": _FIRST_API_PORT + number for number, service in enumerate(services)}
    workers = {f"{service}-worker": _FIRST_WORKER_PORT + number for number, service in enumerate(services)}
    return FIXED_PORTS | apis | workers


def free_ports(services: tuple[str, ...]) -> dict[str, int]:
    """Choose a free port for every part."""
    return {name: ports.free_port() for name in port_names(services)}


def answers_ready(port: int, path: str = "/health/ready") -> bool:
    """Tell whether a part answers 200 on its readiness path."""
    connection = http.client.HTTPConnection(ports.HOST, port, timeout=3)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def api_command(service: str, port: int, environment: dict[str, str], log: Path, root: Path) -> Command:
    """Give the command of a service's api process."""
    argv = [sys.executable, "-m", "uvicorn", f"cds_{service}.app:create_app", "--factory", "--host", ports.HOST, "--port", str(port)]
    # Longer than the ingress keeps an idle connection, so that it is always the ingress that closes.
    argv += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--no-server-header", "--timeout-keep-alive", "60"]
    return Command(argv=argv, env=environment, log=log, cwd=root)


def worker_command(service: str, environment: dict[str, str], log: Path, root: Path) -> Command:
    """Give the command of a service's worker process."""
    return Command(argv=[sys.executable, "-m", f"cds_{service}.worker"], env=environment, log=log, cwd=root)


def migration_command(service: str, environment: dict[str, str], log: Path, root: Path) -> Command:
    """Give the command that brings a service's database to the newest schema."""
    configuration = root / "services" / service / "alembic.ini"
    return Command(argv=[sys.executable, "-m", "alembic", "-c", str(configuration), "upgrade", "head"], env=environment, log=log, cwd=root)
