"""RPC of the labels service: the data library, labels and their life, imports."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from contracts.body import Body, Name, Point
from contracts.enums import (
    AnnotationType,
    AssetState,
    BulkAction,
    Distribution,
    FilterScope,
    GroupField,
    ImportFormat,
    IssueState,
    JobState,
    LabelAction,
    LabelChange,
    LabelOrder,
    LabelSort,
    OnError,
    Review,
    Status,
    TaskKind,
)
from contracts.events import LabelState
from contracts.filters import Figure, Where, names_people
from contracts.message import AskedTime, Message, Strict, Time
from contracts.permissions import Card, Permission, Role
from contracts.rights import Only, Right
from contracts.rpc import Command, Nothing, Query
from contracts.snapshots import ImageCounts

DataKey = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f\x7f]+$")]
IssueText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000)]
Mentions = Annotated[tuple[UUID, ...], Field(max_length=50)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


MANAGED = frozenset(
    {
        LabelAction.ASSIGN_LABELER,
        LabelAction.UNASSIGN_LABELER,
        LabelAction.ASSIGN_REVIEWER,
        LabelAction.UNASSIGN_REVIEWER,
        LabelAction.INITIALIZE,
    }
)
"""The actions on a label that are a manager's."""


class Actor(Message):
    """Who acts, and as what in this project."""

    user_id: UUID
    role: Role


class Viewer(Message):
    """Whose eyes a query answers for. `only_assignee`: just labels assigned to that user; `anonymous`: no names."""

    only_assignee: UUID | None = None
    anonymous: bool = False


class Quota(Message):
    """`limit`: a project's own, if it has one; otherwise `default`, the installation's, counts. `used`: what there is
    now, which may be more."""

    limit: int | None = None
    default: int | None = None
    used: int


class Dataset(Message):
    """A named collection of assets."""

    id: UUID
    name: str
    created_at: Time


class DatasetPage(Message):
    """Datasets by name."""

    items: tuple[Dataset, ...]
    next: str | None = None


class Asset(Message):
    """One raw item. Sizes in bytes and pixels; what the server has not verified yet is None."""

    id: UUID
    dataset_id: UUID
    dataset: str
    data_key: str
    state: AssetState
    reason: str | None = None
    size: int | None = None
    sha256: str | None = None
    crc32: str | None = None  # 8 lower-case hexadecimal digits
    width: int | None = None
    height: int | None = None
    content_type: str | None = None
    version: int
    created_at: Time


class AssetPage(Message):
    """Assets by data key."""

    items: tuple[Asset, ...]
    next: str | None = None


class UploadPolicy(Message):
    """A signed permission to upload one object: POST `fields`, then `file`, as multipart/form-data to `url`.

    It expires; a command that is sent again is answered with a new one.
    """

    url: str
    fields: dict[str, str]
    expires_at: Time


class AssetDraft(Strict):
    """An asset to be uploaded. `size` in bytes."""

    data_key: DataKey
    size: int = Field(ge=1)
    content_type: str = Field(default="application/octet-stream", max_length=200)
    sha256: Sha256 | None = None


class RegisteredAsset(Message):
    """An asset and how to upload it; no `upload` where it is stored already. `code`: why this one was refused."""

    asset: Asset | None
    data_key: str
    upload: UploadPolicy | None = Field(default=None, repr=False)
    code: str | None = None
    detail: str | None = None


class RegisteredAssets(Message):
    """The answer for each asset asked for, in the order asked."""

    items: tuple[RegisteredAsset, ...]


class Link(Message):
    """An address that is signed for a short while."""

    url: str
    expires_at: Time


class Label(Message):
    """The record of one asset in one project, without its body."""

    id: UUID
    project_id: UUID
    asset_id: UUID
    dataset: str
    data_key: str
    width: int
    height: int
    status: Status
    review: Review
    round: int
    assignee: UUID | None = None
    reviewer: UUID | None = None
    submitter: UUID | None = None
    tags: tuple[UUID, ...] = ()
    open_issues: int = 0
    objects: dict[str, int] = {}
    version: int
    created_at: Time
    updated_at: Time
    submitted_at: Time | None = None
    reviewed_at: Time | None = None


class Editor(Message):
    """Who says that they are editing a label, and until when: advice, which keeps nobody from saving."""

    user_id: UUID
    until: Time


class LabelWithBody(Label):
    """A label and what was annotated. `editor`: who is at it right now."""

    body: Body
    editor: Editor | None = None


