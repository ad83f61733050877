"""Guidelines: PDFs for a project's members."""

from uuid import UUID

from flask import Response

from contracts.permissions import Permission
from contracts.rpc.projects import (
    CompleteGuideline,
    CreateGuideline,
    DeleteGuideline,
    GetGuideline,
    Guideline,
    GuidelinePage,
    GuidelineUpload,
    LinkGuideline,
    ListGuidelines,
)
from gateway.asker import Asker
from gateway.responses import redirect
from gateway.routing import Group
from gateway.schemas import GuidelineBody, PageQuery
from gateway.state import gateway

group = Group("guidelines", "PDFs for a project's members")

READING = 30.0
"""Seconds that the projects service gets to read a PDF."""

_GUIDELINES = "/projects/{project_id}/guidelines"
_GUIDELINE = _GUIDELINES + "/{guideline_id}"


@group.route("GET", _GUIDELINES, Permission.READ_GUIDELINES)
def list_guidelines(project_id: UUID, query: PageQuery) -> GuidelinePage:
    """A project's guidelines, newest first."""
    return gateway().calls(ListGuidelines(project_id=project_id, cursor=query.cursor, limit=query.limit))


@group.route("POST", _GUIDELINES, Permission.EDIT_PROJECT, status=201)
def create_guideline(asker: Asker, project_id: UUID, body: GuidelineBody, key: str) -> GuidelineUpload:
    """Say that a PDF will be uploaded, and get a signed policy for it. At most 50 MB."""
    command = CreateGuideline(
        project_id=project_id, name=body.name, size=body.size, actor=asker.user_id, idempotency_key=key
    )
    return gateway().calls(command)


@group.route("POST", _GUIDELINE + ":complete", Permission.EDIT_PROJECT)
def complete_guideline(project_id: UUID, guideline_id: UUID, key: str) -> Guideline:
    """Say that the upload has ended: the file is read, and a guideline if it is a good PDF.

    What is not (`not_a_pdf`, `encrypted_pdf`, `damaged_pdf`, `too_large`) is removed again.
    """
    command = CompleteGuideline(project_id=project_id, guideline_id=guideline_id, idempotency_key=key)
    return gateway().calls(command, READING)


@group.route("GET", _GUIDELINE, Permission.READ_GUIDELINES)
def get_guideline(project_id: UUID, guideline_id: UUID) -> Guideline:
    """One guideline."""
    return gateway().calls(GetGuideline(project_id=project_id, guideline_id=guideline_id))


@group.route("GET", _GUIDELINE + "/content", Permission.READ_GUIDELINES, status=302)
def get_guideline_content(project_id: UUID, guideline_id: UUID) -> Response:
    """A redirect to the PDF, at an address signed for 60 s."""
    return redirect(gateway().calls(LinkGuideline(project_id=project_id, guideline_id=guideline_id)))


@group.route("DELETE", _GUIDELINE, Permission.EDIT_PROJECT)
def delete_guideline(project_id: UUID, guideline_id: UUID, key: str) -> None:
    """Delete a guideline and its file."""
    gateway().calls(DeleteGuideline(project_id=project_id, guideline_id=guideline_id, idempotency_key=key))
