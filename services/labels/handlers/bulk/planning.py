"""Which labels a task acts on, and who gets which."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.chunks import chunks
from contracts.enums import BulkAction, Distribution, LabelAction, LabelOrder, Review, Status, TaskKind
from contracts.rpc.labels import ASSIGNING, BulkOrder, BulkPreview, Selection, Share, Viewer
from services.labels.domain import life
from services.labels.domain.sharing import recipients
from services.labels.handlers.selection import selected
from services.labels.models import Label, TaskPart
from services.labels.models import Task as TaskRow

AT_ONCE: Final = 2000
"""Labels in one part: tenths of a second, so that others who want one of them wait no longer, and progress shows."""

_ORDERS: Final[dict[LabelOrder, tuple[Any, ...]]] = {
    LabelOrder.OLDEST: (Label.id,),
    LabelOrder.NEWEST: (Label.id.desc(),),
    LabelOrder.DATA_KEY: (Label.dataset_id, Label.data_key),
}

_HAS: Final = {
    # who has a label, and while it waits for them
    BulkAction.ASSIGN_LABELER: (Label.assignee, Label.status == Status.IN_PROGRESS),
    BulkAction.ASSIGN_REVIEWER: (Label.reviewer, Label.review != Review.APPROVED),
}


def plan(session: Session, task: TaskRow) -> int:
    """Write the parts of a task; how many labels there are in them comes out."""
    total = 0
    if TaskKind(task.kind) in (TaskKind.MERGE_TAG, TaskKind.DELETE_TAG):
        carrying = sa.select(Label.id).where(
            Label.project_id == task.project_id, Label.tags.contains([UUID(task.order["tag"])])
        )
        found, people = _ids(session, carrying.order_by(Label.id)), None
    else:
        order = BulkOrder.model_validate(task.order)
        found = _chosen(session, task.project_id, order.selection)
        people = recipients(loads(session, task.project_id, order)) if order.action in ASSIGNING else None
    for part, ids in enumerate(chunks(found, AT_ONCE)):
        users = None if people is None else list(islice(people, len(ids)))
        values = {"project_id": task.project_id, "task_id": task.id, "part": part, "labels": ids, "users": users}
        session.execute(sa.insert(TaskPart).values(values))
        total += len(ids)
    return total


def preview(session: Session, project_id: UUID, order: BulkOrder) -> BulkPreview:
    """What a task would meet if it were planned now."""
    of_reviewers = order.action in (BulkAction.ASSIGN_REVIEWER, BulkAction.UNASSIGN_REVIEWER)
    person = Label.reviewer if of_reviewers else Label.assignee
    rows = sa.select(Label.status, Label.review, person.label("person")).where(
        Label.id.in_(selecting(project_id, order.selection))
    )
    some = rows.where(Label.project_id == project_id).subquery()
    count = sa.func.count()
    query = sa.select(some.c.status, some.c.review, some.c.person.is_not(None).label("assigned"), count.label("labels"))
    met = session.execute(query.group_by(some.c.status, some.c.review, "assigned")).all()
    by_status: Counter[str] = Counter()
    for row in met:
        by_status[row.status] += row.labels
    total = sum(by_status.values())
    action = order.action.value
    possible = (
        sum(row.labels for row in met if life.is_possible(LabelAction(action), Status(row.status), Review(row.review)))
        if action in {*LabelAction}
        else total
    )
    return BulkPreview(
        selected=total,
        possible=possible,
        in_progress=by_status[Status.IN_PROGRESS],
        submitted=by_status[Status.SUBMITTED],
        skipped=by_status[Status.SKIPPED],
        assigned=sum(row.labels for row in met if row.assigned),
        shares=_shares(session, project_id, order, total) if order.action in ASSIGNING else (),
    )


def _shares(session: Session, project_id: UUID, order: BulkOrder, total: int) -> tuple[Share, ...]:
    gets = Counter(islice(recipients(loads(session, project_id, order)), total))
    person, _ = _HAS[order.action]
    has = _counted(session, project_id, order, [Label.id.in_(selecting(project_id, order.selection))], person)
    waiting = _waiting(session, project_id, order)
    return tuple(
        Share(user_id=user_id, load=waiting[user_id], has=has[user_id], gets=gets[user_id]) for user_id in order.users
    )


def loads(session: Session, project_id: UUID, order: BulkOrder) -> dict[UUID, int]:
    """What whoever is to be assigned has to begin with, as the distribution takes it."""
    if order.distribution is Distribution.EQUAL:
        return dict.fromkeys(order.users, 0)
    waiting = _waiting(session, project_id, order)
    return {user_id: waiting[user_id] for user_id in order.users}


def _waiting(session: Session, project_id: UUID, order: BulkOrder) -> Counter[UUID]:
    """How many labels wait for whom, apart from those that are shared out."""
    person, waits = _HAS[order.action]
    theirs = _counted(session, project_id, order, [waits], person)
    chosen = [waits, Label.id.in_(selecting(project_id, order.selection))]
    theirs.subtract(_counted(session, project_id, order, chosen, person))
    return theirs


def _counted(
    session: Session, project_id: UUID, order: BulkOrder, which: list[sa.ColumnElement[bool]], person: Any
) -> Counter[UUID]:
    query = sa.select(person, sa.func.count()).where(Label.project_id == project_id, person.in_(order.users), *which)
    return Counter({row[0]: row[1] for row in session.execute(query.group_by(person))})


def _chosen(session: Session, project_id: UUID, selection: Selection) -> Iterator[UUID]:
    """The labels of a selection in its order; those that it names and that the project does not have, too, so that
    they are told of as skipped.
    """
    if selection.ids is None:
        yield from _ids(session, selecting(project_id, selection))
        return
    found = list(_ids(session, selecting(project_id, selection.model_copy(update={"limit": None}))))
    missing = sorted({*selection.ids} - {*found})
    yield from (found + missing)[: selection.limit]


def _ids(session: Session, query: sa.Select[UUID]) -> Iterator[UUID]:
    return iter(session.scalars(query.execution_options(yield_per=10 * AT_ONCE)))


def selecting(project_id: UUID, selection: Selection) -> sa.Select[UUID]:
    """The ids of the labels of a selection, in its order."""
    if selection.filter is not None:
        which = selected(project_id, selection.filter, Viewer())
    else:
        which = [Label.project_id == project_id, Label.id.in_(selection.ids or ())]
    query = sa.select(Label.id).where(*which)
    return query.order_by(*_order(selection)).limit(selection.limit)


def _order(selection: Selection) -> tuple[Any, ...]:
    if selection.order is LabelOrder.RANDOM:  # by a hash: every question of one selection is about the same labels
        return (sa.func.md5(sa.cast(Label.id, sa.Text) + f":{selection.seed}"),)
    return _ORDERS[selection.order]
