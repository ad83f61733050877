"""labelyard raw-data status, update, cancel, download, share, unshare, delete"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from ..output import Output, moment
from ..types import Archive
from . import Group, connect, the_project


@click.group("raw-data", cls=Group)
def raw_data() -> None:
    """The zip of all images of a project."""


@raw_data.command()
@click.argument("project")
@click.pass_obj
def status(output: Output, project: str) -> None:
    """Show when the zip was built, of what, and what has changed since. PROJECT: its name or id."""
    with connect() as api:
        found = api.archive(the_project(api, project)["id"])
    output.result(found, "\n".join(_words(found)))


@raw_data.command()
@click.argument("project")
@click.option("--no-wait", is_flag=True, help="Ask for it only.")
@click.pass_obj
def update(output: Output, project: str, no_wait: bool) -> None:
    """Build the zip, or bring it up to date. PROJECT: its name or id.

    What is unchanged is not moved again. The zip that stands can be downloaded until the new one stands.
    """
    with connect() as api:
        asked = api.update_archive(the_project(api, project)["id"])
        if not no_wait:
            with output.progress("Building", in_bytes=True) as tell:
                asked = api.await_archive(asked["project_id"], tell)
    if not no_wait and (build := asked.get("build")) and build["state"] != "done":
        raise click.ClickException(f"The build {build['state']}: {build.get('failure') or 'no reason was given'}")
    output.result(asked, "\n".join(_words(asked)))


@raw_data.command()
@click.argument("project")
@click.pass_obj
def cancel(output: Output, project: str) -> None:
    """Stop the build that is under way; the zip that stands stays. PROJECT: its name or id."""
    with connect() as api:
        found = api.cancel_archive(the_project(api, project)["id"])
    output.result(found, "\n".join(_words(found)))


@raw_data.command()
@click.argument("project")
@click.option(
    "-o", "--output", "target", required=True, metavar="FILE", help="Where the file goes.",
    type=click.Path(dir_okay=False, path_type=Path),
)  # fmt: skip
@click.pass_obj
def download(output: Output, project: str, target: Path) -> None:
    """Download the zip as it stands. PROJECT: its name or id.

    FILE appears only when all of it has arrived.
    """
    if not target.parent.is_dir():
        raise click.UsageError(f"There is no folder {target.parent}.")
    with connect() as api, output.progress("Downloading", in_bytes=True) as tell:
        api.download_archive(the_project(api, project)["id"], target, tell)
    size = target.stat().st_size
    output.result({"file": str(target), "size": size}, f"{target}: {size:,} bytes.")


@raw_data.command()
@click.argument("project")
@click.option("--days", type=click.IntRange(1, 36500), help="How long it holds.  [default: until it is revoked]")
@click.option("--downloads", type=click.IntRange(1), help="How often it may be used.  [default: without limit]")
@click.pass_obj
def share(output: Output, project: str, days: int | None, downloads: int | None) -> None:
    """Make an address by which anyone may download the zip, without an account. PROJECT: its name or id.

    It leads to the zip as it is whenever it is followed. It is printed, now and never again; one that was made before
    ends.
    """
    with connect() as api:
        link = api.share_archive(
            the_project(api, project)["id"],
            expires_at=(datetime.now(UTC) + timedelta(days=days)).isoformat() if days else None,
            max_downloads=downloads,
        )
    output.say("Anyone who has this address may download the file. It is not shown again:")
    output.result(link, link["url"])


@raw_data.command()
@click.argument("project")
@click.pass_obj
def unshare(output: Output, project: str) -> None:
    """End the address that `share` made. PROJECT: its name or id."""
    with connect() as api:
        project_id = the_project(api, project)["id"]
        api.unshare_archive(project_id)
    output.result({"unshared": project_id}, "That address leads nowhere any more.")


@raw_data.command()
@click.argument("project")
@click.pass_obj
def delete(output: Output, project: str) -> None:
    """Delete the zip, and stop its build; its address ends. PROJECT: its name or id."""
    with connect() as api:
        project_id = the_project(api, project)["id"]
        api.delete_archive(project_id)
    output.result({"deleted": project_id}, "It is gone.")


def _words(archive: Archive) -> list[str]:
    """What there is to say of it, in lines."""
    report, build, link = archive.get("report"), archive.get("build"), archive.get("link")
    lines = ["Nothing was built yet: `labelyard raw-data update` does."]
    if report is not None:
        lines = [
            f"{report['images']:,} images, {report['size']:,} bytes, built {moment(archive.get('built_at'))}.",
            f"The last update added {report['added']:,}, removed {report['removed']:,}; "
            f"{report['through']:,} bytes were moved, {report['copied']:,} copied by the store.",
            _changes(archive.get("changes")),
        ]
    if build is not None and build["state"] != "done":
        lines.append(_build(build))
    if link is not None:
        lines.append(f"Shared: downloaded {link['downloads']:,} times.")
    return lines


def _changes(changes: dict[str, int] | None) -> str:
    if changes is None:
        return "What has changed since is not known."
    if not changes["added"] and not changes["removed"]:
        return "Nothing has changed since."
    return (
        f"Since then {changes['added']:,} were added ({changes['added_size']:,} bytes), {changes['removed']:,} removed."
    )


def _build(build: Any) -> str:
    if build["state"] == "failed":
        return f"The latest build failed: {build.get('failure') or 'no reason was given'}"
    if build["state"] not in ("queued", "running"):
        return f"The latest build was {build['state']}."
    waits = ", no worker is there to do it" if build.get("waiting_for_worker") else ""
    return f"Being built: {build['done']:,} of {build.get('total') or 0:,} bytes stand{waits}."