class LabelPage(Message):
    """Labels in the order asked for. `previous`: the cursor of the page before."""

    items: tuple[Label, ...]
    next: str | None = None
    previous: str | None = None


class LabelsAdded(Message):
    """How many labels were made, and how many assets had one already. `ids`: the labels, in the order asked."""

    created: int
    existing: int
    ids: tuple[UUID, ...] | None = None


class HistoryEntry(Message):
    """One action on a label: the version it led to, and the fields it changed, before and after."""

    version: int
    action: str
    actor: UUID | None
    at: Time
    comment: str | None = None
    before: dict[str, Any]
    after: dict[str, Any]


class ProjectHistoryEntry(HistoryEntry):
    """The same, and of which label."""

    label_id: UUID


class ProjectHistoryPage(Message):
    """Actions on a project's labels, newest first."""

    items: tuple[ProjectHistoryEntry, ...]
    next: str | None = None


class HistoryPage(Message):
    """A label's actions, newest first."""

    items: tuple[HistoryEntry, ...]
    next: str | None = None


class Issue(Message):
    """A comment thread on a label, on one object of it, or on a point. `comments`: how many answered `text`."""

    id: UUID
    label_id: UUID
    object_id: UUID | None = None
    point: Point | None = None
    mentions: tuple[UUID, ...] = ()
    text: str
    state: IssueState
    comments: int
    created_by: UUID
    created_at: Time
    resolved_by: UUID | None = None
    resolved_at: Time | None = None


class IssuePage(Message):
    """A label's issues, newest first."""

    items: tuple[Issue, ...]
    next: str | None = None


class IssueComment(Message):
    """An answer in the thread of an issue."""

    id: UUID
    text: str
    mentions: tuple[UUID, ...] = ()
    created_by: UUID
    created_at: Time


class IssueCommentPage(Message):
    """An issue's comments, oldest first."""

    items: tuple[IssueComment, ...]
    next: str | None = None


class Upload(Message):
    """A place for a file that an import reads."""

    upload: UUID
    policy: UploadPolicy = Field(repr=False)


class ImportFault(Message):
    """What was wrong: the file, the line where the format has lines, the object, a stable code."""

    file: str
    line: int | None = None
    object: str | None = None
    code: str
    detail: str


class ImportReport(Message):
    """What an import did. `errors` holds the first 1,000 of `error_count`."""

    files: int = 0
    labels: int = 0
    objects: int = 0
    objects_by_class: dict[str, int] = {}
    error_count: int = 0
    errors: tuple[ImportFault, ...] = ()


class Import(Message):
    """An import, running or ended. `done` and `total` count the file's labels."""

    id: UUID
    project_id: UUID
    format: ImportFormat
    dataset: str
    status: Status
    on_error: OnError
    state: JobState
    done: int = 0
    total: int | None = None
    report: ImportReport = ImportReport()
    created_by: UUID
    created_at: Time
    ended_at: Time | None = None
    failure: str | None = None
    version: int = 1


class PlainFilter(Strict):
    """Which labels. Several values of one field: any of them; several fields: all of them.

    `since` is at that moment or later, `until` before it.
    """

    status: tuple[Status, ...] | None = Field(default=None, max_length=3)
    review: tuple[Review, ...] | None = Field(default=None, max_length=4)
    round: tuple[Figure, ...] | None = Field(default=None, max_length=100)
    assignee: tuple[UUID, ...] | None = Field(default=None, max_length=100)
    has_assignee: bool | None = None
    reviewer: tuple[UUID, ...] | None = Field(default=None, max_length=100)
    has_reviewer: bool | None = None
    tag: tuple[UUID, ...] | None = Field(default=None, max_length=100)
    has_tags: bool | None = None
    dataset: str | None = Field(default=None, max_length=200)
    data_key: str | None = Field(default=None, max_length=1000)  # contains
    object_class: tuple[UUID, ...] | None = Field(default=None, max_length=100)
    annotation_type: tuple[AnnotationType, ...] | None = Field(default=None, max_length=len(AnnotationType))
    answer: tuple[UUID, ...] | None = Field(default=None, max_length=100)  # options of image categories
    has_open_issues: bool | None = None
    has_resolved_issues: bool | None = None
    created_since: AskedTime | None = None
    created_until: AskedTime | None = None
    updated_since: AskedTime | None = None
    updated_until: AskedTime | None = None
    submitted_since: AskedTime | None = None
    submitted_until: AskedTime | None = None
    reviewed_since: AskedTime | None = None
    reviewed_until: AskedTime | None = None


