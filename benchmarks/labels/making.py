"""Making the labels that are asked about."""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
from PIL import Image

from chassis.ids import new_id
from client import Labelyard
from client.types import ObjectClassDraft, Project, ProjectRole, Status
from deploy.local.system import System
from services.labels.models import Base

BOXES: Final = 3
WIDTH, HEIGHT = 640, 480
FILES: Final = 5
"""Files that the annotations come in, at least; those of an even number as submitted."""

LABELS_MAX: Final = 100_000
"""Labels of one file at most."""

SHARES: Final = {"common": 0.6, "usual": 0.3, "seldom": 0.099, "rare": 0.001}
"""Classes, and which share of the objects is of each."""

OPTIONS: Final = ("day", "night", "dusk", "dawn")
LABELERS, REVIEWERS = 5, 2
PASSWORD: Final = "a password for benchmarks"
PATIENCE: Final = 3600.0


@dataclass(frozen=True)
class Made:
    """A project of `count` labels, and what questions name of it. `people` and `tags` by their names.

    `imported` and `tasks`: labels a second of each file and of each task.
    """

    owner: Labelyard
    signing_in: tuple[str, str]
    project: str
    count: int
    classes: Mapping[str, str]
    options: Mapping[str, str]
    people: Mapping[str, str]
    tags: Mapping[str, str]
    imported: Sequence[float]
    tasks: Mapping[str, float]


def make(system: System, owner: Labelyard, folder: Path, count: int, say: Callable[[str], None]) -> Made:
    """A project of `count` labels; `owner` is signed in, `folder` is for files."""
    dsn = system.environment["LABELYARD_LABELS_DSN"]
    chance = random.Random(count)
    project = _project(owner)
    specification = project["specification"]
    classes = {each["name"]: each["id"] for each in specification["object_classes"]}
    [category] = specification["image_categories"]
    options = {each["name"]: each["id"] for each in category["options"]}
    people = _people(owner, project["id"])
    say(f"writing {count:,} assets")
    models = _images(owner, folder)
    imported = []
    for number, some in enumerate(_files(count)):
        keys, size = [_data_key(chance, each) for each in some], len(some)
        dataset = f"drive {number}"
        _assets(dsn, owner, dataset, keys, models)
        file = folder / f"{number}.jsonl"
        with file.open("w") as lines:
            lines.writelines(_lines(chance, keys, category["id"], list(options.values())))
        upload = owner.upload_annotations(project["id"], file)
        file.unlink()
        started = time.perf_counter()
        status: Status = "submitted" if number % 2 == 0 else "in_progress"
        running = owner.start_import(project["id"], upload, "jsonl", dataset, status=status)
        done = owner.await_import(running)
        if done["state"] != "done" or done["report"]["error_count"] or done["report"]["labels"] != size:
            raise AssertionError(done)
        imported.append(size / (time.perf_counter() - started))
        say(f"imported {size:,} labels as {status}: {imported[-1]:,.0f} a second")
    tags = {name: owner.create_tag(project["id"], name)["id"] for name in ("tenth", "hundredth", "few")}
    tasks = {}
    for name, selection, action, more in _actions(count, people, tags):
        started = time.perf_counter()
        running_task = owner.bulk(project["id"], selection, action, **more)
        task = await_task(owner, running_task)
        if task["skipped"]:
            raise AssertionError(task)
        tasks[f"{name} ({task['total']:,})"] = task["total"] / (time.perf_counter() - started)
        say(f"{name}: {task['total']:,} labels, {task['total'] / (time.perf_counter() - started):,.0f} a second")
    _issues(owner, project["id"])
    return Made(owner, system.owner, project["id"], count, classes, options, people, tags, imported, tasks)


