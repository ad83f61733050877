"""The export worker: assembles the file of an export from the parts of its snapshot.

Delivered twice, or to two workers at once, an export is assembled twice, each time into a file of its own; the fencing
token (`attempt`) lets only the newest end it.
"""

import hashlib
from collections.abc import Iterator

from chassis.consumer import Subscription
from chassis.database import Database
from chassis.logs import get_logger
from chassis.objects import ObjectStore
from chassis.rpc.client import RpcClient
from contracts.errors import Problem
from contracts.events import ExportReady
from contracts.rpc import Owners
from contracts.snapshots import Manifest, Part
from formats import native
from services.exports.handlers import exports
from services.exports.handlers.exports import Assembled, Assembly

log = get_logger()

CHUNK = 1024 * 1024
"""Bytes that are read of a part at a time."""


class Document:
    """A readable stream of pieces, one in memory at a time, that knows what was read: `size` in bytes and `sha256`."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")
        self._digest = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most `size` of them; none at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        taken = bytes(self._rest if size < 0 else self._rest[:size])
        self._rest = self._rest[len(taken) :]
        self._digest.update(taken)
        self.size += len(taken)
        return taken

    @property
    def sha256(self) -> str:
        """In hexadecimal digits."""
        return self._digest.hexdigest()


def export(database: Database, event: ExportReady) -> None:
    """Assemble an export, or clear away what is left of one that has ended."""
    run(database, event, ObjectStore.shared(), RpcClient.shared())


def run(database: Database, event: ExportReady, store: ObjectStore, owners: Owners) -> None:
    """`export` with its ports."""
    with database.session() as session:
        assembly = exports.begin_assembly(session, event.project_id, event.export_id)
    if assembly is None:
        exports.clear_away(database, event)
        return
    outcome: Assembled | Problem
    try:
        outcome = _assemble(database, store, owners, assembly)
    except KeyError as error:
        outcome = Problem("gone", f"A part of the snapshot is missing: {error.args[0]}.")
    except Problem as problem:
        if problem.status >= 500:
            raise  # somebody is away; the delivery is tried again
        outcome = problem
    with database.session() as session:
        ended = exports.finish_assembly(session, assembly, outcome)
    if not ended:
        log.info("overtaken", export=str(assembly.export_id), attempt=assembly.attempt)
        store.delete(assembly.key)


def _assemble(database: Database, store: ObjectStore, owners: Owners, assembly: Assembly) -> Assembled:
    """Write the file. Its head is of the moment that its labels are of, but for the name: that is today's."""
    manifest = Manifest.model_validate_json(store.get(assembly.manifest))
    with database.session() as session:
        copy = exports.require_project(session, owners, assembly.project_id)
    project = {
        "id": str(assembly.project_id),
        "name": copy.name,
        "specification": manifest.specification.model_dump(mode="json"),
    }
    document = Document(_pieces(store, native.header(project, manifest.taken_at), manifest))
    store.put_stream(assembly.key, document, "application/json")
    return Assembled(document.size, document.sha256, manifest.labels, manifest.objects)


def _pieces(store: ObjectStore, header: bytes, manifest: Manifest) -> Iterator[bytes]:
    yield header
    for number, part in enumerate(manifest.parts):
        if number:
            yield native.SEPARATOR
        yield from _part(store, part)
    yield native.FOOTER


def _part(store: ObjectStore, part: Part) -> Iterator[bytes]:
    left = part.size
    with store.open(part.key) as stream:
        while piece := stream.read(CHUNK):
            left -= len(piece)
            yield piece
    if left:
        raise OSError(f"{part.key}: {part.size} bytes were expected, {part.size - left} came")


SUBSCRIPTIONS = (
    Subscription(
        "exports.export.v1",
        {ExportReady: export},
        prefetch=1,
        own_transactions=True,
        given_up={ExportReady: exports.give_up},
    ),
)