class LabelFilter(PlainFilter):
    """Which labels, also what plain fields can't say: where there is a `where` (contracts.filters), both must hold."""

    where: Where | None = None

    def names_people(self) -> bool:
        """Whether it asks for anybody's part in the work, which visitors are not told."""
        flat = (self.assignee, self.has_assignee, self.reviewer, self.has_reviewer)
        return any(each is not None for each in flat) or (self.where is not None and names_people(self.where))


OWN_FILTERS_MAX: Final = 100
"""Saved filters that somebody may have in a project."""

PROJECT_FILTERS_MAX: Final = 200
"""Saved filters that a project may have for everybody."""


class SavedFilter(Message):
    """A filter and an order that have a name. `owner`: who made it, and whose it is where its scope is `own`.

    What it names may be gone by now, such as a tag: then no label has it.
    """

    id: UUID
    project_id: UUID
    name: str
    scope: FilterScope
    owner: UUID
    filter: LabelFilter
    sort: LabelSort
    version: int
    created_at: Time
    updated_at: Time


class SavedFilterPage(Message):
    """Saved filters by name."""

    items: tuple[SavedFilter, ...]
    next: str | None = None


COUNTED_MAX: Final = 10_000
"""Labels that are counted one by one for a number on a page."""

GROUP_FIELDS_MAX: Final = 2


class LabelCount(Message):
    """How many labels a filter chooses: exactly, or so many at least."""

    labels: int
    exact: bool


class LabelGroup(Message):
    """Labels that have these values of the fields they are grouped by, null where they have none, and the filter that
    chooses just them. A label with several tags or classes is in several groups.
    """

    values: tuple[str | None, ...]
    labels: int
    filter: LabelFilter


class LabelGroups(Message):
    """Groups, the largest first."""

    items: tuple[LabelGroup, ...]
    next: str | None = None


EDITING_SECONDS: Final = 60
"""How long somebody's word that they are editing stands, unless they repeat it."""

SELECTED_IDS_MAX: Final = 10_000
"""Labels that a selection can name one by one."""

ASSIGNING: Final = frozenset({BulkAction.ASSIGN_LABELER, BulkAction.ASSIGN_REVIEWER})
TAGGING: Final = frozenset({BulkAction.ADD_TAGS, BulkAction.REMOVE_TAGS})


class Selection(Strict):
    """Labels by `ids`, or by a `filter`; of these the first `limit` in `order`. `seed`: which random order."""

    ids: tuple[UUID, ...] | None = Field(default=None, min_length=1, max_length=SELECTED_IDS_MAX)
    filter: LabelFilter | None = None
    order: LabelOrder = LabelOrder.OLDEST
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    limit: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _one_way(self) -> "Selection":
        if (self.ids is None) == (self.filter is None):
            raise ValueError("give either ids or a filter")
        return self


class BulkOrder(Strict):
    """An action over a selection: assigning needs `users`, who are given the labels by turns; tagging needs `tags`,
    by id; rejecting a `comment`.
    """

    selection: Selection
    action: BulkAction
    users: tuple[UUID, ...] = Field(default=(), max_length=1000)
    distribution: Distribution = Distribution.EQUAL
    tags: tuple[UUID, ...] = Field(default=(), max_length=100)
    comment: str | None = Field(default=None, max_length=10_000)

    @model_validator(mode="after")
    def _whole(self) -> "BulkOrder":
        for name, needed in (("users", ASSIGNING), ("tags", TAGGING)):
            given = getattr(self, name)
            if bool(given) != (self.action in needed):
                raise ValueError(f"{self.action} {'takes no' if given else 'needs'} {name}")
            if len(set(given)) < len(given):
                raise ValueError(f"{name} has one of them twice")
        return self


class Task(Message):
    """An action over many labels, running or ended. `done` of `total` labels have been looked at: `changed`,
    `unchanged` because they were so already, or `skipped`, counted by the code of what refused them too. `given`:
    labels by the user they were assigned to.
    """

    id: UUID
    project_id: UUID
    action: TaskKind
    state: JobState
    done: int = 0
    total: int | None = None
    changed: int = 0
    unchanged: int = 0
    skipped: int = 0
    skipped_by_code: dict[str, int] = {}
    given: dict[str, int] = {}
    created_by: UUID
    created_at: Time
    ended_at: Time | None = None
    failure: str | None = None
    version: int


class TaskPage(Message):
    """Tasks, newest first."""

    items: tuple[Task, ...]
    next: str | None = None


