"""One program under the supervisor."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Program:
    """What the supervisor runs, and how it ends it.

    `user` is None for who the supervisor runs as. Programs with `starts_by_itself` come up with the
    supervisor, lower `rank` first, and are stopped in the opposite order; the others wait to be started.
    """

    name: str
    command: tuple[str, ...]
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    user: str | None = None
    rank: int = 500
    starts_by_itself: bool = True
    stop_signal: str = "TERM"
    stop_seconds: int = 30
