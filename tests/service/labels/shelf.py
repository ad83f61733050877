"""Labels of all kinds, for filters, lists and groups."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.database import Database
from chassis.ids import new_id
from contracts.body import ObjectClass, Specification
from contracts.enums import SEGMENTS, AnnotationType, AssetState
from contracts.rpc.labels import LabelFilter, Viewer
from services.labels.handlers.selection import selected
from services.labels.models import Asset, Dataset, Issue, Label, ProjectCopy

BEGINNING = datetime(2026, 11, 1, tzinfo=UTC)
PEOPLE = [new_id() for _ in range(3)]
TAGS = [new_id() for _ in range(3)]
KINDS = (AnnotationType.BOX, AnnotationType.BOX, AnnotationType.POLYGON)
CLASSES = [
    ObjectClass(id=new_id(), name=f"c{index}", annotation_type=kind, color="#123456", index=index)
    for index, kind in enumerate(KINDS)
]
CATEGORIES = {new_id(): [new_id() for _ in range(3)] for _ in range(2)}
DATASETS = ["blood", "blood 2", "100%_real"]
KEYS = ["a/1.png", "a/10.png", "B_1.jpg", "b%1.jpg", "b\\1.jpg", "é*?.png", "c/d/e.tif", "_", "%"]


@dataclass
class Shelf:
    """Labels of all kinds, and those of another project that no filter of this one may show."""

    database: Database
    project_id: UUID
    labels: dict[UUID, dict[str, Any]] = field(repr=False)

    def found(self, chosen: dict[str, Any], viewer: Viewer | None = None) -> set[UUID]:
        conditions = selected(self.project_id, LabelFilter.model_validate(chosen), viewer or Viewer())
        with self.database.reading() as session:
            return set(session.scalars(sa.select(Label.id).where(*conditions)))


@contextmanager
def filled_shelf(database: Database) -> Iterator[Shelf]:
    """A shelf of 120 labels."""
    chance = random.Random(7)
    project_id, labels = new_id(), {}
    with database.session() as session:
        specification = Specification(object_classes=tuple(CLASSES[:2]), removed_object_classes=tuple(CLASSES[2:]))
        session.add(
            ProjectCopy(
                project_id=project_id, version=1, deleted=False, specification=specification.model_dump(mode="json")
            )
        )
        for number in range(120):
            label = any_label(chance, number)
            labels[label["id"]] = label
            asset_id = _asset(session, label["data_key"])
            for project in (project_id, new_id()):
                known = {name: value for name, value in label.items() if name != "resolved_issues"}
                more = {"asset_id": asset_id, "dataset_id": new_id(), "width": 10, "height": 10, "version": 1}
                session.add(Label(project_id=project, **known, **more))
                session.flush()
                for _ in range(label["resolved_issues"]):
                    session.add(
                        Issue(
                            project_id=project,
                            id=new_id(),
                            label_id=label["id"],
                            text="?",
                            state="resolved",
                            created_by=PEOPLE[0],
                            created_at=BEGINNING,
                        )
                    )
    yield Shelf(database, project_id, labels)


def _asset(session: Session, data_key: str) -> UUID:
    """A stored asset, in a dataset of its own."""
    dataset = Dataset(id=new_id(), name=f"of {new_id()}", created_at=BEGINNING)
    session.add(dataset)
    session.flush()
    asset = Asset(
        id=new_id(),
        dataset_id=dataset.id,
        data_key=data_key,
        state=AssetState.STORED,
        version=2,
        announced_size=1,
        upload_id=new_id(),
        size=1,
        created_at=BEGINNING,
        updated_at=BEGINNING,
    )
    session.add(asset)
    return asset.id


def any_label(chance: random.Random, number: int) -> dict[str, Any]:
    status, review = chance.choice(SEGMENTS)

    def moment() -> datetime:
        return BEGINNING + timedelta(hours=chance.randrange(96))

    answers = {
        str(category): [str(each) for each in chance.sample(options, chance.randrange(1, 3))]
        for category, options in CATEGORIES.items()
        if chance.random() < 0.5
    }
    return {
        "id": new_id(),
        "dataset": chance.choice(DATASETS),
        "data_key": f"{chance.choice(KEYS)}" + (str(number) if chance.random() < 0.5 else ""),
        "status": status.value,
        "review": review.value,
        "round": chance.randrange(4),
        "assignee": chance.choice([None, *PEOPLE]),
        "reviewer": chance.choice([None, *PEOPLE]),
        "submitter": chance.choice([None, *PEOPLE]),
        "tags": chance.sample(TAGS, chance.randrange(4)),
        "open_issues": chance.choice([0, 0, 1, 2]),
        "resolved_issues": chance.choice([0, 0, 1, 2]),
        "objects": {str(each.id): chance.randrange(1, 4) for each in CLASSES if chance.random() < 0.5},
        "categories": answers,
        "created_at": moment(),
        "updated_at": moment(),
        "submitted_at": chance.choice([None, moment()]),
        "reviewed_at": chance.choice([None, moment()]),
    }