class SkippedLabel(Message):
    """A label that a task left as it was, and the stable code and the words of why."""

    label_id: UUID
    code: str
    detail: str


class SkippedPage(Message):
    """What a task skipped, by label id."""

    items: tuple[SkippedLabel, ...]
    next: str | None = None


class Share(Message):
    """What somebody would get: `load` waits for them now, apart from what is selected, `gets` comes to it.
    `has`: selected labels that are assigned to them already.
    """

    user_id: UUID
    load: int
    has: int
    gets: int


class BulkPreview(Message):
    """What an action over a selection would meet now. `possible`: labels whose status and review allow it;
    `assigned`: those that have a labeler, or a reviewer where it is about reviewers.
    """

    selected: int
    possible: int
    in_progress: int
    submitted: int
    skipped: int
    assigned: int
    shares: tuple[Share, ...] = ()


class Tag(Message):
    """A name on labels. `labels`: how many carry it."""

    id: UUID
    project_id: UUID
    name: str
    labels: int
    version: int
    created_at: Time


class TagPage(Message):
    """Tags by name."""

    items: tuple[Tag, ...]
    next: str | None = None


VERSION_NOTE_MAX: Final = 10_000
"""Characters of what somebody wrote about a version."""


class VersionOf(Message):
    """The selection that a version was made of: as it was asked for, but of ids only how many they were. `tags`: what
    the tags that are named in it were called then, by id.
    """

    ids: int | None = None
    filter: LabelFilter | None = None
    order: LabelOrder = LabelOrder.OLDEST
    seed: int = 0
    limit: int | None = None
    tags: dict[str, str] = {}


class Version(Message):
    """Labels as they were at `taken_at`, frozen for ever. While that is under way, `done` of about `total` labels are
    frozen; afterwards there are so many `labels` and `objects` in it, which take `size` bytes.
    """

    id: UUID
    project_id: UUID
    name: str
    note: str = ""
    of: VersionOf
    state: JobState
    done: int = 0
    total: int | None = None
    labels: int | None = None
    objects: int | None = None
    size: int | None = None
    taken_at: Time | None = None
    created_by: UUID
    created_at: Time
    ended_at: Time | None = None
    failure: str | None = None
    version: int


class VersionPage(Message):
    """Versions, newest first."""

    items: tuple[Version, ...]
    next: str | None = None


class ObjectChanges(Message):
    """So many objects were added, removed and changed."""

    added: int
    removed: int
    changed: int


class Comparison(Message):
    """What differs in the version `after` from the version `before`. While that is found out, `done` of `total` labels
    of both have been looked at. Labels are counted by themselves, and the objects of those that were added, removed or
    changed; `by_class`: by object class id, changed objects under the class that they have in `after`.
    """

    id: UUID
    project_id: UUID
    before: UUID
    after: UUID
    state: JobState
    done: int = 0
    total: int
    added: int = 0
    removed: int = 0
    changed: int = 0
    unchanged: int = 0
    objects: ObjectChanges
    by_class: dict[str, ObjectChanges] = {}
    created_by: UUID
    created_at: Time
    ended_at: Time | None = None
    failure: str | None = None
    version: int


class DifferingLabel(Message):
    """A label that was added, removed or changed. `fields`: which of a changed one differ, as an export names them.
    Objects by their ids.
    """

    label_id: UUID
    dataset: str
    data_key: str
    change: LabelChange
    fields: tuple[str, ...] = ()
    objects_added: tuple[UUID, ...] = ()
    objects_removed: tuple[UUID, ...] = ()
    objects_changed: tuple[UUID, ...] = ()


class DifferencePage(Message):
    """Labels that differ, by their ids."""

    items: tuple[DifferingLabel, ...]
    next: str | None = None


class VersionManifest(Message):
    """Where a version stands: its name, the key of its snapshot's manifest (contracts.snapshots), what is in it."""

    name: str
    manifest: str
    labels: int
    objects: int


class ObjectCounts(Message):
    """How many objects there are, by object class id; without those that have none."""

    objects: dict[str, int]


class LabelStates(Message):
    """What events say of labels, by label id. `more`: there are labels behind the last of these."""

    items: tuple[LabelState, ...]
    more: bool = False


class ProjectIds(Message):
    """Projects by id. `more`: there are some behind the last of these."""

    items: tuple[UUID, ...]
    more: bool = False


LOAD_COUNTED: Final = 10_000
"""How far loads are counted: nobody's page waits for more."""


