"""What a service lets who ask do, by what is signed of them and not by what their request says."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.rpc import rights
from contracts.body import Body
from contracts.enums import CheckKind, LabelAction
from contracts.errors import Problem
from contracts.failed import ListFailed
from contracts.permissions import CARDS, PERMISSIONS, Card, Permission, Role, Scope, TeamRole, TokenScope
from contracts.principals import Claims
from contracts.rpc import Request
from contracts.rpc.analytics import GetCounters, ListCounters, StartCounterCheck
from contracts.rpc.labels import (
    ActOnLabel,
    Actor,
    CountObjects,
    CreateDataset,
    GetLabel,
    GetLabelCards,
    LinkAsset,
    ListDatasets,
    ListLabels,
    SaveBody,
    Viewer,
)
from contracts.rpc.members import CreateToken, GetRole, ListMembers, ListProjectRoles, ListTokens, Login, Logout
from contracts.rpc.projects import AddObjectClasses, CreateProject, DeleteProject, GetProject, ListProjects

HERE, ME = uuid4(), uuid4()


def asker(role: Role | None, **more: Any) -> Claims:
    """Somebody who is `role` in the project HERE."""
    team_role = TeamRole(role.value) if role in (Role.OWNER, Role.ADMIN) else TeamRole.MEMBER
    return Claims(**{"user_id": ME, "team_role": team_role, "project_id": HERE, "role": role, **more})


def allowed(claims: Claims, request: Request[Any]) -> bool:
    try:
        rights.check(claims, request)
    except Problem as problem:
        assert problem.code == "forbidden"
        return False
    return True


def read_labels(role: Role, project_id: UUID = HERE) -> ListLabels:
    viewer = rights.viewer_of(ME, PERMISSIONS[Permission.READ_LABELS].get(role))
    return ListLabels(project_id=project_id, viewer=viewer)


@pytest.mark.parametrize("role", Role)
def test_the_table_decides_in_the_project_that_was_signed(role: Role) -> None:
    assert allowed(asker(role), read_labels(role))
    assert not allowed(asker(role), read_labels(role, uuid4()))
    assert not allowed(asker(role, project_id=None), read_labels(role))
    assert allowed(asker(role), ListMembers(project_id=HERE)) is (role in PERMISSIONS[Permission.INVITE])
    deletes = role in PERMISSIONS[Permission.DELETE_PROJECT]
    assert allowed(asker(role), DeleteProject(project_id=HERE, actor=ME)) is deletes
    assert allowed(asker(role), GetLabelCards(project_id=HERE)) is (role in CARDS[Card.TO_DO])
    assert not allowed(asker(None), read_labels(role))


def test_a_labelers_eyes_are_their_own_whatever_the_request_says() -> None:
    label = uuid4()
    for viewer in (Viewer(), Viewer(only_assignee=uuid4()), Viewer(only_assignee=ME, anonymous=True)):
        assert not allowed(asker(Role.LABELER), GetLabel(project_id=HERE, label_id=label, viewer=viewer))
    mine = GetLabel(project_id=HERE, label_id=label, viewer=Viewer(only_assignee=ME))
    assert allowed(asker(Role.LABELER), mine)
    assert not allowed(asker(Role.VISITOR), mine)
    assert not allowed(asker(Role.VISITOR, user_id=None), GetLabel(project_id=HERE, label_id=label))
    assert not allowed(asker(Role.LABELER), GetCounters(project_id=HERE))
    assert not allowed(asker(Role.LABELER), GetCounters(project_id=HERE, user_id=uuid4()))
    assert allowed(asker(Role.LABELER), GetCounters(project_id=HERE, user_id=ME))
    assert allowed(asker(Role.REVIEWER), GetCounters(project_id=HERE))


def test_who_acts_is_who_was_signed() -> None:
    def save(actor: Actor) -> SaveBody:
        return SaveBody(project_id=HERE, label_id=uuid4(), expected_version=1, body=Body(), actor=actor)

    labeler = asker(Role.LABELER)
    assert allowed(labeler, save(Actor(user_id=ME, role=Role.LABELER)))
    assert not allowed(labeler, save(Actor(user_id=ME, role=Role.MANAGER)))
    assert not allowed(labeler, save(Actor(user_id=uuid4(), role=Role.LABELER)))
    owner = Claims(user_id=ME, team_role=TeamRole.OWNER)
    assert allowed(owner, CreateProject(name="p", actor=ME))
    assert not allowed(owner, CreateProject(name="p", actor=uuid4()))
    assert not allowed(asker(Role.MANAGER), CreateProject(name="p", actor=ME))


@pytest.mark.parametrize("action", LabelAction)
def test_managers_actions_are_managers(action: LabelAction) -> None:
    def act(role: Role) -> ActOnLabel:
        return ActOnLabel(project_id=HERE, label_id=uuid4(), action=action, actor=Actor(user_id=ME, role=role))

    theirs = "assign" not in action and action is not LabelAction.INITIALIZE
    for role in (Role.REVIEWER, Role.LABELER):
        assert allowed(asker(role), act(role)) is theirs
    assert allowed(asker(Role.MANAGER), act(Role.MANAGER))


def test_ones_own_account_is_ones_own() -> None:
    session_id = uuid4()
    me = Claims(user_id=ME, session_id=session_id, team_role=TeamRole.OWNER)
    assert allowed(me, ListProjectRoles(user_id=ME))
    assert not allowed(me, ListProjectRoles(user_id=uuid4()))
    assert allowed(me, GetRole(project_id=uuid4(), user_id=ME))
    assert not allowed(me, GetRole(project_id=HERE, user_id=uuid4()))
    assert allowed(me, Logout(session_id=session_id))
    assert not allowed(me, Logout(session_id=uuid4()))
    assert not allowed(Claims(), Logout(session_id=session_id))
    assert allowed(me, ListCounters(project_ids=(HERE,), user_id=ME))
    assert not allowed(me, ListCounters(project_ids=(HERE,), user_id=uuid4()))
    assert not allowed(Claims(), ListCounters(project_ids=(HERE,)))


def test_what_is_the_teams() -> None:
    manager, admin = asker(Role.MANAGER), Claims(user_id=ME, team_role=TeamRole.ADMIN)
    for request in (
        ListProjects(everything=True),
        ListProjects(deleted=True),
        StartCounterCheck(kind=CheckKind.VERIFY, project_id=HERE, actor=ME),
        ListFailed.of("labels")(),
    ):
        assert allowed(admin, request)
        assert not allowed(manager, request)
        assert not allowed(Claims(), request)
    assert allowed(manager, ListProjects())


def test_the_data_library_and_what_a_project_opens_of_it() -> None:
    asset = LinkAsset(asset_id=uuid4(), variant="thumbnail")
    assert allowed(Claims(user_id=ME, manages_any_project=True), asset)
    assert allowed(Claims(user_id=ME, team_role=TeamRole.ADMIN), asset)
    assert not allowed(Claims(user_id=ME, team_role=TeamRole.MEMBER), asset)
    assert not allowed(asker(Role.VISITOR), asset)
    seen = asset.model_copy(update={"project_id": HERE, "viewer": Viewer(anonymous=True)})
    assert allowed(asker(Role.VISITOR, user_id=None, team_role=None), seen)


def test_services_ask_what_they_are_named_for_and_nothing_else() -> None:
    counted = CountObjects(project_id=HERE, class_ids=(uuid4(),))
    assert allowed(Claims(issuer="projects"), counted)
    assert not allowed(Claims(issuer="labels"), counted)
    assert not allowed(asker(Role.OWNER), counted)
    assert not allowed(asker(Role.OWNER).model_copy(update={"issuer": "exports"}), read_labels(Role.OWNER))
    assert allowed(Claims(issuer="labels"), GetProject(project_id=HERE))
    assert not allowed(Claims(issuer="members"), GetProject(project_id=HERE))
    assert not allowed(Claims(issuer="labels"), Login(email="a@example.com", password="password"))
    classes = AddObjectClasses(project_id=HERE, object_classes=(), actor=ME)
    assert allowed(Claims(issuer="labels", user_id=ME), classes)
    assert not allowed(Claims(issuer="labels", user_id=uuid4()), classes)
    assert not allowed(Claims(issuer="labels"), classes)


def test_the_gateway_asks_for_itself_where_it_may() -> None:
    assert allowed(Claims(), GetCounters(project_id=HERE))
    assert allowed(Claims(), Login(email="a@example.com", password="password"))
    assert not allowed(Claims(), read_labels(Role.OWNER))
    assert not allowed(Claims(), ListProjects())


def test_a_tokens_scope_holds_there_too() -> None:
    reads = asker(Role.OWNER, token_id=uuid4(), token_scope=TokenScope.READ)
    assert allowed(reads, read_labels(Role.OWNER))
    assert not allowed(reads, DeleteProject(project_id=HERE, actor=ME))
    writes = asker(Role.OWNER, token_id=uuid4(), token_scope=TokenScope.WRITE)
    assert not allowed(writes, DeleteProject(project_id=HERE, actor=ME))
    assert allowed(asker(Role.OWNER, token_scope=TokenScope.FULL), DeleteProject(project_id=HERE, actor=ME))
    assert allowed(reads, ListDatasets())
    assert not allowed(reads, CreateDataset(name="d"))
    assert allowed(writes, CreateDataset(name="d"))
    assert allowed(writes, ListTokens(user_id=ME))
    assert not allowed(writes, CreateToken(user_id=ME, name="for ever"))


def test_eyes_are_those_of_the_scope() -> None:
    assert rights.viewer_of(ME, Scope.ALL) == rights.viewer_of(ME, None) == Viewer()
    assert rights.viewer_of(ME, Scope.OWN) == Viewer(only_assignee=ME)
    assert rights.viewer_of(ME, Scope.ANONYMOUS) == Viewer(anonymous=True)
