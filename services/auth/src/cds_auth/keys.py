"""`python -m cds_auth.keys rotate|reencrypt|list`: the signing keys, by hand."""

import argparse
import asyncio
import sys
from datetime import UTC, datetime

from cds_auth.application.signing_keys import KeyRing
from cds_auth.persistence.signing_keys import SigningKeys
from cds_auth.settings import Settings
from cds_common import db


async def _run(command: str, *, at_once: bool) -> None:
    settings = Settings()  # pyright: ignore[reportCallIssue]  # filled from the environment
    engine = db.create_engine(settings, process="keys")
    sessions = db.create_sessions(engine)
    ring, now = KeyRing(settings, sessions), datetime.now(UTC)
    try:
        async with sessions.begin() as tx:
            if command == "rotate":
                sys.stdout.write(f"{await ring.rotate(tx, now, at_once=at_once)}\n")
            elif command == "reencrypt":
                sys.stdout.write(f"{await ring.reencrypt(tx, now)} keys are under the first encryption key\n")
            for key in await SigningKeys(tx).list_published(now):
                until = key.published_until.isoformat() if key.published_until else "in use"
                sys.stdout.write(f"{key.kid}  signs from {key.signs_from.isoformat()}  published until: {until}\n")
    finally:
        await engine.dispose()


def main() -> None:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(prog="python -m cds_auth.keys", description=__doc__)
    parser.add_argument("command", choices=("rotate", "reencrypt", "list"))
    parser.add_argument("--at-once", action="store_true", help="the old key is compromised: it leaves the key set now and its tokens die")
    chosen = parser.parse_args()
    asyncio.run(_run(chosen.command, at_once=chosen.at_once))


if __name__ == "__main__":
    main()
