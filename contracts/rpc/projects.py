"""RPC of the projects service: projects, their specification, visibility, guidelines, auto-label set-up."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from contracts.body import CLASSES_MAX, Name, ObjectClassDraft, Specification, SpecificationDraft
from contracts.enums import DataType, Visibility
from contracts.message import Message, Time
from contracts.permissions import Permission
from contracts.rights import Only, Right
from contracts.rpc import Command, Nothing, Query
from contracts.rpc.labels import Link, UploadPolicy


class Project(Message):
    """A project. `version` rises with every change, `spec_version` with changes of the specification only.

    `created_by` is hidden from visitors, who are not told about people. `deleted_at`: it is hidden since then.
    """

    id: UUID
    name: str
    description: str
    data_type: DataType
    visibility: Visibility
    specification: Specification
    spec_version: int
    version: int
    created_at: Time
    updated_at: Time
    created_by: UUID | None
    deleted_at: Time | None = None


class ProjectPage(Message):
    """Projects, newest first."""

    items: tuple[Project, ...]
    next: str | None = None


Confidence = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Endpoint = Annotated[str, StringConstraints(max_length=2000, pattern=r"^https?://[^\s/@]+(/[^\s]*)?$")]
FileName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^/\\\x00-\x1f\x7f]+$")
]
"""What a file may be called when people save it."""


class Guideline(Message):
    """A PDF for the project's members. `size` in bytes; `pages` and `sha256` once it is verified, at `stored_at`."""

    id: UUID
    project_id: UUID
    name: str
    size: int
    pages: int | None = None
    sha256: str | None = None
    created_by: UUID
    created_at: Time
    stored_at: Time | None = None


class GuidelineUpload(Message):
    """A guideline that is expected, and how to upload it."""

    guideline: Guideline
    upload: UploadPolicy = Field(repr=False)


class GuidelinePage(Message):
    """Guidelines, newest first."""

    items: tuple[Guideline, ...]
    next: str | None = None


class AutoLabelModel(Message):
    """A model of the project's own. `endpoint`: where it answers."""

    id: UUID
    project_id: UUID
    name: str
    description: str
    endpoint: str | None
    created_by: UUID
    created_at: Time


class AutoLabelModelPage(Message):
    """Models, newest first."""

    items: tuple[AutoLabelModel, ...]
    next: str | None = None


class AutoLabelSettings(Message):
    """What auto-label is to do: `model` finds objects of `classes` (None: of all), from a confidence of `threshold` on.

    Nothing runs it yet.
    """

    enabled: bool = False
    model: UUID | None = None
    classes: tuple[UUID, ...] | None = None
    threshold: Confidence = 0.5


class AutoLabel(Message):
    """The auto-label card. `status`: off or configured; `model` is its name."""

    status: str = "off"
    model: str | None = None
    last_run: Time | None = None


class ProjectCards(Message):
    """What the projects service knows for the overview, in one answer."""

    project: Project
    guidelines: int
    auto_label: AutoLabel


class GetProject(Query[Project]):
    """A project, or `not_found`; with `deleted`, a deleted one too."""

    right = Only.GATEWAY
    callers = frozenset({"labels", "exports"})

    project_id: UUID
    deleted: bool = False


class GetProjectCards(Query[ProjectCards]):
    """A project with the figures of its cards, or `not_found`."""

    right = Permission.READ_PROJECT

    project_id: UUID


class ListProjects(Query[ProjectPage]):
    """Projects that somebody may see.

    `everything`: an owner or admin; otherwise those of `member_of` and, unless `own_only`, the public ones.
    `name` keeps the project of exactly that name. `deleted`: the deleted ones instead.
    """

    right = Only.SIGNED_IN

    everything: bool = False
    member_of: tuple[UUID, ...] = Field(default=(), max_length=10_000)
    own_only: bool = False
    name: str | None = None
    deleted: bool = False
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)

    def needs(self) -> Right:
        """The team's, for what only owners and admins see."""
        return Permission.MANAGE_TEAM if self.everything or self.deleted else self.right


