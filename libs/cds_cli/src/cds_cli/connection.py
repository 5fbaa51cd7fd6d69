"""Where the command finds a running installation: the environment first, else what `cds up` started on this machine."""

import os

import typer

from cds_local import paths
from cds_local.stack import DEFAULT_PUBLIC_URL, LocalStack


def local_stack() -> LocalStack:
    """The stack of this clone."""
    return LocalStack(paths.repository_root(), public_url=public_url())


def public_url() -> str:
    """CDS_PUBLIC_URL, else the local default."""
    return os.environ.get("CDS_PUBLIC_URL", DEFAULT_PUBLIC_URL).rstrip("/")


def kafka_bootstrap_servers() -> str:
    """CDS_KAFKA_BOOTSTRAP_SERVERS, else the local broker.

    Raises:
        typer.Exit: neither is there.
    """
    given = os.environ.get("CDS_KAFKA_BOOTSTRAP_SERVERS")
    if given:
        return given
    stack = local_stack()
    if not stack.alive("kafka"):
        typer.secho("No broker: set CDS_KAFKA_BOOTSTRAP_SERVERS, or start one with `cds up`.", err=True, fg="red")
        raise typer.Exit(1)
    return stack.kafka_bootstrap_servers


def trace_url(trace_id: str) -> str:
    """The page of one trace in the local trace store."""
    return f"http://localhost:{local_stack().ports['traces']}/traces/{trace_id}"
