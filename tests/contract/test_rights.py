"""Every request states its right, the gateway's routes ask for the same, and the broker lets through who may call."""

import ast
import importlib
import inspect
import json
from collections.abc import Iterator
from typing import Any

import pytest

from chassis.settings import ISSUERS, SERVICES
from contracts.permissions import CARDS, PERMISSIONS, Card, Permission
from contracts.principals import GATEWAY
from contracts.rights import OF_THE_TEAM, Only, Right
from contracts.rpc import Nothing, Query, Request
from contracts.rpc.analytics import GetCounters
from contracts.rpc.labels import ActOnLabel, CreateSavedFilter, LinkAsset
from contracts.rpc.members import Invite, ListInvitations, ResendInvitation, RevokeInvitation
from contracts.rpc.projects import ListProjects
from contracts.schemas import methods
from deploy.local.state import REPOSITORY
from gateway.routes import GROUPS
from gateway.routing import Access, Route

INVITING: tuple[type[Request[Any]], ...] = (Invite, ListInvitations, ResendInvitation, RevokeInvitation)

HANGS_ON: dict[type[Request[Any]], set[Right]] = {
    ActOnLabel: {Permission.WORK_ON_LABELS, Permission.MANAGE_DATA},
    CreateSavedFilter: {Permission.WORK_ON_LABELS, Permission.MANAGE_DATA},
    LinkAsset: {Permission.READ_LABELS, Only.DATA_LIBRARY},
    ListProjects: {Only.SIGNED_IN, Permission.MANAGE_TEAM},
    **{each: {Permission.INVITE, Permission.MANAGE_TEAM} for each in INVITING},
}
"""What requests may demand whose right hangs on what they say (Request.needs)."""

AGREE: dict[Access, set[Right]] = {
    Access.SIGNED_IN: {Only.SELF, Only.SIGNED_IN, Permission.MANAGE_TEAM},
    Access.ACCOUNT: {Only.SELF},
    Access.SELF: {Only.SELF},
    Access.DATA_LIBRARY: {Only.DATA_LIBRARY},
    Access.ASSET: {Permission.READ_LABELS, Only.DATA_LIBRARY},
    Access.PUBLIC: set(),
}
"""What a route may ask services for that is not about a permission; beside what `Only.GATEWAY` is for."""

BY_CARD = {"get_overview"}
"""Routes that ask for each card by itself, and for those only that one's role sees."""

REQUESTS = [each for of_service in methods().values() for each in of_service.values()]

each_request = pytest.mark.parametrize("request_class", REQUESTS, ids=lambda each: f"{each.service}.{each.method()}")


@each_request
def test_every_request_states_a_right_that_can_be_checked(request_class: type[Request[Any]]) -> None:
    assert isinstance(request_class.right, Permission | Card | Only)
    assert request_class.callers <= {*ISSUERS} - {request_class.service}
    fields = request_class.model_fields
    for right in HANGS_ON.get(request_class, {request_class.right}):
        if right is Only.SERVICE:
            assert request_class.callers
        if right is Only.SELF:
            assert {"user_id", "session_id"} & fields.keys()
        if isinstance(right, Permission | Card) and right not in OF_THE_TEAM:
            assert "project_id" in fields


def test_a_request_that_states_none_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="does not state its right"):
        type("Odd", (Query[Nothing],), {"__module__": "contracts.rpc.labels"})


def test_only_these_may_be_asked_for_nobody() -> None:
    """Whoever adds one says why the gateway does not know yet who asks, or asks for several at once."""
    open_ones = {each.__name__ for each in REQUESTS if each.right is Only.GATEWAY or GATEWAY in each.callers}
    known = {"Login", "SignOn", "GetSignInMethods", "ResolveSession", "ResolveToken"}
    known |= {
        "RequestPasswordReset",
        "CompletePasswordReset",
        "AcceptInvitation",
        "FollowShareLink",
        "GetProject",
        GetCounters.__name__,
    }
    assert open_ones == known


def test_the_broker_lets_services_call_what_they_may_call() -> None:
    grants = json.loads((REPOSITORY / "deploy/docker/rabbitmq/permissions.json").read_text())["topic_permissions"]
    for grant in grants:
        if grant["user"] in SERVICES:
            called = {each.service for each in REQUESTS if grant["user"] in each.callers}
            named = {service for service in SERVICES if service in grant["write"]}
            assert named == called, grant["user"]


def test_services_are_called_by_whom_they_name() -> None:
    for caller in SERVICES:
        named = {each.__name__ for each in REQUESTS if caller in each.callers}
        assert set(_imported_requests(caller)) == named, caller


def _imported_requests(caller: str) -> Iterator[str]:
    """The names of other services' requests that a service's code imports."""
    for file in (REPOSITORY / "services" / caller).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("contracts.rpc."):
                for alias in node.names:
                    found = getattr(importlib.import_module(str(node.module)), alias.name)
                    if isinstance(found, type) and issubclass(found, Request) and found.service != caller:
                        yield found.__name__


ROUTES = [route for group in GROUPS for route in group]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_route_demands_what_its_requests_demand(route: Route) -> None:
    for request_class in _asked_by(route.handler):
        rights = HANGS_ON.get(request_class, {request_class.right})
        fits = any(_agree(route, right) for right in rights)
        assert fits, f"{route.method} {route.path}: {route.access} asks {request_class.__name__}: {rights}"


def _agree(route: Route, right: Right) -> bool:
    """Whether whoever the route lets in has that right, too."""
    if right is Only.GATEWAY:
        return True
    if isinstance(route.access, Access):
        return right in AGREE[route.access]
    if isinstance(right, Only):
        return False
    of_the_team = {route.access in OF_THE_TEAM, right in OF_THE_TEAM}
    having = CARDS[right] if isinstance(right, Card) else PERMISSIONS[right]
    let_in = PERMISSIONS[route.access].keys() <= having.keys()
    return len(of_the_team) == 1 and (let_in or route.name in BY_CARD)


def _asked_by(handler: Any) -> set[type[Request[Any]]]:
    """The requests that a handler makes, itself or by functions of its module and of those it takes them from."""
    found: set[type[Request[Any]]] = set()
    seen: set[Any] = set()
    todo = [handler]
    while todo:
        function = todo.pop()
        if function in seen:
            continue
        seen.add(function)
        for name in {
            node.id for node in ast.walk(ast.parse(inspect.getsource(function))) if isinstance(node, ast.Name)
        }:
            value = function.__globals__.get(name)
            if inspect.isfunction(value) and value.__module__.startswith("gateway."):
                todo.append(value)
            elif inspect.isclass(value) and issubclass(value, Request) and value is not Request:
                found.add(value)
    return found


def test_routes_do_ask() -> None:
    """The test above would hold, too, if it found nothing."""
    assert sum(len(_asked_by(route.handler)) for route in ROUTES) > len(ROUTES)
