"""Labels as versions have them, changes to them, and what is then to be found: read off plainly, from all at once."""

import copy
import random
from typing import Any, NamedTuple
from uuid import UUID

_FIELDS = ("dataset", "data_key", "image_info", "status", "review", "round", "tags", "assignee", "categories")


class Expected(NamedTuple):
    """Differing labels by id (change, fields, objects added, removed, changed), how many do not differ, and objects
    added, removed and changed by class."""

    rows: dict[str, tuple[str, set[str], set[str], set[str], set[str]]]
    unchanged: int
    classes: dict[str, tuple[int, ...]]


def expected(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Expected:
    """The oracle: both sides as dictionaries."""
    old, new = ({label["id"]: label for label in each} for each in (before, after))
    rows: dict[str, tuple[str, set[str], set[str], set[str], set[str]]] = {}
    classes: dict[str, list[int]] = {}
    unchanged = 0
    for label_id in sorted({*old, *new}):
        a, b = old.get(label_id), new.get(label_id)
        of_a, of_b = _objects(a), _objects(b)
        added, removed = of_b.keys() - of_a.keys(), of_a.keys() - of_b.keys()
        changed = {each for each in of_a.keys() & of_b.keys() if of_a[each] != of_b[each]}
        fields = set()
        if a is not None and b is not None:
            fields = {name for name in _FIELDS if a[name] != b[name]}
            fields |= {"objects"} if added or removed or changed else set()
            if not fields:
                unchanged += 1
                continue
        change = "added" if a is None else "removed" if b is None else "changed"
        rows[label_id] = (change, fields, set(added), set(removed), changed)
        for kind, ids, there in ((0, added, of_b), (1, removed, of_a), (2, changed, of_b)):
            for each in ids:
                classes.setdefault(there[each]["class_id"], [0, 0, 0])[kind] += 1
    return Expected(rows, unchanged, {name: tuple(each) for name, each in classes.items()})


def _objects(label: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    found = {}
    for each in label["objects"] if label is not None else ():
        found[each["id"]] = {key: each[key] for key in each if key != "class_name"}
    return found


def any_label(chance: random.Random, number: int, classes: list[str]) -> dict[str, Any]:
    """A label with up to four boxes; by their numbers labels are in the order of their ids."""
    moment = "2026-11-23T09:00:00.000000Z"
    return {
        "id": str(UUID(int=number * 2**32 + chance.getrandbits(32))),
        "dataset": "blood",
        "data_key": f"{number:06}.png",
        "image_info": {"width": 640, "height": 480},
        "status": "in_progress",
        "review": "not_submitted",
        "round": 0,
        "tags": ["good"] if chance.random() < 0.5 else [],
        "assignee": None,
        "created_at": moment,
        "updated_at": moment,
        "submitted_at": None,
        "reviewed_at": None,
        "objects": [_box(chance, classes) for _ in range(chance.randrange(5))],
        "categories": {"properties": []},
    }


def _box(chance: random.Random, classes: list[str]) -> dict[str, Any]:
    coord = {name: round(100 * chance.random(), 2) for name in ("x", "y", "width", "height")}
    return {
        "id": str(UUID(int=chance.getrandbits(128))),
        "class_id": chance.choice(classes),
        "class_name": "cell",
        "annotation_type": "box",
        "annotation": {"coord": coord, "meta": {"z_index": 1}, "multiple": False},
        "properties": [],
    }


def changed_somehow(chance: random.Random, label: dict[str, Any], classes: list[str]) -> dict[str, Any]:
    """The label after one thing was done to it, which may be nothing that counts."""
    after = copy.deepcopy(label)
    after["updated_at"] = "2026-11-24T09:00:00.000000Z"
    objects = after["objects"]
    match chance.randrange(9):
        case 0:
            objects.append(_box(chance, classes))
        case 1 if objects:
            objects.pop(chance.randrange(len(objects)))
        case 2 if objects:
            chance.choice(objects)["annotation"]["coord"]["x"] += 1
        case 3 if objects:
            chance.choice(objects)["class_id"] = chance.choice(classes)
        case 4:
            after["tags"] = [*after["tags"], "new"]
        case 5:
            after["status"], after["review"], after["round"] = "submitted", "pending_review", 1
        case 6:
            after["assignee"] = str(UUID(int=chance.getrandbits(128)))
        case 7:
            after["categories"] = {"properties": [{"property_id": "p", "option_ids": ["o"]}]}
    return after
