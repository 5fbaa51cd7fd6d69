"""Generated passwords and keys of a stack: made once, kept in one file that only its owner may read."""

import base64
import os
import secrets
from collections.abc import Sequence
from pathlib import Path


def _password() -> str:
    return secrets.token_urlsafe(24)


def _key() -> str:
    return secrets.token_urlsafe(48)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _read(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    pairs = (line.partition("=") for line in file.read_text().splitlines() if "=" in line)
    return {name: value for name, _, value in pairs}


def _write(file: Path, values: dict[str, str]) -> None:
    waiting = file.with_suffix(".new")
    waiting.unlink(missing_ok=True)
    descriptor = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.writelines(f"{name}={value}\n" for name, value in values.items())
    waiting.replace(file)


def load(folder: Path, services: Sequence[str]) -> dict[str, str]:
    """Read the secrets of a stack; what is missing is generated and kept, what exists never changes.

    Args:
        folder: `Layout.secrets`.
        services: each gets a database password.
    """
    file = folder / "local.env"
    values = _read(file)
    wanted = {
        "POSTGRES_PASSWORD": _password,
        "INTERNAL_KEY": _key,
        "CREDENTIAL_KEY": _key,
        "AUTH_ENCRYPTION_KEYS": _fernet_key,
        "REGISTRY_ENCRYPTION_KEYS": _fernet_key,
    } | {f"{service.upper()}_DATABASE_PASSWORD": _password for service in services}
    missing = {name: make() for name, make in wanted.items() if name not in values}
    if missing:
        values |= missing
        _write(file, values)
    return values
