"""What requests carry: bodies and queries. Unknown fields are refused. Answers are the models of contracts."""

from typing import Annotated, Literal
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from chassis.settings import SERVICES
from contracts.audit import AuditEntry
from contracts.body import Name, Point, SpecificationDraft
from contracts.enums import (
    AssetState,
    DataType,
    ExportFormat,
    FilterScope,
    GroupField,
    ImportFormat,
    InvitationState,
    IssueState,
    JobState,
    LabelChange,
    LabelSort,
    OnError,
    Status,
    UserState,
    Visibility,
)
from contracts.failed import FailedMessage, FailedState
from contracts.message import AskedTime, Message, Strict, Time
from contracts.permissions import ProjectRole, Role, TeamRole, TokenScope
from contracts.rpc.exports import Archive, ExportOptions, ShareLink
from contracts.rpc.labels import (
    GROUP_FIELDS_MAX,
    VERSION_NOTE_MAX,
    Asset,
    AssetDraft,
    DataKey,
    IssueText,
    LabelFilter,
    Load,
    Mentions,
    PlainFilter,
    Selection,
)
from contracts.rpc.members import INVITATION_DAYS, INVITED_FOR, Member, RoleCounts, SearchText
from contracts.rpc.projects import Confidence, Endpoint, FileName, Project


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("not the name of a time zone, as in Europe/Berlin") from None
    return name


DatasetName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^/\x00-\x1f\x7f]+$")
]
"""A dataset's name stands in addresses, so it has no slash."""

