"""The catalogue of events. A type never changes its meaning; fields are only ever added, with a default.

An event carries the new state and its version, not a difference, so a consumer takes what is newer than what it
has and ignores the rest: duplicates, replays and disorder do no harm. On the wire each is a CloudEvents 1.0
structured JSON document (chassis.outbox) on the topic exchange `<producer>.events`, its routing key the type
without the producer.
"""

from collections.abc import Iterator
from typing import Any, ClassVar
from uuid import UUID

from pydantic import Field

from contracts.body import Specification
from contracts.enums import AssetState, ExportStep, JobState, Review, Status, UserState, Visibility
from contracts.message import Message, Time
from contracts.permissions import ProjectRole, TeamRole


class EventData(Message):
    """The `data` of an event.

    `order`: it does not only tell, it makes its taker do something. Its producer signs an order, and for whom it is
    given (chassis.principals).
    """

    type: ClassVar[str]
    order: ClassVar[bool] = False

    @classmethod
    def producer(cls) -> str:
        """The service that publishes this type."""
        return cls.type.split(".", 1)[0]

    @classmethod
    def routing_key(cls) -> str:
        """The type without its producer."""
        return cls.type.split(".", 1)[1]


class ProjectChanged(EventData):
    """A project's head, visibility or specification is now this."""

    type = "projects.project.changed.v1"

    project_id: UUID
    version: int
    name: str
    data_type: str
    visibility: Visibility
    specification: Specification
    spec_version: int
    deleted: bool = False


class ProjectDeleted(EventData):
    """The project is hidden from everybody until it is restored; its data stays, and goes on being counted."""

    type = "projects.project.deleted.v1"

    project_id: UUID
    version: int


class ProjectRestored(ProjectChanged):
    """A deleted project is back, and now this."""

    type = "projects.project.restored.v1"


class GuidelineChanged(EventData):
    """A guideline was added or deleted; the project has `count` of them now. `version` is of its guidelines."""

    type = "projects.guideline.changed.v1"

    project_id: UUID
    guideline_id: UUID
    version: int
    count: int


class ProjectPurgeRequested(EventData):
    """A deleted project does not come back: whoever keeps anything of it forgets it.

    Nobody publishes it yet: deleted projects stay.
    """

    type = "projects.project.purge_requested.v1"
    order = True

    project_id: UUID
    version: int


class PrincipalChanged(EventData):
    """A user is now this; `revoked_sessions` and `revoked_tokens` no longer sign in."""

    type = "members.principal.changed.v1"

    user_id: UUID
    version: int
    state: UserState
    team_role: TeamRole
    revoked_sessions: tuple[UUID, ...] = ()
    revoked_tokens: tuple[UUID, ...] = ()
    actor: UUID | None = None  # who changed role or state


class PasswordResetRequested(EventData):
    """Somebody forgot a password, or says so: the link is made when the mail is sent, so that nobody reads it here."""

    type = "members.password_reset.requested.v1"
    order = True

    reset_id: UUID


class MembershipChanged(EventData):
    """A user's role in a project is now this; None: not a member. `actor`: who made it so."""

    type = "members.membership.changed.v1"

    project_id: UUID
    user_id: UUID
    version: int
    role: ProjectRole | None
    actor: UUID | None = None


class InvitationMailRequested(EventData):
    """An invitation is to be mailed: the link is made when the mail is sent, so that nobody reads it here.

    `round`: the number of the link that is wanted: a later one takes its place.
    """

    type = "members.invitation_mail.requested.v1"

    invitation_id: UUID
    round: int


class AssetChange(Message):
    """One asset's present state."""

    asset_id: UUID
    dataset_id: UUID
    data_key: str
    version: int
    state: AssetState
    size: int | None = None
    sha256: str | None = None
    deleted: bool = False


class AssetChanged(EventData):
    """Up to 1,000 assets and their states."""

    type = "labels.asset.changed.v1"

    assets: tuple[AssetChange, ...] = Field(max_length=1000)


class AssetsCompleted(EventData):
    """Uploads of these assets have ended; the labels worker verifies them (decode, hash, thumbnail)."""

    type = "labels.assets.completed.v1"
    order = True

    asset_ids: tuple[UUID, ...] = Field(max_length=1000)


class LabelState(Message):
    """One label's present state, with every dimension that is counted."""

    label_id: UUID
    version: int
    status: Status
    review: Review
    round: int = 0
    assignee: UUID | None = None
    reviewer: UUID | None = None
    submitter: UUID | None = None
    objects: dict[str, int] = {}  # object class id -> objects of it
    categories: dict[str, list[str]] = {}  # image category id -> option ids that were chosen
    tags: tuple[UUID, ...] = ()
    open_issues: int = 0
    updated_at: Time
    submitted_at: Time | None = None
    reviewed_at: Time | None = None
    deleted: bool = False


class LabelChanged(EventData):
    """Up to 5,000 labels of one project and their states."""

    type = "labels.label.changed.v1"

    project_id: UUID
    labels: tuple[LabelState, ...] = Field(max_length=5000)
    actor: UUID | None = None
    cause: str = ""


