"""labelyard export, exports, share, unshare"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import click

from ..api import Labelyard
from ..output import Command, Output, listing, named
from ..types import Export, ExportFormat, LabelFilter, Review, Status
from . import connect, the_project, the_version
from .filters import the_filter


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
@click.option("--saved", metavar="FILTER", help="Only labels that this saved filter chooses: its name or id.")
@click.option(
    "--format", "form", help="What is written.", default="native", show_default=True,
    type=click.Choice(get_args(ExportFormat)),
)  # fmt: skip
@click.option("--version", metavar="VERSION", help="Labels as they were frozen: a version's name or id.")
@click.option("--no-skipped", is_flag=True, help="Without labels that were skipped.")
@click.option("--no-empty", is_flag=True, help="Without labels that have no objects.")
@click.option("--split", is_flag=True, help="Deal the images into train (80 %), val (10 %) and test, in a zip.")
@click.option("--images", is_flag=True, help="With the images themselves, in a zip.")
@click.option("--name", help="The export's name in the project's history.")
@click.pass_obj
def export(
    output: Output,
    *,
    project: str,
    target: Path,
    status: tuple[Status, ...],
    review: tuple[Review, ...],
    saved: str | None,
    form: ExportFormat,
    version: str | None,
    no_skipped: bool,
    no_empty: bool,
    split: bool,
    images: bool,
    name: str | None,
) -> None:
    """Export labels to a file. PROJECT: its name or id.

    FILE appears only when all of it has arrived and been checked.
    """
    if not target.parent.is_dir():
        raise click.UsageError(f"There is no folder {target.parent}.")
    if saved and (status or review):
        raise click.UsageError("--saved says which labels: leave out --status and --review.")
    if version is not None and (status or review or saved):
        raise click.UsageError("A version is exported as it is: without --status, --review and --saved.")
    where: LabelFilter = {}
    if status:
        where["status"] = list(status)
    if review:
        where["review"] = list(review)
    with connect() as api:
        project_id = the_project(api, project)["id"]
        if saved:
            where = the_filter(api, project_id, saved)["filter"]
        asked = api.create_export(
            project_id,
            name=name,
            where=where or None,
            version=None if version is None else the_version(api, project_id, version),
            form=form,
            options={
                "skipped": not no_skipped,
                "empty": not no_empty,
                "split": {} if split else None,
                "images": images,
            },
        )
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


@click.command(cls=Command)
@click.argument("project")
@click.pass_obj
def exports(output: Output, project: str) -> None:
    """List a project's exports, newest first. PROJECT: its name or id."""
    with connect() as api:
        found = list(api.exports(the_project(api, project)["id"]))
    table = listing("Export", "State", "Labels", "Bytes", "Downloads", right=("Labels", "Bytes", "Downloads"))
    for each in found:
        link = each.get("link")
        table.add_row(
            named(each["name"], each.get("selection", ""), each["id"]),
            each["state"],
            *("" if (count := each.get(key)) is None else f"{count:,}" for key in ("labels", "size")),
            "not shared" if link is None else f"{link['downloads']:,}",
        )
    output.result(found, table if found else "No exports yet: `labelyard export` makes one.")


@click.command(cls=Command)
@click.argument("project")
@click.argument("name", metavar="EXPORT")
@click.option("--days", type=click.IntRange(1, 36500), help="How long it holds.  [default: until it is revoked]")
@click.option("--downloads", type=click.IntRange(1), help="How often it may be used.  [default: without limit]")
@click.pass_obj
def share(output: Output, project: str, name: str, days: int | None, downloads: int | None) -> None:
    """Make an address by which anyone may download an export, without an account.

    PROJECT, EXPORT: name or id; of several of one name, the newest. It is printed, now and never again; one that was
    made before ends.
    """
    with connect() as api:
        link = api.share_export(
            _the_export(api, project, name),
            expires_at=(datetime.now(UTC) + timedelta(days=days)).isoformat() if days else None,
            max_downloads=downloads,
        )
    output.say("Anyone who has this address may download the file. It is not shown again:")
    output.result(link, link["url"])


@click.command(cls=Command)
@click.argument("project")
@click.argument("name", metavar="EXPORT")
@click.pass_obj
def unshare(output: Output, project: str, name: str) -> None:
    """End the address that `share` made. PROJECT, EXPORT: name or id; of several of one name, the newest."""
    with connect() as api:
        found = _the_export(api, project, name)
        api.unshare_export(found)
    output.result({"unshared": found["id"]}, "That address leads nowhere any more.")


def _the_export(api: Labelyard, project: str, name: str) -> Export:
    for each in api.exports(the_project(api, project)["id"]):
        if name in (each["name"], each["id"]):
            return each
    raise click.ClickException(f"There is no export {name!r}: see `labelyard exports`.")
