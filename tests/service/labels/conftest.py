"""The labels service's handlers on real servers; the services it asks are played by `Owners`."""

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa
from PIL import Image

from chassis import outbox
from chassis.database import Database
from chassis.ids import new_id
from chassis.objects import ObjectStore
from chassis.tables import outbox as outbox_table
from contracts.body import Annotation, Body, LabeledObject, ObjectClass, Specification
from contracts.enums import AnnotationType, AssetState, DataType, UserState, Visibility
from contracts.errors import Problem
from contracts.events import AssetsCompleted, EventData, LabelChanged, ProjectChanged
from contracts.permissions import ProjectRole, Role, TeamRole
from contracts.rpc.labels import Actor, AddLabels, Asset, AssetDraft, LabelWithBody, Viewer
from contracts.rpc.members import GetRole, RoleAnswer
from contracts.rpc.projects import AddObjectClasses, GetProject, Project
from services.labels.handlers import copies, data_library, labels
from services.labels.handlers.verification import verify_assets
from tests.service.labels.shelf import Shelf, filled_shelf

MANAGER = Actor(user_id=UUID(int=1), role=Role.MANAGER)


@dataclass
class Owners:
    """Plays the projects and members services: answers from dictionaries, or is away."""

    projects: dict[UUID, Project] = field(default_factory=dict)
    roles: dict[tuple[UUID, UUID], RoleAnswer] = field(default_factory=dict)
    away: bool = False
    asked: list[str] = field(default_factory=list)

    def call(self, request: Any, deadline: float) -> Any:
        self.asked.append(request.method())
        if self.away:
            raise Problem("unavailable", "away")
        match request:
            case GetProject():
                if request.project_id not in self.projects:
                    raise Problem("not_found", "no such project")
                return self.projects[request.project_id]
            case GetRole():
                return self.roles.get((request.project_id, request.user_id), RoleAnswer(role=None))
            case AddObjectClasses():
                return self._add_classes(request)
        raise AssertionError(request)

    def _add_classes(self, request: AddObjectClasses) -> Project:
        project = self.projects[request.project_id]
        known = {cls.name for cls in project.specification.object_classes}
        present = project.specification
        added = tuple(
            ObjectClass(
                id=new_id(), name=draft.name, annotation_type=draft.annotation_type, color="#112233", index=index
            )
            for index, draft in enumerate(request.object_classes, present.next_index)
            if draft.name not in known
        )
        specification = present.model_copy(update={"object_classes": present.object_classes + added})
        self.projects[project.id] = project.model_copy(
            update={"specification": specification, "version": project.version + 1}
        )
        return self.projects[project.id]

    def add_member(self, project_id: UUID, user_id: UUID, role: ProjectRole) -> None:
        self.roles[project_id, user_id] = RoleAnswer(role=role, version=1, state=UserState.ACTIVE)

    def add_admin(self, project_id: UUID, user_id: UUID) -> None:
        self.roles[project_id, user_id] = RoleAnswer(role=None, state=UserState.ACTIVE, team_role=TeamRole.ADMIN)


@pytest.fixture(scope="session")
def database(settings_environment: dict[str, str]) -> Iterator[Database]:
    database = Database(Database.of("labels").engine.url.render_as_string(hide_password=False), pool=60)
    yield database
    database.close()


@pytest.fixture(scope="session")
def store(settings_environment: dict[str, str]) -> ObjectStore:
    return ObjectStore.shared()


@pytest.fixture
def owners() -> Owners:
    return Owners()


