"""labelyard admin counters verify, labelyard admin counters rebuild"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import click
from rich import box
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table

from ..api import Labelyard
from ..output import Output
from ..types import CheckedProject, CheckKind, CounterCheck, FoundLabels
from . import DIFFERS, FAILED, Group, connect, the_project

SHOWN = 10  # ids and counters of a project listed in a terminal; --json has a hundred

_KINDS = {
    "missing": "not counted",
    "behind": "counted as they were before",
    "different": "counted as something else",
    "unknown": "counted, but there is no such label",
}


@click.group(cls=Group)
def counters() -> None:
    """What projects count, compared with their labels."""


def _whose(command: Callable[..., Any]) -> Callable[..., Any]:
    """What both commands take."""
    every = click.option("--all", "every", is_flag=True, help="Every project.")
    return click.argument("project", required=False)(every(command))


@counters.command()
@_whose
@click.pass_obj
def verify(output: Output, project: str | None, every: bool) -> int:
    """Compare counters with labels, and change nothing. PROJECT: its name or id.

    What differs because a change is on its way is looked at again. Ends with 4 if something else differs.
    """
    check, drawn = _run(output, "verify", project, every)
    output.result(check, drawn)
    if check["state"] != "done":
        return FAILED
    return 0 if check.get("consistent") else DIFFERS


@counters.command()
@_whose
@click.pass_obj
def rebuild(output: Output, project: str | None, every: bool) -> int:
    """Bring counters to what the labels add up to, while work goes on. PROJECT: its name or id."""
    check, drawn = _run(output, "rebuild", project, every)
    output.result(check, drawn)
    return 0 if check["state"] == "done" else FAILED


def _run(output: Output, kind: CheckKind, project: str | None, every: bool) -> tuple[CounterCheck, RenderableType]:
    if every == (project is not None):
        raise click.UsageError("Name a project, or --all.")
    with connect() as api:
        started = api.start_counter_check(kind, None if project is None else _project_id(api, project))
        with output.progress("Comparing labels") as tell:
            check = api.await_counter_check(started, tell)
        names = {each["id"]: each["name"] for each in api.projects()} if check["report"]["found"] else {}
    return check, _drawn(check, names)


def _project_id(api: Labelyard, name_or_id: str) -> str:
    """The project that is meant; a deleted one by its id."""
    try:
        return str(UUID(name_or_id))
    except ValueError:
        return the_project(api, name_or_id)["id"]


def _drawn(check: CounterCheck, names: dict[str, str]) -> RenderableType:
    """What came of it, for people."""
    report = check["report"]
    if check["state"] != "done":
        return f"It {check['state']}."
    seen = f"{report['projects']:,} projects with {report['labels']:,} labels"
    if not report["differing"]:
        return f"Nothing differs: {seen}."
    done = "differ" if check["kind"] == "verify" else "were mended"
    lines: list[RenderableType] = [f"{report['differing']:,} of {seen} {done}."]
    for found in report["found"]:
        lines += _project(found, names.get(found["project_id"], "deleted, or not known to the projects service"))
    if (more := report["differing"] - len(report["found"])) > 0:
        lines.append(f"… and {more:,} more projects.")
    return Lines(*lines)


def _project(found: CheckedProject, name: str) -> list[RenderableType]:
    labels = Table(title=f"{name} ({found['project_id']})", title_justify="left", title_style="bold", box=None)
    for head in ("Labels", "Are", "Ids"):
        labels.add_column(head, justify="right" if head == "Labels" else "left", no_wrap=head == "Ids")
    if not found["complete"]:
        labels.add_row("", "not complete: the database was begun anew", "")
    for kind, words in _KINDS.items():
        some: FoundLabels = found[kind]  # type: ignore[literal-required]
        if some["count"]:
            labels.add_row(f"{some['count']:,}", words, _listed(some))
    if not found["counter_count"]:
        return [labels]
    table = Table(box=box.SIMPLE_HEAD)
    for head in ("Counter", "Of", "Is", "Should be"):
        table.add_column(head, justify="right" if head in ("Is", "Should be") else "left", overflow="fold")
    for each in found["counters"][:SHOWN]:
        of = "the project" if each["scope"] == found["project_id"] else f"user {each['scope']}"
        table.add_row(each["key"], of, f"{each['actual']:,}", f"{each['expected']:,}")
    shown = min(SHOWN, len(found["counters"]))
    more = [f"… and {found['counter_count'] - shown:,} more counters."] if found["counter_count"] > shown else []
    return [labels, table, *more]


def _listed(some: FoundLabels) -> str:
    return "\n".join([*some["ids"][:SHOWN], *(["…"] if some["count"] > SHOWN else [])])
