"""What is asked of the labels, through the gateway and of the database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from benchmarks.labels.making import Made
from chassis.database import Database
from contracts.rpc.labels import CountLabels, GroupLabels, LabelFilter, ListLabels, Viewer
from services.labels.handlers import search

LIMIT = 50
DEEP = 20
"""Pages before a deep one."""

AIMS = {"page": 50.0, "substring": 150.0, "count": 50.0, "group": 300.0}
"""Milliseconds that 95 of 100 answers are to take at most, by the kind of question. Issue 7 names no figure for
counts: a page shows one beside its labels."""


@dataclass(frozen=True, eq=False)
class Question:
    """`chosen`: a LabelFilter in JSON; `sort`, or for groups `by`. `pages`: how many to leave behind first."""

    kind: str
    name: str
    chosen: dict[str, Any]
    sort: str = "-created_at"
    by: tuple[str, ...] = ()
    pages: int = 0


def questions(made: Made) -> Iterator[Question]:
    """The common ones of each kind, of few and of many labels."""
    labeler, reviewer = made.people["labeler0"], made.people["reviewer0"]
    lately = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    key = {"field": "data_key"}
    yield Question("page", "all, newest first", {})
    yield Question("page", f"all, {DEEP} pages on", {}, pages=DEEP)
    yield Question("page", "submitted", {"status": ["submitted"]})
    yield Question("page", "submitted and waiting for review", {"status": ["submitted"], "review": ["pending_review"]})
    yield Question("page", "rejected (1 of 100)", {"review": ["rejected"]})
    yield Question("page", "of a labeler", {"assignee": [labeler]})
    yield Question("page", "of a labeler, to do", {"assignee": [labeler], "status": ["in_progress"]})
    yield Question("page", "of nobody, to do", {"has_assignee": False, "status": ["in_progress"]})
    yield Question("page", "of a reviewer, to do", {"reviewer": [reviewer], "review": ["pending_review"]})
    yield Question("page", "tag of 1 in 10", {"tag": [made.tags["tenth"]]})
    yield Question("page", "tag of 1 in 10,000", {"tag": [made.tags["few"]]})
    yield Question("page", "none of the tags", {"where": {"not": {"field": "tags", "op": "exists", "value": True}}})
    yield Question("page", "class of most", {"object_class": [made.classes["common"]]})
    yield Question("page", "class of 3 in 1,000", {"object_class": [made.classes["rare"]]})
    many = {"field": "objects", "class_id": made.classes["seldom"], "op": "ge", "value": 3}
    yield Question("page", "three objects of a class", {"where": many})
    yield Question("page", "answer of 1 in 4", {"answer": [made.options["night"]]})
    yield Question("page", "of a dataset", {"dataset": "drive 1"})
    yield Question("page", "open issues", {"has_open_issues": True})
    yield Question("page", "changed in the last minute", {"updated_since": lately}, sort="-updated_at")
    nested = {
        "or": [
            {"field": "tags", "op": "any", "value": [made.tags["few"]]},
            {"and": [{"field": "assignee", "op": "in", "value": [labeler]}, many]},
        ]
    }
    yield Question("page", "nested: a tag, or of a labeler and a class", {"where": nested})
    for sort in ("-updated_at", "-submitted_at", "-reviewed_at", "data_key", "-objects", "-open_issues", "-round"):
        yield Question("page", f"submitted, by {sort}", {"status": ["submitted"]}, sort=sort)
    yield Question("page", f"by data_key, {DEEP} pages on", {}, sort="data_key", pages=DEEP)
    yield Question("page", "data key begins", {"where": {**key, "op": "starts", "value": "cam07/2026-03/"}})
    yield Question("substring", "one label", {"data_key": f"frame_{made.count // 3:07}"})
    yield Question("substring", "1 in 1,000", {"data_key": f"_{made.count // 3:07}"[:-3]})
    yield Question("substring", "1 in 20", {"data_key": "cam07"})
    yield Question("substring", "all", {"data_key": ".png"})
    yield Question("substring", "none", {"data_key": "nothing like it"})
    yield Question("substring", "wildcards", {"where": {**key, "op": "like", "value": "cam*03/*_00000?7.png"}})
    yield Question("count", "submitted", {"status": ["submitted"]})
    yield Question("count", "tag of 1 in 100", {"tag": [made.tags["hundredth"]]})
    yield Question("count", "substring of 1 in 20", {"data_key": "cam07"})
    for by in (
        ("status", "review"),
        ("assignee", "status"),
        ("object_class", "review"),
        ("tag", "status"),
        ("dataset", "round"),
        ("updated", "assignee"),
    ):
        yield Question("group", " and ".join(by), {}, by=by)
    yield Question("group", "status and review of a tag", {"tag": [made.tags["tenth"]]}, by=("status", "review"))


def ask(made: Made, question: Question, cursor: str | None = None) -> dict[str, Any]:
    """The answer of the gateway."""
    path = f"/projects/{made.project}/labels"
    answer: dict[str, Any]
    if question.by:
        answer = made.owner.post(f"{path}:group", {"filter": question.chosen, "by": question.by, "limit": LIMIT})
    elif question.kind == "count":
        answer = made.owner.post(f"{path}:count", {"filter": question.chosen})
    else:
        asked = {"filter": question.chosen, "sort": question.sort, "limit": LIMIT}
        answer = made.owner.post(f"{path}:search", asked if cursor is None else {**asked, "cursor": cursor})
    return answer


def cursor_of(made: Made, question: Question) -> str | None:
    """Where the page begins that is asked for."""
    cursor = None
    for _ in range(question.pages):
        cursor = ask(made, question, cursor)["next"]
    return cursor


@dataclass
class Recorder:
    """Has the service's handlers answer, and records the one statement that they send: (SQL, parameters)."""

    database: Database
    _sent: list[tuple[str, Any]] = field(default_factory=list)

    def statement(self, made: Made, question: Question, cursor: str | None) -> tuple[str, Any]:
        """What the database is asked for a question."""
        chosen = LabelFilter.model_validate(question.chosen)
        project = UUID(made.project)
        handle: Callable[[Any, Any], Any]
        request: Any
        if question.by:
            handle = search.group_labels
            request = GroupLabels(project_id=project, filter=chosen, by=question.by, limit=LIMIT, viewer=Viewer())
        elif question.kind == "count":
            handle, request = search.count_labels, CountLabels(project_id=project, filter=chosen, viewer=Viewer())
        else:
            handle = search.list_labels
            request = ListLabels(
                project_id=project,
                filter=chosen,
                sort=question.sort,
                cursor=cursor,
                limit=LIMIT,
                viewer=Viewer(),
            )
        with self._recording(), self.database.reading() as session:
            handle(session, request)
        [statement] = self._sent
        return statement

    @contextmanager
    def _recording(self) -> Iterator[None]:
        self._sent.clear()

        def keep(_: object, __: object, sql: str, parameters: Any, *___: object) -> None:
            self._sent.append((sql, parameters))

        sa.event.listen(self.database.engine, "before_cursor_execute", keep)
        try:
            yield
        finally:
            sa.event.remove(self.database.engine, "before_cursor_execute", keep)
