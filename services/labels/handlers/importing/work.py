"""Running an import from where it is to its end."""

import itertools
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis import audit, context, outbox, quotas
from chassis.database import Database
from chassis.ids import new_id
from chassis.logs import get_logger
from chassis.objects import ObjectStore
from chassis.rpc.client import RpcClient
from chassis.settings import settings
from contracts.body import CLASSES_MAX, NAME_MAX, Body, Categories, ObjectClass, ObjectClassDraft, Specification
from contracts.enums import AnnotationType, ImportFormat, JobState, LabelAction, OnError, Status
from contracts.errors import UNANSWERED, Problem
from contracts.events import ImportRequested
from contracts.permissions import Role
from contracts.principals import Claims
from contracts.rpc import Owners
from contracts.rpc.labels import Actor
from contracts.rpc.projects import AddObjectClasses
from formats.types import ParsedLabel
from services.labels.domain import life
from services.labels.handlers import changes, copies, label_rows, storage
from services.labels.handlers.importing.examination import EXAMINED, ExaminedAsset, Known, Ready, examine
from services.labels.handlers.importing.report import Report
from services.labels.handlers.importing.source import Source
from services.labels.handlers.imports import UNFINISHED, changed, delete_file, upload_key
from services.labels.handlers.label_rows import LabelRow, NewLabel
from services.labels.handlers.labels import FIRST, FIRST_VERSION
from services.labels.models import Asset, Import, Label, Upload

log = get_logger()

CHUNK = 1000
"""Labels in one transaction and one event, at most: tenths of a second, so that progress shows and locks are short."""

CHUNK_OBJECTS = 20_000
"""Objects of those, about, at most: they are held in memory."""

SLICE_SECONDS = 600.0
"""How long one delivery of an import works at most, before it hands over to a new one: RabbitMQ takes a delivery away
that is not acknowledged for 30 minutes (field notes)."""

CLASSES_DEADLINE = 10.0
"""Seconds for the projects service to add classes."""

_NOT_WHOLE = "There are errors, and it was to be all or nothing."


def run_import(database: Database, event: ImportRequested) -> None:
    """Run an import, or a slice of it, and delete its file in the end; one that has ended is left alone."""
    run(database, event, ObjectStore.shared(), RpcClient.shared())


def run(database: Database, event: ImportRequested, store: ObjectStore, owners: Owners) -> None:
    """`run_import` with its ports."""
    with database.session() as session:
        task = session.get_one(Import, (event.project_id, event.import_id))
        upload = session.get_one(Upload, (event.project_id, task.upload_id))
    if task.state in UNFINISHED:
        with context.acting_for(_starter(task)):
            _take_up(database, store, owners, task, upload)
    # also of one that had ended: who ended it may have died before it came to this
    delete_file(database, store, event.project_id, upload.id)


def _starter(task: Import) -> Claims:
    """For whom an import is run: who started it, as the order tells, or as its row does."""
    known = context.principal()
    return known if known is not None and known.user_id == task.created_by else Claims(user_id=task.created_by)


def _take_up(database: Database, store: ObjectStore, owners: Owners, task: Import, upload: Upload) -> None:
    with tempfile.TemporaryDirectory(prefix="labelyard-import-") as folder:
        source = Source(ImportFormat(task.format), Path(folder, "upload"), upload.filename, Path(folder))
        work = _Work(database, owners, task, source)
        try:
            _fetch(store, upload_key(task.project_id, upload.id), source.path)
            work.run()
        except _Overtaken:
            log.info("import overtaken", import_id=str(task.id))
        except Problem as problem:
            if problem.code in UNANSWERED:
                raise  # kept by the consumer, and tried again
            work.fail(str(problem))


def _fetch(store: ObjectStore, key: str, path: Path) -> None:
    if store.size(key) is None:
        raise Problem("gone", "The uploaded file was deleted.")
    with store.open(key) as stream, path.open("wb") as target:
        while block := stream.read(1 << 20):
            target.write(block)


