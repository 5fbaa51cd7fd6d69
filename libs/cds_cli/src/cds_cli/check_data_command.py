"""`cds check-data`: reads all that a Client with direct access to the sandbox sees, and checks that it holds together."""

from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.markup import escape

from cds_cli import connection
from cds_cli.checking.amounts import compared
from cds_cli.checking.invariants import CHECKS, find_faults
from cds_cli.checking.reading import QUERIES, read_everything, wide_token
from cds_cli.journey.client import Client
from cds_cli.journey.story import SANDBOX_INVITE, set_up
from cds_cli.journey.wire import JourneyFailed, Wire

out = Console(soft_wrap=True)


def check_data(
    shown: Annotated[int, typer.Option("--shown", min=1, help="Faults printed per check.")] = 10,
    invite: Annotated[str, typer.Option("--invite", help="The invite code that opens direct access.")] = SANDBOX_INVITE,
) -> None:
    """Check over the public APIs that ids lead somewhere, bills add up and usage agrees with meters and bills."""
    wire = Wire(connection.public_url(), recorded=False)
    try:
        client = Client(wire)
        client.discover()
        set_up(client, list(QUERIES), {"direct": "cds_query_usage"}, invite)
        seen = read_everything(client, wide_token(client))
    except (JourneyFailed, httpx.HTTPError) as error:
        out.print(f"[bold red]The data cannot be read:[/bold red] {escape(str(error))}", highlight=False)
        raise typer.Exit(1) from error
    finally:
        wire.close()
    if not any(seen.objects.values()):
        out.print("[bold red]There is nothing to check:[/bold red] the Client sees no object", highlight=False)
        raise typer.Exit(1)
    out.print(", ".join(f"{len(objects)} {key.replace('_', ' ')}" for key, objects in seen.objects.items()), highlight=False)
    out.print(f"{compared(seen)} billed quantities can be compared with meter data", highlight=False)
    faults = find_faults(seen)
    for name in CHECKS:
        found = faults.get(name, [])
        out.print(f"[red]✗[/red] {name}: {len(found)} faults" if found else f"[green]✓[/green] {name}", highlight=False)
        for fault in found[:shown]:
            out.print(f"    {escape(fault)}", highlight=False)
    if faults:
        raise typer.Exit(1)