class Load(Message):
    """How many labels wait for somebody in a project, to be labeled and to be reviewed; at most LOAD_COUNTED each."""

    to_label: int
    to_review: int


class Loads(Message):
    """Loads by user id."""

    loads: dict[str, Load]


class LabelQuick(Message):
    """What the labels service knows for the overview."""

    has_data: bool


class CreateDataset(Command[Dataset]):
    """Make a dataset, or find it."""

    right = Only.DATA_LIBRARY

    name: Name


class ListDatasets(Query[DatasetPage]):
    """All datasets."""

    right = Only.DATA_LIBRARY

    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class RegisterAssets(Command[RegisteredAssets]):
    """Say which assets will be uploaded. The dataset is made on first use. What is not uploaded in time is rejected.

    An asset that is stored already is answered as it is, without `upload`; one that is stored with another
    sha256 is refused as `asset_exists`.
    """

    right = Only.DATA_LIBRARY

    dataset: Name
    items: tuple[AssetDraft, ...] = Field(min_length=1, max_length=1000)
    actor: UUID


class CompleteAssets(Command[AssetPage]):
    """Say that the uploads of these assets have ended, so that they are verified."""

    right = Only.DATA_LIBRARY

    dataset: str
    ids: tuple[UUID, ...] = Field(min_length=1, max_length=1000)
    actor: UUID


class GetAssets(Query[AssetPage]):
    """Assets by id; unknown ones are left out."""

    right = Only.DATA_LIBRARY

    ids: tuple[UUID, ...] = Field(min_length=1, max_length=1000)


class ListAssets(Query[AssetPage]):
    """A dataset's assets; `not_found` where there is no such dataset."""

    right = Only.DATA_LIBRARY

    dataset: str
    state: AssetState | None = None
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class LinkAsset(Query[Link]):
    """An address of an asset's file or thumbnail.

    With `project_id`, only an asset that has a label there which `viewer` may see; `not_found` otherwise.
    """

    right = Permission.READ_LABELS

    asset_id: UUID
    variant: Literal["content", "thumbnail"]
    project_id: UUID | None = None
    viewer: Viewer = Viewer()

    def needs(self) -> Right:
        """The data library's, where no project is named."""
        return Only.DATA_LIBRARY if self.project_id is None else self.right


class AddLabels(Command[LabelsAdded]):
    """Make labels of stored assets: of `assets`, or of `dataset` (all, or those of `data_keys`).

    An asset that is not stored is refused as `asset_not_stored`, an unknown one as `unknown_asset`, and then nothing
    changes. An asset that has a label keeps it.
    """

    right = Permission.MANAGE_DATA

    project_id: UUID
    assets: tuple[UUID, ...] | None = Field(default=None, max_length=5000)
    dataset: str | None = None
    data_keys: tuple[str, ...] | None = Field(default=None, max_length=5000)
    actor: Actor


class ListLabels(Query[LabelPage]):
    """A project's labels. `saved`: a saved filter that must hold too, one that `actor` sees (`not_found` otherwise);
    its order stands where `sort` is None, and without one the newest come first.
    """

    right = Permission.READ_LABELS

    project_id: UUID
    filter: LabelFilter = LabelFilter()
    saved: UUID | None = None
    sort: LabelSort | None = LabelSort.LAST_CREATED
    viewer: Viewer = Viewer()
    actor: UUID | None = None
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class CountLabels(Query[LabelCount]):
    """How many of a project's labels a filter chooses, up to COUNTED_MAX."""

    right = Permission.READ_LABELS

    project_id: UUID
    filter: LabelFilter = LabelFilter()
    viewer: Viewer = Viewer()


class GroupLabels(Query[LabelGroups]):
    """How many of the labels that a filter chooses have which values of one or two fields; `filter_too_large` where a
    group's filter would be.
    """

    right = Permission.READ_LABELS

    project_id: UUID
    filter: LabelFilter = LabelFilter()
    by: tuple[GroupField, ...] = Field(min_length=1, max_length=GROUP_FIELDS_MAX)
    viewer: Viewer = Viewer()
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class ListSavedFilters(Query[SavedFilterPage]):
    """The project's saved filters, and the actor's own."""

    right = Permission.WORK_ON_LABELS

    project_id: UUID
    scope: FilterScope | None = None
    actor: Actor
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class GetSavedFilter(Query[SavedFilter]):
    """A saved filter; `not_found` also for somebody else's own."""

    right = Permission.WORK_ON_LABELS

    project_id: UUID
    filter_id: UUID
    actor: Actor


