"""`cds demo`: plays the journey against the running server and prints what a client sees."""

import textwrap
import time
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.markup import escape

from cds_cli import connection
from cds_cli.journey.story import CHAPTERS, Story
from cds_cli.journey.wire import Exchange, JourneyFailed, Wire

out = Console(soft_wrap=True)
SHOWN_BODY = 600


def _print(exchange: Exchange, *, full: bool) -> None:
    colour = "green" if exchange.status < 400 else "yellow"
    out.print(f"  [bold]{exchange.method}[/bold] {escape(exchange.url)}", highlight=False)
    if exchange.sent:
        out.print(textwrap.indent(escape(exchange.sent[:SHOWN_BODY]), "      "), style="dim", highlight=False)
    out.print(
        f"  [{colour}]{exchange.status}[/{colour}] {exchange.content_type}  [dim]{connection.trace_url(exchange.trace_id)}[/dim]",
        highlight=False,
    )
    if "json" in exchange.content_type:
        body = exchange.body if full else exchange.body[:SHOWN_BODY] + ("…" if len(exchange.body) > SHOWN_BODY else "")
        out.print(textwrap.indent(escape(body), "      "), style="dim", highlight=False)


def _print_traces(story: Story) -> None:
    """Name the requests whose traces, together, go through every service, Kafka and every store."""
    building = story.tokens["building"]["cds_grant_ids"][0]
    for what, method, address, within in (
        ("a registration: registry, auth", "POST", "/oauth/register", ""),
        ("the customer's decision: auth, accounts, billing, usage", "POST", "/consent", ""),
        ("the building's Grant: auth, aggregation", "POST", "/oauth/token", building),
    ):
        for one in story.wire.exchanges:
            if (one.method, one.status < 400) == (method, True) and address in one.url and within in one.body:
                out.print(f"  .venv/bin/cds trace {one.trace_id}  [dim]{what}[/dim]", highlight=False)
                break


def demo(
    full: Annotated[bool, typer.Option("--full", help="Print whole answers.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print chapters only.")] = False,
) -> None:
    """Play the journey of a client: discovery, registration, consent, data, a whole building, the end of access."""
    wire = Wire(connection.public_url())
    story = Story(wire)
    try:
        for number, (title, chapter) in enumerate(CHAPTERS, 1):
            out.rule(f"{number}. {title}")
            seen, noted, began = len(wire.exchanges), len(story.notes), time.monotonic()
            try:
                chapter(story)
            finally:
                if not quiet:
                    for exchange in wire.exchanges[seen:]:
                        _print(exchange, full=full)
            for text in story.notes[noted:]:
                out.print(f"  [bold green]✓[/bold green] {escape(text)} [dim]({time.monotonic() - began:.1f} s)[/dim]", highlight=False)
    except (JourneyFailed, httpx.HTTPError) as error:
        out.print(f"[bold red]The journey ended:[/bold red] {escape(str(error))}", highlight=False)
        raise typer.Exit(1) from error
    finally:
        wire.close()
    out.print("Traces from the ingress over outbox and Kafka to every store:")
    _print_traces(story)
    out.rule("The journey is complete")
