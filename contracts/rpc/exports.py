"""RPC of the exports service: label exports, their history, and links for anyone."""

from uuid import UUID

from pydantic import Field, model_validator

from contracts.body import Name
from contracts.enums import ExportFormat, ExportStep, JobState
from contracts.message import Message, Strict, Time
from contracts.permissions import Permission
from contracts.rights import Only
from contracts.rpc import Command, Nothing, Query
from contracts.rpc.labels import LabelFilter, Link, Quota
from contracts.snapshots import ImageCounts


class ShareLink(Message):
    """An address by which anyone may download a file. `downloads` counts a client once an hour."""

    created_by: UUID
    created_at: Time
    expires_at: Time | None = None
    max_downloads: int | None = None
    downloads: int


class NewShareLink(ShareLink):
    """`token`: the end of the address. It is told this once and not kept."""

    token: str = Field(repr=False)


class ExportSplit(Strict):
    """Which share of the images is for training and validation, by a hash of seed and name; the rest is for tests."""

    train: float = Field(default=0.8, ge=0, le=1)
    val: float = Field(default=0.1, ge=0, le=1)
    seed: int = Field(default=0, ge=0, le=2**31 - 1)

    @model_validator(mode="after")
    def _at_most_all(self) -> "ExportSplit":
        if self.train + self.val > 1:
            raise ValueError("train and val are more than all")
        return self


class ExportOptions(Strict):
    """What of the labels goes into an export: those that were skipped, those without objects, their images; and whether
    they are dealt into train, val and test. `category`: the image category whose answers are the classes
    (yolo_classify).
    """

    skipped: bool = True
    empty: bool = True
    images: bool = False
    split: ExportSplit | None = None
    category: UUID | None = None


class ExportCount(Message):
    """So many of something, and why."""

    what: str
    why: str
    count: int


class ExportReport(Message):
    """What is in an export's file, and what its format can't express: left out, or changed."""

    labels: int
    objects: int
    left_out: tuple[ExportCount, ...] = ()
    changed: tuple[ExportCount, ...] = ()


class Export(Message):
    """A label export. `labels` and `objects` are in it, known once its snapshot stands. `size` in bytes, `sha256` and
    `crc32` in hexadecimal digits are its file's; a large one, which the store puts together, has no sha256. `failure`:
    why there is none. `link`: the share link that stands. Of one that is under way: the `step` that it is at, how many
    labels are `done` in that of about `total`, and `waiting_for_worker` says that nobody is there to go on with it.
    `version_id`: it is of that version, which was called `version_name` then, and not of labels by a filter.
    `selection`: that in words. `seconds`: from when it was asked for until it ended.
    """

    id: UUID
    project_id: UUID
    name: str
    format: ExportFormat
    filter: LabelFilter
    state: JobState
    labels: int | None = None
    objects: int | None = None
    size: int | None = None
    sha256: str | None = None
    crc32: str | None = None
    failure: str | None = None
    created_by: UUID
    created_at: Time
    ended_at: Time | None = None
    version: int
    link: ShareLink | None = None
    step: ExportStep | None = None
    done: int = 0
    total: int | None = None
    labels_per_second: float | None = None
    remaining_seconds: float | None = None
    waiting_for_worker: bool = False
    options: ExportOptions = ExportOptions()
    report: ExportReport | None = None
    version_id: UUID | None = None
    version_name: str | None = None
    selection: str = ""
    seconds: float | None = None


class ExportPage(Message):
    """Exports, newest first."""

    items: tuple[Export, ...]
    next: str | None = None


class ArchiveReport(Message):
    """What is in a raw-data archive, and what it took to build. Sizes in bytes.

    `added`, `removed`, `kept`: images, as against the archive before; `missing`: those that are no longer stored.
    `dead`: bytes of removed images that are still in the file, `compacted`: they were left out. `through`: bytes that
    came through a worker (the images added, and the directory), `copied`: those that the store copied by itself.
    `counts`: what the project's images counted then; None: nobody knows any more.
    """

    images: int
    images_size: int
    size: int
    added: int
    added_size: int
    removed: int
    kept: int
    missing: int = 0
    dead: int = 0
    compacted: bool = False
    through: int
    copied: int
    counts: ImageCounts | None = None


class ArchiveBuild(Message):
    """The latest build or update of an archive. `done` of `total` bytes of the file stand."""

    state: JobState
    failure: str | None = None
    done: int = 0
    total: int | None = None
    remaining_seconds: float | None = None
    waiting_for_worker: bool = False
    asked_by: UUID
    asked_at: Time
    ended_at: Time | None = None


class Archive(Message):
    """A project's raw-data archive: the zip of its images. `report`, `built_at`: of the file that stands, which has the
    images of `taken_at`; None: there is none. It stays until the one that `build` is making stands.
    """

    project_id: UUID
    version: int
    taken_at: Time | None = None
    built_at: Time | None = None
    report: ArchiveReport | None = None
    build: ArchiveBuild | None = None
    link: ShareLink | None = None


class Retention(Message):
    """After how many days a project's exports and its archive are deleted, their links with them; None: never."""

    days: int | None = None
    version: int = 0


