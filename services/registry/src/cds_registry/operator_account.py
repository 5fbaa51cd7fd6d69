"""Operator accounts from the command line: `python -m cds_registry.operator_account create NAME [--role admin]`."""

import argparse
import asyncio
import sys
from datetime import UTC, datetime

from cds_common import db
from cds_common.errors import DomainError
from cds_registry.application.operators import NewOperator, Role, create_operator, disable_operator, renew_operator
from cds_registry.settings import Settings


async def run(settings: Settings, action: str, name: str, role: Role) -> NewOperator | None:
    """Do it in one transaction."""
    engine = db.create_engine(settings, process="operator-account")
    now, actor = datetime.now(UTC), "server:command-line"
    try:
        async with db.create_sessions(engine).begin() as session:
            if action == "create":
                return await create_operator(session, name, role, created_by=actor, now=now)
            if action == "renew":
                return await renew_operator(session, name, created_by=actor, now=now)
            await disable_operator(session, name, disabled_by=actor, now=now)
            return None
    finally:
        await engine.dispose()


def main(arguments: list[str] | None = None) -> int:
    """Print key and password of a new or renewed account; they cannot be shown again."""
    parser = argparse.ArgumentParser(prog="python -m cds_registry.operator_account", description=__doc__)
    parser.add_argument("action", choices=["create", "renew", "disable"])
    parser.add_argument("name")
    parser.add_argument("--role", choices=[role.name for role in Role], default=Role.admin.name)
    wanted = parser.parse_args(arguments)
    settings = Settings()  # pyright: ignore[reportCallIssue]  # filled from the environment
    try:
        made = asyncio.run(run(settings, wanted.action, wanted.name, Role[wanted.role]))
    except DomainError as error:
        sys.stderr.write(f"{error.detail}\n")
        return 1
    if made is not None:
        sys.stdout.write(f"name={made.name}\nrole={made.role.name}\nkey={made.key}\npassword={made.password}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
