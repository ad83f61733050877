"""labelyard project create, labelyard project list"""

import click
from rich import box
from rich.table import Table

from ..output import Output
from ..types import ObjectClassDraft
from . import Group, connect

ANNOTATION_TYPES = ("box", "rbox", "polyline", "polygon", "keypoint", "cuboid2d")


class ClassType(click.ParamType[ObjectClassDraft]):
    """NAME or NAME:TYPE."""

    name = "NAME[:TYPE]"

    def convert(
        self, value: str, param: click.Parameter | None, context: click.Context | None
    ) -> ObjectClassDraft:
        """The class that `value` describes; a box if it names no type."""
        name, colon, kind = value.rpartition(":")
        if not colon:
            name, kind = value, "box"
        if kind not in ANNOTATION_TYPES:
            self.fail(f"{kind!r} is no annotation type: use one of {', '.join(ANNOTATION_TYPES)}.", param, context)
        return {"name": name, "annotation_type": kind}


@click.group(cls=Group)
def project() -> None:
    """Make and list projects."""


@project.command()
@click.argument("name")
@click.option("--class", "classes", type=ClassType(), multiple=True, help="An object class; a box if no TYPE is given.")
@click.option("--description", default="", help="What the project is about.")
@click.option("--public", is_flag=True, help="Let everybody look at it, without people's names.")
@click.pass_obj
def create(
    output: Output, name: str, classes: tuple[ObjectClassDraft, ...], description: str, public: bool
) -> None:
    """Make a project that labels images."""
    with connect() as api:
        visibility = "public" if public else "private"
        made = api.create_project(name, classes, description=description, visibility=visibility)
    output.result(made, f"Made project {made['name']} ({made['id']}).")


@project.command("list")
@click.pass_obj
def list_(output: Output) -> None:
    """List the projects that you may see, newest first."""
    with connect() as api:
        projects = list(api.projects())
    table = Table(box=box.SIMPLE_HEAD)
    for head in ("Project", "Labels", "Submitted", "Reviewed", "Role", "Id"):
        right = head in ("Labels", "Submitted", "Reviewed")
        table.add_column(head, justify="right" if right else "left", no_wrap=head == "Id")
    for each in projects:
        counters = each.get("counters") or {}
        figures = (f"{counters[key]:,}" if key in counters else "–" for key in ("total", "submitted", "reviewed"))
        table.add_row(each["name"], *figures, each["role"], each["id"])
    output.result(projects, table if projects else "No projects yet: `labelyard project create NAME` makes one.")
