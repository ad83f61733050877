"""What the API answers, as typed dictionaries: the JSON itself, so a newer server's further fields are kept.

Ids are UUIDs as text, times RFC 3339 UTC as text.
"""

from typing import Any, Literal, NotRequired, TypedDict

Status = Literal["in_progress", "submitted", "skipped"]
LabelChange = Literal["added", "removed", "changed"]
Review = Literal["not_submitted", "rejected", "pending_review", "approved"]
ProjectRole = Literal["manager", "reviewer", "labeler"]
TeamRole = Literal["owner", "admin", "member"]
InvitationState = Literal["pending", "accepted", "revoked", "expired"]
JobState = Literal["queued", "running", "done", "failed", "canceled"]
OnError = Literal["keep_good", "all_or_nothing"]
QuotaKind = Literal["exports", "storage"]
Duty = Literal["labeler", "reviewer"]
ExportFormat = Literal[
    "native", "jsonl", "suite", "coco", "yolo_detect", "yolo_segment", "yolo_obb", "yolo_pose", "yolo_classify", "voc",
    "csv", "label_studio",
]  # fmt: skip
ImportFormat = Literal["voc", "coco", "yolo", "native", "jsonl", "suite", "csv", "label_studio"]
TokenScope = Literal["read", "write", "full"]
CheckKind = Literal["verify", "rebuild"]
Action = Literal["submit", "skip", "approve", "reject", "reopen", "initialize"]


class User(TypedDict):
    """A user of the installation."""

    id: str
    email: str
    name: str
    team_role: TeamRole
    state: NotRequired[Literal["active", "deleted"]]
    last_active_at: NotRequired[str | None]


class Session(TypedDict):
    """Where somebody is signed in. `current`: by what asks."""

    id: str
    device: str
    created_at: str
    last_used_at: str
    expires_at: str
    current: bool


class Token(TypedDict):
    """A personal access token; `secret` only in the answer that made it."""

    id: str
    name: str
    scope: TokenScope
    project_id: NotRequired[str | None]
    created_at: str
    expires_at: NotRequired[str | None]
    last_used_at: NotRequired[str | None]
    secret: NotRequired[str | None]


class ObjectClass(TypedDict):
    """A class of objects; `color` as #rrggbb; `index`: its number in formats that have numbers."""

    id: str
    name: str
    annotation_type: str
    color: str
    index: NotRequired[int]


class ObjectClassDraft(TypedDict):
    """A class to be made; with `id`, one that is there already."""

    id: NotRequired[str]
    name: str
    annotation_type: str
    color: NotRequired[str]


class Specification(TypedDict):
    """What is labeled in a project."""

    object_classes: list[ObjectClass]
    image_categories: list[dict[str, Any]]
    removed_object_classes: NotRequired[list[ObjectClass]]


class Project(TypedDict):
    """A project."""

    id: str
    name: str
    description: str
    data_type: str
    visibility: str
    specification: Specification
    version: int
    created_at: str
    updated_at: str
    deleted_at: NotRequired[str | None]


class Exposed(TypedDict):
    """What visitors see. Counts are None where nobody can say at present."""

    permissions: list[str]
    cards: list[str]
    name: str
    description: str
    object_classes: int
    image_categories: int
    labels: int | None
    images: int | None
    objects: int | None


class Unexposed(TypedDict):
    """What visitors do not see."""

    cards: list[str]
    people: int | None
    labels_with_open_issues: int | None
    guidelines: int


class Quota(TypedDict):
    """What a project may have at most: its own `limit`, else the installation's `default`, else anything; and has."""

    limit: NotRequired[int | None]
    default: NotRequired[int | None]
    used: int


class Exposure(TypedDict):
    """What a project's visibility means, and what confirms that it was looked at."""

    visibility: str
    version: int
    shown: Exposed
    hidden: Unexposed
    share_links: int | None
    confirmation: str


