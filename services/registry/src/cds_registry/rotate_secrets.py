"""Encrypt all client secrets anew under the first key: `python -m cds_registry.rotate_secrets`, then drop the old key."""

import asyncio
import sys

from sqlalchemy.ext.asyncio import AsyncSession

from cds_common import db
from cds_registry.adapters.secret_box import SecretBox
from cds_registry.persistence.credentials import next_secrets, replace_secrets
from cds_registry.settings import Settings

_BATCH = 500


async def rotate(sessions: db.Sessions, box: SecretBox) -> int:
    """Go through all Credentials in batches; gives how many there are. Safe to stop and to repeat."""
    count, last = 0, ""
    while True:
        async with sessions.begin() as session:
            done, last = await _batch(session, box, last)
        count += done
        if done < _BATCH:
            return count


async def _batch(session: AsyncSession, box: SecretBox, last: str) -> tuple[int, str]:
    held = await next_secrets(session, last, _BATCH)
    await replace_secrets(session, {credential_id: box.renew(secret) for credential_id, secret in held.items()})
    return len(held), max(held, default=last)


async def _main(settings: Settings) -> int:
    engine = db.create_engine(settings, process="rotate-secrets")
    try:
        return await rotate(db.create_sessions(engine), SecretBox(settings.encryption_keys, settings.credential_key))
    finally:
        await engine.dispose()


if __name__ == "__main__":
    sys.stdout.write(f"{asyncio.run(_main(Settings()))} secrets are encrypted with the first key\n")  # pyright: ignore[reportCallIssue]
