"""What an operator does with companies from the command line: read and write Messages, ask for documents, share files, keep accounts."""

import json
import mimetypes
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
import typer

from cds_cli import connection
from cds_cli.operator_command import call, key_of, operator, problems, show

accounts = typer.Typer(no_args_is_help=True)
operator.add_typer(accounts, name="accounts", help="Operator accounts: make, renew, end.")

Registration = Annotated[str, typer.Option("--registration", help="Only this registration_id.")]


def _wanted(**params: str) -> dict[str, str]:
    return {name: value for name, value in params.items() if value}


@operator.command()
def registrations() -> None:
    """List who has registered."""
    show(call("registry", "GET", "/registrations"))


@operator.command(name="client")
def show_client(client_id: str) -> None:
    """Show one Client Object with what only the utility sees."""
    show(call("registry", "GET", f"/clients/{client_id}"))


@operator.command(name="messages")
def list_messages(
    registration_id: Registration = "",
    unanswered: Annotated[bool, typer.Option("--unanswered", help="Only Messages of clients without a reply.")] = False,
) -> None:
    """List Messages, last modified first."""
    params = _wanted(registration_id=registration_id, unanswered="true" if unanswered else "")
    show(call("registry", "GET", "/messages", params=params))


@operator.command(name="message")
def show_message(message_id: str) -> None:
    """Read one Message."""
    show(call("registry", "GET", f"/messages/{message_id}"))


@operator.command()
def reply(message_id: str, text: str, subject: str = "") -> None:
    """Answer a Message, or ask about it."""
    show(call("registry", "POST", f"/messages/{message_id}/replies", {"name": subject, "description": text}))


@operator.command()
def write(registration_id: str, subject: str, text: str) -> None:
    """Write a private Message to a registration."""
    show(call("registry", "POST", f"/registrations/{registration_id}/messages", {"name": subject, "description": text}))


@operator.command()
def ask(
    registration_id: str,
    subject: str,
    why: str,
    field: Annotated[list[str], typer.Option("--field", help="A document or an answer that is wanted; repeat it.")],
) -> None:
    """Ask a registration for a submission."""
    fields = [{"name": name, "description": name} for name in field]
    show(call("registry", "POST", f"/registrations/{registration_id}/requests", {"name": subject, "description": why, "fields": fields}))


@operator.command()
def notify(subject: str, text: str, address: Annotated[str, typer.Option(help="Where more is written.")] = "") -> None:
    """Send a notification to every registration."""
    show(call("registry", "POST", "/notifications", {"name": subject, "description": text, "related_uri": address or None}))


@operator.command(name="files")
def list_files(registration_id: Registration = "") -> None:
    """List files that are or were shared."""
    show(call("registry", "GET", "/files", params=_wanted(registration_id=registration_id)))


@operator.command(name="share-file")
def share_file(registration_id: str, file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)], description: str = "") -> None:
    """Share a file with a registration; the client learns of it by a Message."""
    address = f"{connection.public_url()}/operator/api/v1/registrations/{registration_id}/files"
    headers = {
        "authorization": f"Bearer {key_of('registry')}",
        "content-type": mimetypes.guess_type(file.name)[0] or "application/octet-stream",
    }
    params = {"name": file.name, "description": description}
    answer = httpx.post(address, content=file.read_bytes(), params=params, headers=headers, timeout=60, trust_env=False)
    if answer.is_error:
        problems.print(f"[red]{answer.status_code}[/red] {answer.text[:1000]}", highlight=False)
        raise typer.Exit(1)
    show(answer.json())


@operator.command(name="unshare-file")
def unshare_file(file_id: str) -> None:
    """Stop sharing a file at once."""
    show(call("registry", "DELETE", f"/files/{file_id}"))


@operator.command(name="permit")
def permit(
    client_id: str,
    account: Annotated[list[str] | None, typer.Option("--account", help="Key of an account that it may see; repeat it.")] = None,
    aggregation: Annotated[list[str] | None, typer.Option("--aggregation", help="Number of an aggregation; repeat it.")] = None,
    everything: Annotated[bool, typer.Option("--everything", help="All of production.")] = False,
) -> None:
    """Set what a direct access Client may see; what is not named any more is closed."""
    permission: dict[str, Any] = {
        "everything": everything, "account_refs": account or [], "aggregation_numbers": aggregation or []
    }  # fmt: skip
    show(call("registry", "PATCH", f"/clients/{client_id}", {"permission": permission}))


@operator.command(name="audit-search")
def audit_search(
    *,
    actor: Annotated[str, typer.Option(help="Such as operator:ada.")] = "",
    action: Annotated[str, typer.Option(help="Such as client.disabled.")] = "",
    subject: Annotated[str, typer.Option(help="A client_id, message, file, key or operator.")] = "",
    registration_id: Registration = "",
    after: Annotated[str, typer.Option(help="RFC 3339.")] = "",
    before: Annotated[str, typer.Option(help="RFC 3339.")] = "",
) -> None:
    """Search registry's audit log."""
    params = _wanted(actor=actor, action=action, subject=subject, registration_id=registration_id, after=after, before=before)
    show(call("registry", "GET", "/audit", params=params))


@operator.command(name="audit-verify")
def audit_verify() -> None:
    """Check that no entry of registry's audit log was changed or taken out; exit code 1 when one was."""
    answer = call("registry", "GET", "/audit/verification")
    show(answer)
    if not answer["sound"]:
        raise typer.Exit(1)


@accounts.command(name="add")
def add_account(name: str, role: Annotated[Literal["viewer", "reviewer", "admin"], typer.Option()] = "reviewer") -> None:
    """Make an operator account; its key and password are shown this once."""
    show(call("registry", "POST", "/operators", {"name": name, "role": role}))


@accounts.command(name="renew")
def renew_account(name: str) -> None:
    """Give an account a new key and password."""
    show(call("registry", "POST", f"/operators/{name}/renew"))


@accounts.command(name="end")
def end_account(name: str) -> None:
    """End an account."""
    call("registry", "DELETE", f"/operators/{name}")
    typer.echo(json.dumps({"ended": name}))