class CreateProject(Command[Project]):
    """Make a project; its name must be free (`name_taken`) and its data type built (`unsupported_data_type`)."""

    right = Permission.CREATE_PROJECT

    name: Name
    description: str = Field(default="", max_length=10_000)
    data_type: DataType = DataType.IMAGE
    visibility: Visibility = Visibility.PRIVATE
    specification: SpecificationDraft = SpecificationDraft()
    actor: UUID


class ChangeProject(Command[Project]):
    """Change what is given. A specification needs `expected_version`, the project's version that was read.

    Renaming a class keeps its id; leaving one out removes it. To make a project public, too, needs it, and that the
    asker has `confirmed` what becomes visible (`confirmation_required`).
    """

    right = Permission.EDIT_PROJECT

    project_id: UUID
    expected_version: int | None = None
    name: Name | None = None
    description: str | None = Field(default=None, max_length=10_000)
    visibility: Visibility | None = None
    confirmed: bool = False
    specification: SpecificationDraft | None = None
    actor: UUID


class DeleteProject(Command[Nothing]):
    """Hide a project from everybody; its name is free again, its data stays."""

    right = Permission.DELETE_PROJECT

    project_id: UUID
    actor: UUID


class RestoreProject(Command[Project]):
    """Bring a deleted project back; `name_taken` where another one has its name now. A living one stays as it is."""

    right = Permission.DELETE_PROJECT

    project_id: UUID
    actor: UUID


class AddObjectClasses(Command[Project]):
    """Make sure that the project has these classes (by name); those that are there stay as they are."""

    right = Only.SERVICE
    callers = frozenset({"labels"})

    project_id: UUID
    object_classes: tuple[ObjectClassDraft, ...] = Field(max_length=CLASSES_MAX)
    actor: UUID


class CreateGuideline(Command[GuidelineUpload]):
    """Say that a PDF will be uploaded. It is a guideline only once it is verified. `size` in bytes; `too_large`."""

    right = Permission.EDIT_PROJECT

    project_id: UUID
    name: FileName
    size: int = Field(ge=1)
    actor: UUID


class CompleteGuideline(Command[Guideline]):
    """Say that the upload has ended: the file is read by a PDF parser.

    What is no good PDF (`not_a_pdf`, `encrypted_pdf`, `damaged_pdf`, `too_large`) is removed again and changes
    nothing; before the file has arrived, `not_ready`.
    """

    right = Permission.EDIT_PROJECT

    project_id: UUID
    guideline_id: UUID


class ListGuidelines(Query[GuidelinePage]):
    """A project's verified guidelines."""

    right = Permission.READ_GUIDELINES

    project_id: UUID
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class GetGuideline(Query[Guideline]):
    """One verified guideline."""

    right = Permission.READ_GUIDELINES

    project_id: UUID
    guideline_id: UUID


class LinkGuideline(Query[Link]):
    """An address of a guideline's file, signed for 60 s."""

    right = Permission.READ_GUIDELINES

    project_id: UUID
    guideline_id: UUID


class DeleteGuideline(Command[Nothing]):
    """Delete a guideline and its file."""

    right = Permission.EDIT_PROJECT

    project_id: UUID
    guideline_id: UUID


class GetAutoLabel(Query[AutoLabelSettings]):
    """What auto-label is to do in a project."""

    right = Permission.EDIT_PROJECT

    project_id: UUID


class SetAutoLabel(Command[AutoLabelSettings]):
    """Say what auto-label is to do; `unknown_model`, `unknown_class`, `validation_failed` (enabled without a model)."""

    right = Permission.EDIT_PROJECT

    project_id: UUID
    settings: AutoLabelSettings
    actor: UUID


class CreateAutoLabelModel(Command[AutoLabelModel]):
    """Make a model known to a project; `name_taken` where it has one of that name."""

    right = Permission.EDIT_PROJECT

    project_id: UUID
    name: Name
    description: str = Field(default="", max_length=10_000)
    endpoint: Endpoint | None = None
    actor: UUID


class ListAutoLabelModels(Query[AutoLabelModelPage]):
    """A project's models."""

    right = Permission.EDIT_PROJECT

    project_id: UUID
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)
