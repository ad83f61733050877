"""labelyard versions create, list, compare, delete"""

from typing import get_args

import click
from rich.console import Group as RichGroup

from ..api import Labelyard
from ..output import Output, listing, moment, named
from ..types import LabelFilter, ObjectChanges, Review, Status, Version
from . import Group, connect, the_project, the_version


@click.group(cls=Group)
def versions() -> None:
    """Labels frozen for ever."""


@versions.command()
@click.argument("project")
@click.argument("name")
@click.option("--tag", multiple=True, help="Only labels that carry this tag, by name or id; may be given again.")
@click.option("--status", multiple=True, type=click.Choice(get_args(Status)), help="Only labels of this status.")
@click.option("--review", multiple=True, type=click.Choice(get_args(Review)), help="Only labels of this review.")
@click.option("--note", default="", help="What it is for.")
@click.pass_obj
def create(
    output: Output,
    *,
    project: str,
    name: str,
    tag: tuple[str, ...],
    status: tuple[Status, ...],
    review: tuple[Review, ...],
    note: str,
) -> None:
    """Freeze labels as they are now. PROJECT: its name or id; NAME: what the version is called."""
    with connect() as api:
        project_id = the_project(api, project)["id"]
        where: LabelFilter = {}
        if tag:
            where["tag"] = [_tag(api, project_id, each) for each in tag]
        if status:
            where["status"] = list(status)
        if review:
            where["review"] = list(review)
        asked = api.create_version(project_id, name, {"filter": where}, note=note)
        with output.progress("Freezing labels") as tell:
            made = api.await_version(asked, tell)
    if made["state"] != "done":
        raise click.ClickException(f"The version {made['state']}: {made.get('failure') or 'no reason was given'}")
    output.result(made, f"{made['name']}: {_counted(made)} ({made['id']}).")


@versions.command("list")
@click.argument("project")
@click.pass_obj
def list_(output: Output, project: str) -> None:
    """List a project's versions, newest first. PROJECT: its name or id."""
    with connect() as api:
        found = list(api.versions(the_project(api, project)["id"]))
    table = listing("Version", "Of", "State", "Labels", "Objects", "Bytes", right=("Labels", "Objects", "Bytes"))
    for each in found:
        counts = ("" if (count := each.get(key)) is None else f"{count:,}" for key in ("labels", "objects", "size"))
        notes = (each["note"],) if each["note"] else ()
        table.add_row(named(each["name"], each["id"], *notes), moment(each.get("taken_at")), each["state"], *counts)
    output.result(found, table if found else "No versions yet: `labelyard versions create` makes one.")


@versions.command()
@click.argument("project")
@click.argument("before")
@click.argument("after")
@click.option("--labels", "listed", is_flag=True, help="List the labels that differ, too.")
@click.pass_obj
def compare(output: Output, project: str, before: str, after: str, listed: bool) -> None:
    """What differs in the version AFTER from the version BEFORE. PROJECT, BEFORE, AFTER: name or id."""
    with connect() as api:
        found = the_project(api, project)
        one, other = (the_version(api, found["id"], name) for name in (before, after))
        with output.progress("Comparing") as tell:
            done = api.await_comparison(api.compare_versions(one, other), tell)
        if done["state"] != "done":
            why = done.get("failure") or "no reason was given"
            raise click.ClickException(f"The comparison {done['state']}: {why}")
        differing = list(api.differences(done)) if listed else None
        specification = api.project(found["id"])["specification"]
    classes = [*specification["object_classes"], *specification.get("removed_object_classes", [])]
    names = {each["id"]: each["name"] for each in classes}
    table = listing("", "Added", "Removed", "Changed", right=("Added", "Removed", "Changed"))
    table.add_row("Labels", *(f"{count:,}" for count in (done["added"], done["removed"], done["changed"])))
    table.add_row("Objects", *_changes(done["objects"]))
    for class_id, counts in done["by_class"].items():
        table.add_row(f"  {names.get(class_id, class_id)}", *_changes(counts))
    if differing is None:
        output.result(done, table)
        return
    labels = listing("Label", "Is", "In")
    for each in differing:
        labels.add_row(named(each["data_key"], each["label_id"]), each["change"], ", ".join(each["fields"]))
    output.result({"comparison": done, "labels": differing}, RichGroup(table, labels))


@versions.command()
@click.argument("project")
@click.argument("name", metavar="VERSION")
@click.pass_obj
def delete(output: Output, project: str, name: str) -> None:
    """Delete a version and what was frozen for it, for good. PROJECT, VERSION: name or id."""
    with connect() as api:
        found = the_version(api, the_project(api, project)["id"], name)
        api.delete_version(found)
    output.result({"deleted": found["id"]}, f"{found['name']} is deleted.")


def _changes(counts: ObjectChanges) -> tuple[str, str, str]:
    return f"{counts['added']:,}", f"{counts['removed']:,}", f"{counts['changed']:,}"


def _tag(api: Labelyard, project_id: str, name_or_id: str) -> str:
    for each in api.tags(project_id):
        if name_or_id in (each["name"], each["id"]):
            return each["id"]
    raise click.ClickException(f"The project has no tag {name_or_id!r}.")


def _counted(version: Version) -> str:
    labels, objects, size = (version.get(key) or 0 for key in ("labels", "objects", "size"))
    return f"{labels:,} labels with {objects:,} objects, {size:,} bytes"
