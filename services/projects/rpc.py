"""nameko entrypoints: wire to handler and back."""

from sqlalchemy.orm import Session

from chassis.rpc.client import RpcClient
from chassis.rpc.server import Service, rpc
from contracts.rpc import Nothing
from contracts.rpc.projects import (
    AddObjectClasses,
    ChangeProject,
    CreateProject,
    DeleteProject,
    GetProject,
    GetProjectCards,
    ListProjects,
    Project,
    ProjectCards,
    ProjectPage,
    RestoreProject,
)
from services.projects.handlers import projects


class Projects(Service):
    """RPC of the projects service (contracts.rpc.projects)."""

    name = "projects"

    @rpc
    def get_project(self, session: Session, request: GetProject) -> Project:
        return projects.get_project(session, request.project_id, deleted=request.deleted)

    @rpc
    def get_project_cards(self, session: Session, request: GetProjectCards) -> ProjectCards:
        return projects.get_project_cards(session, request.project_id)

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