class ProjectEntry(Project):
    """A project in a list: one's role there, and how far its labels are, where that could be had."""

    role: str
    counters: NotRequired[dict[str, Any] | None]


class Load(TypedDict):
    """How many labels wait for somebody in a project, up to 10,000 of each."""

    to_label: int
    to_review: int


class Member(TypedDict):
    """A user's role in a project. `load` is None where nobody can say at present."""

    project_id: str
    user: User
    role: ProjectRole
    last_active_at: NotRequired[str | None]
    load: NotRequired[Load | None]


class Invitation(TypedDict):
    """An invitation to a project, or to the team. `link` only where no mail is sent, when it is made."""

    id: str
    project_id: str | None
    role: str
    email: str
    state: InvitationState
    mail: Literal["off", "waiting", "sent", "failed"]
    created_at: str
    expires_at: str
    link: NotRequired[str | None]


class Guideline(TypedDict):
    """A PDF for a project's members; `size` in bytes."""

    id: str
    project_id: str
    name: str
    size: int
    pages: NotRequired[int | None]
    sha256: NotRequired[str | None]
    created_at: str


class Dataset(TypedDict):
    """A named collection of assets."""

    id: str
    name: str
    created_at: str


class Asset(TypedDict):
    """One raw item; what the server has not verified yet is None."""

    id: str
    dataset: str
    data_key: str
    state: Literal["registered", "stored", "rejected"]
    reason: NotRequired[str | None]
    size: NotRequired[int | None]
    sha256: NotRequired[str | None]
    width: NotRequired[int | None]
    height: NotRequired[int | None]


class AssetDraft(TypedDict):
    """An asset to be uploaded; `size` in bytes."""

    data_key: str
    size: int
    content_type: NotRequired[str]
    sha256: NotRequired[str]


class UploadPolicy(TypedDict):
    """A signed permission to upload one object: POST `fields`, then `file`, to `url`."""

    url: str
    fields: dict[str, str]


class RegisteredAsset(TypedDict):
    """An asset and how to upload it; `code` and `detail` say why it was refused."""

    asset: Asset | None
    data_key: str
    upload: NotRequired[UploadPolicy | None]
    code: NotRequired[str | None]
    detail: NotRequired[str | None]


class Upload(TypedDict):
    """A place for a file that an import reads."""

    upload: str
    policy: UploadPolicy


class Label(TypedDict):
    """The record of one asset in one project."""

    id: str
    project_id: str
    asset_id: str
    dataset: str
    data_key: str
    width: int
    height: int
    status: Status
    review: Review
    round: int
    assignee: NotRequired[str | None]
    reviewer: NotRequired[str | None]
    submitter: NotRequired[str | None]
    objects: NotRequired[dict[str, int]]
    version: int
    updated_at: str


class Body(TypedDict):
    """What was annotated on one asset (the Suite's schema 0.4)."""

    objects: list[dict[str, Any]]
    categories: NotRequired[dict[str, Any]]


class LabelWithBody(Label):
    """A label and its body."""

    body: Body


class LabelsAdded(TypedDict):
    """How many labels were made, and how many assets had one already."""

    created: int
    existing: int
    ids: NotRequired[list[str] | None]


class ImportFault(TypedDict):
    """One thing that an import refused."""

    file: str
    line: NotRequired[int | None]
    object: NotRequired[str | None]
    code: str
    detail: str


class ImportReport(TypedDict):
    """What an import did; `errors` holds the first 1,000 of `error_count`."""

    files: int
    labels: int
    objects: int
    objects_by_class: dict[str, int]
    error_count: int
    errors: list[ImportFault]


class Import(TypedDict):
    """An import, running or ended."""

    id: str
    project_id: str
    state: JobState
    done: int
    total: NotRequired[int | None]
    report: ImportReport
    failure: NotRequired[str | None]


class ShareLink(TypedDict):
    """An address by which anyone may download a file; `url` only in the answer that made it."""

    created_by: str
    created_at: str
    expires_at: NotRequired[str | None]
    max_downloads: NotRequired[int | None]
    downloads: int
    url: NotRequired[str]


