"""labelyard export"""

from pathlib import Path

import click

from ..output import Command, Output
from ..types import LabelFilter, Review, Status
from . import connect, the_project


@click.command(cls=Command)
@click.argument("project")
@click.option(
    "-o", "--output", "target", required=True, metavar="FILE", help="Where the file goes.",
    type=click.Path(dir_okay=False, path_type=Path),
)  # fmt: skip
@click.option(
    "--status", multiple=True, help="Only labels of this status; may be given again.",
    type=click.Choice(["in_progress", "submitted", "skipped"]),
)  # fmt: skip
@click.option(
    "--review", multiple=True, help="Only labels of this review; may be given again.",
    type=click.Choice(["not_submitted", "rejected", "pending_review", "approved"]),
)  # fmt: skip
@click.option("--name", help="The export's name in the project's history.")
@click.pass_obj
def export(
    output: Output,
    *,
    project: str,
    target: Path,
    status: tuple[Status, ...],
    review: tuple[Review, ...],
    name: str | None,
) -> None:
    """Export labels to a JSON file. PROJECT: its name or id.

    FILE appears only when all of it has arrived and been checked.
    """
    if not target.parent.is_dir():
        raise click.UsageError(f"There is no folder {target.parent}.")
    where: LabelFilter = {}
    if status:
        where["status"] = list(status)
    if review:
        where["review"] = list(review)
    with connect() as api:
        asked = api.create_export(the_project(api, project)["id"], name=name, where=where or None)
        with output.progress("Exporting labels"):
            done = api.await_export(asked)
        if done["state"] != "done":
            raise click.ClickException(f"The export {done['state']}: {done.get('failure') or 'no reason was given'}")
        with output.progress("Downloading", in_bytes=True) as tell:
            api.download_export(done, target, tell)
    labels, objects, size = (done.get(key) or 0 for key in ("labels", "objects", "size"))
    output.result(
        {"file": str(target), "export": done},
        f"{target}: {labels:,} labels with {objects:,} objects, {size:,} bytes.",
    )
