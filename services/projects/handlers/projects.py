"""Projects: making, finding and changing them; deleted and restored."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from psycopg.errors import UniqueViolation
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis import audit, outbox, paging
from chassis.ids import new_id
from contracts.body import Specification
from contracts.enums import Visibility
from contracts.errors import UNANSWERED, Problem
from contracts.events import ProjectChanged, ProjectDeleted, ProjectRestored
from contracts.rpc import Owners
from contracts.rpc.labels import CountObjects
from contracts.rpc.projects import (
    AddObjectClasses,
    ChangeProject,
    CreateProject,
    ListProjects,
    Project,
    ProjectPage,
)
from services.projects import domain
from services.projects.models import ProjectRow, RemovedPart

_AUDITED = ("name", "description", "visibility", "specification", "deleted_at")
"""What the audit tells of a project, before and after."""

DEADLINE = 5.0
"""Seconds to wait for the labels service, which has to look through a project's labels."""


def get_project(session: Session, project_id: UUID, *, deleted: bool = False) -> Project:
    """A project, with `deleted` a deleted one too; Problem `not_found`."""
    return to_project(find(session, project_id, deleted=deleted))


def list_projects(session: Session, request: ListProjects) -> ProjectPage:
    """The projects that somebody may see, newest first."""
    deleted_at = ProjectRow.deleted_at
    query = sa.select(ProjectRow).where(deleted_at.is_not(None) if request.deleted else deleted_at.is_(None))
    if not request.everything:
        mine = ProjectRow.id == sa.any_(sa.cast(list(request.member_of), sa.ARRAY(sa.Uuid)))
        query = query.where(mine if request.own_only else mine | (ProjectRow.visibility == Visibility.PUBLIC))
    if request.name is not None:
        name = ProjectRow.deleted_name if request.deleted else ProjectRow.name
        query = query.where(name == request.name)
    if request.cursor:
        (last,) = paging.decode(request.cursor, UUID)
        query = query.where(ProjectRow.id < last)
    found = session.scalars(query.order_by(ProjectRow.id.desc()).limit(request.limit + 1))
    rows, more = paging.page(found, request.limit, lambda row: row.id)
    return ProjectPage(items=tuple(map(to_project, rows)), next=more)


def create_project(session: Session, request: CreateProject) -> Project:
    """Make a project; Problem `name_taken`, `unsupported_data_type`, `validation_failed`."""
    domain.check_data_type(request.data_type)
    specification = domain.applied(Specification(), request.specification, new_id)
    now = datetime.now(UTC)
    values = {
        "id": new_id(),
        "name": request.name,
        "description": request.description,
        "data_type": request.data_type,
        "visibility": request.visibility,
        "specification": specification.model_dump(mode="json"),
        "spec_version": 1,
        "version": 1,
        "created_at": now,
        "updated_at": now,
        "created_by": request.actor,
    }
    made = insert(ProjectRow).values(values).on_conflict_do_nothing(index_elements=[ProjectRow.name])
    row = session.scalar(made.returning(ProjectRow))
    if row is None:
        raise _name_taken(request.name)
    audit.note("project", row.id, project_id=row.id, after={name: values[name] for name in _AUDITED if name in values})
    return _announced(session, row)


def change_project(session: Session, labels: Owners, request: ChangeProject) -> Project:
    """Change what is given; Problem `version_required`, `confirmation_required`, `stale_version`, `name_taken`,
    `validation_failed`.

    A specification replaces the present one: what it leaves out is removed, object classes only where no label has
    objects of them (`class_in_use`; `unavailable` where that can't be known). What asks for no difference makes none.
    """
    if request.specification is not None and request.expected_version is None:
        raise Problem("version_required", "Send the project's version that your specification is based on.")
    specification = None
    if request.specification is not None:
        row = _expected(session, request)
        present = Specification.model_validate(row.specification)
        specification = domain.applied(present, request.specification, new_id)
        # before the lock, which is not held for as long as others take to answer
        _refuse_used(labels, row.id, domain.removed(present, specification))
    row = _expected(session, request, lock=True)
    if request.name is not None:
        row.name = request.name
    if request.description is not None:
        row.description = request.description
    if request.visibility is not None:
        _refuse_unconfirmed(row, request)
        row.visibility = request.visibility
    if specification is not None:
        _specify(session, row, specification)
    return _saved(session, row)


def delete_project(session: Session, project_id: UUID) -> None:
    """Hide a project and give its name back; Problem `not_found`."""
    row = find(session, project_id, lock=True)
    row.deleted_at = datetime.now(UTC)
    row.deleted_name, row.name = row.name, str(row.id)
    _advance(session, row)
    outbox.add(session, ProjectDeleted(project_id=row.id, version=row.version))


def restore_project(session: Session, project_id: UUID) -> Project:
    """Bring a deleted project back, a living one is answered as it is; Problem `not_found`, `name_taken`."""
    row = find(session, project_id, lock=True, deleted=True)
    if row.deleted_name is not None:
        row.name, row.deleted_name, row.deleted_at = row.deleted_name, None, None
    return _saved(session, row, ProjectRestored)


