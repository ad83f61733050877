"""labelyard admin failed list, show, replay, drop"""

import click
from rich.table import Table
from rich.text import Text

from ..api import Labelyard
from ..output import Output, listing, named
from ..types import FailedMessage
from . import PARTLY_DONE, Group, connect

STATES = click.Choice(["waiting", "given_up"])


@click.group(cls=Group)
def failed() -> None:
    """Messages that the services' handlers failed at."""


@failed.command("list")
@click.option("--service", help="Only those of this service.")
@click.option("--queue", help="Only those of this queue.")
@click.option("--type", "kind", metavar="TYPE", help="Only events of this type.")
@click.option("--state", type=STATES, help="Only those that are tried again by themselves, or that are not.")
@click.pass_obj
def list_(output: Output, service: str | None, queue: str | None, kind: str | None, state: str | None) -> int:
    """List them, service by service, oldest first."""
    away: set[str] = set()
    with connect() as api:
        found = list(api.failed(service=service, queue=queue, kind=kind, state=state, away=away.add))
    table = listing("Message", "State", "Tries", "Since", right=("Tries",), width=46)
    for each in found:
        table.add_row(
            named(f"{each['service']}/{each['id']}", each["queue"], each["type"], each["reason"][:200]),
            each["state"].replace("_", " "),
            str(each["attempts"]),
            each["failed_at"][:19].replace("T", "\n"),
        )
    drawn = table if found else "No failed messages."
    output.result({"items": found, "unavailable": sorted(away)}, drawn)
    if away:
        output.say(f"Without those of {', '.join(sorted(away))}: not available right now.")
    return PARTLY_DONE if away else 0


@failed.command()
@click.argument("message")
@click.pass_obj
def show(output: Output, message: str) -> None:
    """Show one of them with what it says. MESSAGE: as `list` names it, or its id alone."""
    with connect() as api:
        found = api.failed_message(*_which(api, message))
    table = Table(box=None, show_header=False)
    fields = ("queue", "type", "state", "attempts", "failed_at", "next_try_at", "reason", "size", "encoding")
    for name in fields:
        table.add_row(name.replace("_", " "), Text(str(found.get(name) or "–")))
    for name, value in found["headers"].items():
        table.add_row("header", Text(f"{name}: {value}"))
    table.add_row("body", Text(found["body"]))
    output.result(found, table)


@failed.command()
@click.argument("messages", metavar="[MESSAGE]...", nargs=-1)
@click.option("--queue", help="All of this queue.")
@click.option("--type", "kind", metavar="TYPE", help="Of the queue, only events of this type.")
@click.option("--state", type=STATES, help="Of the queue, only those in this state.")
@click.pass_obj
def replay(output: Output, messages: tuple[str, ...], queue: str | None, kind: str | None, state: str | None) -> None:
    """Have them tried again now. MESSAGE: as `list` names it, or its id alone."""
    _one_way(messages, queue, kind, state)
    with connect() as api:
        if queue is not None:
            count = api.replay_failed_queue(queue, kind=kind, state=state)
        else:
            count = sum(api.replay_failed(*_which(api, message)) for message in messages)
    output.result({"count": count}, f"Their consumer tries {count:,} again. `labelyard admin failed list` shows how.")


@failed.command()
@click.argument("messages", metavar="[MESSAGE]...", nargs=-1)
@click.option("--queue", help="All of this queue.")
@click.option("--type", "kind", metavar="TYPE", help="Of the queue, only events of this type.")
@click.option("--state", type=STATES, help="Of the queue, only those in this state.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.pass_obj
def drop(
    output: Output,
    *,
    messages: tuple[str, ...],
    queue: str | None,
    kind: str | None,
    state: str | None,
    yes: bool,
) -> None:
    """Forget them: what they told is never done. MESSAGE: as `list` names it, or its id alone."""
    _one_way(messages, queue, kind, state)
    if queue is not None and not yes:
        click.confirm(f"Forget the failed messages of {queue}?", abort=True, err=True)
    with connect() as api:
        if queue is not None:
            count = api.drop_failed_queue(queue, kind=kind, state=state)
        else:
            count = sum(api.drop_failed(*_which(api, message)) for message in messages)
    output.result({"count": count}, f"Dropped {count:,}.")


def _one_way(messages: tuple[str, ...], queue: str | None, kind: str | None, state: str | None) -> None:
    if bool(messages) == (queue is not None):
        raise click.UsageError("Name messages, or a queue with --queue.")
    if messages and (kind or state):
        raise click.UsageError("--type and --state choose among the messages of a --queue.")


def _which(api: Labelyard, message: str) -> tuple[str, str]:
    """Service and id of a message."""
    service, slash, message_id = message.rpartition("/")
    if slash:
        return service, message_id
    found: FailedMessage | None = api.find_failed(message)
    if found is None:
        raise click.ClickException(f"There is no failed message {message!r}: it was handled at last, or dropped.")
    return found["service"], found["id"]
