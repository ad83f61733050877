"""What differs between two versions: label by label, and in them object by object.

Labels are as formats.native has them. Objects are the same if their ids are; their order counts for nothing, nor does
what their classes are called. A label that has but other times is the same: its body was gone back to, say.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from contracts.enums import LabelChange

UNCOMPARED: Final = frozenset({"id", "created_at", "updated_at", "submitted_at", "reviewed_at"})
"""Fields of a label that do not make it another."""

Label = Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """A label that is not the same in both: `fields` that differ, and the ids of objects."""

    label: Label
    change: LabelChange
    fields: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


@dataclass
class Counts:
    """What was found so far. `objects`: by class id, how many were added, removed and changed."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    unchanged: int = 0
    objects: dict[str, list[int]] = field(default_factory=dict)

    def take(self, difference: Difference | None, before: Label | None, after: Label | None) -> None:
        """Count a label, and its objects: changed ones under the class that they have afterwards."""
        if difference is None:
            self.unchanged += 1
            return
        setattr(self, difference.change, getattr(self, difference.change) + 1)
        classes = [_classes(each) for each in (after, before, after)]
        for kind, ids in enumerate((difference.added, difference.removed, difference.changed)):
            for object_id in ids:
                self.objects.setdefault(classes[kind][object_id], [0, 0, 0])[kind] += 1


def pairs(before: Sequence[Label], after: Sequence[Label]) -> Iterator[tuple[Label | None, Label | None]]:
    """Labels of the one and the other side that have the same id, or None on the side that lacks it. Both are in the
    order of their ids, and so is what comes out."""
    i = j = 0
    while i < len(before) or j < len(after):
        one = before[i] if i < len(before) else None
        other = after[j] if j < len(after) else None
        if one is not None and other is not None and one["id"] != other["id"]:
            one, other = (one, None) if one["id"] < other["id"] else (None, other)
        i += one is not None
        j += other is not None
        yield one, other


def differ(before: Label | None, after: Label | None) -> Difference | None:
    """How a label differs, of which one side may be missing; None if it does not."""
    if before is None or after is None:
        there = after or before
        assert there is not None
        ids = tuple(_objects(there))
        if before is None:
            return Difference(there, LabelChange.ADDED, added=ids)
        return Difference(there, LabelChange.REMOVED, removed=ids)
    fields = [name for name in before if name not in UNCOMPARED | {"objects"} and before[name] != after.get(name)]
    old, new = _objects(before), _objects(after)
    added = tuple(each for each in new if each not in old)
    removed = tuple(each for each in old if each not in new)
    changed = tuple(each for each in new if each in old and new[each] != old[each])
    if added or removed or changed:
        fields.append("objects")
    return Difference(after, LabelChange.CHANGED, tuple(fields), added, removed, changed) if fields else None


def _objects(label: Label) -> dict[str, dict[str, Any]]:
    """A label's objects by id, without what their classes are called."""
    return {
        each["id"]: {name: value for name, value in each.items() if name != "class_name"} for each in label["objects"]
    }


def _classes(label: Label | None) -> dict[str, str]:
    return {} if label is None else {each["id"]: each["class_id"] for each in label["objects"]}