class ImportRequested(EventData):
    """Somebody asked for an import; the labels worker runs it."""

    type = "labels.import.requested.v1"
    order = True

    project_id: UUID
    import_id: UUID


class TaskChanged(EventData):
    """Long work of the labels service is now here: an import, a bulk task, a version that is being frozen, or a
    comparison of versions."""

    type = "labels.task.changed.v1"

    project_id: UUID
    task_id: UUID
    kind: str
    version: int
    state: JobState
    done: int = 0
    total: int | None = None


class TaskDue(EventData):
    """The next part of a bulk task is to be done; the labels worker does it."""

    type = "labels.task.due.v1"
    order = True

    project_id: UUID
    task_id: UUID


class VersionDue(EventData):
    """A version is to be frozen, or what is left of a deleted one to be cleared away; the labels worker does it."""

    type = "labels.version.due.v1"
    order = True

    project_id: UUID
    version_id: UUID


class ComparisonDue(EventData):
    """The next part of a comparison of versions is to be done; the labels worker does it."""

    type = "labels.comparison.due.v1"
    order = True

    project_id: UUID
    comparison_id: UUID


class SnapshotRequested(EventData):
    """Exports needs the labels of a project that a filter selects, or where their images are, frozen as objects."""

    type = "exports.snapshot.requested.v1"
    order = True

    project_id: UUID
    snapshot_id: UUID
    filter: dict[str, Any] = {}
    names: bool = False  # whether the manifest is to say which names are ambiguous
    labels: bool = True  # whether the labels themselves are wanted
    images: bool = False  # whether it is to list where their images are


class SnapshotCanceled(EventData):
    """A snapshot that was asked for is not wanted any more; what there is of it goes away."""

    type = "exports.snapshot.canceled.v1"
    order = True

    project_id: UUID
    snapshot_id: UUID


class SnapshotProgressed(EventData):
    """So many labels of a snapshot are frozen, of about `total`."""

    type = "labels.snapshot.progressed.v1"

    project_id: UUID
    snapshot_id: UUID
    labels: int
    total: int


class SnapshotCompleted(EventData):
    """The parts of a snapshot stand in the object store under the keys of its manifest."""

    type = "labels.snapshot.completed.v1"
    order = True

    project_id: UUID
    snapshot_id: UUID
    manifest: str
    labels: int
    objects: int
    version: int = 1


class SnapshotFailed(EventData):
    """A snapshot could not be written."""

    type = "labels.snapshot.failed.v1"
    order = True

    project_id: UUID
    snapshot_id: UUID
    code: str
    detail: str
    version: int = 1


class ExportReady(EventData):
    """The next step of an export whose snapshot stands may be taken; an export worker takes it."""

    type = "exports.export.ready.v1"
    order = True

    project_id: UUID
    export_id: UUID


class PartReady(EventData):
    """A part of an export's snapshot waits to be worked on, for this step; an export worker does it."""

    type = "exports.part.ready.v1"
    order = True

    project_id: UUID
    export_id: UUID
    step: ExportStep
    part: int


class ExportChanged(EventData):
    """An export is now here: `done` labels of about `total` in this step, so many a second, for so many more."""

    type = "exports.export.changed.v1"

    project_id: UUID
    export_id: UUID
    version: int
    state: JobState
    done: int = 0
    total: int | None = None
    deleted: bool = False
    waiting_for_worker: bool = False
    step: ExportStep | None = None
    labels_per_second: float | None = None
    remaining_seconds: float | None = None


class ArchiveReady(EventData):
    """The list of a project's images stands; an export worker builds or updates its raw-data archive."""

    type = "exports.archive.ready.v1"
    order = True

    project_id: UUID
    build_id: UUID


class ArchiveChanged(EventData):
    """A project's raw-data archive is now here: `state` of the latest build, of which `done` of `total` bytes stand.

    `ready`: there is one to download.
    """

    type = "exports.archive.changed.v1"

    project_id: UUID
    version: int
    build_id: UUID | None = None
    state: JobState | None = None
    ready: bool = False
    done: int = 0
    total: int | None = None
    waiting_for_worker: bool = False


class ProjectVersion(Message):
    """A project's counters stand at this version."""

    project_id: UUID
    version: int


class CountersChanged(EventData):
    """Counters of these projects moved. A hint, not stored: who misses it learns at the next heartbeat."""

    type = "analytics.counters.changed.v1"

    projects: tuple[ProjectVersion, ...]


class CheckDue(EventData):
    """The next part of a verification or a rebuild of counters is to be done."""

    type = "analytics.check.due.v1"
    order = True

    check_id: UUID


def _below(base: type[EventData]) -> Iterator[type[EventData]]:
    for event in base.__subclasses__():
        yield event
        yield from _below(event)


EVENTS: dict[str, type[EventData]] = {event.type: event for event in _below(EventData)}
"""Every type of event."""