@dataclass
class Desk:
    """A project with one box class, and short ways to what tests do all the time."""

    database: Database
    store: ObjectStore
    owners: Owners
    project_id: UUID
    box: ObjectClass
    dataset: str

    def body(self, *boxes: tuple[float, float, float, float], class_id: UUID | None = None) -> Body:
        """A body of boxes (x, y, width, height)."""
        objects = []
        for x, y, width, height in boxes:
            coord = {"x": x, "y": y, "width": width, "height": height}
            annotation = Annotation(coord=coord)
            objects.append(
                LabeledObject(
                    id=new_id(),
                    class_id=class_id or self.box.id,
                    annotation_type=AnnotationType.BOX,
                    annotation=annotation,
                )
            )
        return Body(objects=objects)

    def upload(self, files: dict[str, bytes], *, verify: bool = True) -> list[Asset]:
        """Register, upload and (if asked) verify files, as a client and the worker do."""
        drafts = [
            AssetDraft(data_key=key, size=len(data), sha256=hashlib.sha256(data).hexdigest())
            for key, data in files.items()
        ]
        with self.database.session() as session:
            registered = data_library.register_assets(session, self.store, self.dataset, drafts).items
        for item in registered:
            if item.upload is not None:
                post(item.upload.url, item.upload.fields, files[item.data_key])
        ids = tuple(item.asset.id for item in registered if item.asset is not None)
        if verify:
            verify_assets(self.database, AssetsCompleted(asset_ids=ids))
        with self.database.session() as session:
            return list(data_library.get_assets(session, ids).items)

    def stored(self, number: int, *, width: int = 100, height: int = 80) -> list[UUID]:
        """Assets that pass for verified, without files."""
        from services.labels.models import Asset as AssetRow

        with self.database.session() as session:
            dataset = data_library.create_dataset(session, self.dataset)
            rows = [
                AssetRow(
                    id=new_id(),
                    dataset_id=dataset.id,
                    data_key=f"{new_id()}.png",
                    state=AssetState.STORED,
                    version=2,
                    announced_size=1,
                    upload_id=new_id(),
                    width=width,
                    height=height,
                    created_at=datetime.now(UTC),
                    updated_at=datetime.now(UTC),
                )
                for _ in range(number)
            ]
            session.add_all(rows)
        return [row.id for row in rows]

    def labels(self, number: int) -> list[UUID]:
        """New labels of new assets."""
        request = AddLabels(project_id=self.project_id, assets=tuple(self.stored(number)), actor=MANAGER)
        with self.database.session() as session:
            ids = labels.add_labels(session, self.owners, request).ids
        assert ids is not None
        return list(ids)

    def label(self, label_id: UUID, viewer: Viewer = Viewer()) -> LabelWithBody:  # noqa: B008 - immutable
        with self.database.session() as session:
            return labels.get_label(session, self.project_id, label_id, viewer)

    def events(self, kind: type[EventData] = LabelChanged) -> list[Any]:
        """What the outbox holds for this project, oldest first (no relay runs)."""
        query = sa.select(outbox_table.c.envelope).where(outbox_table.c.type == kind.type).order_by(outbox_table.c.id)
        with self.database.session() as session:
            found = [outbox.decode(bytes(envelope)).data for envelope in session.scalars(query)]
        return [data for data in found if getattr(data, "project_id", self.project_id) == self.project_id]


@pytest.fixture
def desk(database: Database, store: ObjectStore, owners: Owners) -> Desk:
    box = ObjectClass(id=new_id(), name="cell", annotation_type=AnnotationType.BOX, color="#336699")
    project = Project(
        id=new_id(),
        name="p",
        description="",
        data_type=DataType.IMAGE,
        visibility=Visibility.PRIVATE,
        specification=Specification(object_classes=(box,)),
        spec_version=1,
        version=1,
        created_at=datetime.now(UTC),
        updated_at=datetime.now(UTC),
        created_by=MANAGER.user_id,
    )
    owners.projects[project.id] = project
    with database.session() as session:
        copies.project_changed(
            session,
            ProjectChanged(
                project_id=project.id,
                version=1,
                name=project.name,
                data_type=project.data_type,
                visibility=project.visibility,
                specification=project.specification,
                spec_version=1,
            ),
        )
    return Desk(database, store, owners, project.id, box, f"d-{project.id}")


@pytest.fixture
def picture() -> Callable[..., bytes]:
    """Encodes an image of one colour: `picture(width, height, format="PNG", **save)`."""

    def make(width: int = 40, height: int = 30, format: str = "PNG", mode: str = "RGB", **save: Any) -> bytes:
        target = io.BytesIO()
        Image.new(mode, (width, height), 120 if len(mode) == 1 or ";" in mode else None).save(target, format, **save)
        return target.getvalue()

    return make


def post(url: str, fields: dict[str, str], data: bytes) -> None:
    """Upload by a POST policy."""
    response = httpx.post(url, data=fields, files={"file": data})
    assert response.is_success, response.text


@pytest.fixture(scope="module")
def shelf(database: Database) -> Iterator[Shelf]:
    with filled_shelf(database) as made:
        yield made
