"""labelyard overview, labelyard watch"""

import click
from rich.live import Live

from .. import draw
from ..output import Command, Output
from . import connect, the_project


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
        page = api.overview(the_project(api, project)["id"])
        messages = api.live(page["project"]["id"])
        try:
            if output.as_json:
                for message in messages:
                    output.json(message)
            elif not output.out.is_terminal:
                for message in messages:
                    page["cards"].update(message["cards"])
                    click.echo(draw.summary(page))
            else:
                with Live(console=output.out, screen=True, auto_refresh=False) as screen:
                    screen.update(draw.overview(page, output.out.width, "connecting…"), refresh=True)
                    for message in messages:
                        page["cards"].update(message["cards"])
                        note = f"live, version {message['version']:,}; Ctrl-C ends"
                        screen.update(draw.overview(page, output.out.width, note), refresh=True)
        except KeyboardInterrupt:
            pass
