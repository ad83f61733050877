"""Projects: the list with its counters, and each one's settings."""

from uuid import UUID

from contracts.errors import Problem
from contracts.permissions import CARDS, Card, Permission, Role, Scope, TeamRole, effective_role
from contracts.rpc.analytics import Counters, ListCounters
from contracts.rpc.members import ListProjectRoles
from contracts.rpc.projects import (
    ChangeProject,
    CreateProject,
    DeleteProject,
    GetProject,
    ListProjects,
    Project,
    RestoreProject,
)
from gateway.asker import Asker
from gateway.exposure import Exposure, confirmed_version, describe, questions
from gateway.overview import gather
from gateway.routing import Access, Group
from gateway.schemas import (
    ProjectBody,
    ProjectChangeBody,
    ProjectEntry,
    ProjectEntryPage,
    ProjectFigures,
    ProjectsQuery,
)
from gateway.state import gateway

group = Group("projects", "Projects and their settings")


@group.route("GET", "/projects", Access.SIGNED_IN)
def list_projects(asker: Asker, query: ProjectsQuery) -> ProjectEntryPage:
    """Projects that one may see, newest first, each with one's role there and its counters."""
    assert asker.principal is not None
    user = asker.principal.user
    everything = user.team_role in (TeamRole.OWNER, TeamRole.ADMIN)
    if query.deleted and not everything:
        raise Problem("forbidden", "Deleted projects are a matter of owners and admins.")
    mine = {} if everything else gateway().calls(ListProjectRoles(user_id=user.id)).roles
    page = gateway().calls(
        ListProjects(
            everything=everything,
            member_of=tuple(UUID(project_id) for project_id in mine),
            name=query.name,
            deleted=query.deleted,
            cursor=query.cursor,
            limit=query.limit,
        )
    )
    roles = {}
    for project in page.items:
        # what is listed and not mine is public
        role = effective_role(user.team_role, mine.get(str(project.id)), public=True)
        assert role is not None
        roles[project.id] = role
    figures = _figures(roles, user.id)
    return ProjectEntryPage(
        items=tuple(
            ProjectEntry(
                **dict(_shown(project, roles[project.id])),
                role=roles[project.id],
                counters=figures.get(project.id),
            )
            for project in page.items
        ),
        next=page.next,
    )


@group.route("POST", "/projects", Permission.CREATE_PROJECT, status=201, location="/projects/{id}", etag=True)
def create_project(asker: Asker, body: ProjectBody, key: str) -> Project:
    """Make a project."""
    command = CreateProject(
        name=body.name,
        description=body.description,
        data_type=body.data_type,
        visibility=body.visibility,
        specification=body.specification,
        actor=asker.user_id,
        idempotency_key=key,
    )
    return gateway().calls(command)


@group.route("GET", "/projects/{project_id}", Permission.READ_PROJECT, etag=True)
def get_project(asker: Asker, project_id: UUID) -> Project:
    """A project."""
    assert asker.role is not None
    return _shown(gateway().calls(GetProject(project_id=project_id)), asker.role)


@group.route("PATCH", "/projects/{project_id}", Permission.EDIT_PROJECT, etag=True)
def change_project(asker: Asker, project_id: UUID, body: ProjectChangeBody, if_match: int | None, key: str) -> Project:
    """Change what is given; a specification needs If-Match.

    Before a private project is made public, `confirmation_required` asks for the `confirmation` of what becomes
    visible (GET …/visibility). Turned private, it is closed to visitors at once, and so are their live streams.
    """
    if body.specification is not None and if_match is None:
        raise Problem("version_required")
    if body.confirmation is not None:
        if_match = confirmed_version(body.confirmation, if_match)
    changed = gateway().calls(
        ChangeProject(
            project_id=project_id,
            expected_version=if_match,
            name=body.name,
            description=body.description,
            visibility=body.visibility,
            confirmed=body.confirmation is not None,
            specification=body.specification,
            actor=asker.user_id,
            idempotency_key=key,
        )
    )
    gateway().security.drop_project(project_id)
    return changed


@group.route("GET", "/projects/{project_id}/visibility", Permission.EDIT_PROJECT, etag=True)
def get_visibility(project_id: UUID) -> Exposure:
    """What visitors see of the project once it is public, and what stays hidden from them.

    Its `confirmation` goes with the PATCH that makes the project public. It holds until the project's settings change.
    """
    calls = gateway().calls
    return describe(gather(questions(project_id), calls.send, gateway().settings.rpc_deadline))


@group.route("DELETE", "/projects/{project_id}", Permission.DELETE_PROJECT)
def delete_project(asker: Asker, project_id: UUID, key: str) -> None:
    """Hide a project from everybody, until it is restored. Its name is free again."""
    gateway().calls(DeleteProject(project_id=project_id, actor=asker.user_id, idempotency_key=key))
    gateway().security.drop_project(project_id)


@group.route("POST", "/projects/{project_id}:restore", Permission.DELETE_PROJECT, etag=True, deleted=True)
def restore_project(asker: Asker, project_id: UUID, key: str) -> Project:
    """Bring a deleted project back, as it was. `name_taken` where another one has its name now."""
    project = gateway().calls(RestoreProject(project_id=project_id, actor=asker.user_id, idempotency_key=key))
    gateway().security.drop_project(project_id)
    return project


def _shown(project: Project, role: Role) -> Project:
    """A project as `role` may see it: visitors are not told about people."""
    return project.model_copy(update={"created_by": None}) if role is Role.VISITOR else project


def _figures(roles: dict[UUID, Role], user_id: UUID) -> dict[UUID, ProjectFigures]:
    """The counters of each project as the role there may see them; those that can't be had in time are absent."""
    scopes = {project_id: CARDS[Card.LABELING_STATUS][role] for project_id, role in roles.items()}
    own = tuple(project_id for project_id, scope in scopes.items() if scope is Scope.OWN)
    whole = tuple(project_id for project_id, scope in scopes.items() if scope is not Scope.OWN)
    deadline = gateway().settings.rpc_deadline
    pending = [
        gateway().calls.send(ListCounters(project_ids=ids, user_id=whose), deadline)
        for ids, whose in ((own, user_id), (whole, None))
        if ids
    ]
    found: dict[UUID, ProjectFigures] = {}
    for call in pending:
        try:
            answer = call.result()
        except Problem:
            continue
        for counters in answer.items:
            mine = scopes[counters.project_id] is Scope.OWN
            found[counters.project_id] = _of(counters, mine)
    return found


def _of(counters: Counters, mine: bool) -> ProjectFigures:
    return ProjectFigures(
        scope="mine" if mine else "project",
        total=counters.total,
        submitted=counters.submitted,
        reviewed=counters.reviewed,
        version=counters.version,
    )
