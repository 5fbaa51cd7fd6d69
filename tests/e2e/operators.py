"""Operators of the running stack, made by the commands that the documents name."""

import os
import secrets
import subprocess
import sys

import httpx

from cds_local.stack import LocalStack


def _made(stack: LocalStack, service: str, module: str, name: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, "create", f"{name}-{secrets.token_hex(4)}"], env=os.environ | stack.environment(service),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def registry_operator(stack: LocalStack, name: str) -> dict[str, str]:
    """A new administrator of registry, called after `name`: `key` of the API, `password` of the console."""
    return dict(line.split("=", 1) for line in _made(stack, "registry", "cds_registry.operator_account", name).splitlines())


def auth_operator_key(stack: LocalStack, name: str) -> str:
    """A new operator's key of auth."""
    return _made(stack, "auth", "cds_auth.operator_key", name)


def operator_client(base_url: str, key: str) -> httpx.Client:
    """Calls an operator API with a key."""
    return httpx.Client(base_url=base_url, headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=False)
