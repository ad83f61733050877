"""labelyard project create, list, publish, unpublish, quota, delete, restore"""

import click

from ..output import Output, listing, named
from ..types import Exposure, ObjectClassDraft, Quota, QuotaKind
from . import Group, connect, the_project

ANNOTATION_TYPES = ("box", "rbox", "polyline", "polygon", "keypoint", "cuboid2d")


class ClassType(click.ParamType[ObjectClassDraft]):
    """NAME or NAME:TYPE."""

    name = "NAME[:TYPE]"

    def convert(self, value: str, param: click.Parameter | None, context: click.Context | None) -> ObjectClassDraft:
        """The class that `value` describes; a box if it names no type."""
        name, colon, kind = value.rpartition(":")
        if not colon:
            name, kind = value, "box"
        if kind not in ANNOTATION_TYPES:
            self.fail(f"{kind!r} is no annotation type: use one of {', '.join(ANNOTATION_TYPES)}.", param, context)
        return {"name": name, "annotation_type": kind}


@click.group(cls=Group)
def project() -> None:
    """Make, list, publish and delete projects."""


@project.command()
@click.argument("name")
@click.option("--class", "classes", type=ClassType(), multiple=True, help="An object class; a box if no TYPE is given.")
@click.option("--description", default="", help="What the project is about.")
@click.option("--public", is_flag=True, help="Let everybody look at it, without people's names.")
@click.pass_obj
def create(output: Output, name: str, classes: tuple[ObjectClassDraft, ...], description: str, public: bool) -> None:
    """Make a project that labels images."""
    with connect() as api:
        visibility = "public" if public else "private"
        made = api.create_project(name, classes, description=description, visibility=visibility)
    output.result(made, f"Made project {made['name']} ({made['id']}).")


@project.command()
@click.argument("project")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.pass_obj
def publish(output: Output, *, project: str, yes: bool) -> None:
    """Make a project public: everybody may look at it, without people's names. PROJECT: its name or id.

    Says first what becomes visible.
    """
    with connect() as api:
        found = the_project(api, project)
        exposure = api.visibility(found["id"])
        if exposure["visibility"] == "public":
            output.result(found, f"Project {found['name']} is public already.")
            return
        output.say(_described(found["name"], exposure))
        if not yes:
            click.confirm("Make it public?", abort=True, err=True)
        published = api.publish(found["id"], exposure["confirmation"])
    output.result(published, f"Project {found['name']} is public. `labelyard project unpublish` makes it private.")


@project.command()
@click.argument("project")
@click.pass_obj
def unpublish(output: Output, project: str) -> None:
    """Make a project private, for its members. PROJECT: its name or id.

    Visitors are out at once. Addresses of files that they were given hold for a minute at most.
    """
    with connect() as api:
        found = the_project(api, project)
        hidden = api.unpublish(found["id"])
    output.result(hidden, f"Project {found['name']} is private.")


def _described(name: str, exposure: Exposure) -> str:
    shown, hidden = exposure["shown"], exposure["hidden"]
    return "\n".join(
        (
            f"Everybody, signed in or not, will see of {name}:",
            "  its name, description and classes,",
            f"  {_count(shown['labels'], 'label')} with {_count(shown['images'], 'image')} (and the names of their"
            f" files and datasets), {_count(shown['objects'], 'object')}, and the labels' history,",
            f"  the cards {', '.join(shown['cards'])}, and their changes as they happen.",
            "Hidden from them stay:",
            f"  the names of {_count(hidden['people'], 'person', 'people')}, and who did what,",
            f"  issues (open on {_count(hidden['labels_with_open_issues'], 'label')}), comments, and"
            f" {_count(hidden['guidelines'], 'guideline')},",
            f"  the cards {', '.join(hidden['cards'])}.",
            f"{_count(exposure['share_links'], 'share link')} to exports: whoever has one downloads, public or not.",
        )
    )


def _count(number: int | None, what: str, many: str | None = None) -> str:
    """So many of what; an unknown number of them, if the server can't say at present."""
    if number is None:
        return f"an unknown number of {many or what + 's'}"
    return f"{number:,} {what if number == 1 else many or what + 's'}"


class Limit(click.ParamType[int | str]):
    """A number, or what the installation has."""

    name = "NUMBER|default"

    def convert(self, value: str, param: click.Parameter | None, context: click.Context | None) -> int | str:
        """The number, or "default"."""
        if value != "default" and not (value.isascii() and value.isdecimal()):
            self.fail(f"{value!r} is neither a number nor `default`.", param, context)
        return value if value == "default" else int(value)


@project.command()
@click.argument("project")
@click.option("--exports", type=Limit(), help="How many exports it may keep.")
@click.option("--storage", type=Limit(), help="How many bytes its labeled images may have.")
@click.pass_obj
def quota(output: Output, /, *, project: str, **limits: int | str | None) -> None:
    """Show what a project has and may have, or limit it. PROJECT: its name or id.

    Limits are for owners and admins to set; `default` is what the installation has.
    """
    with connect() as api:
        found = the_project(api, project)
        kinds: tuple[QuotaKind, ...] = ("exports", "storage")
        for kind in kinds:
            if (limit := limits[kind]) is not None:
                api.set_quota(found["id"], kind, limit if isinstance(limit, int) else None)
        quotas: dict[str, Quota] = {kind: api.quota(found["id"], kind) for kind in kinds}
    table = listing("Quota", "Used", "Limit", "Default", right=("Used", "Limit", "Default"))
    for name, each in quotas.items():
        told = (each["used"], each.get("limit"), each.get("default"))
        table.add_row(name, *("–" if number is None else f"{number:,}" for number in told))
    output.result(quotas, table)


@project.command()
@click.argument("project")
@click.pass_obj
def delete(output: Output, project: str) -> None:
    """Hide a project from everybody. PROJECT: its name or id."""
    with connect() as api:
        found = the_project(api, project)
        api.delete_project(found["id"])
    back = f"`labelyard project restore {found['id']}` brings it back."
    output.result(found, f"Deleted project {found['name']}. {back}")


@project.command()
@click.argument("project")
@click.pass_obj
def restore(output: Output, project: str) -> None:
    """Bring a deleted project back. PROJECT: its name or id."""
    with connect() as api:
        named = [each["id"] for each in api.projects(name=project, deleted=True)]
        if len(named) > 1:
            raise click.ClickException(f"Several deleted projects had that name; give an id: {', '.join(named)}")
        back = api.restore_project(named[0] if named else project)
    output.result(back, f"Restored project {back['name']}.")


@project.command("list")
@click.option("--deleted", is_flag=True, help="The deleted ones instead; for owners and admins.")
@click.pass_obj
def list_(output: Output, deleted: bool) -> None:
    """List the projects that you may see, newest first."""
    with connect() as api:
        projects = list(api.projects(deleted=deleted))
    counted = ("Labels", "Submitted", "Reviewed")
    table = listing("Project", *counted, "Role", right=counted)
    for each in projects:
        counters = each.get("counters") or {}
        figures = (f"{counters[key]:,}" if key in counters else "–" for key in ("total", "submitted", "reviewed"))
        table.add_row(named(each["name"], each["id"]), *figures, each["role"])
    none = "No deleted projects." if deleted else "No projects yet: `labelyard project create NAME` makes one."
    output.result(projects, table if projects else none)