class CreateSavedFilter(Command[SavedFilter]):
    """Give a filter a name, for oneself or for the project; `name_taken`, `quota_exceeded`."""

    right = Permission.WORK_ON_LABELS

    project_id: UUID
    name: Name
    scope: FilterScope = FilterScope.OWN
    filter: LabelFilter
    sort: LabelSort = LabelSort.LAST_CREATED
    actor: Actor

    def needs(self) -> Right:
        """Managing data, where it is for the project."""
        return Permission.MANAGE_DATA if self.scope is FilterScope.PROJECT else self.right


class ChangeSavedFilter(Command[SavedFilter]):
    """Change what is given of a saved filter; `stale_version` unless `expected_version` is its present version,
    `name_taken`. The project's are for those who manage data (`forbidden`), as is deleting them.
    """

    right = Permission.WORK_ON_LABELS

    project_id: UUID
    filter_id: UUID
    expected_version: int
    name: Name | None = None
    filter: LabelFilter | None = None
    sort: LabelSort | None = None
    actor: Actor


class DeleteSavedFilter(Command[Nothing]):
    """Delete a saved filter."""

    right = Permission.WORK_ON_LABELS

    project_id: UUID
    filter_id: UUID
    actor: Actor


class GetLabel(Query[LabelWithBody]):
    """One label; `not_found` also where `viewer` may not see it."""

    right = Permission.READ_LABELS

    project_id: UUID
    label_id: UUID
    viewer: Viewer = Viewer()


class GetHistory(Query[HistoryPage]):
    """One label's actions."""

    right = Permission.READ_LABELS

    project_id: UUID
    label_id: UUID
    viewer: Viewer = Viewer()
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class SaveBody(Command[Label]):
    """Replace a label's body; `stale_version` unless `expected_version` is its present version."""

    right = Permission.WORK_ON_LABELS

    project_id: UUID
    label_id: UUID
    expected_version: int
    body: Body
    actor: Actor


class ActOnLabel(Command[Label]):
    """One action of the life table. `user_id` for assigning a labeler or reviewer; `comment` for reject.

    With `expected_version`, `stale_version` unless it is the label's present one.
    """

    right = Permission.WORK_ON_LABELS

    project_id: UUID
    label_id: UUID
    action: LabelAction
    user_id: UUID | None = None
    comment: str | None = Field(default=None, max_length=10_000)
    expected_version: int | None = None
    actor: Actor

    def needs(self) -> Right:
        """Managing data, for the actions that only those may take who manage."""
        return Permission.MANAGE_DATA if self.action in MANAGED else self.right


class GetProjectHistory(Query[ProjectHistoryPage]):
    """Actions on a project's labels: of one kind, by one person, since then."""

    right = Permission.MANAGE_DATA

    project_id: UUID
    action: str | None = Field(default=None, max_length=100)
    by: UUID | None = None
    since: AskedTime | None = None
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class RestoreBody(Command[Label]):
    """Give a label the body that it had at an earlier `version`, as if that were saved now; `gone` where it was not
    kept.
    """

    right = Permission.WORK_ON_LABELS

    project_id: UUID
    label_id: UUID
    version: int
    expected_version: int
    actor: Actor


class LockLabel(Command[Editor]):
    """Say that one is editing, for EDITING_SECONDS, or goes on to. Whoever came first is answered: advice only."""

    right = Permission.WORK_ON_LABELS

    project_id: UUID
    label_id: UUID
    actor: Actor


class UnlockLabel(Command[Nothing]):
    """Say that one is not editing any more; somebody else's word stays."""

    right = Permission.WORK_ON_LABELS

    project_id: UUID
    label_id: UUID
    actor: Actor


class TakeReview(Command[Label]):
    """Give the actor the next label that waits for their review: one of theirs, or one that has no reviewer and that
    they did not submit, whose reviewer they become; `not_found` when there is none. `after`: behind that label.
    """

    right = Permission.WORK_ON_LABELS

    project_id: UUID
    after: UUID | None = None
    actor: Actor


class TakeNext(Command[Label]):
    """Give the actor the next label that nobody has; `not_found` when the pool is empty."""

    right = Permission.WORK_ON_LABELS

    project_id: UUID
    actor: Actor