def _chunks(labels: Iterable[ParsedLabel]) -> Iterator[list[ParsedLabel]]:
    """Labels as they are applied together."""
    chunk, objects = list[ParsedLabel](), 0
    for label in labels:
        chunk.append(label)
        objects += len(label.objects)
        if len(chunk) >= CHUNK or objects >= CHUNK_OBJECTS:
            yield chunk
            chunk, objects = [], 0
    if chunk:
        yield chunk


class _Overtaken(Exception):
    """Another worker goes on with this import."""


class _Faulty(Exception):
    """Something is wrong in a file that is to be imported as a whole or not at all."""


@dataclass
class _Changes:
    """Labels as they are now, their lines of history, and those of their bodies that are new."""

    labels: list[LabelRow] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[tuple[LabelRow, changes.Stored]] = field(default_factory=list)


class _Work:
    """One import at work. `task` is its row as this worker knows it; whoever finds another version there stops."""

    def __init__(self, database: Database, owners: Owners, task: Import, source: Source) -> None:
        self._database = database
        self._owners = owners
        self._task = task
        self._source = source
        self._until = time.monotonic() + SLICE_SECONDS
        self._known = Known.of(Specification())

    def run(self) -> None:
        """From where it is to the end, or until the slice is over."""
        whole = self._task.on_error == OnError.ALL_OR_NOTHING
        if self._task.total is None or whole:
            if self._task.state == JobState.QUEUED:
                self._advance(state=JobState.RUNNING)
            total, drafts, report = self._survey(examined=whole)
            if whole and report.error_count:
                self.fail(_NOT_WHOLE, report)
                return
            if total == 0 and report.error_count:
                self.fail("Nothing in the file could be read.", report)
                return
            self._create_classes(drafts)
            self._advance(total=total, done=0)
        self._learn_classes(ask=True)
        if whole:
            self._apply_whole()
        else:
            self._apply_in_chunks()

    def fail(self, failure: str, report: Report | None = None) -> None:
        """End the import without success; with a report, nothing was done."""
        values: dict[str, Any] = {"state": JobState.FAILED, "failure": failure, "ended_at": datetime.now(UTC)}
        if report is not None:
            values |= {"report": report.nothing_applied().plain(), "done": 0}
        self._advance(**values)

    # --- the survey ---

    def _survey(self, *, examined: bool) -> tuple[int, list[ObjectClassDraft], Report]:
        """How many labels the file has, the classes that are to be made, and what is wrong.

        A new class takes the annotation type of most of its objects. Unless `examined`, only what cannot be read
        counts as wrong.
        """
        self._learn_classes()
        total, report = 0, Report()
        shapes: Counter[tuple[str, AnnotationType]] = Counter()
        for labels in _chunks(self._source.labels(report)):
            total += len(labels)
            shapes.update((found.class_name, found.annotation_type) for label in labels for found in label.objects)
            if len(shapes) > CLASSES_MAX:
                raise Problem("too_large", f"The file has more than {CLASSES_MAX} object classes.")
        drafts = self._drafts(shapes) if self._task.create_classes else []
        if examined:
            # a stand-in for each class that is going to be made: an import that fails makes none
            stand_ins = (
                ObjectClass(id=new_id(), name=draft.name, annotation_type=draft.annotation_type, color="#000000")
                for draft in drafts
            )
            self._known = Known.of(self._known.specification, *stand_ins)
            report = Report()
            for labels in _chunks(self._source.labels(report)):
                with self._database.session() as session:
                    ready = self._examine(session, labels, report)
                    found = label_rows.read(session, *self._of(ready))
                    self._changed(session, ready, {each.asset_id: each for each in found}, report, datetime.now(UTC))
        return total, drafts, report

    def _drafts(self, shapes: Counter[tuple[str, AnnotationType]]) -> list[ObjectClassDraft]:
        kinds: dict[str, AnnotationType] = {}
        for (name, kind), _ in shapes.most_common():
            kinds.setdefault(name, kind)
        return [
            ObjectClassDraft(name=name, annotation_type=kind)
            for name, kind in sorted(kinds.items())
            if name not in self._known.names and len(name) <= NAME_MAX
        ]

    def _create_classes(self, drafts: Sequence[ObjectClassDraft]) -> None:
        if drafts:
            request = AddObjectClasses(
                project_id=self._task.project_id, object_classes=tuple(drafts), actor=self._task.created_by
            )
            self._owners.call(request, CLASSES_DEADLINE)

    def _learn_classes(self, *, ask: bool = False) -> None:
        with self._database.session() as session:
            self._known = Known.of(copies.specification(session, self._owners, self._task.project_id, ask=ask))

    # --- applying ---

    def _apply_in_chunks(self) -> None:
        report, done = Report.of(self._task.report), self._task.done
        for labels in _chunks(self._source.labels(report, skip=done)):
            done += len(labels)
            with self._database.session() as session:
                self._apply(session, labels, report)
                self._advance(session, done=done, report=report.plain())
                over = time.monotonic() > self._until
                if over:
                    outbox.add(session, ImportRequested(project_id=self._task.project_id, import_id=self._task.id))
            if over:
                return
        self._advance(state=JobState.DONE, report=report.plain(), ended_at=datetime.now(UTC))

    def _apply_whole(self) -> None:
        report, done = Report(), 0
        try:
            with self._database.session() as session:
                for labels in _chunks(self._source.labels(report)):
                    self._apply(session, labels, report)
                    if report.error_count:
                        raise _Faulty
                    done += len(labels)
                    self._advance(done=done)
                self._advance(session, state=JobState.DONE, report=report.plain(), ended_at=datetime.now(UTC))
        except _Faulty:  # somebody changed a label or a class since the survey
            self.fail(_NOT_WHOLE, report)

    def _apply(self, session: Session, labels: Sequence[ParsedLabel], report: Report) -> None:
        """Give labels their objects, and labels to assets that have none; tell of both."""
        project_id, now = self._task.project_id, datetime.now(UTC)
        ready = self._examine(session, labels, report)
        limit = quotas.hold(session, project_id, settings().quota_bytes)  # before any label, against deadlocks
        made = self._make(session, ready, report, now)
        storage.take(session, project_id, [label.id for label in made.labels], limit)
        has_new = {label.asset_id for label in made.labels}
        met = self._meet(session, [item for item in ready if item.asset.id not in has_new], report, now)
        changes.write(session, made.lines + met.lines, made.bodies + met.bodies, met.labels)
        changes.publish(session, made.labels + met.labels, self._task.created_by, "import")

    def _make(self, session: Session, ready: Sequence[Ready], report: Report, now: datetime) -> "_Changes":
        """Labels for assets that have none, with all that the import makes of them."""
        have = set(session.scalars(sa.select(Label.asset_id).where(*self._of(ready))))
        fresh = {item.asset.id: item for item in ready if item.asset.id not in have}
        new = {asset_id: self._new(item.asset, now) for asset_id, item in fresh.items()}
        actor = self._task.created_by
        lines = {
            label.id: [changes.history(label, action="add", actor=actor, before={}, after=FIRST)]
            for label in new.values()
        }
        bodies = {}
        for change in self._changed(session, list(fresh.values()), new, Report(), now):
            label_id = change["label"].id
            lines[label_id].append(self._line(change, now))
            if change["body"] is not None:
                bodies[label_id] = change["body"]
        made = label_rows.insert(session, self._task.project_id, list(new.values()))
        done = _Changes()
        for asset_id, label in new.items():
            if label.id in made:  # else somebody has made one meanwhile
                done.labels.append(label)
                done.lines += lines[label.id]
                done.bodies += [(label, bodies[label.id])] if label.id in bodies else []
                report.labels += 1
                report.objects.update(fresh[asset_id].counts)
        return done

    def _new(self, asset: ExaminedAsset, now: datetime) -> NewLabel:
        assert asset.width is not None and asset.height is not None
        return NewLabel(
            project_id=self._task.project_id,
            id=new_id(),
            asset_id=asset.id,
            dataset_id=asset.dataset_id,
            dataset=self._task.dataset,
            data_key=asset.data_key,
            width=asset.width,
            height=asset.height,
            **vars(life.Standing()),
            tags=[],
            open_issues=0,
            objects={},
            categories={},
            body_digest=None,
            version=FIRST_VERSION,
            created_at=now,
            updated_at=now,
        )

    def _meet(self, session: Session, ready: Sequence[Ready], report: Report, now: datetime) -> "_Changes":
        """What the import changes of labels that there are."""
        found = label_rows.read(session, *self._of(ready), lock=True) if ready else []
        labels = {label.asset_id: label for label in found}
        done = _Changes()
        for change in self._changed(session, ready, labels, report, now):
            done.labels.append(change["label"])
            done.lines.append(self._line(change, now))
            done.bodies += [] if change["body"] is None else [(change["label"], change["body"])]
        return done

    def _of(self, ready: Sequence[Ready]) -> tuple[sa.ColumnElement[bool], ...]:
        """The labels of these assets, as conditions."""
        return Label.project_id == self._task.project_id, Label.asset_id.in_([item.asset.id for item in ready])

    def _line(self, change: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        return changes.change(**change, action="import", actor=self._task.created_by, at=now)

    def _examine(self, session: Session, labels: Sequence[ParsedLabel], report: Report) -> list[Ready]:
        query = sa.select(*EXAMINED).where(
            Asset.dataset_id == self._task.dataset_id, Asset.data_key.in_([label.data_key for label in labels])
        )
        assets = {asset.data_key: asset for asset in itertools.starmap(ExaminedAsset, session.execute(query))}
        examined = (
            examine(label, assets.get(label.data_key), self._known, self._task.project_id, report) for label in labels
        )
        return [ready for ready in examined if ready is not None]

    def _changed(
        self,
        session: Session,
        ready: Sequence[Ready],
        labels: Mapping[UUID, LabelRow],
        report: Report,
        now: datetime,
    ) -> list[dict[str, Any]]:
        """What the import changes of `labels` (by asset) at the moment `now`, as arguments of `changes.change`.

        Labels that are in order afterwards, changed or not, are counted in `report`.
        """
        old = changes.bodies(session, labels.values())
        submitting = self._task.status == Status.SUBMITTED
        actor, found = Actor(user_id=self._task.created_by, role=Role.MANAGER), []
        for item in ready:
            label = labels.get(item.asset.id)
            if label is not None:
                was = old.get(label.id, {})
                categories = item.answers or Categories.model_validate(was.get("categories", {}))
                # of parts that are checked already
                body = changes.Stored.of(Body.model_construct(objects=list(item.objects), categories=categories))
                same, working = body.digest == label.body_digest, label.status == Status.IN_PROGRESS
                if not same and not working:
                    detail = f"the label of {label.data_key!r} is {label.status}/{label.review}"
                    report.fault(item.file, "illegal_transition", detail)
                    continue
                moved = stands = changes.standing(label)
                if working and submitting:
                    moved = life.decide(moved, LabelAction.SUBMIT, actor, at=now)
                if not same or moved != stands:
                    found.append({"label": label, "moved": moved, "body": None if same else body, "old": was})
            report.labels += 1
            report.objects.update(item.counts)
        return found

    def _advance(self, session: Session | None = None, **values: Any) -> None:
        """Write how far the import is, and tell; `_Overtaken` if somebody else has written meanwhile."""
        if session is None:
            with self._database.session() as own:
                self._advance(own, **values)
            return
        key = (self._task.project_id, self._task.id)
        row = session.get_one(Import, key, with_for_update=True, populate_existing=True)
        if row.version != self._task.version:
            raise _Overtaken
        for name, value in values.items():
            setattr(row, name, value)
        row.version += 1
        outbox.add(session, changed(row))
        if row.ended_at is not None:
            report = {name: row.report.get(name) for name in ("files", "labels", "objects", "error_count")}
            audit.write(
                session,
                "labels.end_import",
                "import",
                row.id,
                issuer="labels",
                user_id=row.created_by,
                project_id=row.project_id,
                after={"state": row.state, "failure": row.failure, "dataset": row.dataset, **report},
            )
        self._task = row
