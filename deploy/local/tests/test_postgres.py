"""Each service's role sees its own database only, and nobody gets in without a password."""

import asyncpg
import pytest

from cds_local.postgres import postgres
from cds_local.stack import LocalStack

pytestmark = pytest.mark.slow
_PASSWORDS = {"isolated_one": "first-password-of-test", "isolated_two": "second-password-of-test"}


@pytest.fixture(scope="module")
def server(stack: LocalStack):
    server = stack.postgres
    server.ensure_databases(_PASSWORDS)
    return server


async def test_role_works_in_its_own_database(server) -> None:
    connection = await asyncpg.connect(server.url("isolated_one", _PASSWORDS["isolated_one"], scheme="postgresql"))
    try:
        await connection.execute("create table t (a numeric); insert into t values (10.0)")
        assert str(await connection.fetchval("select a from t")) == "10.0"
        assert int(await connection.fetchval("show server_version_num")) >= 180_000
    finally:
        await connection.close()


@pytest.mark.parametrize("database", ["isolated_two", "postgres", "template1", "usage"])
async def test_role_is_refused_elsewhere(server, database: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(server.url("isolated_one", _PASSWORDS["isolated_one"], database, scheme="postgresql"))


@pytest.mark.parametrize("role", ["postgres", "isolated_one"])
async def test_wrong_password_is_refused(server, role: str) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.url(role, "another-password-of-test", scheme="postgresql"))


async def test_role_may_make_neither_roles_nor_databases(server) -> None:
    connection = await asyncpg.connect(server.url("isolated_one", _PASSWORDS["isolated_one"], scheme="postgresql"))
    try:
        for statement in ("create role another", "create database another"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_text_sorts_by_code_point_on_every_machine(server) -> None:
    connection = await asyncpg.connect(server.url("isolated_one", _PASSWORDS["isolated_one"], scheme="postgresql"))
    try:
        rows = await connection.fetch("select x from unnest(array['b', 'B', 'a', 'ä', '_']) as x order by x")
        assert "".join(row["x"] for row in rows) == "B_abä"
    finally:
        await connection.close()


@pytest.mark.parametrize(("name", "password"), [("x; drop role postgres", "long-enough-password"), ("fine", "it's-not-allowed-here")])
def test_name_or_password_that_sql_could_read_is_refused(server, name: str, password: str) -> None:
    with pytest.raises(ValueError, match="not a name and password"):
        server.ensure_databases({name: password})


async def test_throwaway_server_ends_with_its_block() -> None:
    with postgres() as server:
        connection = await asyncpg.connect(server.url(scheme="postgresql"))
        await connection.close()
        running = server.running
    assert running is not None
    assert not running.alive
