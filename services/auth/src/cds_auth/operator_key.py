"""`python -m cds_auth.operator_key create NAME|revoke KEY_ID`: keys of the operator API; a new one is printed once."""

import argparse
import asyncio
import sys
from datetime import UTC, datetime, timedelta

from cds_auth.application.operator_keys import create_operator_key
from cds_auth.persistence.operators import Operators
from cds_auth.settings import Settings
from cds_common import db


async def _run(command: str, name: str, days: int | None) -> int:
    settings = Settings()  # pyright: ignore[reportCallIssue]  # filled from the environment
    engine = db.create_engine(settings, process="operator-key")
    now = datetime.now(UTC)
    try:
        async with db.create_sessions(engine).begin() as tx:
            if command == "create":
                expires = now + timedelta(days=days) if days else None
                key_id, key = await create_operator_key(tx, name, now=now, expires=expires)
                sys.stderr.write(f"key id {key_id}; the key is shown only now:\n")
                sys.stdout.write(f"{key}\n")
                return 0
            if not await Operators(tx).revoke_key(name, now):
                sys.stderr.write("no working key has this id\n")
                return 1
            await Operators(tx).record("command line", "operator_key.revoke", name, "", now)
            return 0
    finally:
        await engine.dispose()


def main() -> None:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(prog="python -m cds_auth.operator_key", description=__doc__)
    parser.add_argument("command", choices=("create", "revoke"))
    parser.add_argument("name", help="create: the operator's name; revoke: the key's id")
    parser.add_argument("--days", type=int, default=None, help="life of the new key; without it the key works until it is revoked")
    chosen = parser.parse_args()
    sys.exit(asyncio.run(_run(chosen.command, chosen.name, chosen.days)))


if __name__ == "__main__":
    main()
