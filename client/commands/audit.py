"""labelyard admin audit list, export"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import click

from ..api import Labelyard
from ..output import Output, listing, named
from ..types import AuditEntry
from . import PARTLY_DONE, Group, connect, the_project

_OPTIONS = (
    click.option("--service", help="Only those of this service."),
    click.option("--project", help="Only those in this project: its name or id."),
    click.option("--user", "user_id", metavar="ID", help="Only those by this person."),
    click.option("--token", "token_id", metavar="ID", help="Only those by this access token."),
    click.option("--action", help="Only this action; with a dot at its end, all that begin so."),
    click.option("--outcome", help="Only these: ok, bad_credentials, forbidden."),
    click.option("--subject", metavar="KIND", help="Only changes of this kind of thing, as label."),
    click.option("--id", "subject_id", metavar="ID", help="Only changes of the thing with this id."),
    click.option("--address", help="Only those from this network address."),
    click.option("--correlation", "correlation_id", metavar="ID", help="Only those of this request."),
    click.option("--since", metavar="TIME", help="Only from this moment on, as 2026-11-01 or 2026-11-01T12:00:00Z."),
    click.option("--until", metavar="TIME", help="Only those before this moment."),
)


def _which(command: Callable[..., Any]) -> Callable[..., Any]:
    """What both commands take."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group(cls=Group)
def audit() -> None:
    """Who changed what, when and from where."""


@audit.command("list")
@_which
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="So many, the newest.")
@click.pass_obj
def list_(output: Output, /, limit: int, **which: str | None) -> int:
    """List changes of all services, newest first."""
    away: set[str] = set()
    with connect() as api:
        found = list(itertools.islice(api.audit(away=away.add, **_chosen(api, which)), limit))
    table = listing("Change", "Who, from where", "When", width=46)
    for each in found:
        table.add_row(named(_title(each), *_details(each)), _who(each), each["at"][:19].replace("T", "\n"))
    output.result({"items": found, "unavailable": sorted(away)}, table if found else "No changes.")
    if away:
        output.say(f"Without those of {', '.join(sorted(away))}: not available right now.")
    return PARTLY_DONE if away else 0


@audit.command()
@_which
@click.option("--csv", "as_csv", is_flag=True, help="As CSV, for a spreadsheet.")
@click.pass_obj
def export(output: Output, /, as_csv: bool, **which: str | None) -> None:
    """Print all changes, newest first, a JSON object a line."""
    with connect() as api:
        for line in api.export_audit(as_csv=as_csv, **_chosen(api, which)):
            click.echo(line)


def _chosen(api: Labelyard, which: dict[str, str | None]) -> dict[str, str | None]:
    project = which.pop("project")
    for name in ("since", "until"):
        moment = which[name]
        if moment is not None and len(moment) == len("2026-11-01"):
            which[name] = f"{moment}T00:00:00Z"
    return {**which, "project_id": None if project is None else _project_id(api, project)}


def _project_id(api: Labelyard, name_or_id: str) -> str:
    """A deleted project's id is taken as it is: its changes are there."""
    if len(name_or_id) == 36 and name_or_id.count("-") == 4:
        return name_or_id
    return the_project(api, name_or_id)["id"]


def _title(entry: AuditEntry) -> str:
    refused = "" if entry["outcome"] == "ok" else f" ({entry['outcome']})"
    return entry["action"] + refused


def _details(entry: AuditEntry) -> list[str]:
    about = [f"{entry['subject']} {entry['subject_id']}"] if entry["subject"] else []
    for name in ("before", "after"):
        side = entry["before"] if name == "before" else entry["after"]
        if side:
            about.append(f"{name}: {json.dumps(side, ensure_ascii=False)[:300]}")
    return about


def _who(entry: AuditEntry) -> str:
    by = entry["user_id"] or entry["issuer"] or "–"
    return "\n".join(filter(None, (by, entry["address"], (entry["agent"] or "")[:40])))