class Export(TypedDict):
    """A label export; `size` in bytes."""

    id: str
    project_id: str
    name: str
    state: JobState
    labels: NotRequired[int | None]
    objects: NotRequired[int | None]
    size: NotRequired[int | None]
    sha256: NotRequired[str | None]
    crc32: NotRequired[str | None]
    failure: NotRequired[str | None]
    created_at: str
    link: NotRequired[ShareLink | None]
    done: NotRequired[int]
    selection: NotRequired[str]
    seconds: NotRequired[float | None]
    labels_per_second: NotRequired[float | None]
    remaining_seconds: NotRequired[float | None]
    waiting_for_worker: NotRequired[bool]
    version_id: NotRequired[str | None]
    version_name: NotRequired[str | None]


class VersionOf(TypedDict, total=False):
    """What a version was made of; `ids`: how many labels were named one by one. `tags`: names, by id."""

    ids: int | None
    filter: "LabelFilter | None"
    order: str
    seed: int
    limit: int | None
    tags: dict[str, str]


class Version(TypedDict):
    """Labels frozen as they were at `taken_at`; `size` in bytes."""

    id: str
    project_id: str
    name: str
    note: str
    of: VersionOf
    state: JobState
    done: int
    total: NotRequired[int | None]
    labels: NotRequired[int | None]
    objects: NotRequired[int | None]
    size: NotRequired[int | None]
    taken_at: NotRequired[str | None]
    created_by: str
    created_at: str
    failure: NotRequired[str | None]
    version: int


class ObjectChanges(TypedDict):
    """So many objects were added, removed and changed."""

    added: int
    removed: int
    changed: int


class Comparison(TypedDict):
    """What differs in the version `after` from the version `before`: labels, and their objects, also by class id."""

    id: str
    project_id: str
    before: str
    after: str
    state: JobState
    done: int
    total: int
    added: int
    removed: int
    changed: int
    unchanged: int
    objects: ObjectChanges
    by_class: dict[str, ObjectChanges]
    failure: NotRequired[str | None]


class DifferingLabel(TypedDict):
    """A label that was added, removed or changed; `fields`: in what."""

    label_id: str
    dataset: str
    data_key: str
    change: LabelChange
    fields: list[str]
    objects_added: list[str]
    objects_removed: list[str]
    objects_changed: list[str]


class ArchiveBuild(TypedDict):
    """The latest build or update of an archive; `done` of `total` bytes of the file stand."""

    state: JobState
    failure: NotRequired[str | None]
    done: int
    total: NotRequired[int | None]
    remaining_seconds: NotRequired[float | None]
    waiting_for_worker: NotRequired[bool]


class Archive(TypedDict):
    """A project's raw-data archive; `report` and `built_at` of the file that stands, None where there is none."""

    project_id: str
    built_at: NotRequired[str | None]
    report: NotRequired[dict[str, Any] | None]
    changes: NotRequired[dict[str, int] | None]
    build: NotRequired[ArchiveBuild | None]
    link: NotRequired[ShareLink | None]


class FailedMessage(TypedDict):
    """A message that a service's handler failed at; `next_try_at` None: not tried again by itself."""

    id: str
    service: str
    queue: str
    type: str
    state: Literal["waiting", "given_up"]
    reason: str
    attempts: int
    size: int
    failed_at: str
    next_try_at: NotRequired[str | None]


class FailedMessageBody(FailedMessage):
    """The same with what arrived."""

    headers: dict[str, str]
    body: str
    encoding: Literal["text", "base64"]


class AuditEntry(TypedDict):
    """A change, or the refused attempt at one: by whom, when, from where, of what."""

    id: str
    at: str
    service: str
    action: str
    outcome: str
    issuer: str | None
    user_id: str | None
    session_id: str | None
    token_id: str | None
    address: str | None
    agent: str | None
    correlation_id: str | None
    project_id: str | None
    subject: str | None
    subject_id: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class FoundLabels(TypedDict):
    """How many labels there were of a kind, and the ids of the first 100."""

    count: int
    ids: list[str]


