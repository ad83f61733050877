"""nameko entrypoints: wire to handler and back."""

import threading

from eventlet import tpool
from sqlalchemy.orm import Session

from chassis.objects import ObjectStore
from chassis.rpc.client import RpcClient
from chassis.rpc.server import Service, rpc
from contracts.errors import Problem
from contracts.rpc import Nothing
from contracts.rpc.labels import Link
from contracts.rpc.projects import (
    AddObjectClasses,
    AutoLabelModel,
    AutoLabelModelPage,
    AutoLabelSettings,
    ChangeProject,
    CompleteGuideline,
    CreateAutoLabelModel,
    CreateGuideline,
    CreateProject,
    DeleteGuideline,
    DeleteProject,
    GetAutoLabel,
    GetGuideline,
    GetProject,
    GetProjectCards,
    Guideline,
    GuidelinePage,
    GuidelineUpload,
    LinkGuideline,
    ListAutoLabelModels,
    ListGuidelines,
    ListProjects,
    Project,
    ProjectCards,
    ProjectPage,
    RestoreProject,
    SetAutoLabel,
)
from services.projects import pdf
from services.projects.handlers import auto_label, cards, guidelines, projects

READ_AT_ONCE = 2
"""PDFs in memory and in the parser at a time."""

PATIENCE = 10.0
"""Seconds to wait for one's turn."""


class Projects(Service):
    """RPC of the projects service (contracts.rpc.projects)."""

    name = "projects"
    reading = threading.BoundedSemaphore(READ_AT_ONCE)

    @rpc
    def get_project(self, session: Session, request: GetProject) -> Project:
        return projects.get_project(session, request.project_id, deleted=request.deleted)

    @rpc
    def get_project_cards(self, session: Session, request: GetProjectCards) -> ProjectCards:
        return cards.get_project_cards(session, request.project_id)

    @rpc
    def list_projects(self, session: Session, request: ListProjects) -> ProjectPage:
        return projects.list_projects(session, request)

    @rpc
    def create_project(self, session: Session, request: CreateProject) -> Project:
        return projects.create_project(session, request)

    @rpc
    def change_project(self, session: Session, request: ChangeProject) -> Project:
        return projects.change_project(session, RpcClient.shared(), request)

    @rpc
    def delete_project(self, session: Session, request: DeleteProject) -> Nothing:
        projects.delete_project(session, request.project_id)
        return Nothing()

    @rpc
    def restore_project(self, session: Session, request: RestoreProject) -> Project:
        return projects.restore_project(session, request.project_id)

    @rpc
    def add_object_classes(self, session: Session, request: AddObjectClasses) -> Project:
        return projects.add_object_classes(session, request)

    @rpc(again=lambda session, request, kept: guidelines.upload_again(session, ObjectStore.shared(), request, kept))
    def create_guideline(self, session: Session, request: CreateGuideline) -> GuidelineUpload:
        return guidelines.create_guideline(session, ObjectStore.shared(), request)

    @rpc(transaction=False)
    def complete_guideline(self, request: CompleteGuideline) -> Guideline:
        if not self.reading.acquire(timeout=PATIENCE):
            raise Problem("busy", "Other guidelines are being read; try again in a moment.")
        project_id, guideline_id = request.project_id, request.guideline_id
        try:
            # a parser in a greenlet would hold up every call
            verified = guidelines.verify(
                self.database,
                ObjectStore.shared(),
                lambda data: int(tpool.execute(pdf.count_pages, data)),
                project_id,
                guideline_id,
            )
        finally:
            self.reading.release()
        return self.transact(request, lambda session: guidelines.complete(session, project_id, guideline_id, verified))

    @rpc
    def list_guidelines(self, session: Session, request: ListGuidelines) -> GuidelinePage:
        return guidelines.list_guidelines(session, request)

    @rpc
    def get_guideline(self, session: Session, request: GetGuideline) -> Guideline:
        return guidelines.get_guideline(session, request.project_id, request.guideline_id)

    @rpc
    def link_guideline(self, session: Session, request: LinkGuideline) -> Link:
        return guidelines.link_guideline(session, ObjectStore.shared(), request.project_id, request.guideline_id)

    @rpc
    def delete_guideline(self, session: Session, request: DeleteGuideline) -> Nothing:
        guidelines.delete_guideline(session, request.project_id, request.guideline_id)
        return Nothing()

    @rpc
    def get_auto_label(self, session: Session, request: GetAutoLabel) -> AutoLabelSettings:
        return auto_label.get_auto_label(session, request.project_id)

    @rpc
    def set_auto_label(self, session: Session, request: SetAutoLabel) -> AutoLabelSettings:
        return auto_label.set_auto_label(session, request)

    @rpc
    def create_auto_label_model(self, session: Session, request: CreateAutoLabelModel) -> AutoLabelModel:
        return auto_label.create_model(session, request)

    @rpc
    def list_auto_label_models(self, session: Session, request: ListAutoLabelModels) -> AutoLabelModelPage:
        return auto_label.list_models(session, request)