Email = Annotated[str, StringConstraints(max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")]
Comment = Annotated[str, StringConstraints(max_length=10_000)]
TimeZone = Annotated[str, AfterValidator(_known_zone)]


class PageQuery(Strict):
    """Which part of a list: `cursor` is the `next` of the part before."""

    cursor: str | None = Field(default=None, max_length=2000)
    limit: int = Field(default=50, ge=1, le=200)


def _service(name: str) -> str:
    if name not in SERVICES:
        raise ValueError(f"one of {', '.join(SERVICES)}")
    return name


ServiceName = Annotated[str, AfterValidator(_service), Field(json_schema_extra={"enum": [*SERVICES]})]


class FailedQuery(PageQuery):
    """Which failed messages; `type` is an event's."""

    service: ServiceName | None = None
    queue: str | None = Field(default=None, max_length=200)
    type: str | None = Field(default=None, max_length=200)
    state: FailedState | None = None


class FailedChoice(Strict):
    """The failed messages of a queue; of a type of event, or in a state, if that is given."""

    queue: str = Field(min_length=1, max_length=200)
    type: str | None = Field(default=None, max_length=200)
    state: FailedState | None = None


class FailedMessages(Message):
    """A part of a list; `unavailable`: services that did not answer, whose messages are missing here."""

    items: tuple[FailedMessage, ...]
    next: str | None = None
    unavailable: tuple[str, ...] = ()


class AuditFilter(Strict):
    """Which changes: of a project, by a person or a token, from an address, of a subject (its kind, its id)."""

    service: ServiceName | None = None
    project_id: UUID | None = None
    user_id: UUID | None = None
    token_id: UUID | None = None
    action: str | None = Field(default=None, max_length=100)
    outcome: str | None = Field(default=None, max_length=100)
    subject: str | None = Field(default=None, max_length=100)
    subject_id: str | None = Field(default=None, max_length=400)
    address: str | None = Field(default=None, max_length=100)
    correlation_id: str | None = Field(default=None, max_length=100)
    since: AskedTime | None = None
    until: AskedTime | None = None


class AuditQuery(PageQuery, AuditFilter):
    """A part of them."""


class AuditEntries(Message):
    """A part of a list; `unavailable`: services that did not answer, whose changes are missing here."""

    items: tuple[AuditEntry, ...]
    next: str | None = None
    unavailable: tuple[str, ...] = ()


class LoginBody(Strict):
    email: str = Field(max_length=320)
    password: str = Field(max_length=1000)


class ResetRequestBody(Strict):
    email: str = Field(max_length=320)


class ResetBody(Strict):
    """`token`: what stands in the link behind `#`. `end_other_sessions`: sign out everywhere, which a reset is for."""

    token: str = Field(min_length=1, max_length=200)
    new_password: str = Field(min_length=8, max_length=1000)
    end_other_sessions: bool = True


class ResetLink(Message):
    """A link by which a user's password can be set once; `url` only in the answer that made it."""

    url: str | None
    expires_at: Time


class SignOnOffer(Message):
    """Single sign-on: what people call it, and where it begins."""

    name: str
    path: str


class SignInOffer(Message):
    """How one may sign in here. `password_reset`: a forgotten password can be set by mail."""

    password: bool
    password_reset: bool
    sign_on: SignOnOffer | None


class SignOnQuery(Strict):
    """`return_to`: the path on this host where the browser goes when it is signed in."""

    return_to: str = Field(default="/", max_length=500, pattern=r"^/([!-.0-\[\]-~][!-\[\]-~]*)?$")


class SignOnAnswerQuery(Message):
    """What the identity provider sends the browser back with; more than this is left aside."""

    state: str = Field(min_length=1, max_length=500)
    code: str | None = Field(default=None, min_length=1, max_length=4000)
    iss: str | None = Field(default=None, max_length=1000)
    error: str | None = Field(default=None, max_length=200)


class PasswordBody(Strict):
    """`end_other_sessions`: all but the one that asks; access tokens stay as they are."""

    current_password: str = Field(max_length=1000)
    new_password: str = Field(min_length=8, max_length=1000)
    end_other_sessions: bool = False


class TokenBody(Strict):
    """The token may do what its maker may, as far as `scope` goes and, with a `project_id`, in that project only."""

    name: str = Field(min_length=1, max_length=200)
    expires_at: AskedTime | None = None
    scope: TokenScope = TokenScope.FULL
    project_id: UUID | None = None


class DatasetBody(Strict):
    name: DatasetName


class AssetsQuery(PageQuery):
    state: AssetState | None = None


class RegisterAssetsBody(Strict):
    items: tuple[AssetDraft, ...] = Field(min_length=1, max_length=1000)


class CompleteAssetsBody(Strict):
    """`wait`: seconds that the answer may take until the assets are verified."""

    ids: tuple[UUID, ...] = Field(min_length=1, max_length=1000)
    wait: float = Field(default=10, ge=0, le=20)


class Assets(Message):
    """Assets in the order asked for."""

    items: tuple[Asset, ...]


class AssetLinkQuery(Strict):
    """`project_id`: read it as one of this project's labeled assets."""

    project_id: UUID | None = None


class ProjectsQuery(PageQuery):
    """`name`: just the project of exactly that name. `deleted`: the deleted ones, for owners and admins."""

    name: str | None = Field(default=None, max_length=200)
    deleted: bool = False


class ProjectFigures(Message):
    """How far a project's labels are; `mine`: those that are assigned to the asker."""

    scope: Literal["project", "mine"]
    total: int
    submitted: int
    reviewed: int
    version: int


class ProjectEntry(Project):
    """A project in a list. No `counters`: nobody can say at present."""

    role: Role
    counters: ProjectFigures | None = None


class ProjectEntryPage(Message):
    """Projects, newest first."""

    items: tuple[ProjectEntry, ...]
    next: str | None = None


class ProjectBody(Strict):
    name: Name
    description: Comment = ""
    data_type: DataType = DataType.IMAGE
    visibility: Visibility = Visibility.PRIVATE
    specification: SpecificationDraft = SpecificationDraft()


class ProjectChangeBody(Strict):
    """What is given is changed. A `specification` needs If-Match; to make a project public, the `confirmation` of
    GET …/visibility.
    """

    name: Name | None = None
    description: Comment | None = None
    visibility: Visibility | None = None
    confirmation: str | None = Field(default=None, max_length=100)
    specification: SpecificationDraft | None = None


class GuidelineBody(Strict):
    """`size` in bytes."""

    name: FileName
    size: int = Field(ge=1)


class QuotaBody(Strict):
    """`limit`: null for the installation's."""

    limit: int | None = Field(ge=0, lt=2**63)


class AutoLabelBody(Strict):
    """`classes`: those whose objects are looked for; none given: all. `threshold`: the confidence that is needed."""

    enabled: bool
    model: UUID | None = None
    classes: tuple[UUID, ...] | None = Field(default=None, max_length=1000)
    threshold: Confidence = 0.5


class AutoLabelModelBody(Strict):
    """`endpoint`: the http(s) address where the model answers."""

    name: Name
    description: Comment = ""
    endpoint: Endpoint | None = None


class OverviewQuery(Strict):
    """`tz`: the time zone that "today" is meant in."""

    tz: TimeZone = "UTC"


class AddLabelsBody(Strict):
    """Which assets get labels: `assets`, or a `dataset`, all of it or those of `data_keys`."""

    assets: tuple[UUID, ...] | None = Field(default=None, min_length=1, max_length=5000)
    dataset: DatasetName | None = None
    data_keys: tuple[DataKey, ...] | None = Field(default=None, min_length=1, max_length=5000)

    @model_validator(mode="after")
    def _one_way(self) -> "AddLabelsBody":
        if (self.assets is None) == (self.dataset is None):
            raise ValueError("give either assets or a dataset")
        if self.data_keys is not None and self.dataset is None:
            raise ValueError("data_keys need a dataset")
        return self


class UploadBody(Strict):
    """`size` in bytes."""

    filename: str = Field(min_length=1, max_length=1000)
    size: int = Field(ge=1, le=5 * 1024**3)


class ImportBody(Strict):
    upload: UUID
    format: ImportFormat
    dataset: DatasetName
    status: Literal[Status.IN_PROGRESS, Status.SUBMITTED] = Status.IN_PROGRESS
    on_error: OnError = OnError.KEEP_GOOD
    create_classes: bool = False


class LabelsQuery(PageQuery, PlainFilter):
    """Which labels. Several values of one field: any of them; several fields: all of them.

    `saved`: a saved filter that must hold too, and whose order stands where no `sort` is given.
    """

    saved: UUID | None = None
    sort: LabelSort = LabelSort.LAST_CREATED

    @property
    def order(self) -> LabelSort | None:
        """The order that was asked for; None: that of the saved filter."""
        return None if self.saved is not None and "sort" not in self.model_fields_set else self.sort

    @property
    def filter(self) -> LabelFilter:
        """The same, for the labels service."""
        return LabelFilter(**self.model_dump(include={*PlainFilter.model_fields}))


class SavedFiltersQuery(PageQuery):
    """`scope`: only one's own, or only the project's."""

    scope: FilterScope | None = None


class SavedFilterBody(Strict):
    """`scope`: for oneself, or for the whole project."""

    name: Name
    scope: FilterScope = FilterScope.OWN
    filter: LabelFilter
    sort: LabelSort = LabelSort.LAST_CREATED


class SavedFilterChangeBody(Strict):
    """What is given is changed."""

    name: Name | None = None
    filter: LabelFilter | None = None
    sort: LabelSort | None = None


class CountBody(Strict):
    filter: LabelFilter = LabelFilter()


class SearchBody(PageQuery):
    filter: LabelFilter = LabelFilter()
    sort: LabelSort = LabelSort.LAST_CREATED


class GroupBody(PageQuery):
    filter: LabelFilter = LabelFilter()
    by: tuple[GroupField, ...] = Field(min_length=1, max_length=GROUP_FIELDS_MAX)


class CommentBody(Strict):
    comment: Comment | None = None


class TasksQuery(PageQuery):
    state: JobState | None = None


class MergeTagBody(Strict):
    """`into`: the tag that stays."""

    into: UUID


class VersionBody(Strict):
    """`selection`: which labels are frozen, by default all of them."""

    name: Name
    note: str = Field(default="", max_length=VERSION_NOTE_MAX)
    selection: Selection = Selection(filter=LabelFilter())


class VersionPatch(Strict):
    """What is left out stays as it is."""

    name: Name | None = None
    note: str | None = Field(default=None, max_length=VERSION_NOTE_MAX)


class ComparisonBody(Strict):
    """Two versions, of which `after` is looked at for what is not in `before`, or not as there."""

    before: UUID
    after: UUID


class DifferencesQuery(PageQuery):
    change: LabelChange | None = None


class IssuesQuery(PageQuery):
    state: IssueState | None = None


class IssueBody(Strict):
    """`object_id`: the object of the label's body that it is about; `point`: the place in its image, in pixels.
    `mentions`: members who are to look.
    """

    text: IssueText
    object_id: UUID | None = None
    point: Point | None = None
    mentions: Mentions = ()


class IssueCommentBody(Strict):
    """`mentions`: members who are to look."""

    text: IssueText
    mentions: Mentions = ()


class HistoryQuery(PageQuery):
    """Which actions: of one kind, `by` whom, `since` when."""

    action: str | None = Field(default=None, max_length=100)
    by: UUID | None = None
    since: AskedTime | None = None


class RestoreBodyBody(Strict):
    """`version`: the one of the label whose body is to be its body again."""

    version: int = Field(ge=1, le=2**31 - 1)


class NextReviewBody(Strict):
    """`after`: look behind that label, for whoever leaves one for later."""

    after: UUID | None = None


class AssignBody(Strict):
    """Whom to assign, and as what."""

    user_id: UUID
    as_: Literal["labeler", "reviewer"] = Field(default="labeler", alias="as")


class UnassignBody(Strict):
    """What to take from whoever has it."""

    as_: Literal["labeler", "reviewer"] = Field(default="labeler", alias="as")


class ExportsQuery(PageQuery):
    state: JobState | None = None
    format: ExportFormat | None = None
    name: str | None = Field(default=None, max_length=200)


class ExportBody(Strict):
    """Labels as they are now, chosen by `filter`; or with `version_id` a version."""

    name: Name | None = None
    format: ExportFormat = ExportFormat.NATIVE
    filter: LabelFilter = LabelFilter()
    version_id: UUID | None = None
    options: ExportOptions = ExportOptions()

    @model_validator(mode="after")
    def _one_way(self) -> "ExportBody":
        if self.version_id is not None and self.filter != LabelFilter():
            raise ValueError("give either a filter or a version_id")
        return self


class ShareBody(Strict):
    """How long a share link is to hold; by default until it is revoked."""

    expires_at: AskedTime | None = None
    max_downloads: int | None = Field(default=None, ge=1, le=2**31 - 1)


class ArchiveChanges(Message):
    """Images that were added to a project, of `added_size` bytes, and removed since its archive was built or brought up
    to date. One that came and went again is in both, so an update may add and remove fewer.
    """

    added: int
    added_size: int
    removed: int


class ArchiveCard(Archive):
    """A raw-data archive, and what an update would change. No `changes`: there is none, or nobody can say now."""

    changes: ArchiveChanges | None = None


class RetentionBody(Strict):
    """`days`: how old an export may get; null: as old as it likes."""

    days: int | None = Field(default=None, ge=1, le=36_500)


class MadeLink(ShareLink):
    """A new share link. `url` is told this once."""

    url: str


class CounterCheckBody(Strict):
    """Whose counters: one `project`'s, deleted or not, or `all`."""

    project: UUID | None = None
    all: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> "CounterCheckBody":
        if self.all == (self.project is not None):
            raise ValueError("give either a project or all")
        return self


class RenameBody(Strict):
    name: Name


class MembersQuery(PageQuery):
    role: ProjectRole | None = None
    search: SearchText | None = None


class MemberEntry(Member):
    """A member, and what waits for them in the project; None: nobody can say at present."""

    load: Load | None = None


class MemberEntryPage(Message):
    """Members by user id, and how many people have each role in the project."""

    items: tuple[MemberEntry, ...]
    next: str | None = None
    roles: RoleCounts | None = None


class UsersQuery(PageQuery):
    search: SearchText | None = None
    team_role: TeamRole | None = None
    state: UserState | None = None


class TeamRoleBody(Strict):
    team_role: TeamRole


class InvitationsQuery(PageQuery):
    state: InvitationState | None = None


class InvitationBody(Strict):
    """`days`: how long it can be accepted."""

    email: Email
    role: ProjectRole
    days: int = Field(default=INVITED_FOR.days, ge=1, le=INVITATION_DAYS)


class TeamInvitationBody(Strict):
    """`days`: how long it can be accepted."""

    email: Email
    role: Literal[TeamRole.OWNER, TeamRole.ADMIN]
    days: int = Field(default=INVITED_FOR.days, ge=1, le=INVITATION_DAYS)


class AcceptBody(Strict):
    """`token`: what stands behind the # of the link."""

    token: str = Field(min_length=1, max_length=200)


class NewAccountBody(AcceptBody):
    """The account that is made: its address is the invited one."""

    name: str = Field(min_length=1, max_length=200)
    password: str = Field(min_length=8, max_length=1000)


class MemberBody(Strict):
    """With `name` and `password`, a user who does not exist is made."""

    email: Email
    role: ProjectRole
    name: str | None = Field(default=None, min_length=1, max_length=200)
    password: str | None = Field(default=None, min_length=8, max_length=1000)


class RoleBody(Strict):
    role: ProjectRole