class StartTask(Command[Task]):
    """Act on a selection of labels, each as its life and the actor's role allow; `not_a_member` if somebody who is to
    be assigned has no fitting role, `not_found` for a tag, `comment_required`.
    """

    right = Permission.MANAGE_DATA

    project_id: UUID
    what: BulkOrder
    actor: Actor


class PreviewTask(Query[BulkPreview]):
    """What a task would meet now."""

    right = Permission.MANAGE_DATA

    project_id: UUID
    what: BulkOrder


class GetTask(Query[Task]):
    """A task."""

    right = Permission.MANAGE_DATA

    project_id: UUID
    task_id: UUID


class ListTasks(Query[TaskPage]):
    """A project's tasks."""

    right = Permission.MANAGE_DATA

    project_id: UUID
    state: JobState | None = None
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class ListSkipped(Query[SkippedPage]):
    """What a task left as it was."""

    right = Permission.MANAGE_DATA

    project_id: UUID
    task_id: UUID
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class CancelTask(Command[Task]):
    """End a task before its next part; what it has done stays. One that has ended stays as it is."""

    right = Permission.MANAGE_DATA

    project_id: UUID
    task_id: UUID
    actor: Actor


class ListTags(Query[TagPage]):
    """A project's tags. Labels are counted as far as `viewer` sees them."""

    right = Permission.READ_LABELS

    project_id: UUID
    viewer: Viewer = Viewer()
    cursor: str | None = None
    limit: int = Field(default=200, ge=1, le=200)


class CreateTag(Command[Tag]):
    """Make a tag; `name_taken`."""

    right = Permission.MANAGE_DATA

    project_id: UUID
    name: Name
    actor: Actor


class RenameTag(Command[Tag]):
    """Give a tag another name; `name_taken`, to merge them is another command."""

    right = Permission.MANAGE_DATA

    project_id: UUID
    tag_id: UUID
    name: Name
    actor: Actor


class EndTag(Command[Task]):
    """Delete a tag, or with `into` merge it into another: it is gone from the list at once, and a task takes it off
    the labels that carry it, or puts the other one in its place.
    """

    right = Permission.MANAGE_DATA

    project_id: UUID
    tag_id: UUID
    into: UUID | None = None
    actor: Actor


class CreateVersion(Command[Version]):
    """Freeze a selection of labels as they are now; `name_taken`."""

    right = Permission.MANAGE_DATA

    project_id: UUID
    name: Name
    note: str = Field(default="", max_length=VERSION_NOTE_MAX)
    selection: Selection
    actor: Actor


class ListVersions(Query[VersionPage]):
    """A project's versions."""

    right = Permission.MANAGE_DATA

    project_id: UUID
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class GetVersion(Query[Version]):
    """A version; `gone` if it was deleted."""

    right = Permission.MANAGE_DATA

    project_id: UUID
    version_id: UUID


class GetVersionManifest(Query[VersionManifest]):
    """Where a version stands; `not_ready` before it is done, `gone` if it was deleted."""

    right = Permission.EXPORT
    callers = frozenset({"exports"})

    project_id: UUID
    version_id: UUID


class ChangeVersion(Command[Version]):
    """Give a version another name or note, None: as it is; `name_taken`. What is frozen stays."""

    right = Permission.MANAGE_DATA

    project_id: UUID
    version_id: UUID
    name: Name | None = None
    note: str | None = Field(default=None, max_length=VERSION_NOTE_MAX)
    actor: Actor


class DeleteVersion(Command[Nothing]):
    """Delete a version and what was frozen for it, or stop freezing it."""

    right = Permission.MANAGE_DATA

    project_id: UUID
    version_id: UUID
    actor: Actor


class CompareVersions(Command[Comparison]):
    """Find out what differs in the version `after` from the version `before`, or answer what was found: versions do not
    change. `not_found`, `gone` or `not_ready` if that is so of one of them.
    """

    right = Permission.MANAGE_DATA

    project_id: UUID
    before: UUID
    after: UUID
    actor: Actor


class GetComparison(Query[Comparison]):
    """A comparison of versions."""

    right = Permission.MANAGE_DATA

    project_id: UUID
    comparison_id: UUID


class ListDifferences(Query[DifferencePage]):
    """The labels that differ, as many as have been found so far."""

    right = Permission.MANAGE_DATA

    project_id: UUID
    comparison_id: UUID
    change: LabelChange | None = None
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class OpenIssue(Command[Issue]):
    """Begin a thread on a label, on an object that is in its body, or on a point of its image, in pixels
    (`validation_failed` otherwise). `mentions`: members who are to look (`not_a_member` otherwise).
    """

    right = Permission.ISSUES

    project_id: UUID
    label_id: UUID
    text: IssueText
    object_id: UUID | None = None
    point: Point | None = None
    mentions: Mentions = ()
    actor: Actor


