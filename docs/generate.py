"""The parts of these documents that are made of the code.

    python -m docs.generate            write them
    python -m docs.generate --check    fail where a page differs from the code

A part stands in a page between `<!-- made: NAME -->` and `<!-- end -->`; PARTS has the function of each name. What a
reader should know and the code has no words for (what a permission is good for) stands here, beside the function that
needs it: a new permission without words fails the check.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin
from uuid import UUID

import click
from pydantic.fields import FieldInfo

from chassis.settings import Settings
from client.cli import cli
from contracts import asyncapi
from contracts.body import ObjectClass, Specification
from contracts.enums import SEGMENTS, AnnotationType, LabelAction
from contracts.errors import CODES
from contracts.events import EVENTS
from contracts.permissions import CARDS, INVITES, PERMISSIONS, Card, Permission, Role, Scope
from formats.writers import WRITERS
from formats.writing import Offsets, Survey, gather
from formats.writing import Project as ExportedProject
from services.labels.domain.life import LIFE, Round, Transition, Who

DOCS = Path(__file__).parent
NATIVE = DOCS.parent / "formats" / "native.schema.json"

_PART = re.compile(r"(<!-- made: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


# --- a label's life ---------------------------------------------------------------------------------------------------

_WHO: Mapping[Who, str] = {
    Who.ASSIGNEE: "its assignee, managers",
    Who.REVIEWER: "its reviewer, managers",
    Who.ANY_REVIEWER: "its reviewer (any reviewer if it has none), managers",
    Who.SUBMITTER: "who submitted it, managers",
    Who.NOBODY: "managers",
}
_ROUND: Mapping[Round, str] = {Round.SAME: "same", Round.NEXT: "+1", Round.ZERO: "0"}
_DRAWN = (LabelAction.SUBMIT, LabelAction.SKIP, LabelAction.APPROVE, LabelAction.REJECT, LabelAction.REOPEN)


def life() -> str:
    """The life table, line by line."""
    rows = ([_from(line), _words(line.action), _WHO[line.who], _to(line), _ROUND[line.round]] for line in LIFE)
    return _table(["the label is", "action", "who may", "the label is then", "round"], rows)


def life_diagram() -> str:
    """The same as a picture: without the actions of managers alone, and those that leave the state as it is."""
    lines = ["```mermaid", "stateDiagram-v2"]
    for status, review in SEGMENTS:
        lines.append(f"    {status}_{review}: {status} / {review}")
    for line in LIFE:
        if line.action not in _DRAWN:
            continue
        for status, review in sorted(line.sources, key=SEGMENTS.index):
            target = f"{line.status or status}_{line.review or review}"
            lines.append(f"    {status}_{review} --> {target}: {_words(line.action)}")
    return "\n".join([*lines, "```\n"])


def _from(line: Transition) -> str:
    if line.sources == frozenset(SEGMENTS):
        return "anything"
    statuses = [status for status in dict.fromkeys(pair[0] for pair in SEGMENTS) if _covers(line, 0, status)]
    reviews = [review for review in dict.fromkeys(pair[1] for pair in SEGMENTS) if _covers(line, 1, review)]
    if line.sources == {pair for pair in SEGMENTS if pair[0] in statuses}:
        return " or ".join(f"`{status}`" for status in statuses)
    if line.sources == {pair for pair in SEGMENTS if pair[1] in reviews}:
        return " or ".join(f"`{review}`" for review in reviews)
    return ", ".join(f"`{status}` / `{review}`" for status, review in sorted(line.sources, key=SEGMENTS.index))


def _covers(line: Transition, part: int, value: str) -> bool:
    return all(pair in line.sources for pair in SEGMENTS if pair[part] == value)


def _to(line: Transition) -> str:
    if line.status is None and line.review is None:
        return "as before"
    status = "as before" if line.status is None else f"`{line.status}`"
    review = "as before" if line.review is None else f"`{line.review}`"
    return f"{status} / {review}"


def _words(action: LabelAction) -> str:
    return action.replace("_", " ")


# --- who may do what --------------------------------------------------------------------------------------------------

_PERMISSION: Mapping[Permission, str] = {
    Permission.CREATE_PROJECT: "make a project",
    Permission.DELETE_PROJECT: "delete and restore a project",
    Permission.MANAGE_TEAM: "the team's settings and users",
    Permission.OPERATE: "look after the installation: verify and rebuild counters, failed messages, read the audit",
    Permission.EDIT_PROJECT: "edit a project: name, classes, guidelines, auto-label, visibility",
    Permission.INVITE: "see members, invite them, change their roles",
    Permission.MANAGE_DATA: "upload images, import, make labels, assign, initialize, delete",
    Permission.EXPORT: "export labels and download exports",
    Permission.READ_PROJECT: "open a project and its overview",
    Permission.READ_LABELS: "read labels and their history",
    Permission.WORK_ON_LABELS: "annotate, submit, review (the life table says which labels)",
    Permission.ISSUES: "read, open and resolve issues",
    Permission.READ_ANALYTICS: "analytics and reports",
    Permission.READ_GUIDELINES: "read guidelines",
}
_CARD: Mapping[Card, str] = {
    Card.TO_DO: "To do",
    Card.QUICK_ACTIONS: "Quick actions",
    Card.LABELING_STATUS: "Labeling status",
    Card.REVIEW: "Review",
    Card.AUTO_LABEL: "Auto-label",
    Card.CONFIGURATION: "Configuration",
    Card.MEMBER_ROLES: "Member roles",
    Card.GUIDELINES: "Guidelines",
}
_SCOPE: Mapping[Scope | None, str] = {
    Scope.ALL: "yes",
    Scope.OWN: "their own",
    Scope.ANONYMOUS: "without names",
    None: "–",
}


def permissions() -> str:
    """Permission by role."""
    rows = ([_described(_PERMISSION, each), f"`{each}`", *_by_role(roles)] for each, roles in PERMISSIONS.items())
    return _table(["may", "in the API", *Role], rows)


def cards() -> str:
    """Card by role."""
    rows = ([_described(_CARD, each), f"`{each}`", *_by_role(roles)] for each, roles in CARDS.items())
    return _table(["card", "in the API", *Role], rows)


def invitations() -> str:
    """Who gives which role."""
    order = [*Role]
    rows = (
        [role, ", ".join(sorted(given, key=lambda each: order.index(Role(each))))] for role, given in INVITES.items()
    )
    return _table(["who", "may give the role"], rows)


Each = TypeVar("Each")


def _described(words: Mapping[Each, str], each: Each) -> str:
    return words.get(each) or sys.exit(f"docs/generate.py has no words for {each!r} yet: add them there.")


def _by_role(roles: Mapping[Role, Scope]) -> list[str]:
    return [_SCOPE[roles.get(role)] for role in Role]


# --- settings, commands, codes, events --------------------------------------------------------------------------------


def settings() -> str:
    """Every variable with what it takes, its default and its meaning."""
    rows = (
        [
            f"`LABELYARD_{name.upper()}`",
            _taken(each),
            "" if each.default is None else f"`{each.default}`",
            " ".join((each.description or sys.exit(f"chassis/settings.py does not describe {name}")).split()),
        ]
        for name, each in Settings.model_fields.items()
    )
    return _table(["variable", "takes", "default", "meaning"], rows)


def _taken(each: FieldInfo) -> str:
    kind = next((part for part in get_args(each.annotation) if part is not type(None)), each.annotation)
    if get_origin(each.annotation) is Literal:
        return ", ".join(get_args(each.annotation))
    limits = {
        name: getattr(limit, name) for limit in each.metadata for name in ("ge", "gt", "le") if hasattr(limit, name)
    }
    low, high = limits.get("ge", limits.get("gt")), limits.get("le")
    if kind in (int, float):
        number = "a whole number" if kind is int else "a number"
        over = "" if low is None else f" from {low:,}" if "ge" in limits else f" above {low:,}"
        return number + over + ("" if high is None else f" to {high:,}")
    return "true, false" if kind is bool else "text"


def commands() -> str:
    """The help of every command."""
    return "\n".join(_help(cli, None))


def _help(command: click.Command, parent: click.Context | None) -> Iterator[str]:
    context = click.Context(
        command,
        info_name=command.name if parent else "labelyard",
        parent=parent,
        terminal_width=96,
        **command.context_settings,
    )
    if parent:
        yield f"### {context.command_path}\n"
    text: str = command.get_help(context)
    yield f"```text\n{text}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from _help(command.commands[name], context)


def codes() -> str:
    """Every error code with its status and sentence."""
    rows = ([f"`{code}`", str(status), title] for code, (status, title) in CODES.items())
    return _table(["code", "status", "says"], rows)


def events() -> str:
    """Every event type: what it tells and who takes it."""
    rows = (
        [f"`{name}`", (each.__doc__ or "").strip().partition("\n")[0], ", ".join(asyncapi.consumers(each)) or "–"]
        for name, each in sorted(EVENTS.items())
    )
    return _table(["type", "says", "taken by"], rows)


# --- the native export ------------------------------------------------------------------------------------------------


def native() -> str:
    """Every field of the export file, from its JSON Schema."""
    schema: dict[str, Any] = json.loads(NATIVE.read_text(encoding="utf-8"))
    parts = []
    for heading, place in _PLACES.items():
        found = schema["$defs"][place] if place else schema
        rows = ([f"`{name}`", _form(each, schema), _told(each, schema)] for name, each in _fields(found, schema))
        parts.append(f"### {heading}\n\n" + _table(["field", "form", "meaning"], rows))
    return "\n".join(parts)


_PLACES = {
    "The document": "",
    "An object class": "object_class",
    "An image category": "image_category",
    "A label": "label",
    "An object": "object",
    "An answer": "answer",
    "The coordinates of a box": "box",
    "The coordinates of a rotated box": "rbox",
    "The coordinates of a polyline": "polyline",
    "The coordinates of a polygon": "polygon",
    "The coordinates of a keypoint object": "keypoint",
    "The coordinates of a 2D cuboid": "cuboid2d",
}


def _fields(place: Mapping[str, Any], schema: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The fields of an object, and below them those of objects that have no name of their own in the schema."""
    for name, each in place.get("properties", {}).items():
        yield prefix + name, each
        if "properties" in each:
            yield from _fields(each, schema, f"{prefix}{name}.")
        elif "properties" in each.get("items", {}):
            yield from _fields(each["items"], schema, f"{prefix}{name}[].")


