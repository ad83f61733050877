"""labelyard import"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from .. import folders
from ..output import Output
from ..types import Import, ImportFormat, OnError, Status
from ..uploads import NAMED, UploadSummary
from . import FAILED, PARTLY_DONE, Group, connect

SHOWN = 50  # faults and failures listed in a terminal; --json has the first NAMED


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What every import takes."""
    for option in (
        click.option(
            "--on-error",
            type=click.Choice(["keep_good", "all_or_nothing"]),
            default="keep_good",
            show_default=True,
            help="Keep what is good of a file with errors, or change nothing at all.",
        ),
        click.option(
            "--status",
            type=click.Choice(["in_progress", "submitted"]),
            default="in_progress",
            show_default=True,
            help="The labels' status afterwards; submitted ones await review.",
        ),
        click.option("--dataset", help="Where the images go.  [default: the project's name]"),
        click.option("--project", required=True, help="Name or id; made if there is none of that name."),
    ):
        command = option(command)
    return command


@click.group("import", cls=Group)
def import_() -> None:
    """Upload images and their annotations."""


@import_.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@options
@click.pass_obj
def voc(output: Output, /, folder: Path, **chosen: Any) -> int:
    """Import Pascal VOC: a folder of XML files and images.

    DIR holds annotations/ and images/, or Annotations/ and JPEGImages/, or everything in one folder. All images
    that are found are uploaded; those that are stored already are not sent again.
    """
    annotations, images = folders.voc(folder)
    with folders.zipped_xml(annotations) as archive:
        if archive is None:
            raise click.UsageError(f"There are no XML files in {annotations}.")
        return _run(output, "voc", archive, folders.images(images), **chosen)


@import_.command()
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--images",
    "folder",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder that the file names in FILE start from.",
)
@options
@click.pass_obj
def coco(output: Output, /, file: Path, folder: Path, **chosen: Any) -> int:
    """Import COCO: one JSON file, and a folder of images."""
    return _run(output, "coco", file, folders.images(folder), **chosen)


def _exported(format: ImportFormat, what: str) -> None:
    """Makes the command of a format that Labelyard exports, too: a file, and images if they are not there yet."""

    @import_.command(format, help=f"Import {what}.")
    @click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    @click.option(
        "--images",
        "folder",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="The folder of the images; without it, they are in the dataset already.",
    )
    @options
    @click.pass_obj
    def command(output: Output, /, file: Path, folder: Path | None, **chosen: Any) -> int:
        return _run(output, format, file, folders.images(folder) if folder else {}, **chosen)


_exported("yolo", "YOLO: a zip with data.yaml, labels/ and images/")
_exported("native", "Labelyard's own JSON")
_exported("jsonl", "Labelyard's own JSON Lines")
_exported("suite", "a label export of the Superb AI Suite, a zip")
_exported("csv", "a table of objects as Labelyard exports it")
_exported("label_studio", "tasks in Label Studio's JSON")


def _run(
    output: Output,
    format: ImportFormat,
    annotations: Path,
    images: Mapping[str, Path],
    *,
    project: str,
    dataset: str | None,
    status: Status,
    on_error: OnError,
) -> int:
    with connect() as api:
        into = api.find_project(project)
        if into is None:
            into = api.create_project(project)
            output.say(f"Made project {into['name']}.")
        dataset = dataset or into["name"].replace("/", "-")  # a dataset's name stands in addresses
        with output.progress("Uploading images") as tell:
            uploaded = api.upload_assets(dataset, images, progress=tell)
        upload = api.upload_annotations(into["id"], annotations)
        started = api.start_import(into["id"], upload, format, dataset, status=status, on_error=on_error)
        with output.progress("Importing labels") as tell:
            ended = api.await_import(started, tell)
    value = {
        "project": {"id": into["id"], "name": into["name"]},
        "dataset": dataset,
        "images": {
            "found": len(images),
            "uploaded": uploaded.stored - uploaded.present,
            "present": uploaded.present,
            "failed": uploaded.failed,
            "failures": [vars(failure) for failure in uploaded.failures],
        },
        "import": ended,
    }
    output.result(value, _report(into["name"], dataset, uploaded, ended))
    if ended["state"] != "done":
        return FAILED
    return PARTLY_DONE if ended["report"]["error_count"] or uploaded.failed else 0


def _report(project: str, dataset: str, uploaded: UploadSummary, ended: Import) -> RenderableType:
    """What came of an import, for people."""
    report = ended["report"]
    new = uploaded.stored - uploaded.present
    lines: list[RenderableType] = [
        f"Dataset {dataset}: {new:,} images uploaded, {uploaded.present:,} were there already."
    ]
    if uploaded.failed:
        failures = _table("Images that failed", "Image", "Code", "Why")
        for failure in uploaded.failures[:SHOWN]:
            failures.add_row(failure.data_key, failure.code, failure.detail)
        lines += [failures, *_more(uploaded.failed, SHOWN)]
    if ended["state"] == "done":
        lines.append(f"Project {project}: {report['labels']:,} labels with {report['objects']:,} objects.")
    else:
        failed = (f"The import {ended['state']}", "red")
        lines.append(Text.assemble(failed, f": {ended.get('failure') or 'nothing was changed'}"))
    if report["objects_by_class"]:
        classes = Table(box=None, show_header=False, padding=(0, 2))
        classes.add_column()
        classes.add_column(justify="right")
        for name, count in sorted(report["objects_by_class"].items(), key=lambda item: -item[1]):
            classes.add_row(name, f"{count:,}")
        lines.append(classes)
    if report["error_count"]:
        faults = _table(f"Refused: {report['error_count']:,}", "File", "Line", "Object", "Code", "Why")
        for fault in report["errors"][:SHOWN]:
            line = fault.get("line")
            faults.add_row(
                fault["file"],
                "" if line is None else str(line),
                fault.get("object") or "",
                fault["code"],
                fault["detail"],
            )
        lines += [faults, *_more(report["error_count"], SHOWN)]
    return Lines(*lines)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold yellow", box=box.SIMPLE_HEAD)
    for column in columns:  # names and codes are copied: only the last column, the explanation, is broken
        table.add_column(column, overflow="fold", no_wrap=column != columns[-1])
    return table


def _more(count: int, shown: int) -> list[str]:
    return [f"… and {count - shown:,} more (--json lists the first {NAMED:,})."] if count > shown else []