def multiply(system: System, made: Made, times: int) -> None:
    """Writes each label and its asset down again under other names until there are `times` as many; without bodies,
    history and events, which no list reads. Indexes are made anew meanwhile, which is faster.
    """
    copies = {"project": UUID(made.project), "times": times, "count": made.count}
    with psycopg.connect(system.environment["LABELYARD_LABELS_MIGRATION_DSN"], autocommit=True) as connection:
        held = connection.execute(_INDEXES).fetchall()
        for name, _ in held:
            connection.execute(f"DROP INDEX {name}".encode())
        for statement in (_COPIES, _copying("assets", "made.old_asset"), _copying("labels", "made.old")):
            connection.execute(statement.encode(), copies)
        for _, made_by in held:
            connection.execute(made_by.encode())


_INDEXES: Final = """
    SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN ('labels', 'assets') AND NOT EXISTS (
        SELECT FROM pg_constraint WHERE conindid = indexname::regclass
    )
"""

# new ids begin with the moment of the old ones, as ids do
_COPIES: Final = """
    CREATE TEMPORARY TABLE made AS
    SELECT labels.id AS old, labels.asset_id AS old_asset,
        overlay(labels.id::text PLACING right(gen_random_uuid()::text, 12) FROM 25)::uuid AS id,
        overlay(labels.asset_id::text PLACING right(gen_random_uuid()::text, 12) FROM 25)::uuid AS asset_id,
        regexp_replace(data_key, '[0-9]+[.]png', '')
            || lpad((substring(data_key from '([0-9]+)[.]png')::integer + copy * %(count)s)::text, 7, '0')
            || '.png' AS data_key
    FROM labels, generate_series(1, %(times)s - 1) AS copy WHERE project_id = %(project)s
"""


def _copying(table: str, old: str) -> str:
    """SQL that inserts the rows of `made` into a table, all else as in the row that each is a copy of."""
    mapped = {column.name: f"old.{column.name}" for column in Base.metadata.tables[table].columns}
    mapped |= {"data_key": "made.data_key", "id": "made.asset_id" if table == "assets" else "made.id"}
    if table == "labels":
        mapped["asset_id"] = "made.asset_id"
    columns, values = ", ".join(mapped), ", ".join(mapped.values())
    return f"INSERT INTO {table} ({columns}) SELECT {values} FROM made JOIN {table} AS old ON old.id = {old}"


def await_task(api: Labelyard, task: Mapping[str, Any]) -> Mapping[str, Any]:
    """The task, when it has ended well."""
    until = time.monotonic() + PATIENCE
    while task["state"] in ("queued", "running") and time.monotonic() < until:
        time.sleep(0.05)
        task = api.task(task["project_id"], task["id"])
    if task["state"] != "done":
        raise AssertionError(task)
    return task


def _project(owner: Labelyard) -> Project:
    drafts: list[ObjectClassDraft] = [{"name": name, "annotation_type": "box"} for name in SHARES]
    project = owner.create_project("benchmark", drafts)
    category = {"name": "light", "type": "radio", "options": [{"name": name} for name in OPTIONS]}
    specification = {**project["specification"], "image_categories": [category]}
    return owner.change_project(project["id"], project["version"], specification=specification)


def _people(owner: Labelyard, project_id: str) -> dict[str, str]:
    roles: dict[str, ProjectRole] = {f"labeler{number}": "labeler" for number in range(LABELERS)}
    roles |= dict.fromkeys((f"reviewer{number}" for number in range(REVIEWERS)), "reviewer")
    people = {}
    for name, role in roles.items():
        member = owner.add_member(project_id, f"{name}@example.com", role, name=name, password=PASSWORD)
        people[name] = member["user"]["id"]
    return people


