"""Rules of exports."""

import re
from datetime import UTC, datetime
from enum import StrEnum

from contracts.enums import ExportFormat, JobState


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
