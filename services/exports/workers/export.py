"""The export worker: assembles the file of an export from the parts of its snapshot.

A small one is read and written in one go. The parts of a large one are native JSON already: the store puts them
together itself, and no byte of them but for the ends comes through here.

Delivered twice, or to two workers at once, an export is assembled twice, each time into a file of its own; the fencing
token (`attempt`) lets only the newest end it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from zlib import crc32

from prometheus_client import Counter

from chassis.consumer import Subscription
from chassis.database import Database
from chassis.logs import get_logger
from chassis.multiparts import Uploads
from chassis.objects import ObjectStore, Range
from chassis.rpc.client import RpcClient
from contracts.errors import Problem
from contracts.events import ExportReady
from contracts.rpc import Owners
from contracts.snapshots import Manifest, Part
from formats import native
from formats.checksums import combine
from formats.writers import WRITERS
from formats.writing import Options, Project, Report, Split, Survey, Writer
from services.exports import formatting
from services.exports.handlers import exports
from services.exports.handlers.exports import Assembled, Assembly

log = get_logger()

bytes_through = Counter("labelyard_export_bytes_through_total", "Bytes of files that came through an export worker.")


LOOKS = 8
"""Pieces of a file between two looks at whether it is still wanted."""


class _Unwanted(Exception):
    """The export was canceled or deleted, or another attempt has begun."""


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
    except _Unwanted:
        log.info("stopped", export=str(assembly.export_id), attempt=assembly.attempt)
        return
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
    with _parts_there():
        manifest = Manifest.model_validate_json(store.get(assembly.manifest))
    with database.session() as session:
        copy = exports.require_project(session, owners, assembly.project_id)
    project = {
        "id": str(assembly.project_id),
        "name": copy.name,
        "specification": manifest.specification.model_dump(mode="json"),
    }
    writer = _writer(store, assembly, manifest, copy.name)
    if not writer.verbatim:
        return _formatted(database, store, assembly, manifest, writer)
    header = native.header(project, manifest.taken_at)
    if len(manifest.parts) <= 1:
        return _in_one_go(store, assembly, manifest, header)
    journal = Uploads(database)
    pieces = _while_wanted(database, assembly, _pieces(header, manifest))
    with _parts_there():
        size, through = store.compose(assembly.key, pieces, "application/json", journal)
    bytes_through.inc(through)
    return Assembled(size, None, _crc32(header, manifest), manifest.labels, manifest.objects)


def _writer(store: ObjectStore, assembly: Assembly, manifest: Manifest, name: str) -> Writer:
    chosen = assembly.options
    project = Project(str(assembly.project_id), name, manifest.specification, manifest.taken_at)
    options = Options(
        skipped=chosen.skipped,
        empty=chosen.empty,
        split=None if chosen.split is None else Split(chosen.split.train, chosen.split.val, chosen.split.seed),
        category=None if chosen.category is None else str(chosen.category),
    )
    survey = Survey(ambiguous=set(manifest.ambiguous))
    writer = WRITERS[assembly.format](project, options, survey)
    if writer.surveys:
        for part in manifest.parts:
            survey.take(native.labels(_read(store, part)))
        writer = WRITERS[assembly.format](project, options, survey)
    return writer


def _formatted(
    database: Database, store: ObjectStore, assembly: Assembly, manifest: Manifest, writer: Writer
) -> Assembled:
    """Each part in the format, and the file of that. What an attempt before has finished is taken as it is."""
    outcomes, labels = [], 0
    report = Report()
    for number, (part, start) in enumerate(zip(manifest.parts, formatting.starts(manifest.parts), strict=True)):
        key = f"{exports.parts_prefix(assembly.export_id)}{number:06}"
        outcome = formatting.standing(store, key)
        if outcome is None:
            outcome = formatting.format_part(writer, _read(store, part), start, key)
            bytes_through.inc(len(outcome.data or b""))
            if len(manifest.parts) > 1:
                formatting.store_outcome(store, outcome)
                outcome = replace(outcome, data=None)
        outcomes.append(outcome)
        report += outcome.report
        labels += part.labels
        with database.session() as session:
            if not exports.progressed(session, assembly, labels):
                raise _Unwanted
    file = formatting.Assembled(writer, outcomes)
    content = list(file.content())
    if all(isinstance(each, bytes) for each in content):  # nothing is so large that it was stored
        data = b"".join(each for each in content if isinstance(each, bytes))
        store.put(assembly.key, data, assembly.content_type)
        return Assembled(
            len(data), sha256(data).hexdigest(), crc32(data), manifest.labels, manifest.objects, report.plain()
        )
    pieces = _while_wanted(database, assembly, iter(content))
    with _parts_there():
        size, through = store.compose(assembly.key, pieces, assembly.content_type, Uploads(database))
    bytes_through.inc(through)
    return Assembled(size, None, file.crc, manifest.labels, manifest.objects, report.plain())


def _while_wanted(database: Database, assembly: Assembly, pieces: Iterator[bytes | Range]) -> Iterator[bytes | Range]:
    """The pieces, as long as the export is neither canceled nor in other hands."""
    for number, piece in enumerate(pieces):
        if number % LOOKS == 0:
            with database.session() as session:
                if not exports.wanted(session, assembly):
                    raise _Unwanted
        yield piece


def _in_one_go(store: ObjectStore, assembly: Assembly, manifest: Manifest, header: bytes) -> Assembled:
    data = header + b"".join(_read(store, part) for part in manifest.parts) + native.FOOTER
    store.put(assembly.key, data, "application/json")
    bytes_through.inc(len(data))
    return Assembled(len(data), sha256(data).hexdigest(), crc32(data), manifest.labels, manifest.objects)


def _pieces(header: bytes, manifest: Manifest) -> Iterator[bytes | Range]:
    yield header
    for number, part in enumerate(manifest.parts):
        if number and not part.offset:  # written by a version whose parts did not bring their comma
            yield native.SEPARATOR
        yield Range(part.key, 0, part.offset + part.size)
    yield native.FOOTER


def _crc32(header: bytes, manifest: Manifest) -> int | None:
    """Of the whole file, from those of its parts."""
    total = crc32(header)
    for part in manifest.parts:
        if part.crc32 is None:
            return None
        total = combine(total, part.crc32, part.offset + part.size)
    return combine(total, crc32(native.FOOTER), len(native.FOOTER))


@contextmanager
def _parts_there() -> Iterator[None]:
    """What the store does not have inside is a reason for the export to fail: it does not come back."""
    try:
        yield
    except KeyError as error:
        raise Problem("gone", f"A part of the snapshot is missing: {error.args[0]}.") from None


def _read(store: ObjectStore, part: Part) -> bytes:
    """A part, checked."""
    with _parts_there(), store.open(part.key) as stream:
        data: bytes = stream.read()
    if len(data) != part.offset + part.size or part.crc32 not in (None, crc32(data)):
        raise OSError(f"{part.key} is not what was written")
    return data[part.offset :]


SUBSCRIPTIONS = (
    Subscription(
        "exports.export.v1",
        {ExportReady: export},
        prefetch=1,
        own_transactions=True,
        given_up={ExportReady: exports.give_up},
        threads=2,  # a small one does not wait for a large one
    ),
)
