"""A real Postgres for tests: one server, one migrated template per service, cheap copies of it."""

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
from alembic import command
from alembic.config import Config

_PREFIX = "cdst"
_STALE_SECONDS = 6 * 3600
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Database:
    """One database; `url` is for SQLAlchemy, `dsn` for asyncpg itself."""

    name: str
    url: str

    @property
    def dsn(self) -> str:
        """The address in the form that asyncpg reads."""
        return self.url.replace("+asyncpg", "", 1)


def in_thread(work: Coroutine[Any, Any, T]) -> T:
    """Run async work from a fixture that is not async, whether or not a loop is running."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


class ServiceDatabases:
    """Makes and drops databases on one server. Names carry their time of birth, so that leftovers of killed runs are found."""

    def __init__(self, admin_url: str) -> None:
        self._admin = admin_url.replace("+asyncpg", "", 1)
        self._run = f"{_PREFIX}_{int(time.time())}_{secrets.token_hex(3)}"
        self._templates: dict[str, str] = {}
        self._copies: dict[str, Database] = {}
        self._made: list[str] = []
        self._count = 0

    def get(self, service: str, service_dir: Path) -> Database:
        """The database of this test session; tests roll back what they do in it."""
        if service not in self._copies:
            self._copies[service] = self.fresh(service, service_dir)
        return self._copies[service]

    def fresh(self, service: str, service_dir: Path) -> Database:
        """A new migrated database, for tests whose subject is the commit."""
        template = self._template(service, service_dir)
        self._count += 1
        name = f"{self._run}_{service}_{self._count}"
        self._sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        self._made.append(name)
        return self._database(name)

    def empty(self) -> Database:
        """A new database without any table."""
        self._count += 1
        name = f"{self._run}_empty_{self._count}"
        self._sql(f'CREATE DATABASE "{name}" TEMPLATE template0')
        self._made.append(name)
        return self._database(name)

    def drop(self, database: Database) -> None:
        """Remove a database made here, with whoever is connected."""
        self._sql(f'DROP DATABASE IF EXISTS "{database.name}" WITH (FORCE)')
        if database.name in self._made:
            self._made.remove(database.name)

    def drop_all(self) -> None:
        """Remove everything made here, and leftovers of runs that ended long ago."""
        for name in [*self._made, *self._templates.values(), *self._stale()]:
            self._sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _template(self, service: str, service_dir: Path) -> str:
        if service not in self._templates:
            name = f"{self._run}_{service}_template"
            self._sql(f'CREATE DATABASE "{name}" TEMPLATE template0')
            self._templates[service] = name
            migrate(self._database(name), service_dir)
        return self._templates[service]

    def _database(self, name: str) -> Database:
        base = self._admin.rsplit("/", 1)[0].replace("postgresql://", "postgresql+asyncpg://", 1)
        return Database(name, f"{base}/{name}")

    def _sql(self, statement: str) -> None:
        async def run() -> None:
            connection = await asyncpg.connect(self._admin)
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        in_thread(run())

    def _stale(self) -> list[str]:
        async def run() -> list[str]:
            connection = await asyncpg.connect(self._admin)
            try:
                rows = await connection.fetch("SELECT datname FROM pg_database WHERE datname LIKE $1", f"{_PREFIX}\\_%")
            finally:
                await connection.close()
            return [row["datname"] for row in rows if _born(row["datname"]) < time.time() - _STALE_SECONDS]

        return in_thread(run())


def _born(name: str) -> float:
    with contextlib.suppress(IndexError, ValueError):
        return float(name.split("_")[1])
    return time.time()


def migrate(database: Database, service_dir: Path, revision: str = "head") -> None:
    """Bring `database` to `revision` with the migrations of the service."""
    config = Config(service_dir / "alembic.ini")
    config.attributes["url"] = database.url
    with ThreadPoolExecutor(1) as pool:  # Alembic's entry runs a loop of its own
        if revision == "base":
            pool.submit(command.downgrade, config, revision).result()
        else:
            pool.submit(command.upgrade, config, revision).result()


@contextmanager
def postgres_server() -> Iterator[ServiceDatabases]:
    """A server for this test process: the one of `CDS_TEST_POSTGRES_URL`, else a container, else one of the local runner."""
    with ExitStack() as stack:
        databases = ServiceDatabases(os.environ.get("CDS_TEST_POSTGRES_URL") or _start(stack))
        try:
            yield databases
        finally:
            databases.drop_all()


def _start(stack: ExitStack) -> str:
    if Path("/var/run/docker.sock").exists():
        from testcontainers.postgres import PostgresContainer  # noqa: PLC0415  # only where Docker answers

        container = stack.enter_context(PostgresContainer("postgres:18", driver=None))
        return str(container.get_connection_url())
    from cds_local.postgres import postgres  # noqa: PLC0415  # the runner is a tool of tests, not a dependency

    return str(stack.enter_context(postgres()).url(scheme="postgresql"))
