"""What a command says: its result on standard output, as text or JSON; progress and remarks on standard error."""

import json
import math
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click
from rich import box
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
)
from rich.table import Table
from rich.text import Text

from . import uploads


class Output:
    """Where a command's words go. With `as_json` its result is one JSON document, and it makes no remarks."""

    def __init__(self) -> None:
        self.as_json = False
        self.out = console()
        self.err = console(stderr=True)

    def result(self, value: Any, drawn: RenderableType) -> None:
        """The command's result, in the form asked for."""
        if self.as_json:
            self.json(value)
        else:
            self.out.print(drawn)

    def json(self, value: Any) -> None:
        """One line of JSON."""
        click.echo(json.dumps(value, ensure_ascii=False))

    def say(self, words: RenderableType) -> None:
        """A remark on the way."""
        if not self.as_json:
            self.err.print(words)

    def error(self, code: str, words: str, **more: Any) -> None:
        """Why the command failed."""
        if self.as_json:
            click.echo(json.dumps({"error": {"code": code, "detail": words, **more}}, ensure_ascii=False), err=True)
        else:
            click.echo(f"labelyard: {words}", err=True)

    @contextmanager
    def progress(self, what: str, *, in_bytes: bool = False) -> Iterator[uploads.Progress]:
        """A bar while something is done, on a terminal only. Tell what comes out how much is done, of how much."""
        columns = (TextColumn("{task.description}"), BarColumn(), _Count(in_bytes))
        with Progress(*columns, console=self.err, disable=not self.err.is_terminal, transient=True) as bar:
            task = bar.add_task(what, total=None)

            def tell(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total or None)

            yield tell


def console(**where: Any) -> Console:
    """A console that prints every string as it is: names may hold [brackets] and :colons:, which mean nothing here.

    Whatever is to have a style is a rich Text; `escape` would print its backslashes.
    """
    return Console(**where, highlight=False, markup=False, emoji=False)


def duration(seconds: int) -> str:
    """A time to wait, as people say it, rounded up."""
    for length, unit in ((3600, "hour"), (60, "minute")):
        if seconds > length:
            return f"{math.ceil(seconds / length)} {unit}s"
    return "a second" if seconds <= 1 else f"{seconds} seconds"


def moment(time: str | None, missing: str = "") -> str:
    """A time in the reader's own zone, to the minute."""
    return f"{datetime.fromisoformat(time).astimezone():%Y-%m-%d %H:%M}" if time else missing


def listing(*heads: str, right: Collection[str] = (), width: int = 36) -> Table:
    """A list of things, each `named` in the first column, which is as wide as an id. Nothing is cut off."""
    table = Table(box=box.SIMPLE_HEAD)
    for head in heads:
        least = width if head == heads[0] else max(map(len, head.split()))
        table.add_column(head, justify="right" if head in right else "left", overflow="fold", min_width=least)
    return table


def named(name: str, *lines: str) -> Text:
    """A name, and below it what may be copied or is long: its id before all."""
    return Text.assemble(name, *((f"\n{line}", "dim") for line in lines))


class _Count(ProgressColumn):
    """How much is done of how much, once that is known."""

    def __init__(self, in_bytes: bool) -> None:
        super().__init__()
        self._column: ProgressColumn = DownloadColumn() if in_bytes else MofNCompleteColumn()

    def render(self, task: Task) -> RenderableType:
        return Text() if task.total is None else self._column.render(task)


class Command(click.Command):
    """A command that takes --json too, so that it may stand before the command or behind it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(json_option())


def json_option() -> click.Option:
    """--json: tells the Output of this run."""

    def set_json(context: click.Context, _: click.Parameter, value: bool) -> None:
        if value:
            context.ensure_object(Output).as_json = True

    return click.Option(
        ["--json"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=set_json,
        help="Machine-readable output.",
    )
