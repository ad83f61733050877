"""The export worker: takes the next step of an export, and works on parts.

A small export is read and written in one go. The snapshot of a large one is native JSON already: to that, the store
puts the parts together itself, and no byte of them but for the ends comes through here. For another format each part
is written by itself, by whichever worker takes it (handlers/parts.py), and the store puts those together.

A part that is delivered twice, or to two workers at once, is the same bytes under the same key. An export's file is
then put together twice, each time as an object of its own; the fencing token (`attempt`) lets only the newest end it.

Images go into the outcomes of the parts, by whoever works on those; their snapshot has small parts for that.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from zlib import crc32

from prometheus_client import Counter

from chassis.consumer import Subscription
from chassis.database import Database
from chassis.logs import get_logger
from chassis.multiparts import Uploads
from chassis.objects import NO_ROOM, Changed, Damaged, Full, ObjectStore, Range
from chassis.rpc.client import RpcClient
from chassis.settings import settings
from contracts.enums import ExportStep
from contracts.errors import Problem
from contracts.events import ArchiveReady, ExportReady, PartReady
from contracts.rpc import Owners
from contracts.snapshots import ImageList, Manifest, Part
from formats import native
from formats.checksums import combine
from formats.writers import WRITERS
from formats.writing import Offsets, Options, Project, Report, Split, Survey, Writer, compact
from services.exports import archiving, formatting
from services.exports.handlers import archives, exports, parts
from services.exports.handlers.exports import Assembled, Assembly
from services.exports.handlers.parts import Job

log = get_logger()

bytes_through = Counter("labelyard_export_bytes_through_total", "Bytes of files that came through an export worker.")
parts_done = Counter("labelyard_export_parts_total", "Parts that were worked on, by step.", ["step"])

LOOKS = 8
"""Pieces of a file between two looks at whether it is still wanted."""

READS = 3
"""Times that a part is read which does not come as it was written; then it is damaged where it stands."""


class _Unwanted(Exception):
    """The export was canceled or deleted, or another attempt has begun."""


# --- an export's next step ---


def export(database: Database, event: ExportReady) -> None:
    """Take an export's next step, or clear away what is left of one that has ended."""
    run(database, event, ObjectStore.shared(), RpcClient.shared())


def run(database: Database, event: ExportReady, store: ObjectStore, owners: Owners) -> None:
    """`export` with its ports."""
    try:
        with database.session() as session:
            ended = parts.over(session, event.project_id, event.export_id)
            name = "" if ended else exports.require_project(session, owners, event.project_id).name
        with database.session() as session:
            job = parts.begin(session, event.project_id, event.export_id, name)
        if job is None:
            exports.clear_away(database, event)
            return
        with _in_order():
            manifest = _frozen(store, job)
            if not _planned(database, store, job, manifest):
                _finish(database, store, job, manifest)
    except Problem as problem:
        if problem.status >= 500:
            raise  # somebody is away; the delivery is tried again
        with database.session() as session:
            parts.failed(session, event, problem)


def _planned(database: Database, store: ObjectStore, job: Job, manifest: Manifest) -> bool:
    """Have the parts worked on of the step that is due; False if all that is left is to put the file together."""
    writer = _writer(job, manifest, Survey())
    if job.step is ExportStep.ASSEMBLY or writer.verbatim or _in_memory(manifest):
        return False
    step = job.step
    if not job.planned:
        step = ExportStep.SURVEY if writer.surveys else ExportStep.FORMAT
    elif not job.left:
        if step is ExportStep.FORMAT:
            return False
        step = ExportStep.FORMAT
        survey = Survey()
        for number in range(len(manifest.parts)):
            survey += _load(store, _part_key(job, ExportStep.SURVEY, number))
        store.put(_survey_key(job), compact(survey.plain()))
    with database.session() as session:
        wanted = parts.plan(session, job, step, manifest.parts)
    if not wanted:
        store.delete(_survey_key(job))
    return True


def _finish(database: Database, store: ObjectStore, job: Job, manifest: Manifest) -> None:
    """Put the file together, and end the export."""
    with database.session() as session:
        assembly = exports.begin_assembly(session, job.project_id, job.export_id)
    if assembly is None:
        return
    try:
        outcome = _assemble(database, store, job, assembly, manifest)
    except _Unwanted:
        log.info("stopped", export=str(assembly.export_id), attempt=assembly.attempt)
        return
    with database.session() as session:
        ended = exports.finish_assembly(session, assembly, outcome)
    if not ended:
        log.info("overtaken", export=str(assembly.export_id), attempt=assembly.attempt)
        store.delete(assembly.key)


