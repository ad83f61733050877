"""Rules of exports."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from contracts import filters
from contracts.body import Specification
from contracts.enums import ExportFormat, JobState
from contracts.rpc.labels import LabelFilter


class PartState(StrEnum):
    """Of a part of an export."""

    WAITING = "waiting"
    SENT = "sent"
    DONE = "done"


ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELED})
"""States that an export no longer leaves."""

# separators and wildcards of file systems, control characters, and those that turn the direction of reading
_UNSAFE = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+')
_LONGEST = 200  # bytes; file systems take 255, extension included


def default_name(export_format: ExportFormat, moment: datetime) -> str:
    """What an export is called that nobody named."""
    return f"{export_format} {moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def file_name(name: str, extension: str) -> str:
    """A name that any system takes for a file, made from an export's name."""
    stem = _UNSAFE.sub("_", name).strip(" .").removesuffix(extension)
    while len(stem.encode()) > _LONGEST:
        stem = stem[:-1]
    return (stem.strip(" .") or "export") + extension


_SAID = {
    "status": "{}",
    "review": "{}",
    "round": "in round {}",
    "dataset": "in the dataset {}",
    "data_key": "with {} in their name",
    "object_class": "with objects of {}",
    "annotation_type": "with objects that are {}",
    "answer": "answered {}",
    "has_assignee": "{}assigned to somebody",
    "has_reviewer": "{}with a reviewer",
    "has_tags": "{}with tags",
    "has_open_issues": "{}with open issues",
    "has_resolved_issues": "{}with resolved issues",
    "assignee": "assigned to {}",
    "reviewer": "reviewed by {}",
    "tag": "with {}",
}
_COUNTED = {"assignee": ("person", "people"), "reviewer": ("person", "people"), "tag": ("tag", "tags")}
_DONE = {"created": "added", "updated": "changed", "submitted": "submitted", "reviewed": "reviewed"}
_BRANCHES = (filters.AndFilter, filters.OrFilter, filters.NotFilter)


def in_words(chosen: LabelFilter, specification: Specification) -> str:
    """Which labels a filter chooses, for people to read. People and tags, whose names are elsewhere, are counted."""
    names: dict[object, str] = {
        each.id: each.name for each in (*specification.object_classes, *specification.removed_object_classes)
    }
    for category in specification.image_categories:
        names |= {option.id: option.name for option in category.options}
    said = [_condition(field, value, names) for field, value in chosen if value not in (None, ())]
    return "; ".join(said) or "all labels"


def _condition(field: str, value: Any, names: Mapping[object, str]) -> str:
    if field == "where":
        count = sum(not isinstance(node, _BRANCHES) for node, _, _ in filters.walk(value))
        return f"by a filter of {_some(count, 'condition', 'conditions')}"
    if isinstance(value, datetime):
        what, _, side = field.partition("_")
        return f"{_DONE[what]} {'since' if side == 'since' else 'before'} {value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if isinstance(value, bool):
        words = "" if value else "not "
    elif field in _COUNTED:
        words = ("" if len(value) == 1 else "one of ") + _some(len(value), *_COUNTED[field])
    else:
        words = " or ".join(_name(each, names) for each in (value if isinstance(value, tuple) else (value,)))
    return _SAID[field].format(words)


def _name(value: object, names: Mapping[object, str]) -> str:
    return value.replace("_", " ") if isinstance(value, StrEnum) else names.get(value, str(value))


def _some(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
