"""RPC of the exports service: label exports and their history."""

from uuid import UUID

from pydantic import Field

from contracts.body import Name
from contracts.enums import ExportFormat, JobState
from contracts.message import Message, Time
from contracts.rpc import Command, Nothing, Query
from contracts.rpc.labels import LabelFilter, Link


class Export(Message):
    """A label export. `labels` and `objects` are in it, known once its snapshot stands; `size` in bytes and `sha256`
    are its file's. `failure`: why there is none.
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
    failure: str | None = None
    created_by: UUID
    created_at: Time
    ended_at: Time | None = None
    version: int


class ExportPage(Message):
    """Exports, newest first."""

    items: tuple[Export, ...]
    next: str | None = None


class CreateExport(Command[Export]):
    """Ask for an export of the labels that `filter` selects."""

    project_id: UUID
    name: Name | None = None
    format: ExportFormat = ExportFormat.NATIVE
    filter: LabelFilter = LabelFilter()
    actor: UUID


class GetExport(Query[Export]):
    """One export; `gone` if it was deleted."""

    project_id: UUID
    export_id: UUID


class ListExports(Query[ExportPage]):
    """A project's exports."""

    project_id: UUID
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class RenameExport(Command[Export]):
    """Give an export another name."""

    project_id: UUID
    export_id: UUID
    name: Name


class DeleteExport(Command[Nothing]):
    """Delete an export and its file."""

    project_id: UUID
    export_id: UUID


class LinkExport(Query[Link]):
    """An address to download an export's file, signed for 60 s; `not_ready` before it is done."""

    project_id: UUID
    export_id: UUID
