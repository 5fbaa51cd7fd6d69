"""The `cds` command: every subcommand in one place."""

from datetime import UTC, date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from cds_cli import access_log_command, check_data_command, dead_command, demo_command, load_command, operator_command, operator_desk
from cds_cli.demo_utility.calendar import ZONE
from cds_local import cli as local

app = typer.Typer(no_args_is_help=True, add_completion=False, help="cds-server: the reference server of the Connected Data Specifications.")
for command in local.app.registered_commands:
    if command.callback is not local.up:
        app.registered_commands.append(command)

app.command()(load_command.load)
app.command()(demo_command.demo)
app.command(name="check-data")(check_data_command.check_data)
app.command(name="check-config")(operator_command.check_config)
app.command()(operator_command.rebuild)
app.add_typer(dead_command.app, name="dead", help="Messages that a service could not apply: list, show, send again.")
app.add_typer(operator_command.customers, name="customer", help="Customers and their logins.")
operator_command.operator.add_typer(access_log_command.app, name="access-log", help="Who read which objects when.")
app.add_typer(operator_desk.operator, name="operator", help="What an operator does: approve, list, end access.")


def _today() -> date:
    return datetime.now(UTC).astimezone(ZoneInfo(str(ZONE))).date()


@app.command()
def up(
    infrastructure: Annotated[bool, typer.Option("--infrastructure", help="PostgreSQL, Kafka and the trace store only.")] = False,
    demo_utility: Annotated[bool, typer.Option(help="Load the demo utility into empty stores.")] = True,
) -> None:
    """Start everything on this machine, wait until it is ready, and load the demo utility into empty stores."""
    local.up(infrastructure)
    if not infrastructure and demo_utility and load_command.stores_are_empty():
        load_command.load_demo(_today())


@app.command(name="load-demo")
def load_demo() -> None:
    """Load the demo utility, up to today; a second time adds the days since."""
    load_command.load_demo(_today())


def main() -> None:
    """Entry point of the `cds` script."""
    app()