class CreateExport(Command[Export]):
    """Ask for an export of the labels that `filter` selects, or of a version, whatever has become of its labels;
    `not_found`, `gone` or `not_ready` if that is so of the version.
    """

    right = Permission.EXPORT

    project_id: UUID
    name: Name | None = None
    format: ExportFormat = ExportFormat.NATIVE
    filter: LabelFilter = LabelFilter()
    version_id: UUID | None = None
    options: ExportOptions = ExportOptions()
    actor: UUID


class GetExport(Query[Export]):
    """One export; `gone` if it was deleted."""

    right = Permission.EXPORT

    project_id: UUID
    export_id: UUID


class ListExports(Query[ExportPage]):
    """A project's exports: those in this state, of this format, with this in their name."""

    right = Permission.EXPORT

    project_id: UUID
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)
    state: JobState | None = None
    format: ExportFormat | None = None
    name: str | None = Field(default=None, max_length=200)


class RenameExport(Command[Export]):
    """Give an export another name."""

    right = Permission.EXPORT

    project_id: UUID
    export_id: UUID
    name: Name


class CancelExport(Command[Export]):
    """Stop an export that is under way; one that has ended stays as it is."""

    right = Permission.EXPORT

    project_id: UUID
    export_id: UUID


class RepeatExport(Command[Export]):
    """Ask for another export as this one was asked for: of the labels as they are now, or of the same version."""

    right = Permission.EXPORT

    project_id: UUID
    export_id: UUID
    actor: UUID


class DeleteExport(Command[Nothing]):
    """Delete an export and its file."""

    right = Permission.EXPORT

    project_id: UUID
    export_id: UUID


class LinkExport(Query[Link]):
    """An address to download an export's file, signed for 60 s; `not_ready` before it is done."""

    right = Permission.EXPORT

    project_id: UUID
    export_id: UUID


class ShareExport(Command[NewShareLink]):
    """Make a link by which anyone may download an export's file, in place of the one that stands.

    It holds until `expires_at`, for `max_downloads` downloads, or until it is revoked.
    """

    right = Permission.EXPORT

    project_id: UUID
    export_id: UUID
    expires_at: Time | None = None
    max_downloads: int | None = Field(default=None, ge=1, le=2**31 - 1)
    actor: UUID


class UnshareExport(Command[Nothing]):
    """Revoke an export's share link; none there is fine."""

    right = Permission.EXPORT

    project_id: UUID
    export_id: UUID


class ShareLinkCount(Message):
    """How many share links may still be followed."""

    count: int


class CountShareLinks(Query[ShareLinkCount]):
    """How many links to a project's files stand: neither revoked, nor expired or used up."""

    right = Permission.EDIT_PROJECT

    project_id: UUID


class FollowShareLink(Query[Link]):
    """The address of what a share link is for, signed for 60 s; `not_found`, or `gone` when it has expired, is used up,
    or what it was for was deleted.

    It counts the client at `address`, unless they only look (HEAD): then the address is signed for that.
    """

    right = Only.GATEWAY

    token: str = Field(max_length=200, repr=False)
    address: str = Field(max_length=100)
    looks: bool = False


class GetExportQuota(Query[Quota]):
    """How many exports a project keeps, and how many it may."""

    right = Permission.EXPORT

    project_id: UUID


class GetArchive(Query[Archive]):
    """A project's raw-data archive, as it is now."""

    right = Permission.EXPORT

    project_id: UUID


class SetExportQuota(Command[Quota]):
    """Say how many exports a project may keep; None: as the installation has it. Less than there are deletes none."""

    right = Permission.OPERATE

    project_id: UUID
    limit: int | None = Field(default=None, ge=0, lt=2**63)
    actor: UUID


class UpdateArchive(Command[Archive]):
    """Build a project's raw-data archive, or bring it up to date; one that is being built goes on."""

    right = Permission.EXPORT

    project_id: UUID
    actor: UUID


class CancelArchive(Command[Archive]):
    """Stop the build of an archive; the one that stands stays."""

    right = Permission.EXPORT

    project_id: UUID


class DeleteArchive(Command[Nothing]):
    """Delete a project's raw-data archive, and stop the one that is being built; none there is fine."""

    right = Permission.EXPORT

    project_id: UUID


class LinkArchive(Query[Link]):
    """An address to download a project's raw-data archive, signed for 60 s; `not_ready` before there is one."""

    right = Permission.EXPORT

    project_id: UUID


class ShareArchive(Command[NewShareLink]):
    """Make a link by which anyone may download a project's raw-data archive, as `ShareExport` does."""

    right = Permission.EXPORT

    project_id: UUID
    expires_at: Time | None = None
    max_downloads: int | None = Field(default=None, ge=1, le=2**31 - 1)
    actor: UUID


class UnshareArchive(Command[Nothing]):
    """Revoke the archive's share link; none there is fine."""

    right = Permission.EXPORT

    project_id: UUID


class GetRetention(Query[Retention]):
    """How long a project's exports and its archive are kept."""

    right = Permission.EXPORT

    project_id: UUID


class SetRetention(Command[Retention]):
    """Say how long a project's exports and its archive are kept; what is older already goes with the next sweep."""

    right = Permission.EDIT_PROJECT

    project_id: UUID
    days: int | None = Field(default=None, ge=1, le=36_500)
