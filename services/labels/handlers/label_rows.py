"""Many labels at once, between memory and the tables: read, changed, made by a statement each.

The session tracks none of them, and what is written goes to the server as one JSON document: a statement for each row
takes ten times as long.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from pydantic_core import to_json
from sqlalchemy.orm import Session

from services.labels.models import Label


@dataclass(slots=True)
class LabelRow:
    """A label as far as actions read and change it."""

    project_id: UUID
    id: UUID
    asset_id: UUID
    dataset: str
    data_key: str
    status: str
    review: str
    round: int
    assignee: UUID | None
    reviewer: UUID | None
    submitter: UUID | None
    submitted_at: datetime | None
    reviewed_at: datetime | None
    tags: list[UUID]
    open_issues: int
    objects: dict[str, int]
    categories: dict[str, list[str]]
    body_digest: str | None
    version: int
    updated_at: datetime


@dataclass(slots=True)
class NewLabel(LabelRow):
    """A label that is to be made."""

    dataset_id: UUID
    width: int
    height: int
    created_at: datetime


AnyLabel = Label | LabelRow

_READ: Final = tuple(getattr(Label, each.name) for each in fields(LabelRow))


def read(session: Session, *which: sa.ColumnElement[bool], lock: bool = False) -> list[LabelRow]:
    """The labels that meet these conditions; locked, if at all, in one order for all."""
    query = sa.select(*_READ).where(*which).order_by(Label.project_id, Label.id)
    return [LabelRow(*row) for row in session.execute(query.with_for_update() if lock else query)]


_STANDING: Final = {
    **dict.fromkeys(("status", "review"), "text"),
    **dict.fromkeys(("round", "version"), "integer"),
    **dict.fromkeys(("assignee", "reviewer", "submitter"), "uuid"),
    **dict.fromkeys(("submitted_at", "reviewed_at", "updated_at"), "timestamptz"),
    "tags": "uuid[]",
}
_CONTENTS: Final = {
    "body_digest": "text",
    **dict.fromkeys(("objects", "categories"), "jsonb"),
    "object_count": "integer",
    **dict.fromkeys(("class_ids", "answers"), "uuid[]"),
}
_MADE: Final = {
    **dict.fromkeys(("asset_id", "dataset_id"), "uuid"),
    **dict.fromkeys(("dataset", "data_key"), "text"),
    **dict.fromkeys(("width", "height"), "integer"),
    "created_at": "timestamptz",
}
"""Columns of a label with their types: what an action changes, what of it follows from its body, and what stays."""


def _rows(columns: Mapping[str, str]) -> str:
    """A table of parameters, `:rows`, which is one JSON document: the cheapest way for many rows to the server."""
    typed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    return f"json_to_recordset(CAST(:rows AS json)) AS new ({typed})"


def _statement(sql: str) -> sa.TextClause:
    return sa.text(sql).bindparams(sa.bindparam("project", type_=sa.Uuid))


def _updating(columns: Mapping[str, str]) -> sa.TextClause:
    values = ", ".join(f"{name} = new.{name}" for name in columns)
    rows = _rows({"id": "uuid", **columns})
    where = "project_id = :project AND labels.id = new.id"
    return _statement(f"UPDATE labels SET {values} FROM {rows} WHERE {where}")  # noqa: S608  # of constants only


def _inserting(table: str, columns: Mapping[str, str], conflict: str = "") -> sa.TextClause:
    names = ", ".join(columns)
    rows = f"SELECT :project, {names} FROM {_rows(columns)}"  # noqa: S608  # of constants only
    return _statement(f"INSERT INTO {table} (project_id, {names}) {rows} {conflict}")


_MOVE: Final = _updating(_STANDING)
_FILL: Final = _updating({**_STANDING, **_CONTENTS})
_MAKE: Final = _inserting(
    "labels", {"id": "uuid", **_MADE, **_STANDING, **_CONTENTS}, "ON CONFLICT DO NOTHING RETURNING id"
)
_TELL: Final = _inserting(
    "label_history",
    {
        **{"label_id": "uuid", "version": "integer", "action": "text", "actor": "uuid", "at": "timestamptz"},
        **{"comment": "text", "before": "jsonb", "after": "jsonb"},
    },
)
_STORE: Final = _inserting(
    "label_bodies",
    {"label_id": "uuid", "body": "jsonb"},
    "ON CONFLICT (project_id, label_id) DO UPDATE SET body = excluded.body",
)


def _send(
    session: Session, statement: sa.TextClause, project_id: UUID, rows: Sequence[Mapping[str, Any]]
) -> sa.Result[Any]:
    """Execute a statement for these rows of a project."""
    parameters = {"project": project_id, "rows": to_json(rows, inf_nan_mode="constants").decode()}
    return session.execute(statement, parameters)


def _standing(label: LabelRow) -> dict[str, Any]:
    return {"id": label.id, **{name: getattr(label, name) for name in _STANDING}}


def _contents(label: LabelRow) -> dict[str, Any]:
    """What a label holds, and in which form filters look for it (Label)."""
    options = {option for chosen in label.categories.values() for option in chosen}
    return {
        "body_digest": label.body_digest,
        "objects": label.objects,
        "categories": label.categories,
        "object_count": sum(label.objects.values()),
        "class_ids": sorted(label.objects),
        "answers": sorted({*label.categories, *options}),
    }


def update(session: Session, project_id: UUID, labels: Sequence[LabelRow], *, with_contents: bool) -> None:
    """Write where labels stand now; with `with_contents` also what follows from their bodies."""
    if labels and with_contents:
        _send(session, _FILL, project_id, [_standing(label) | _contents(label) for label in labels])
    elif labels:
        _send(session, _MOVE, project_id, [_standing(label) for label in labels])


def insert(session: Session, project_id: UUID, labels: Sequence[NewLabel]) -> set[UUID]:
    """Write new labels; the ids come out of those whose asset had none yet."""
    rows = [
        {**_standing(label), **_contents(label), **{name: getattr(label, name) for name in _MADE}}
        for label in sorted(labels, key=lambda label: label.asset_id)  # one order for all, against deadlocks
    ]
    return set(_send(session, _MAKE, project_id, rows).scalars()) if rows else set()


def add_history(session: Session, project_id: UUID, lines: Sequence[Mapping[str, Any]]) -> None:
    """Write lines of history (`changes.history`)."""
    _send(session, _TELL, project_id, lines)


def put_bodies(session: Session, project_id: UUID, bodies: Sequence[Mapping[str, Any]]) -> None:
    """Write bodies, each as `label_id` and `body`, in the place of those that there are."""
    if bodies:
        _send(session, _STORE, project_id, bodies)
