"""What must hold for every service, whatever it grows into."""

import json
import pkgutil
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from fastapi import FastAPI
from sqlalchemy import Connection, MetaData, inspect

from cds_common.errors import DomainError
from cds_common.problems import ProblemType
from cds_common.settings import CommonSettings
from cds_common.testing.app import application
from cds_common.testing.plugin import unpooled_engine
from cds_common.testing.postgres import ServiceDatabases, migrate


class ServiceSuite:
    """Subclass it in `tests/test_skeleton.py` of a service."""

    service_dir: ClassVar[Path]
    settings_type: ClassVar[type[CommonSettings]]
    create_app: ClassVar[Callable[..., FastAPI]]
    metadata: ClassVar[MetaData]
    problems: ClassVar[Mapping[type[DomainError], ProblemType]]

    async def test_answers_that_it_lives_and_is_ready(self, settings: CommonSettings) -> None:
        async with application(type(self).create_app(settings)) as client:
            live, ready = await client.get("/health/live"), await client.get("/health/ready")
        assert (live.status_code, live.json()) == (200, {"live": True})
        assert ready.status_code == 200, ready.text
        assert ready.json()["parts"]["database"]["ok"] is True

    async def test_is_not_ready_without_its_database(self, settings: CommonSettings) -> None:
        lost = settings.model_copy(update={"database_url": type(settings.database_url)("postgresql+asyncpg://a:b@127.0.0.1:1/none")})
        async with application(type(self).create_app(lost)) as client:
            ready, live = await client.get("/health/ready"), await client.get("/health/live")
        assert ready.status_code == 503
        assert live.status_code == 200

    async def test_migrations_make_exactly_the_tables_of_the_code(self, service_databases: ServiceDatabases) -> None:
        database = service_databases.empty()
        migrate(database, self.service_dir)
        engine = unpooled_engine(database)

        def differences(connection: Connection) -> list[Any]:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            return list(compare_metadata(context, type(self).metadata))

        def tables(connection: Connection) -> list[str]:
            return inspect(connection).get_table_names()

        async with engine.connect() as connection:
            found = await connection.run_sync(differences)
        assert found == []
        migrate(database, self.service_dir, "base")
        async with engine.connect() as connection:
            left = await connection.run_sync(tables)
        assert left == ["alembic_version"]
        service_databases.drop(database)

    def test_every_domain_error_has_an_answer(self) -> None:
        package = f"cds_{self.settings_type.service}"
        for module in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
            if not module.name.startswith((f"{package}.worker", f"{package}.__main__")):
                import_module(module.name)
        missing = [
            cls.__name__ for cls in _subclasses(DomainError) if cls.__module__.startswith(package) and not _answered(cls, self.problems)
        ]
        assert missing == []

    @pytest.mark.parametrize("kind", ["openapi", "asyncapi"])
    async def test_published_document_is_the_checked_in_one(self, settings: CommonSettings, kind: str, pytestconfig: pytest.Config) -> None:
        async with application(type(self).create_app(settings)) as client:
            document = (await client.get(f"/{kind}/{settings.service}.json")).json()
        assert_document(pytestconfig, f"docs/{kind}/{settings.service}.json", document)


def assert_document(config: pytest.Config, path: str, document: Any) -> None:
    """`document` equals the checked-in file; `--update-documents` writes it instead."""
    file = config.rootpath / path
    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if config.getoption("--update-documents"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert file.exists(), f"{path} is missing: run pytest with --update-documents"
    assert file.read_text() == text, f"{path} is out of date: run pytest with --update-documents and review the difference"


def _subclasses(cls: type[DomainError]) -> set[type[DomainError]]:
    return {found for direct in cls.__subclasses__() for found in {direct, *_subclasses(direct)}}


def _answered(cls: type[DomainError], table: Mapping[type[DomainError], ProblemType]) -> bool:
    abstract = bool(cls.__subclasses__())
    return abstract or any(base in table for base in cls.__mro__)