def _form(each: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    reference = str(each.get("$ref", "")).rpartition("/")[2]
    if reference:
        return _NAMED.get(reference, reference.replace("_", " "))
    if "const" in each:
        return f"`{json.dumps(each['const'])}`"
    if "enum" in each:
        return ", ".join(f"`{value}`" for value in each["enum"])
    kinds = each.get("type", "")
    if kinds == "array":
        return f"list of {_form(each['items'], schema)}"
    return " or ".join([kinds] if isinstance(kinds, str) else kinds)


_NAMED = {
    "id": "UUID",
    "time": "time",
    "time_or_null": "time or null",
    "point": "`{x, y}`",
    "line": "list of `{x, y}`",
    "face": "`{tl: {x, y}, br: {x, y}}`",
}


def _told(each: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    reference = each.get("$ref", "").rpartition("/")[2]
    return str(each.get("description") or (schema["$defs"][reference].get("description", "") if reference else ""))


# --- what each format can express -------------------------------------------------------------------------------------

_KINDS: Mapping[str, Mapping[str, Any]] = {
    "box": {"x": 1, "y": 1, "width": 2, "height": 2},
    "rbox": {"cx": 5, "cy": 5, "width": 2, "height": 2, "angle": 30},
    "polygon": {"points": [[[{"x": 1, "y": 1}, {"x": 5, "y": 1}, {"x": 1, "y": 5}]]]},
    "polyline": {"points": [[{"x": 1, "y": 1}, {"x": 5, "y": 1}]]},
    "keypoint": {"points": [{"name": "a", "x": 1, "y": 1, "state": {"visible": True, "valid": True}}]},
    "cuboid2d": {face: {"tl": {"x": 1, "y": 1}, "br": {"x": 3, "y": 3}} for face in ("near", "far")},
}
_WITH_ANSWERS: Mapping[str, str] = {
    "native": "yes",
    "jsonl": "yes",
    "suite": "yes",
    "csv": "by name",
    "label_studio": "by name",
    "yolo_classify": "as classes",
}


def formats() -> str:
    """Format by annotation type: each writer is given an object of each."""
    rows = ([f"`{name}`", *_expressed(name)] for name in WRITERS)
    return _table(["format", *_KINDS, "answers"], rows)


def _expressed(name: str) -> Iterator[str]:
    for number, (kind, coord) in enumerate(_KINDS.items()):
        known = ObjectClass(id=UUID(int=1), name="a", annotation_type=AnnotationType(kind), color="#000000", index=0)
        specification = Specification(object_classes=(known,))
        project = ExportedProject("1", "a", specification, datetime(2026, 1, 1, tzinfo=UTC))
        drawn = {"coord": coord, "meta": {"z_index": 1}, "multiple": False}
        each = {"id": str(number), "class_id": str(known.id), "class_name": "a", "annotation_type": kind}
        label: dict[str, Any] = dict.fromkeys(
            ("id", "dataset", "data_key", "review", "created_at", "updated_at"), "a"
        ) | {
            "status": "submitted",
            "image_info": {"width": 9, "height": 9},
            "tags": (),
            "assignee": None,
            "objects": [each | {"annotation": drawn, "properties": []}],
            "categories": {"properties": []},
        }
        survey = Survey()
        survey.take([label])
        report = gather(WRITERS[name](project, survey=survey), [label], Offsets()).report
        changed = [why.removeprefix("written ") for _, why in report.changed]
        yield "–" if not report.objects else changed[0] if changed else "yes"
    yield _WITH_ANSWERS.get(name, "–")


# ----------------------------------------------------------------------------------------------------------------------

PARTS: Mapping[str, Callable[[], str]] = {
    "life": life,
    "life-diagram": life_diagram,
    "permissions": permissions,
    "cards": cards,
    "invitations": invitations,
    "settings": settings,
    "commands": commands,
    "codes": codes,
    "events": events,
    "native": native,
    "formats": formats,
}


def current(page: str) -> str:
    """The text of a page with every part as the code has it now."""
    return _PART.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n{found[3]}", page)


def main(arguments: list[str]) -> int:
    """Write all pages, or with --check compare them; the exit code."""
    pages = {path: path.read_text(encoding="utf-8") for path in sorted(DOCS.rglob("*.md"))}
    different = [path for path, page in pages.items() if current(page) != page]
    if arguments != ["--check"]:
        for path in different:
            path.write_text(current(pages[path]), encoding="utf-8")
        return 0
    for path in different:
        print(f"{path.relative_to(DOCS.parent)} is not what the code says. Run: python -m docs.generate")
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