class CounterDifference(TypedDict):
    """A counter that is not what the labels add up to. `scope`: the project, or whose labels are counted."""

    scope: str
    key: str
    expected: int
    actual: int


class CheckedProject(TypedDict):
    """What was wrong with a project's counters: labels by kind, and the first 100 of `counter_count` counters."""

    project_id: str
    complete: bool
    labels: int
    missing: FoundLabels
    behind: FoundLabels
    different: FoundLabels
    unknown: FoundLabels
    counter_count: int
    counters: list[CounterDifference]


class CheckReport(TypedDict):
    """Projects and labels looked at; the first 100 of the `differing` projects."""

    projects: int
    labels: int
    differing: int
    found: list[CheckedProject]


class CounterCheck(TypedDict):
    """A verification or rebuild of counters. `consistent`: whether a verification that is done found nothing."""

    id: str
    kind: CheckKind
    project_id: NotRequired[str | None]
    state: JobState
    consistent: NotRequired[bool | None]
    report: CheckReport
    created_at: str
    ended_at: NotRequired[str | None]


class LabelFilter(TypedDict, total=False):
    """Which labels: several values of one field: any of them; several fields: all of them.

    `where` says what the others can't: a tree of and, or, not and conditions (docs/users/labels.md).
    """

    status: list[Status]
    review: list[Review]
    round: list[int]
    assignee: list[str]
    has_assignee: bool
    reviewer: list[str]
    has_reviewer: bool
    tag: list[str]
    has_tags: bool
    dataset: str
    data_key: str
    object_class: list[str]
    annotation_type: list[str]
    answer: list[str]
    has_open_issues: bool
    has_resolved_issues: bool
    created_since: str
    created_until: str
    updated_since: str
    updated_until: str
    submitted_since: str
    submitted_until: str
    reviewed_since: str
    reviewed_until: str
    where: dict[str, Any]


FilterScope = Literal["own", "project"]


class SavedFilter(TypedDict):
    """A filter that has a name: one's own, or the project's. `filter` goes wherever a filter does."""

    id: str
    project_id: str
    name: str
    scope: FilterScope
    owner: str
    filter: LabelFilter
    sort: str
    version: int
    created_at: str
    updated_at: str


class LabelGroup(TypedDict):
    """How many labels have these values, and the filter that opens them."""

    values: list[str | None]
    labels: int
    filter: LabelFilter


class Selection(TypedDict, total=False):
    """Labels by `ids` or by a `filter`; of these the first `limit` in `order`."""

    ids: list[str]
    filter: LabelFilter
    order: Literal["oldest", "newest", "data_key", "random"]
    seed: int
    limit: int


class Task(TypedDict):
    """An action over many labels; `given`: labels by the user they were assigned to."""

    id: str
    project_id: str
    action: str
    state: JobState
    done: int
    total: NotRequired[int | None]
    changed: int
    unchanged: int
    skipped: int
    skipped_by_code: dict[str, int]
    given: dict[str, int]
    failure: NotRequired[str | None]


class Tag(TypedDict):
    """A name on labels; `labels`: how many carry it."""

    id: str
    project_id: str
    name: str
    labels: int


class Card(TypedDict):
    """A card of the overview: its data, or why it could not be had."""

    state: Literal["ok", "unavailable"]
    data: NotRequired[dict[str, Any]]
    reason: NotRequired[str]


class Overview(TypedDict):
    """The Projects Overview. Cards that the viewer may not see are absent."""

    project: dict[str, Any]
    viewer: dict[str, Any]
    cards: dict[str, Card]


class LiveMessage(TypedDict):
    """One message of the stream: the counters' version, and the cards that follow them."""

    version: int
    cards: dict[str, Any]