class MoveIssue(Command[Issue]):
    """Resolve an issue or open it again; one that is there already stays as it is."""

    right = Permission.ISSUES

    project_id: UUID
    label_id: UUID
    issue_id: UUID
    state: IssueState
    actor: Actor


class CommentOnIssue(Command[IssueComment]):
    """Answer in a thread, open or resolved. The label does not change."""

    right = Permission.ISSUES

    project_id: UUID
    label_id: UUID
    issue_id: UUID
    text: IssueText
    mentions: Mentions = ()
    actor: Actor


class ListIssues(Query[IssuePage]):
    """A label's issues."""

    right = Permission.ISSUES

    project_id: UUID
    label_id: UUID
    state: IssueState | None = None
    viewer: Viewer = Viewer()
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class ListIssueComments(Query[IssueCommentPage]):
    """An issue's comments."""

    right = Permission.ISSUES

    project_id: UUID
    label_id: UUID
    issue_id: UUID
    viewer: Viewer = Viewer()
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class CreateUpload(Command[Upload]):
    """A place for a file to import from. `size` in bytes, at most 5 GiB."""

    right = Permission.MANAGE_DATA

    project_id: UUID
    filename: str = Field(min_length=1, max_length=1000)
    size: int = Field(ge=1, le=5 * 1024**3)
    actor: Actor


class StartImport(Command[Import]):
    """Import annotations from an uploaded file for the assets of a dataset; the file is deleted when that has ended.

    `not_ready` before the file has arrived, `gone` once it was imported.
    """

    right = Permission.MANAGE_DATA

    project_id: UUID
    upload: UUID
    format: ImportFormat
    dataset: str
    status: Literal[Status.IN_PROGRESS, Status.SUBMITTED] = Status.IN_PROGRESS
    on_error: OnError = OnError.KEEP_GOOD
    create_classes: bool = False
    actor: Actor


class GetImport(Query[Import]):
    """An import."""

    right = Permission.MANAGE_DATA

    project_id: UUID
    import_id: UUID


class GetLabelCards(Query[LabelQuick]):
    """The labels service's part of the overview."""

    right = Card.TO_DO

    project_id: UUID


class GetLoads(Query[Loads]):
    """How many labels of a project wait for each of these users."""

    right = Permission.INVITE

    project_id: UUID
    user_ids: tuple[UUID, ...] = Field(min_length=1, max_length=200)


class CountObjects(Query[ObjectCounts]):
    """How many objects of these classes a project's labels have, looked up in the labels themselves."""

    right = Only.SERVICE
    callers = frozenset({"projects"})

    project_id: UUID
    class_ids: tuple[UUID, ...] = Field(min_length=1, max_length=1000)


class ListLabelStates(Query[LabelStates]):
    """A project's labels behind `after`, as events tell of them: what is counted elsewhere is compared with this."""

    right = Only.SERVICE
    callers = frozenset({"analytics"})

    project_id: UUID
    after: UUID | None = None
    limit: int = Field(default=1000, ge=1, le=1000)


class GetLabelStates(Query[LabelStates]):
    """These labels of a project, as events tell of them; unknown ones are left out."""

    right = Only.SERVICE
    callers = frozenset({"analytics"})

    project_id: UUID
    ids: tuple[UUID, ...] = Field(min_length=1, max_length=1000)


class ListLabeledProjects(Query[ProjectIds]):
    """The projects behind `after` that the labels service knows, deleted ones too."""

    right = Only.SERVICE
    callers = frozenset({"analytics"})

    after: UUID | None = None
    limit: int = Field(default=1000, ge=1, le=1000)


class GetStorageQuota(Query[Quota]):
    """Bytes of the assets that a project's labels are of, and how many they may be."""

    right = Permission.MANAGE_DATA

    project_id: UUID


class SetStorageQuota(Command[Quota]):
    """Say how many bytes the assets of a project's labels may have; None: as the installation has it. Less than there
    is takes nothing away. Counts anew what there is."""

    right = Permission.OPERATE

    project_id: UUID
    limit: int | None = Field(default=None, ge=0, lt=2**63)
    actor: UUID


class CountImages(Query[ImageCounts]):
    """How many images were added to a project, and removed from it, since it began."""

    right = Permission.EXPORT

    project_id: UUID