def _assemble(database: Database, store: ObjectStore, job: Job, assembly: Assembly, manifest: Manifest) -> Assembled:
    """Write the file. Its head is of the moment that its labels are of, but for the name: that is today's."""
    writer = _writer(job, manifest, Survey())
    if not writer.verbatim:
        return _formatted(database, store, job, assembly, manifest)
    project = {
        "id": str(job.project_id),
        "name": job.project_name,
        "specification": manifest.specification.model_dump(mode="json"),
    }
    header = native.header(project, manifest.taken_at)
    if len(manifest.parts) <= 1:
        data = header + b"".join(_read(store, part) for part in manifest.parts) + native.FOOTER
        return _in_one_go(store, assembly, manifest, data)
    return _composed(database, store, assembly, manifest, _pieces(header, manifest), _crc32(header, manifest))


def _formatted(database: Database, store: ObjectStore, job: Job, assembly: Assembly, manifest: Manifest) -> Assembled:
    """The file of what each part became; of a small export that is done here."""
    report = Report()
    if not _in_memory(manifest):
        writer = _writer(job, manifest, _whole_survey(store, job, manifest))
        outcomes = []
        for number in range(len(manifest.parts)):
            key = _part_key(job, ExportStep.FORMAT, number)
            outcome = formatting.standing(store, key)
            if outcome is None:
                raise KeyError(key)
            outcomes.append(outcome)
    else:
        every = [_read(store, part) for part in manifest.parts]
        survey = Survey()
        if _writer(job, manifest, survey).surveys:
            for data in every:
                survey.take(native.labels(data))
        writer = _writer(job, manifest, survey)
        outcomes = [formatting.format_part(writer, data, Offsets(), "") for data in every]
    for outcome in outcomes:
        report += outcome.report
    file = formatting.Assembled(writer, outcomes, store.get)
    if not _in_memory(manifest):
        done = _composed(database, store, assembly, manifest, file.content(), None)
        return replace(done, crc32=file.crc, report=report.plain())
    data = b"".join(each for each in file.content() if isinstance(each, bytes))
    return replace(_in_one_go(store, assembly, manifest, data), report=report.plain())


def _in_memory(manifest: Manifest) -> bool:
    """Whether the export is so small that it is read and written in one go."""
    return len(manifest.parts) <= (0 if manifest.images else 1)


def _in_one_go(store: ObjectStore, assembly: Assembly, manifest: Manifest, data: bytes) -> Assembled:
    store.put(assembly.key, data, assembly.content_type)
    bytes_through.inc(len(data))
    return Assembled(len(data), sha256(data).hexdigest(), crc32(data), manifest.labels, manifest.objects)


def _composed(
    database: Database,
    store: ObjectStore,
    assembly: Assembly,
    manifest: Manifest,
    pieces: Iterator[bytes | Range],
    crc: int | None,
) -> Assembled:
    wanted = _while_wanted(database, assembly, pieces)
    composed = store.compose(assembly.key, wanted, assembly.content_type, Uploads(database))
    bytes_through.inc(composed.through)
    return Assembled(composed.size, None, crc, manifest.labels, manifest.objects)


def _while_wanted(database: Database, assembly: Assembly, pieces: Iterator[bytes | Range]) -> Iterator[bytes | Range]:
    """The pieces, as long as the export is neither canceled nor in other hands."""
    for number, piece in enumerate(pieces):
        if number % LOOKS == 0:
            with database.session() as session:
                if not exports.wanted(session, assembly):
                    raise _Unwanted
        yield piece


def _pieces(header: bytes, manifest: Manifest) -> Iterator[bytes | Range]:
    yield header
    for number, part in enumerate(manifest.parts):
        if number and not part.offset:  # written by a version whose parts did not bring their comma
            yield native.SEPARATOR
        yield Range(part.key, 0, part.offset + part.size, part.etag)
    yield native.FOOTER


def _crc32(header: bytes, manifest: Manifest) -> int | None:
    """Of the whole file, from those of its parts."""
    total = crc32(header)
    for part in manifest.parts:
        if part.crc32 is None:
            return None
        total = combine(total, part.crc32, part.offset + part.size)
    return combine(total, crc32(native.FOOTER), len(native.FOOTER))


# --- a part ---


def part(database: Database, event: PartReady) -> None:
    """Work on a part, unless that was done; leave nothing of one that nobody wants any more."""
    work(database, event, ObjectStore.shared())