def add_object_classes(session: Session, request: AddObjectClasses) -> Project:
    """Make sure that the project has these classes. Of two at once, the second sees the first one's classes."""
    row = find(session, request.project_id, lock=True)
    present = Specification.model_validate(row.specification)
    _specify(session, row, domain.with_classes(present, request.object_classes, new_id))
    return _saved(session, row)


def find(session: Session, project_id: UUID, *, lock: bool = False, deleted: bool = False) -> ProjectRow:
    """A project, locked if asked, with `deleted` a deleted one too; Problem `not_found`."""
    row = session.get(ProjectRow, project_id, with_for_update=lock or None, populate_existing=True)
    if row is None or (row.deleted_at is not None and not deleted):
        raise Problem("not_found", "There is no such project.")
    return row


def _expected(session: Session, request: ChangeProject, *, lock: bool = False) -> ProjectRow:
    """The project at the version that somebody wants to change."""
    row = find(session, request.project_id, lock=lock)
    if request.expected_version not in (None, row.version):
        raise Problem(
            "stale_version",
            f"You read version {request.expected_version}; the project is at version {row.version}.",
            expected_version=request.expected_version,
            version=row.version,
        )
    return row


def _refuse_unconfirmed(row: ProjectRow, request: ChangeProject) -> None:
    becomes_public = request.visibility is Visibility.PUBLIC and row.visibility is not Visibility.PUBLIC
    if becomes_public and not (request.confirmed and request.expected_version is not None):
        raise Problem("confirmation_required", "Everybody will see the project: look at what that means first.")


def _refuse_used(labels: Owners, project_id: UUID, removed: Sequence[domain.Removed]) -> None:
    # An object that is drawn in this very moment is not seen: it keeps its class's id, which is never given again.
    classes = {str(part.id): part.name for part in removed if part.kind == domain.OBJECT_CLASS}
    if not classes:
        return
    try:
        asked = CountObjects(project_id=project_id, class_ids=tuple(UUID(each) for each in classes))
        objects = labels.call(asked, DEADLINE).objects
    except Problem as problem:
        if problem.code in UNANSWERED:
            raise Problem("unavailable", "The labels service does not answer: is the class in use?") from problem
        raise
    used = [{"id": id_, "name": classes[id_], "count": count} for id_, count in objects.items() if count]
    if used:
        total = sum(objects.values())
        names = ", ".join(f"{each['name']} ({each['count']:,})" for each in used)
        raise Problem("class_in_use", f"There are objects of {names}.", count=total, classes=used)


def _specify(session: Session, row: ProjectRow, specification: Specification) -> None:
    present = Specification.model_validate(row.specification)
    if specification == present:
        return
    now = datetime.now(UTC)
    for part in domain.removed(present, specification):
        session.add(RemovedPart(project_id=row.id, id=part.id, kind=part.kind, name=part.name, removed_at=now))
    row.specification = specification.model_dump(mode="json")
    row.spec_version += 1


def _saved(session: Session, row: ProjectRow, event: type[ProjectChanged] = ProjectChanged) -> Project:
    if not session.is_modified(row):
        return to_project(row)
    _advance(session, row)
    return _announced(session, row, event)


def _advance(session: Session, row: ProjectRow) -> None:
    """Write a changed row as its next version."""
    _note(row)
    row.version += 1
    row.updated_at = datetime.now(UTC)
    name = row.name
    try:
        session.flush()
    except sa.exc.IntegrityError as error:
        if isinstance(error.orig, UniqueViolation) and error.orig.diag.constraint_name == "projects_name_unique":
            raise _name_taken(name) from None
        raise


def _note(row: ProjectRow) -> None:
    """Tell the audit what of a row is going to change; of a specification, its parts that differ."""
    before, after = {}, {}
    for name in _AUDITED:
        history = sa.inspect(row).attrs[name].history
        if history.deleted and history.added:
            before[name], after[name] = history.deleted[0], history.added[0]
    old, new = before.pop("specification", {}), after.pop("specification", {})
    for part in sorted({*old, *new}):
        if old.get(part) != new.get(part):
            before[part] = [each for each in old.get(part) or () if each not in (new.get(part) or ())]
            after[part] = [each for each in new.get(part) or () if each not in (old.get(part) or ())]
    audit.note("project", row.id, before=before, after=after)


def _announced(session: Session, row: ProjectRow, event: type[ProjectChanged] = ProjectChanged) -> Project:
    project = to_project(row)
    outbox.add(
        session,
        event(
            project_id=project.id,
            version=project.version,
            name=project.name,
            data_type=project.data_type.value,
            visibility=project.visibility,
            specification=project.specification,
            spec_version=project.spec_version,
        ),
    )
    return project


def _name_taken(name: str) -> Problem:
    return Problem("name_taken", f"There is a project named {name!r} already.")


def to_project(row: ProjectRow) -> Project:
    """What others may know of a project."""
    return Project(
        id=row.id,
        name=row.name if row.deleted_name is None else row.deleted_name,
        description=row.description,
        data_type=row.data_type,
        visibility=row.visibility,
        specification=Specification.model_validate(row.specification),
        spec_version=row.spec_version,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        created_by=row.created_by,
        deleted_at=row.deleted_at,
    )
