"""What an operator does from the command line: the operator APIs of registry and auth, customers with logins, rebuilding a store."""

import asyncio
import json
import os
import secrets
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
import typer
from rich.console import Console

from cds_cli import connection
from cds_cli.load_command import account_ref
from cds_cli.loading.publish import publish, wait_until_taken
from cds_cli.rebuilding import REBUILT, RebuildFailed, rebuild_store
from cds_common.events.utility import AccountRecordedV1, CustomerRecordedV1
from cds_common.ids import Environment
from cds_common.utility import UtilityError, load_utility

operator = typer.Typer(no_args_is_help=True)
customers = typer.Typer(no_args_is_help=True)
out = Console()
problems = Console(stderr=True)

RETRY_SECONDS = 30


def _keys_file() -> Path:
    return connection.local_stack().layout.secrets / "operator.json"


def key_of(service: Literal["registry", "auth"]) -> str:
    """CDS_REGISTRY_OPERATOR_KEY / CDS_AUTH_OPERATOR_KEY, else what `cds operator create` kept on this machine."""
    given = os.environ.get(f"CDS_{service.upper()}_OPERATOR_KEY")
    if given:
        return given
    file = _keys_file()
    if not file.exists():
        problems.print(f"No operator key: set CDS_{service.upper()}_OPERATOR_KEY, or make one with `cds operator create NAME`.")
        raise typer.Exit(1)
    return str(json.loads(file.read_text(encoding="utf-8"))[service])


def call(service: Literal["registry", "auth"], method: str, path: str, body: Any = None, params: dict[str, str] | None = None) -> Any:
    """One call of an operator API; a refusal ends the command with its words."""
    base = {"registry": "/operator/api/v1", "auth": "/auth-operator/api/v1"}[service]
    headers = {"authorization": f"Bearer {key_of(service)}"}
    address = f"{connection.public_url()}{base}{path}"
    try:
        answer = httpx.request(method, address, json=body, params=params, headers=headers, timeout=30, trust_env=False)
    except httpx.HTTPError as error:
        problems.print(f"[red]{address} does not answer: {error}[/red]")
        raise typer.Exit(1) from error
    if answer.is_error:
        problems.print(f"[red]{answer.status_code}[/red] {answer.text[:1000]}", highlight=False)
        raise typer.Exit(1)
    return answer.json() if answer.content else None


def show(answer: Any) -> None:
    """Print an answer."""
    out.print_json(json.dumps(answer))


