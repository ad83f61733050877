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
from ..types import LiveMessage, Overview
from . import connect, the_project

PACE = 1.0  # seconds


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
                for message in api.live(project_id):
                    page["cards"].update(message["cards"])
                    click.echo(draw.summary(page))
            else:
                with Live(console=output.out, screen=True, auto_refresh=False) as screen:
                    for page in _pages(api, project_id):
                        screen.update(draw.overview(page, output.out.width, "live; Ctrl-C ends"), refresh=True)
        except KeyboardInterrupt:
            pass


def _pages(api: Labelyard, project_id: str) -> Iterator[Overview]:
    """The page, and again with each message; cards that are not on the stream follow within PACE seconds."""
    arrived: queue.SimpleQueue[LiveMessage | Exception] = queue.SimpleQueue()

    def listen() -> None:
        try:
            for message in api.live(project_id):
                arrived.put(message)
        except Exception as error:  # raised again where the page is drawn
            arrived.put(error)

    threading.Thread(target=listen, daemon=True).start()
    page, fetched, moved = api.overview(project_id), time.monotonic(), False
    while True:
        yield page
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
        page["cards"].update(message["cards"])
        moved = True
