"""The floor: what one would write who wants the same document, once."""

from collections.abc import Iterator
from uuid import UUID

from chassis.database import Database
from chassis.objects import ObjectStore
from contracts.body import Specification
from services.labels.models import Label, ProjectCopy
from services.labels.workers.snapshot import copying

KEY = "floor/labels.json"


def export(store: ObjectStore, project_id: UUID) -> int:
    """All labels of a project, by COPY from the database, as one object of the store; its size in bytes."""
    with Database.of("labels").session() as session:
        specification = Specification.model_validate(session.get_one(ProjectCopy, project_id).specification)
        with copying(session, [Label.project_id == project_id], specification) as copy:
            texts = (bytes(row).partition(b"\t")[2][:-1].replace(b"\\\\", b"\\") for row in copy)
            store.put_stream(KEY, _Joined(texts), "application/json")
    size = store.size(KEY)
    assert size is not None
    return size


class _Joined:
    """Labels as a stream, with commas between."""

    def __init__(self, texts: Iterator[bytes]) -> None:
        self._texts = texts
        self._rest = b""

    def read(self, size: int = -1, /) -> bytes:
        """As many bytes as are wanted, if there are."""
        gathered, length = [self._rest], len(self._rest)
        for text in self._texts:
            gathered += [text, b","]
            length += len(text) + 1
            if length >= size:
                break
        data = b"".join(gathered)
        self._rest = data[size:]
        return data[:size]
