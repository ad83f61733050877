"""labelyard overview, labelyard watch"""

import queue
import threading
import time
from collections.abc import Iterator

import click
from rich.live import Live

from .. import draw
from ..api import Labelyard
from ..output import Command, Output
from ..transport import ApiError, Unreachable
from ..types import LiveMessage, Overview
from . import connect, the_project

PACE = 1.0  # seconds
LIVE = "live; Ctrl-C ends"


@click.command(cls=Command)
@click.argument("project")
@click.pass_obj
def overview(output: Output, project: str) -> None:
    """Show a project's overview. PROJECT: its name or id."""
    with connect() as api:
        page = api.overview(the_project(api, project)["id"])
    output.result(page, draw.overview(page, output.out.width))


@click.command(cls=Command)
@click.argument("project")
@click.pass_obj
def watch(output: Output, project: str) -> None:
    """Show a project's overview as it changes, until Ctrl-C. PROJECT: its name or id.

    With --json, or where the output is not a terminal, one line for each message.
    """
    with connect() as api:
        try:
            project_id = the_project(api, project)["id"]
            if output.as_json:
                for message in api.live(project_id):
                    output.json(message)
            elif not output.out.is_terminal:
                page = api.overview(project_id)
                for message in api.live(project_id, waiting=lambda why: output.say(_waits(why))):
                    page["cards"].update(message["cards"])
                    click.echo(draw.summary(page))
            else:
                with Live(console=output.out, screen=True, auto_refresh=False) as screen:
                    for page, note in _pages(api, project_id):
                        screen.update(draw.overview(page, output.out.width, note), refresh=True)
        except KeyboardInterrupt:
            pass


def _waits(why: ApiError | Unreachable) -> str:
    return f"No live changes at the moment, asking again: {why.detail if isinstance(why, ApiError) else why}"


def _pages(api: Labelyard, project_id: str) -> Iterator[tuple[Overview, str]]:
    """The page and a note on it, and again with each message; cards that are not on the stream follow within PACE
    seconds."""
    arrived: queue.SimpleQueue[LiveMessage | str | Exception] = queue.SimpleQueue()

    def listen() -> None:
        try:
            for message in api.live(project_id, waiting=lambda why: arrived.put(_waits(why))):
                arrived.put(message)
        except Exception as error:  # raised again where the page is drawn
            arrived.put(error)

    threading.Thread(target=listen, daemon=True).start()
    page, note, fetched, moved = api.overview(project_id), LIVE, time.monotonic(), False
    while True:
        yield page, note
        left = fetched + PACE - time.monotonic()
        if moved and left <= 0:
            page, fetched, moved = api.overview(project_id), time.monotonic(), False
            continue
        try:
            message = arrived.get(timeout=left if moved else None)
        except queue.Empty:
            continue
        if isinstance(message, Exception):
            raise message
        if isinstance(message, str):
            note = message
            continue
        page["cards"].update(message["cards"])
        note, moved = LIVE, True
