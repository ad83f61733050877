"""labelyard guideline upload, list, download"""

from pathlib import Path

import click

from ..output import Output, listing, named
from . import Group, connect, the_project


@click.group(cls=Group)
def guideline() -> None:
    """PDFs for a project's members."""


@guideline.command()
@click.argument("project")
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", help="What it is called.  [default: the file's name]")
@click.pass_obj
def upload(output: Output, project: str, file: Path, name: str | None) -> None:
    """Upload a PDF. PROJECT: its name or id."""
    with connect() as api:
        made = api.upload_guideline(the_project(api, project)["id"], file, name)
    output.result(made, f"{made['name']}: {made.get('pages') or 0:,} pages ({made['id']}).")


@guideline.command("list")
@click.argument("project")
@click.pass_obj
def list_(output: Output, project: str) -> None:
    """List a project's guidelines, newest first. PROJECT: its name or id."""
    with connect() as api:
        found = list(api.guidelines(the_project(api, project)["id"]))
    table = listing("Guideline", "Pages", "Bytes", right=("Pages", "Bytes"))
    for each in found:
        table.add_row(named(each["name"], each["id"]), f"{each.get('pages') or 0:,}", f"{each['size']:,}")
    output.result(found, table if found else "No guidelines yet: `labelyard guideline upload` adds one.")


@guideline.command()
@click.argument("project")
@click.argument("name", metavar="GUIDELINE")
@click.option(
    "-o", "--output", "target", metavar="FILE", help="Where the file goes.  [default: its name, here]",
    type=click.Path(dir_okay=False, path_type=Path),
)  # fmt: skip
@click.pass_obj
def download(output: Output, project: str, name: str, target: Path | None) -> None:
    """Download a guideline. PROJECT, GUIDELINE: name or id; of several of one name, the newest."""
    with connect() as api:
        for each in api.guidelines(the_project(api, project)["id"]):
            if name in (each["name"], each["id"]):
                break
        else:
            raise click.ClickException(f"There is no guideline {name!r}: see `labelyard guideline list`.")
        target = target or Path(Path(each["name"]).name)
        with output.progress("Downloading", in_bytes=True) as tell:
            api.download_guideline(each, target, tell)
    output.result({"file": str(target), "guideline": each}, f"{target}: {each['size']:,} bytes.")
