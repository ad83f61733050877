"""labelyard filter list, save, show, delete"""

import json
from typing import IO, Any

import click

from ..api import Labelyard
from ..output import Output, listing, named
from ..types import FilterScope, SavedFilter
from . import Group, connect, the_project


@click.group("filter", cls=Group)
def filter_() -> None:
    """Filters for labels that have a name."""


@filter_.command("list")
@click.argument("project")
@click.pass_obj
def list_(output: Output, project: str) -> None:
    """List the project's saved filters and your own, by name. PROJECT: its name or id."""
    with connect() as api:
        found = list(api.saved_filters(the_project(api, project)["id"]))
    table = listing("Filter", "For", "Order")
    for each in found:
        whose = "you" if each["scope"] == "own" else "the project"
        table.add_row(named(each["name"], each["id"]), whose, each["sort"])
    output.result(found, table if found else "No saved filters yet: `labelyard filter save` makes one.")


@filter_.command()
@click.argument("project")
@click.argument("name")
@click.argument("file", type=click.File())
@click.option("--for-project", is_flag=True, help="For everybody in the project; takes the right to manage its data.")
@click.option("--sort", default="-created_at", show_default=True, help="The order that goes with it.")
@click.pass_obj
def save(output: Output, project: str, name: str, file: IO[str], for_project: bool, sort: str) -> None:
    """Save a filter under a name. PROJECT: its name or id; FILE: the filter as JSON, - for standard input.

    One of that name, yours or the project's, becomes this one.
    """
    chosen = _read(file)
    scope: FilterScope = "project" if for_project else "own"
    with connect() as api:
        project_id = the_project(api, project)["id"]
        there = [each for each in api.saved_filters(project_id, scope) if each["name"] == name]
        if there:
            saved = api.change_saved_filter(there[0], filter=chosen, sort=sort)
        else:
            saved = api.save_filter(project_id, name, chosen, scope=scope, sort=sort)
    output.result(saved, f"{saved['name']} is saved ({saved['id']}).")


def _read(file: IO[str]) -> Any:
    try:
        return json.load(file)
    except ValueError as error:
        raise click.ClickException(f"{file.name} is not JSON: {error}") from None


@filter_.command()
@click.argument("project")
@click.argument("name", metavar="FILTER")
@click.pass_obj
def show(output: Output, project: str, name: str) -> None:
    """Show what a saved filter chooses, as JSON. PROJECT, FILTER: name or id; yours go before the project's."""
    with connect() as api:
        saved = the_filter(api, the_project(api, project)["id"], name)
    given = {key: value for key, value in saved["filter"].items() if value is not None}
    output.result(saved, json.dumps(given, indent=2, ensure_ascii=False))


@filter_.command()
@click.argument("project")
@click.argument("name", metavar="FILTER")
@click.pass_obj
def delete(output: Output, project: str, name: str) -> None:
    """Delete a saved filter. PROJECT, FILTER: name or id; yours go before the project's."""
    with connect() as api:
        saved = the_filter(api, the_project(api, project)["id"], name)
        api.delete_saved_filter(saved)
    output.result({"deleted": saved["id"]}, f"{saved['name']} is deleted.")


def the_filter(api: Labelyard, project_id: str, name_or_id: str) -> SavedFilter:
    """The saved filter that is meant, or a message that says how to find it."""
    saved = api.find_saved_filter(project_id, name_or_id)
    if saved is None:
        raise click.ClickException(f"There is no saved filter {name_or_id!r}: see `labelyard filter list`.")
    return saved