def work(database: Database, event: PartReady, store: ObjectStore) -> None:
    """`part` with its ports."""
    with database.session() as session:
        job = parts.leased(session, event)
        wanted = job is not None or not parts.over(session, event.project_id, event.export_id)
    if job is not None:
        try:
            with _in_order():
                _work(database, store, job, event)
        except Problem as problem:
            if problem.status >= 500:
                raise
            with database.session() as session:
                parts.failed(session, event, problem)
        with database.session() as session:
            wanted = parts.finished(session, event)
        parts_done.labels(event.step).inc()
    if not wanted:
        formatting.forget(store, _part_key(event, event.step, event.part))


def _work(database: Database, store: ObjectStore, job: Job, event: PartReady) -> None:
    manifest = _frozen(store, job)
    key = _part_key(event, event.step, event.part)
    if event.step is ExportStep.SURVEY:
        survey = Survey()
        survey.take(native.labels(_read(store, manifest.parts[event.part])))
        store.put(key, compact(survey.plain()))
    elif formatting.standing(store, key) is None:
        writer = _writer(job, manifest, _whole_survey(store, job, manifest))
        start = formatting.starts(manifest.parts)[event.part]
        listed = ImageList.read(store.get(manifest.images[event.part].key)) if manifest.images else ()
        outcome = formatting.format_part(writer, _read(store, manifest.parts[event.part]), start, key, listed)
        bytes_through.inc(formatting.store_outcome(store, outcome, Uploads(database)))


# --- what steps and parts have in common ---


def _writer(job: Job, manifest: Manifest, survey: Survey) -> Writer:
    chosen = job.options
    project = Project(str(job.project_id), job.project_name, manifest.specification, manifest.taken_at)
    options = Options(
        skipped=chosen.skipped,
        empty=chosen.empty,
        images=chosen.images,
        split=None if chosen.split is None else Split(chosen.split.train, chosen.split.val, chosen.split.seed),
        category=None if chosen.category is None else str(chosen.category),
    )
    return WRITERS[job.format](project, options, Survey(survey.keypoints, set(manifest.ambiguous)))


def _frozen(store: ObjectStore, job: Job) -> Manifest:
    """What the export is made of; a version's snapshot has more than every export wants."""
    manifest = _manifest(store, job.manifest)
    return manifest if job.options.images else manifest.model_copy(update={"images": ()})


@lru_cache(maxsize=2)
def _manifest(store: ObjectStore, key: str) -> Manifest:
    return Manifest.model_validate_json(store.get(key))


def _load(store: ObjectStore, key: str) -> Survey:
    return Survey.of(json.loads(store.get(key)))


_survey = lru_cache(maxsize=2)(_load)


def _whole_survey(store: ObjectStore, job: Job, manifest: Manifest) -> Survey:
    if not _writer(job, manifest, Survey()).surveys:
        return Survey()
    return _survey(store, _survey_key(job))


def _part_key(which: Job | PartReady, step: ExportStep, number: int) -> str:
    return f"{exports.parts_prefix(which.export_id)}{step}-{number:06}"


def _survey_key(job: Job) -> str:
    return f"{exports.parts_prefix(job.export_id)}survey.json"


@contextmanager
def _in_order() -> Iterator[None]:
    """What is missing or damaged in the store inside, or finds no room, is a reason for the export to fail: trying
    again does not help."""
    try:
        yield
    except KeyError as error:
        raise Problem("gone", f"An object is missing: {error.args[0]}.") from None
    except Changed as error:
        raise Problem("gone", f"A part is damaged: {error.args[0]}.") from None
    except Damaged as error:
        raise Problem(
            "unsupported", f"An image is not what was uploaded, its checksum differs: {error.args[0]}."
        ) from None
    except Full as error:
        raise Problem("too_large", NO_ROOM) from error


def _read(store: ObjectStore, part: Part) -> bytes:
    """A part, checked."""
    for _ in range(READS):
        with store.open(part.key) as stream:
            data: bytes = stream.read()
        if len(data) == part.offset + part.size and part.crc32 in (None, crc32(data)):
            return data[part.offset :]
    raise Changed(part.key)


SUBSCRIPTIONS = (
    Subscription(
        exports.ASSEMBLIES,
        {ExportReady: export},
        prefetch=1,
        own_transactions=True,
        given_up={ExportReady: exports.give_up},
        threads=2,  # a small one does not wait for a large one
    ),
    Subscription(
        exports.PARTS,
        {PartReady: part},
        prefetch=1,
        own_transactions=True,
        given_up={PartReady: exports.give_up},
        threads=lambda: settings().export_threads,
    ),
    Subscription(
        archives.BUILDS,
        {ArchiveReady: archiving.build},
        prefetch=1,
        own_transactions=True,
        given_up={ArchiveReady: archives.give_up},
    ),
)
