"""The field's terms that travel between services (vocabulary: docs/developers/vocabulary.md)."""

from enum import StrEnum


class DataType(StrEnum):
    """What a project labels. Only `image` is built; the others are refused as `unsupported_data_type`."""

    IMAGE = "image"
    IMAGE_SEQUENCE = "image sequence"
    POINT_CLOUD = "point cloud"


class AnnotationType(StrEnum):
    """The kind of shape that an object class is drawn with."""

    BOX = "box"
    RBOX = "rbox"
    POLYLINE = "polyline"
    POLYGON = "polygon"
    KEYPOINT = "keypoint"
    CUBOID2D = "cuboid2d"
    IMAGE_CATEGORY = "image category"


class CategoryType(StrEnum):
    """How an image category is answered."""

    RADIO = "radio"
    CHECKBOX = "checkbox"
    DROPDOWN = "dropdown"
    FREE_RESPONSE = "free response"


class Visibility(StrEnum):
    """Who may look at a project: its members, or anybody (without people's names)."""

    PRIVATE = "private"
    PUBLIC = "public"


class AssetState(StrEnum):
    """`registered`: an upload is expected; `stored`: decoded and hashed by the server; `rejected`: see reason."""

    REGISTERED = "registered"
    STORED = "stored"
    REJECTED = "rejected"


class Status(StrEnum):
    """Where a label stands in the labeling work."""

    IN_PROGRESS = "in_progress"
    SUBMITTED = "submitted"
    SKIPPED = "skipped"


class Review(StrEnum):
    """Where a label stands in validation."""

    NOT_SUBMITTED = "not_submitted"
    REJECTED = "rejected"
    PENDING_REVIEW = "pending_review"
    APPROVED = "approved"


SEGMENTS: tuple[tuple[Status, Review], ...] = (
    (Status.IN_PROGRESS, Review.NOT_SUBMITTED),
    (Status.IN_PROGRESS, Review.REJECTED),
    (Status.SUBMITTED, Review.PENDING_REVIEW),
    (Status.SUBMITTED, Review.APPROVED),
    (Status.SKIPPED, Review.PENDING_REVIEW),
    (Status.SKIPPED, Review.APPROVED),
)
"""The six pairs of status and review that a label can be in, in the order the labeling-status chart shows them."""


class LabelAction(StrEnum):
    """The actions of the life table."""

    EDIT_BODY = "edit_body"
    SUBMIT = "submit"
    SKIP = "skip"
    APPROVE = "approve"
    REJECT = "reject"
    REOPEN = "reopen"
    ASSIGN_LABELER = "assign_labeler"
    UNASSIGN_LABELER = "unassign_labeler"
    ASSIGN_REVIEWER = "assign_reviewer"
    UNASSIGN_REVIEWER = "unassign_reviewer"
    INITIALIZE = "initialize"


class BulkAction(StrEnum):
    """What can be done with many labels at once: actions of the life table, tags, and deleting them."""

    SUBMIT = "submit"
    SKIP = "skip"
    APPROVE = "approve"
    REJECT = "reject"
    REOPEN = "reopen"
    ASSIGN_LABELER = "assign_labeler"
    UNASSIGN_LABELER = "unassign_labeler"
    ASSIGN_REVIEWER = "assign_reviewer"
    UNASSIGN_REVIEWER = "unassign_reviewer"
    INITIALIZE = "initialize"
    ADD_TAGS = "add_tags"
    REMOVE_TAGS = "remove_tags"
    DELETE = "delete"


class TaskKind(StrEnum):
    """What a task does with its labels: a bulk action, or what becomes of a tag's labels when that ends."""

    SUBMIT = "submit"
    SKIP = "skip"
    APPROVE = "approve"
    REJECT = "reject"
    REOPEN = "reopen"
    ASSIGN_LABELER = "assign_labeler"
    UNASSIGN_LABELER = "unassign_labeler"
    ASSIGN_REVIEWER = "assign_reviewer"
    UNASSIGN_REVIEWER = "unassign_reviewer"
    INITIALIZE = "initialize"
    ADD_TAGS = "add_tags"
    REMOVE_TAGS = "remove_tags"
    DELETE = "delete"
    MERGE_TAG = "merge_tag"
    DELETE_TAG = "delete_tag"