def _files(count: int) -> Iterator[range]:
    """Which labels are in which file."""
    size = min(LABELS_MAX, -(-count // FILES))
    for start in range(0, count, size):
        yield range(start, min(start + size, count))


def _data_key(chance: random.Random, number: int) -> str:
    return f"cam{chance.randrange(20):02}/2026-{chance.randrange(1, 13):02}/frame_{number:07}.png"


def _images(owner: Labelyard, folder: Path) -> list[str]:
    """A few real images in the library; their ids."""
    paths = {}
    for number in range(4):
        paths[f"{number}.png"] = folder / f"{number}.png"
        Image.new("RGB", (WIDTH, HEIGHT), (60 * number, 80, 120)).save(paths[f"{number}.png"])
    stored: list[str] = []
    owner.upload_assets("models", paths, stored=lambda asset: stored.append(asset["id"]))
    return stored


def _assets(dsn: str, owner: Labelyard, dataset: str, keys: Sequence[str], models: Sequence[str]) -> None:
    """A dataset with an asset for each of `keys`, with the files of `models` by turns."""
    dataset_id = owner.post("/datasets", {"name": dataset})["id"]
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TEMPORARY TABLE made (id uuid, data_key text, model uuid)")
        with connection.cursor().copy("COPY made FROM STDIN") as copy:
            for number, key in enumerate(keys):
                copy.write_row((new_id(), key, models[number % len(models)]))
        connection.execute(
            "INSERT INTO assets (id, dataset_id, data_key, state, version, announced_size, announced_sha256, upload_id,"
            " object_key, thumbnail_key, size, sha256, crc32, width, height, content_type, created_at, updated_at)"
            " SELECT made.id, %s, made.data_key, model.state, 2, model.announced_size, model.announced_sha256,"
            " model.upload_id, model.object_key, model.thumbnail_key, model.size, model.sha256, model.crc32,"
            " model.width, model.height, model.content_type, now(), now()"
            " FROM made JOIN assets AS model ON model.id = made.model",
            (UUID(dataset_id),),
        )
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ANALYZE assets")  # as autovacuum would in its own time


def _lines(chance: random.Random, keys: Sequence[str], category: str, options: Sequence[str]) -> Iterator[str]:
    """The annotations as JSON Lines, in the fields that an import reads."""
    for key in keys:
        objects = []
        for name in chance.choices([*SHARES], [*SHARES.values()], k=BOXES):
            left, top = chance.randrange(500), chance.randrange(400)
            coord = {"x": left, "y": top, "width": chance.randrange(5, 100), "height": chance.randrange(5, 60)}
            annotation = {"coord": coord, "meta": {"z_index": 1}, "multiple": False}
            objects.append({"class_name": name, "annotation_type": "box", "annotation": annotation, "properties": []})
        answer = {"property_id": category, "option_ids": [chance.choice(options)]}
        line = {
            "data_key": key,
            "image_info": {"width": WIDTH, "height": HEIGHT},
            "objects": objects,
            "categories": {"properties": [answer]},
        }
        yield json.dumps(line) + "\n"


def _actions(count: int, people: Mapping[str, str], tags: Mapping[str, str]) -> Iterator[tuple[Any, ...]]:
    """Tasks that bring the labels into every state, as (name, selection, action, what it needs)."""

    def some(share: float, **chosen: Any) -> dict[str, Any]:
        return {"filter": chosen, "order": "random", "limit": max(1, int(count * share))}

    labelers = [user for name, user in people.items() if name.startswith("labeler")]
    reviewers = [user for name, user in people.items() if name.startswith("reviewer")]
    yield "assign", some(0.3, status=["in_progress"]), "assign_labeler", {"users": labelers}
    yield "assign reviewers", some(0.2, status=["submitted"]), "assign_reviewer", {"users": reviewers}
    yield "approve", some(0.2, review=["pending_review"]), "approve", {}
    yield "reject", some(0.01, review=["pending_review"]), "reject", {"comment": "Look again."}
    yield "tag", some(0.1), "add_tags", {"tags": [tags["tenth"]]}
    yield "tag", some(0.01), "add_tags", {"tags": [tags["hundredth"]]}
    yield "tag", some(0.0001), "add_tags", {"tags": [tags["few"]]}


def _issues(owner: Labelyard, project_id: str) -> None:
    page = owner.get(f"/projects/{project_id}/labels", limit=100, sort="data_key")
    for label in page["items"]:
        owner.post(f"/projects/{project_id}/labels/{label['id']}/issues", {"text": "What is this?"})