@operator.command()
def create(name: str) -> None:
    """Make an operator on this machine's installation; its keys are kept in `.local/secrets` and its console password is shown once."""
    stack = connection.local_stack()

    def run(service: str, module: str) -> str:
        environment = os.environ | stack.environment(service)
        done = subprocess.run(  # noqa: S603  our own module
            [sys.executable, "-m", module, "create", name], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            problems.print(f"[red]{done.stderr.strip()[-500:]}[/red]", highlight=False)
            raise typer.Exit(1)
        return done.stdout

    registry = dict(line.split("=", 1) for line in run("registry", "cds_registry.operator_account").splitlines() if "=" in line)
    auth = run("auth", "cds_auth.operator_key").strip()
    file = _keys_file()
    file.touch(mode=0o600)
    file.write_text(json.dumps({"name": name, "registry": registry["key"], "auth": auth}), encoding="utf-8")
    out.print(
        f"Operator {name}. Console: {connection.public_url()}/operator, password {registry['password']}", highlight=False, soft_wrap=True
    )


@operator.command()
def requests(kind: Annotated[str, typer.Option("--type", help="Only this Message type, such as production_request.")] = "") -> None:
    """List what waits for the utility."""
    show(call("registry", "GET", "/requests", params={"type": kind} if kind else None))


@operator.command()
def approve(message_id: str, note: str = "") -> None:
    """Approve a request: makes the production Client Object, the Grants or the change."""
    show(call("registry", "POST", f"/requests/{message_id}/approve", {"note": note}))


@operator.command()
def reject(message_id: str, reason: str) -> None:
    """Reject a request; the client reads the reason."""
    show(call("registry", "POST", f"/requests/{message_id}/reject", {"reason": reason}))


@operator.command(name="clients")
def list_clients() -> None:
    """List the Client Objects."""
    show(call("registry", "GET", "/clients"))


@operator.command()
def disable(client_id: str, reason: str) -> None:
    """Put a Client Object out of use at once."""
    show(call("registry", "POST", f"/clients/{client_id}/disable", {"reason": reason}))


@operator.command()
def enable(client_id: str) -> None:
    """Let a disabled Client Object work again."""
    show(call("registry", "POST", f"/clients/{client_id}/enable", {}))


@operator.command(name="grant")
def show_grant(grant_id: str) -> None:
    """Show a Grant of any registration."""
    show(call("auth", "GET", f"/grants/{grant_id}"))


@operator.command(name="end-grant")
def end_grant(grant_id: str, note: str = "") -> None:
    """End a Grant for good (status `disabled`)."""
    show(call("auth", "POST", f"/grants/{grant_id}/disable", {"note": note}))


@operator.command(name="suspend-grant")
def suspend_grant(grant_id: str, note: str = "") -> None:
    """Pause a Grant; `resume-grant` lets it work again."""
    show(call("auth", "POST", f"/grants/{grant_id}/suspend", {"note": note}))


@operator.command(name="resume-grant")
def resume_grant(grant_id: str, note: str = "") -> None:
    """Let a suspended Grant work again."""
    show(call("auth", "POST", f"/grants/{grant_id}/resume", {"note": note}))


@operator.command(name="rotate-keys")
def rotate_keys(
    at_once: Annotated[bool, typer.Option("--at-once", help="The old key is compromised: its tokens die now.")] = False,
) -> None:
    """Make a new signing key."""
    show(call("auth", "POST", "/keys/rotate", {"at_once": at_once}))


@operator.command()
def audit(service: Literal["registry", "auth"] = "registry") -> None:
    """Show what operators did."""
    show(call(service, "GET", "/audit"))


@customers.command(name="add")
def add_customer(
    *,
    number: Annotated[str, typer.Option(help="Account number of the new account.")],
    name: Annotated[str, typer.Option()],
    login: Annotated[str, typer.Option(help="Login name.")],
    email: Annotated[str, typer.Option()] = "",
    address: Annotated[str, typer.Option()] = "",
    password: Annotated[str, typer.Option(help="Left out, one is made and shown once.")] = "",
    environment: Annotated[Literal["sandbox", "production"], typer.Option()] = "production",
) -> None:
    """Make a customer with an account and a login; `cds load FILE --account NUMBER` then gives it data."""
    events = _customer_events(number, name=name, login=login, email=email, address=address, environment=environment)
    servers = connection.kafka_bootstrap_servers()

    async def send() -> bool:
        sent = await publish(servers, events, lambda _event: None)
        return await wait_until_taken(servers, sent, lambda _left: None, RETRY_SECONDS)

    if not asyncio.run(send()):
        problems.print("[red]accounts did not take the customer in: see `cds status`.[/red]")
        raise typer.Exit(1)
    show(_make_login(environment, f"CU-{number}", login, password))


def _customer_events(
    number: str, *, name: str, login: str, email: str, address: str, environment: Environment
) -> list[CustomerRecordedV1 | AccountRecordedV1]:
    now = datetime.now(UTC)
    return [
        CustomerRecordedV1(
            environment=environment,
            source_time=now,
            customer_ref=f"C-{number}",
            customer_number=f"CU-{number}",
            name=name,
            email=email or None,
            login_name=login,
        ),
        AccountRecordedV1(
            environment=environment,
            source_time=now,
            account_ref=account_ref(number),
            customer_refs=[f"C-{number}"],
            customer_number=f"CU-{number}",
            account_number=number,
            account_name=name,
            account_address=address or None,
            account_types=["customer", "residential"],
        ),
    ]


def _make_login(environment: Environment, customer_number: str, login: str, password: str) -> Any:
    """Ask auth; it learns of a new customer through the bus, so a customer that it does not know yet is asked for again."""
    chosen = password or secrets.token_urlsafe(12)
    body = {"environment": environment, "customer_number": customer_number, "login_name": login, "password": chosen}
    headers = {"authorization": f"Bearer {key_of('auth')}"}
    address = f"{connection.public_url()}/auth-operator/api/v1/logins"
    deadline = datetime.now(UTC).timestamp() + RETRY_SECONDS
    while True:
        answer = httpx.post(address, json=body, headers=headers, timeout=30, trust_env=False)
        if answer.status_code != 404 or datetime.now(UTC).timestamp() > deadline:
            break
        asyncio.run(asyncio.sleep(0.5))
    if answer.is_error:
        problems.print(f"[red]{answer.status_code}[/red] {answer.text[:1000]}", highlight=False)
        raise typer.Exit(1)
    return {"environment": environment, "customer_number": customer_number, "login_name": login} | (
        {} if password else {"password": chosen}
    )


def check_config(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)] = Path("config/utility.yaml")) -> None:
    """Check a utility's configuration file; every fault with its line and the reason."""
    try:
        utility = load_utility(file)
    except UtilityError as error:
        problems.print(str(error), markup=False, highlight=False)
        raise typer.Exit(1) from error
    out.print(f"{file}: {utility.name}, {len(utility.scopes)} scopes, nothing wrong.", highlight=False)


def rebuild(service: str, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Empty a data service's store on this machine and fill it again from its topics; ids and values come out the same.

    registry and auth own facts that no topic gives back; restore them from a backup.
    """
    if service not in REBUILT:
        raise typer.BadParameter(f"one of {', '.join(REBUILT)}; registry and auth are restored from a backup")
    if not yes:
        typer.confirm(f"Empty the store of {service} and read its topics from the start?", abort=True)
    try:
        rebuild_store(connection.local_stack(), service)
    except RebuildFailed as error:
        problems.print(f"[red]{error}[/red]")
        raise typer.Exit(1) from error
    out.print(f"{service} is rebuilt.")
