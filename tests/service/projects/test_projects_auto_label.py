"""Auto-label: what is kept of it, what is refused, what the card shows."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from chassis.database import Database
from contracts.body import ObjectClassDraft, SpecificationDraft
from contracts.enums import AnnotationType
from contracts.errors import Problem
from contracts.rpc.labels import ObjectCounts
from contracts.rpc.projects import (
    AutoLabel,
    AutoLabelModel,
    AutoLabelSettings,
    ChangeProject,
    CreateAutoLabelModel,
    CreateProject,
    ListAutoLabelModels,
    Project,
    SetAutoLabel,
)
from services.projects.handlers import auto_label, cards, projects

ACTOR = uuid4()


@pytest.fixture
def project(database: Database) -> Project:
    classes = [ObjectClassDraft(name=name, annotation_type=AnnotationType.BOX) for name in ("RBC", "WBC")]
    request = CreateProject(name=uuid4().hex, specification=SpecificationDraft(object_classes=classes), actor=ACTOR)
    with database.session() as session:
        return projects.create_project(session, request)


def add_model(database: Database, project_id: UUID, name: str = "Cells 1", **more: Any) -> AutoLabelModel:
    with database.session() as session:
        return auto_label.create_model(
            session, CreateAutoLabelModel(project_id=project_id, name=name, actor=ACTOR, **more)
        )


def put(database: Database, project_id: UUID, **settings: Any) -> AutoLabelSettings:
    with database.session() as session:
        request = SetAutoLabel(project_id=project_id, settings=AutoLabelSettings(**settings), actor=ACTOR)
        return auto_label.set_auto_label(session, request)


def get(database: Database, project_id: UUID) -> AutoLabelSettings:
    with database.session() as session:
        return auto_label.get_auto_label(session, project_id)


def card(database: Database, project_id: UUID) -> AutoLabel:
    with database.session() as session:
        return cards.get_project_cards(session, project_id).auto_label


def test_it_is_off_until_it_is_configured(database: Database, project: Project) -> None:
    assert get(database, project.id) == AutoLabelSettings(enabled=False, model=None, classes=None, threshold=0.5)
    assert card(database, project.id) == AutoLabel(status="off", model=None, last_run=None)
    model = add_model(database, project.id)
    assert card(database, project.id).status == "off"
    rbc = project.specification.object_classes[0].id
    wanted = {"enabled": True, "model": model.id, "classes": (rbc,), "threshold": 0.8}
    assert put(database, project.id, **wanted) == get(database, project.id) == AutoLabelSettings(**wanted)
    assert card(database, project.id) == AutoLabel(status="configured", model="Cells 1")
    off = put(database, project.id, **{**wanted, "enabled": False})
    assert (off.enabled, off.model) == (False, model.id)
    assert card(database, project.id).status == "off"


def test_what_cannot_be_applied_is_refused_and_changes_nothing(database: Database, project: Project) -> None:
    model, foreign = add_model(database, project.id), uuid4()
    before = put(database, project.id, enabled=True, model=model.id)
    for wanted, code in (
        ({"enabled": True}, "validation_failed"),
        ({"enabled": False, "model": foreign}, "unknown_model"),
        ({"enabled": True, "model": model.id, "classes": (foreign,)}, "unknown_class"),
    ):
        with pytest.raises(Problem, match=code):
            put(database, project.id, **wanted)
    assert get(database, project.id) == before
    for threshold in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValidationError):
            AutoLabelSettings(threshold=threshold)
    with pytest.raises(Problem, match="not_found"):
        put(database, uuid4(), enabled=False)


def test_a_class_that_is_removed_is_left_out(database: Database, project: Project) -> None:
    class Unused:
        def call(self, request: Any, deadline: float) -> Any:
            return ObjectCounts(objects={})

    rbc, wbc = project.specification.object_classes
    model = add_model(database, project.id)
    put(database, project.id, enabled=True, model=model.id, classes=(wbc.id, rbc.id, wbc.id))
    assert get(database, project.id).classes == (wbc.id, rbc.id)
    draft = SpecificationDraft(object_classes=[ObjectClassDraft(**rbc.model_dump())])
    request = ChangeProject(project_id=project.id, expected_version=1, specification=draft, actor=ACTOR)
    with database.session() as session:
        projects.change_project(session, Unused(), request)
    assert get(database, project.id).classes == (rbc.id,)


def test_models_are_a_projects_own_and_have_names_of_their_own(database: Database, project: Project) -> None:
    first = add_model(database, project.id, "one", endpoint="https://models.example.org/one")
    second = add_model(database, project.id, "two", description="better")
    with pytest.raises(Problem, match="name_taken"):
        add_model(database, project.id, "one")
    for endpoint in ("ftp://x.example.org", "https://user:secret@x.example.org/", "models", "https://"):
        with pytest.raises(ValidationError):
            CreateAutoLabelModel(project_id=project.id, name="bad", endpoint=endpoint, actor=ACTOR)
    with database.session() as session:
        page = auto_label.list_models(session, ListAutoLabelModels(project_id=project.id, limit=1))
        rest = auto_label.list_models(session, ListAutoLabelModels(project_id=project.id, cursor=page.next))
        elsewhere = projects.create_project(session, CreateProject(name=uuid4().hex, actor=ACTOR))
    assert (page.items, rest.items, rest.next) == ((second,), (first,), None)
    with pytest.raises(Problem, match="unknown_model"):
        put(database, elsewhere.id, enabled=True, model=first.id)
