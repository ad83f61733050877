"""Projects: making, finding, changing them, and what the world hears."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from chassis.database import Database
from contracts.body import ObjectClassDraft, SpecificationDraft
from contracts.enums import AnnotationType, DataType, Visibility
from contracts.errors import Problem
from contracts.events import ProjectChanged, ProjectDeleted, ProjectRestored
from contracts.rpc.labels import CountObjects, ObjectCounts
from contracts.rpc.projects import AddObjectClasses, ChangeProject, CreateProject, ListProjects, Project
from services.projects.handlers import cards
from services.projects.handlers import projects as handlers
from services.projects.models import RemovedPart
from tests.service.support import waiting_events

ACTOR = uuid4()


class Labels:
    """Plays the labels service: knows how many objects there are of each class, or is away."""

    def __init__(self) -> None:
        self.objects: dict[UUID, int] = {}
        self.away = ""

    def call(self, request: Any, deadline: float) -> Any:
        assert isinstance(request, CountObjects)
        if self.away:
            raise Problem(self.away)
        return ObjectCounts(objects={str(i): self.objects[i] for i in request.class_ids if i in self.objects})


def unused_name() -> str:
    return f"project {uuid4().hex}"


def specification(*names: str) -> SpecificationDraft:
    return SpecificationDraft(object_classes=[box(name) for name in names])


def box(name: str, **more: Any) -> ObjectClassDraft:
    return ObjectClassDraft(name=name, annotation_type=AnnotationType.BOX, **more)


def create(database: Database, name: str | None = None, **more: Any) -> Project:
    with database.session() as session:
        return handlers.create_project(session, CreateProject(name=name or unused_name(), actor=ACTOR, **more))


def change(database: Database, project: Project, labels: Labels | None = None, **what: Any) -> Project:
    request = ChangeProject(project_id=project.id, actor=ACTOR, **what)
    with database.session() as session:
        return handlers.change_project(session, labels or Labels(), request)


def add_classes(database: Database, project_id: UUID, *names: str) -> Project:
    with database.session() as session:
        drafts = tuple(box(name) for name in names)
        return handlers.add_object_classes(
            session, AddObjectClasses(project_id=project_id, object_classes=drafts, actor=ACTOR)
        )


def get(database: Database, project_id: UUID) -> Project:
    with database.session() as session:
        return handlers.get_project(session, project_id)


def told(database: Database, project: Project) -> list[ProjectChanged]:
    with database.session() as session:
        return waiting_events(session, ProjectChanged, project_id=project.id)


def test_a_new_project_and_its_event(database: Database) -> None:
    project = create(database, description="Blood cells", specification=specification("RBC", "WBC"))
    assert (project.version, project.spec_version, project.created_by) == (1, 1, ACTOR)
    assert (project.data_type, project.visibility) == (DataType.IMAGE, Visibility.PRIVATE)
    assert [each.name for each in project.specification.object_classes] == ["RBC", "WBC"]
    assert get(database, project.id) == project
    assert told(database, project) == [
        ProjectChanged(
            project_id=project.id,
            version=1,
            name=project.name,
            data_type="image",
            visibility=Visibility.PRIVATE,
            specification=project.specification,
            spec_version=1,
        )
    ]
    with database.session() as session:
        shown = cards.get_project_cards(session, project.id)
    assert shown.project == project
    assert (shown.guidelines, shown.auto_label.status) == (0, "off")


def test_what_is_not_there_is_not_found(database: Database) -> None:
    with database.session() as session:
        for read in (handlers.get_project, cards.get_project_cards):
            with pytest.raises(Problem, match="not_found"):
                read(session, uuid4())
        with pytest.raises(Problem, match="not_found"):
            handlers.change_project(session, Labels(), ChangeProject(project_id=uuid4(), actor=ACTOR, name="x"))
    with pytest.raises(Problem, match="not_found"):
        add_classes(database, uuid4(), "RBC")


def test_unbuilt_data_types_are_refused(database: Database) -> None:
    with pytest.raises(Problem, match="unsupported_data_type"):
        create(database, data_type=DataType.POINT_CLOUD)


def test_names_are_unique_by_the_letter(database: Database) -> None:
    name = unused_name()
    first, other = create(database, name), create(database, name.upper())
    with pytest.raises(Problem, match="name_taken"):
        create(database, f"  {name} ")
    with pytest.raises(Problem, match="name_taken"):
        change(database, other, name=name)
    assert get(database, other.id) == other
    assert change(database, first, name=name).version == 1


def test_of_twenty_projects_with_one_name_one_is_made(database: Database) -> None:
    name = unused_name()

    def attempt(_: int) -> str:
        try:
            create(database, name)
            return "made"
        except Problem as problem:
            return problem.code

    with ThreadPoolExecutor(20) as pool:
        assert Counter(pool.map(attempt, range(20))) == {"made": 1, "name_taken": 19}


def test_of_twenty_projects_renamed_alike_one_is(database: Database) -> None:
    name = unused_name()
    projects = [create(database) for _ in range(20)]

    def attempt(project: Project) -> str:
        try:
            return change(database, project, name=name).name
        except Problem as problem:
            return problem.code

    with ThreadPoolExecutor(20) as pool:
        assert Counter(pool.map(attempt, projects)) == {name: 1, "name_taken": 19}


def test_a_change_raises_the_version_and_is_told_whole(database: Database) -> None:
    project = create(database, specification=specification("RBC"))
    name = unused_name()
    seen = {"confirmed": True, "expected_version": project.version}
    changed = change(database, project, name=name, description="New", visibility=Visibility.PUBLIC, **seen)
    assert (changed.name, changed.description, changed.visibility) == (name, "New", Visibility.PUBLIC)
    assert (changed.version, changed.spec_version) == (2, 1)
    assert changed.updated_at > project.updated_at
    assert changed.specification == project.specification
    newest = told(database, project)[-1]
    assert (newest.version, newest.name, newest.visibility) == (2, name, Visibility.PUBLIC)
    assert newest.specification == project.specification


def test_nobody_makes_a_project_public_without_having_seen_what_that_means(database: Database) -> None:
    project = create(database)
    for lacking in ({}, {"confirmed": True}, {"expected_version": project.version}):
        with pytest.raises(Problem) as caught:
            change(database, project, visibility=Visibility.PUBLIC, **lacking)
        assert caught.value.code == "confirmation_required"
    seen = {"confirmed": True, "expected_version": project.version}
    change(database, project, description="it is another one now")
    with pytest.raises(Problem) as caught:
        change(database, project, visibility=Visibility.PUBLIC, **seen)
    assert caught.value.code == "stale_version"
    public = create(database, visibility=Visibility.PUBLIC)
    assert change(database, public, visibility=Visibility.PUBLIC).version == public.version


def test_asking_for_what_is_there_changes_nothing(database: Database) -> None:
    project = create(database, description="Same", specification=specification("RBC"))
    same = change(
        database,
        project,
        name=project.name,
        description="Same",
        visibility=Visibility.PRIVATE,
        specification=specification("RBC"),
        expected_version=1,
    )
    assert same == project
    assert len(told(database, project)) == 1


def test_a_specification_needs_the_version_that_was_read(database: Database) -> None:
    project = create(database, specification=specification("RBC"))
    with pytest.raises(Problem, match="version_required"):
        change(database, project, specification=specification("WBC"))
    change(database, project, description="meanwhile")
    with pytest.raises(Problem) as caught:
        change(database, project, specification=specification("WBC"), expected_version=1)
    assert (caught.value.code, caught.value.extra) == ("stale_version", {"expected_version": 1, "version": 2})
    with pytest.raises(Problem, match="stale_version"):
        change(database, project, description="stale too", expected_version=1)
    changed = change(database, project, specification=specification("WBC"), expected_version=2)
    assert (changed.version, changed.spec_version) == (3, 2)


def test_of_ten_changes_of_one_version_one_wins(database: Database) -> None:
    project = create(database)

    def attempt(number: int) -> str:
        try:
            change(database, project, specification=specification(f"class {number}"), expected_version=1)
            return "changed"
        except Problem as problem:
            return problem.code

    with ThreadPoolExecutor(10) as pool:
        assert Counter(pool.map(attempt, range(10))) == {"changed": 1, "stale_version": 9}
    assert get(database, project.id).version == 2


def test_removed_classes_are_remembered_and_their_ids_stay_gone(database: Database) -> None:
    project = create(database, specification=specification("RBC", "WBC"))
    rbc, wbc = project.specification.object_classes
    changed = change(
        database, project, expected_version=1, specification=SpecificationDraft(object_classes=[box("W", id=wbc.id)])
    )
    assert [(each.id, each.name) for each in changed.specification.object_classes] == [(wbc.id, "W")]
    with database.session() as session:
        removed = session.scalars(sa.select(RemovedPart).where(RemovedPart.project_id == project.id)).all()
    assert [(part.id, part.kind, part.name) for part in removed] == [(rbc.id, "object class", "RBC")]
    with pytest.raises(Problem, match="unknown_class"):
        change(
            database,
            project,
            expected_version=2,
            specification=SpecificationDraft(object_classes=[box("RBC", id=rbc.id)]),
        )
    again = add_classes(database, project.id, "RBC")
    assert again.specification.object_classes[1].id not in (rbc.id, wbc.id)


def test_a_class_that_labels_use_stays(database: Database) -> None:
    labels = Labels()
    project = create(database, specification=specification("RBC", "WBC", "dust"))
    rbc, wbc, dust = project.specification.object_classes
    labels.objects = {rbc.id: 7, wbc.id: 5}
    kept = [box("erythrocyte", id=rbc.id), box("new")]
    with pytest.raises(Problem) as caught:
        change(database, project, labels, expected_version=1, specification=SpecificationDraft(object_classes=kept))
    assert (caught.value.code, caught.value.extra) == (
        "class_in_use",
        {"count": 5, "classes": [{"id": str(wbc.id), "name": "WBC", "count": 5}]},
    )
    draft = SpecificationDraft(object_classes=[*kept, box("WBC", id=wbc.id)])
    for labels.away in ("deadline_exceeded", "busy"):
        with pytest.raises(Problem, match="unavailable"):
            change(database, project, labels, expected_version=1, specification=draft, name=unused_name())
    assert get(database, project.id) == project
    renamed = SpecificationDraft(object_classes=[*kept, *(box(each.name, id=each.id) for each in (wbc, dust))])
    grown = change(database, project, labels, expected_version=1, specification=renamed)  # nobody needs to be asked
    labels.away = ""
    changed = change(database, grown, labels, expected_version=2, specification=draft)
    assert [each.name for each in changed.specification.object_classes] == ["erythrocyte", "new", "WBC"]
    assert changed.specification.object_classes[0].id == rbc.id


def test_adding_classes_again_changes_nothing(database: Database) -> None:
    project = create(database, specification=specification("RBC"))
    added = add_classes(database, project.id, "WBC", "RBC")
    assert [each.name for each in added.specification.object_classes] == ["RBC", "WBC"]
    assert (added.version, added.spec_version) == (2, 2)
    assert add_classes(database, project.id, "RBC", "WBC") == added
    assert len(told(database, project)) == 2


def test_imports_that_add_classes_at_once_share_them(database: Database) -> None:
    project = create(database)
    names = [f"class {number}" for number in range(10)]

    def attempt(number: int) -> list[UUID]:
        added = add_classes(database, project.id, *names[number % 10 :], *names[: number % 10])
        by_name = {each.name: each.id for each in added.specification.object_classes}
        return [by_name[name] for name in names]

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(attempt, range(20)))
    assert all(answer == answers[0] for answer in answers)
    final = get(database, project.id)
    assert sorted(each.name for each in final.specification.object_classes) == names
    assert final.version == 2


def delete(database: Database, project: Project) -> None:
    with database.session() as session:
        handlers.delete_project(session, project.id)


def restore(database: Database, project: Project) -> Project:
    with database.session() as session:
        return handlers.restore_project(session, project.id)


def listed(database: Database, **which: Any) -> list[Project]:
    with database.session() as session:
        return list(handlers.list_projects(session, ListProjects(everything=True, **which)).items)


def test_a_deleted_project_is_nowhere_until_it_is_restored(database: Database) -> None:
    project = create(database, visibility=Visibility.PUBLIC, specification=specification("RBC"))
    delete(database, project)
    for use in (
        lambda: get(database, project.id),
        lambda: change(database, project, description="late"),
        lambda: add_classes(database, project.id, "WBC"),
        lambda: delete(database, project),
    ):
        with pytest.raises(Problem, match="not_found"):
            use()
    with database.session() as session, pytest.raises(Problem, match="not_found"):
        cards.get_project_cards(session, project.id)
    assert listed(database, name=project.name) == []
    (hidden,) = listed(database, name=project.name, deleted=True)
    assert hidden.id == project.id and hidden.deleted_at is not None
    with database.session() as session:
        assert handlers.get_project(session, project.id, deleted=True) == hidden
        assert waiting_events(session, ProjectDeleted, project_id=project.id) == [
            ProjectDeleted(project_id=project.id, version=2)
        ]

    back = restore(database, project)
    assert back == project.model_copy(update={"version": 3, "updated_at": back.updated_at})
    assert get(database, project.id) == back == restore(database, project)
    assert listed(database, name=project.name, deleted=True) == []
    with database.session() as session:
        (event,) = waiting_events(session, ProjectRestored, project_id=project.id)
    assert (event.version, event.name, event.specification) == (3, project.name, project.specification)


def test_a_deleted_project_gives_its_name_back(database: Database) -> None:
    first = create(database)
    delete(database, first)
    second = create(database, first.name)
    with pytest.raises(Problem, match="name_taken"):
        restore(database, first)
    assert listed(database, name=first.name) == [second]
    delete(database, second)
    assert restore(database, first).name == first.name
    with pytest.raises(Problem, match="name_taken"):
        restore(database, second)
    assert {each.id for each in listed(database, deleted=True)} >= {second.id}


def test_projects_are_listed_newest_first_as_far_as_somebody_may_see(database: Database) -> None:
    private, public, mine = create(database), create(database, visibility=Visibility.PUBLIC), create(database)
    ours = {private.id, public.id, mine.id}

    def listed(limit: int = 200, **who: Any) -> list[UUID]:
        found: list[UUID] = []
        cursor = None
        while True:
            with database.session() as session:
                page = handlers.list_projects(session, ListProjects(cursor=cursor, limit=limit, **who))
            found += [project.id for project in page.items]
            cursor = page.next
            if cursor is None:
                return [project_id for project_id in found if project_id in ours]

    assert listed(everything=True) == listed(everything=True, limit=1) == [mine.id, public.id, private.id]
    assert listed(member_of=(mine.id,)) == [mine.id, public.id]
    assert listed(member_of=(mine.id,), own_only=True) == [mine.id]
    assert listed() == [public.id]
    assert listed(own_only=True) == []
    assert listed(name=private.name) == []
    assert listed(name=private.name, everything=True) == [private.id]
    assert listed(name=private.name.upper(), everything=True) == []
    with pytest.raises(Problem, match="bad_cursor"), database.session() as session:
        handlers.list_projects(session, ListProjects(cursor="nonsense"))
