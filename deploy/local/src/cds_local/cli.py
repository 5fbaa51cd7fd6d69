"""The commands of the local runner; the `cds` command mounts `app`, and `python -m cds_local` runs it alone."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from cds_local import envoy, java, paths, ports, postgres, topics
from cds_local.prefork import PreforkFailed
from cds_local.processes import PartFailed
from cds_local.routes import SERVICES
from cds_local.stack import DEFAULT_PUBLIC_URL, LocalStack, OtherAddress, PartStatus, PortTaken
from cds_local.tracestore.otlp import Event, Span
from cds_local.tracestore.tree import Placed, placed

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Runs cds-server on this machine.")
out = Console()
_problems = Console(stderr=True)

_EXPECTED = (
    PartFailed,
    PortTaken,
    OtherAddress,
    java.JavaMissing,
    java.JarsDiffer,
    postgres.PostgresMissing,
    envoy.EnvoyMissing,
    topics.TopicsFailed,
    PreforkFailed,
    paths.UnsafeFolder,
)
_COLOURS = {"ready": "green", "starting": "yellow", "crashed": "red", "stopped": "dim"}


def _stack() -> LocalStack:
    return LocalStack(
        paths.repository_root(),
        public_url=os.environ.get("CDS_PUBLIC_URL", DEFAULT_PUBLIC_URL),
        trace_sample_ratio=float(os.environ.get("CDS_TRACE_SAMPLE_RATIO", "1")),
    )


@contextmanager
def _explained() -> Iterator[None]:
    """End with code 1 and the reason, not with a traceback, on what can go wrong on a machine."""
    try:
        yield
    except _EXPECTED as error:
        _problems.print(f"[red]{escape(str(error))}[/red]", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error


@app.command()
def up(
    infrastructure: Annotated[bool, typer.Option("--infrastructure", help="PostgreSQL, Kafka and the trace store only.")] = False,
) -> None:
    """Start everything on this machine and wait until it is ready."""
    stack = _stack()
    with _explained():
        wanted = ["postgres", "kafka", "traces"] if infrastructure else stack.part_names
        running = all(map(stack.alive, wanted))
        stack.up(lambda line: out.print(f"  {line}", highlight=False), services=not infrastructure)
    out.print("Running already." if running else "Ready.")
    _print_addresses(stack, services=not infrastructure)


def _print_addresses(stack: LocalStack, *, services: bool) -> None:
    table = Table(show_header=False, box=None)
    if services:
        table.add_row("Public address", stack.public_url)
        table.add_row("Metadata", f"{stack.public_url}/.well-known/cds-server-metadata.json")
    table.add_row("Traces and metrics", f"http://localhost:{stack.ports['traces']}")
    table.add_row("PostgreSQL", f"{ports.HOST}:{stack.ports['postgres']}")
    table.add_row("Kafka", stack.kafka_bootstrap_servers)
    table.add_row("Logs", str(stack.layout.logs))
    out.print(table)


@app.command()
def down() -> None:
    """Stop everything that `up` started."""
    with _explained():
        _stack().down(lambda line: out.print(line, highlight=False))


def _row(part: PartStatus) -> tuple[str, ...]:
    colour = _COLOURS[part.state]
    memory = f"{part.memory_bytes / 2**20:.0f} MiB" if part.memory_bytes else ""
    return part.name, f"[{colour}]{part.state}[/{colour}]", str(part.port), str(part.pid or ""), memory


@app.command()
def clean() -> None:
    """Stop everything and remove its data, logs and secrets."""
    _stack().clean()
    out.print("Stopped; data, logs and secrets are removed.")


@app.command()
def status() -> None:
    """Show what runs, and the last log lines of what crashed; ends with code 1 when a part isn't ready."""
    stack = _stack()
    found = stack.status()
    table = Table("part", "state", "port", "pid", "memory")
    for part in found:
        table.add_row(*_row(part))
    out.print(table)
    for part in found:
        if part.state == "crashed":
            out.print(
                f"[red]{part.name} ended. Last lines of {part.log}:[/red]\n{escape(stack.logs(part.name))}", highlight=False, soft_wrap=True
            )
    if any(part.state != "ready" for part in found):
        raise typer.Exit(1)


@app.command()
def logs(part: str, lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=10_000)] = 40) -> None:
    """Show the last log lines of a part, or of both processes of a service."""
    stack = _stack()
    names = [f"{part}-api", f"{part}-worker"] if part in stack.services else [part]
    if not set(names) <= set(stack.part_names):
        _problems.print(f"No part is named {escape(part)}; there are: {', '.join([*stack.services, *stack.part_names])}")
        raise typer.Exit(2)
    for name in names:
        out.print(f"[bold]{name}[/bold]")
        out.print(stack.logs(name, lines), markup=False, highlight=False, soft_wrap=True)


@app.command()
def migrate(service: str) -> None:
    """Bring one service's database to the newest schema; PostgreSQL must run."""
    if service not in SERVICES:
        _problems.print(f"No service is named {escape(service)}; there are: {', '.join(SERVICES)}")
        raise typer.Exit(2)
    stack = _stack()
    with _explained():
        stack.start("postgres")
        stack.migrate(service)
    out.print(f"The database of {service} has the newest schema.")


@app.command(name="topics")
def show_topics() -> None:
    """List the topics with what they hold and how far each consumer group is behind."""
    stack = _stack()
    if not stack.alive("kafka"):
        _problems.print("Kafka doesn't run; `up` starts it.")
        raise typer.Exit(1)
    table = Table("topic", "partitions", "end", "behind")
    for topic in asyncio.run(topics.states(stack.kafka_bootstrap_servers)):
        behind = ", ".join(f"{group}: {count}" for group, count in topic.lag.items())
        table.add_row(topic.name, str(topic.partitions), str(topic.end), behind)
    out.print(table)


def _label(row: Placed) -> str:
    mark = f" [red]{escape(row.span.error)}[/red]" if row.span.error else ""
    return f"[bold]{escape(row.span.service)}[/bold] {escape(row.span.name)} [dim]{row.duration_ms:.2f} ms[/dim]{mark}"


def trace_tree(trace_id: str, spans: list[Span]) -> Tree:
    """Draw a trace."""
    tree = Tree(f"trace {trace_id}")
    above = [tree]
    for row in placed(spans):
        del above[row.depth + 1 :]
        above.append(above[row.depth].add(_label(row)))
    return tree


@app.command()
def trace(trace_id: str) -> None:
    """Show one trace as a tree, from the ingress to the last consumer."""
    if len(trace_id) != 32 or not all(digit in "0123456789abcdefABCDEF" for digit in trace_id):
        _problems.print("A trace id has 32 hexadecimal digits; the answer's header `traceparent` or a log line holds it.")
        raise typer.Exit(2)
    address = f"http://{ports.HOST}:{_stack().ports['traces']}/api/traces/{trace_id}"
    try:
        answer = httpx.get(address, timeout=5)
    except httpx.HTTPError as error:
        _problems.print(f"The trace store doesn't answer: {escape(str(error))}")
        raise typer.Exit(1) from error
    if answer.status_code == 404:
        _problems.print("No span of this trace has come.")
        raise typer.Exit(1)
    answer.raise_for_status()
    spans = [Span(**span | {"events": [Event(**event) for event in span["events"]]}) for span in answer.json()["spans"]]
    out.print(trace_tree(trace_id, spans))
