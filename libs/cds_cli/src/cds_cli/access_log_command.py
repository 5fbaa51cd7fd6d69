"""`cds operator access-log`: who read which objects when, and whether the record is whole."""

from typing import Annotated, Any

import typer
from rich.console import Console

from cds_cli.operator_command import call, show

app = typer.Typer(no_args_is_help=True)
out = Console()
SERVICES = ("accounts", "billing", "usage", "aggregation")


@app.command()
def search(
    *,
    client: Annotated[str, typer.Option(help="client_id.")] = "",
    grant: Annotated[str, typer.Option(help="grant_id.")] = "",
    customer: Annotated[str, typer.Option(help="Customer number, with --environment: the customer's Grants and objects.")] = "",
    object_id: Annotated[str, typer.Option("--object", help="Id of an account, contract, point, meter, bill, segment, certificate.")] = "",
    environment: Annotated[str, typer.Option(help="sandbox or production.")] = "",
    after: Annotated[str, typer.Option(help="From this moment on, such as 2026-11-01T00:00:00Z.")] = "",
    before: Annotated[str, typer.Option(help="Before this moment.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many reads, newest first.")] = 100,
) -> None:
    """Show reads, newest first."""
    given = {
        "client_id": client, "grant_id": grant, "customer_number": customer, "object_id": object_id, "environment": environment,
        "after": after, "before": before,
    }  # fmt: skip
    wanted = {name: value for name, value in given.items() if value}
    reads, cursor = list[Any](), ""
    while len(reads) < limit:
        page = wanted | {"limit": str(min(limit - len(reads), 1000))} | ({"cursor": cursor} if cursor else {})
        answer = call("auth", "GET", "/access-log", params=page)
        reads += answer["reads"]
        cursor = answer["cursor"] or ""
        if not cursor:
            break
    show({"reads": reads, "more": bool(cursor)})


@app.command()
def verify() -> None:
    """Walk the hash chain of each service's log; ends with 1 when a row was changed or taken out.

    Rows cut off at the end show only against an earlier run: keep the printed places and digests where nobody of the stack can write.
    """
    broken = False
    for service in SERVICES:
        part: dict[str, Any] = {"checked_to": 0, "done": False}
        while not part["done"]:
            part = call("auth", "GET", f"/access-log/chains/{service}", params={"after": str(part["checked_to"])})
        if part["broken_at"] is not None:
            broken = True
            out.print(f"{service}: [red]broken at {part['broken_at']}[/red]")
        else:
            out.print(f"{service}: {part['checked_to']} reads, {part['digest'] or '-'}", highlight=False, soft_wrap=True)
    if broken:
        raise typer.Exit(1)