class Distribution(StrEnum):
    """How labels are shared out: each person the same number, or so that what waits for each is levelled."""

    EQUAL = "equal"
    PROPORTIONAL = "proportional"


class LabelOrder(StrEnum):
    """Which labels come first where not all are taken, and are shared out first."""

    OLDEST = "oldest"
    NEWEST = "newest"
    DATA_KEY = "data_key"
    RANDOM = "random"


class LabelSort(StrEnum):
    """What a list of labels is sorted by; `-`: what is last or most comes first. A label that lacks it is the least."""

    CREATED = "created_at"
    LAST_CREATED = "-created_at"
    UPDATED = "updated_at"
    LAST_UPDATED = "-updated_at"
    SUBMITTED = "submitted_at"
    LAST_SUBMITTED = "-submitted_at"
    REVIEWED = "reviewed_at"
    LAST_REVIEWED = "-reviewed_at"
    DATA_KEY = "data_key"
    LAST_DATA_KEY = "-data_key"
    FEWEST_ROUNDS = "round"
    MOST_ROUNDS = "-round"
    FEWEST_OBJECTS = "objects"
    MOST_OBJECTS = "-objects"
    FEWEST_OPEN_ISSUES = "open_issues"
    MOST_OPEN_ISSUES = "-open_issues"


class FilterScope(StrEnum):
    """Whose a saved filter is: its owner's alone, or the project's."""

    OWN = "own"
    PROJECT = "project"


class GroupField(StrEnum):
    """What labels are counted by. Days are those of UTC."""

    STATUS = "status"
    REVIEW = "review"
    ROUND = "round"
    ASSIGNEE = "assignee"
    REVIEWER = "reviewer"
    DATASET = "dataset"
    TAG = "tag"
    OBJECT_CLASS = "object_class"
    HAS_OPEN_ISSUES = "has_open_issues"
    CREATED = "created"
    UPDATED = "updated"
    SUBMITTED = "submitted"
    REVIEWED = "reviewed"


class LabelChange(StrEnum):
    """How a label of one version differs from the other version's."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class IssueState(StrEnum):
    """Whether something about a label is still to be talked about."""

    OPEN = "open"
    RESOLVED = "resolved"


class UserState(StrEnum):
    """`deleted` users keep their history and numbers; they cannot sign in."""

    ACTIVE = "active"
    DELETED = "deleted"


class InvitationState(StrEnum):
    """Where an invitation stands. `expired` ones can be sent again."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REVOKED = "revoked"
    EXPIRED = "expired"


class MailState(StrEnum):
    """Where the mail of an invitation stands. `off`: no mail is sent here; the inviter has the link."""

    OFF = "off"
    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


class JobState(StrEnum):
    """The state of long work: an import, an export, an archive, a bulk task."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"


class ExportStep(StrEnum):
    """What is being done for an export: its labels are frozen, all of them looked through, each part is written, and
    the file is put together. Not every format needs every step."""

    SNAPSHOT = "snapshot"
    SURVEY = "survey"
    FORMAT = "format"
    ASSEMBLY = "assembly"


class CheckKind(StrEnum):
    """What a check does about counters that are not what the labels add up to: tell, or put them right."""

    VERIFY = "verify"
    REBUILD = "rebuild"


class OnError(StrEnum):
    """What an import does with a file that has errors: keep its good objects, or change nothing at all."""

    KEEP_GOOD = "keep_good"
    ALL_OR_NOTHING = "all_or_nothing"


class ImportFormat(StrEnum):
    """Formats that annotations can be imported from."""

    VOC = "voc"
    COCO = "coco"
    YOLO = "yolo"
    NATIVE = "native"
    JSONL = "jsonl"
    SUITE = "suite"
    CSV = "csv"
    LABEL_STUDIO = "label_studio"


class ExportFormat(StrEnum):
    """Formats that labels can be exported in."""

    NATIVE = "native"
    JSON_LINES = "jsonl"
    SUITE = "suite"
    COCO = "coco"
    YOLO_DETECT = "yolo_detect"
    YOLO_SEGMENT = "yolo_segment"
    YOLO_OBB = "yolo_obb"
    YOLO_POSE = "yolo_pose"
    YOLO_CLASSIFY = "yolo_classify"
    VOC = "voc"
    CSV = "csv"
    LABEL_STUDIO = "label_studio"
