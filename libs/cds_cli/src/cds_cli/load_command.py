"""`cds load` and the demo utility: files to messages, with a progress bar, a summary and refusals by line."""

import asyncio
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from cds_cli import connection
from cds_cli.demo_utility.generate import events as demo_events
from cds_cli.loading.files import find, is_table, sources
from cds_cli.loading.places import Target, account_ref
from cds_cli.loading.publish import Sent, cluster_id, end_offsets, publish, wait_until_taken
from cds_cli.loading.resuming import Resuming, state_file
from cds_cli.loading.summary import Summary
from cds_common.ids import Environment

T = TypeVar("T")
out = Console()
SHOWN_REFUSALS = 20


class _Bars:
    """Progress on the screen: files, messages, and what the services have taken in."""

    def __init__(self) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._shown = Progress(*columns, console=out)

    def __enter__(self) -> Self:
        self._shown.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._shown.stop()

    def counted(self, things: Iterable[T], name: str, total: int | None = None) -> Iterator[T]:
        """The things, each counted when the next one is asked for."""
        task = self._shown.add_task(name, total=total)
        for thing in things:
            yield thing
            self._shown.advance(task)
        self._shown.update(task, total=self._shown.tasks[task].completed)

    def taken_in(self, servers: str, sent: Sent) -> bool:
        """Wait until the services have taken in what was sent."""
        task = self._shown.add_task("taken in", total=None)

        def left(count: int) -> None:
            total = max(self._shown.tasks[task].total or 1, count)
            self._shown.update(task, total=total, completed=total - count)

        return asyncio.run(wait_until_taken(servers, sent, left, timeout_seconds=600))


def show(summary: Summary) -> None:
    """Print what was loaded, skipped and refused."""
    table = Table("what", "count", title="Loaded")
    for name, count in sorted(summary.loaded.items()):
        table.add_row(name, f"{count:,}")
    for name, count in sorted(summary.skipped.items()):
        table.add_row(f"[dim]skipped: {name}[/dim]", f"{count:,}")
    table.add_row("[red]refused[/red]" if summary.refused else "refused", f"{summary.refused:,}")
    out.print(table)
    for refusal in summary.refusals[:SHOWN_REFUSALS]:
        place = f"{refusal.source}:{refusal.line}" if refusal.line else refusal.source
        out.print(f"[red]refused[/red] {escape(f'{place}: {refusal.reason}')}", highlight=False, soft_wrap=True)
    if summary.refused > SHOWN_REFUSALS:
        out.print(f"… and {summary.refused - SHOWN_REFUSALS} more")


def load(
    *,
    paths: Annotated[
        list[Path], typer.Argument(exists=True, help="Green Button XML, CSV (both also .gz), Parquet, or directories of them.")
    ],
    account: Annotated[str, typer.Option(help="Account of Green Button usage that no account data of the load speaks of.")] = "",
    environment: Annotated[Literal["sandbox", "production"], typer.Option(help="Where the data goes.")] = "sandbox",
    time_zone: Annotated[str, typer.Option(help="Zone in which the utility reckons days.")] = "America/Los_Angeles",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check, send nothing.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Start over where an interrupted load would go on.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait until the services have taken it in.")] = True,
) -> None:
    """Load accounts, meters, usage and bills. What is bad is refused with its reason and the rest is loaded; twice changes nothing."""
    files = find(paths)
    if account and files and all(map(is_table, files)):
        raise typer.BadParameter(
            "is for Green Button usage; a table says in each row which service point it belongs to.", param_hint="--account"
        )
    target = Target(account_ref(account) if account else "", account, environment, ZoneInfo(time_zone))
    servers = "" if dry_run else connection.kafka_bootstrap_servers()
    state = None if dry_run else _state_file(servers, target, paths)
    if again and state is not None:
        state.unlink(missing_ok=True)
    progress = Resuming(state, files)
    if progress.resumed:
        out.print("An earlier run was interrupted: going on where it was (--again starts over).")
    taken = True
    with _Bars() as bars:
        parts = bars.counted(sources(files, target, progress.summary), "files")
        events = bars.counted(progress.remaining(parts), "messages")
        if dry_run:
            for _ in events:
                pass
        else:
            sent = asyncio.run(publish(servers, events, lambda _event: None, progress.acknowledged))
            progress.finished()
            taken = bars.taken_in(servers, sent) if wait else True
    show(progress.summary)
    if not taken:
        out.print("[red]Not everything was taken in after ten minutes: see `cds topics` and `cds dead list`.[/red]")
    if progress.summary.refused or not taken:
        raise typer.Exit(1)


def _state_file(servers: str, target: Target, paths: list[Path]) -> Path:
    facts = (asyncio.run(cluster_id(servers)), target.environment, target.account_number, str(target.zone))
    return state_file(*facts, *(str(path.resolve()) for path in paths))


def load_demo(until: date, *, environment: Environment | None = None) -> None:
    """Send the demo utility and wait until it is taken in.

    Raises:
        typer.Exit: the services did not take it in within ten minutes.
    """
    summary, servers = Summary(), connection.kafka_bootstrap_servers()
    events = (event for event in demo_events(until) if environment is None or event.environment == environment)
    with _Bars() as bars:
        sent = asyncio.run(publish(servers, bars.counted(events, "messages"), summary.count))
        taken = bars.taken_in(servers, sent)
    if not taken:
        out.print("[red]The demo utility was not taken in within ten minutes: see `cds topics`.[/red]")
        raise typer.Exit(1)
    out.print(f"Demo utility: {summary.loaded['readings']:,} readings in {summary.messages:,} messages.")


def stores_are_empty() -> bool:
    """Whether no customer was ever sent to this broker."""
    return not any(asyncio.run(end_offsets(connection.kafka_bootstrap_servers(), ["utility.customers"])).values())
