"""Messages that handlers failed at, for those who operate the installation."""

from uuid import UUID

from chassis import paging
from chassis.settings import SERVICES
from contracts.errors import Problem
from contracts.failed import (
    DropFailed,
    FailedCount,
    FailedMessage,
    FailedMessageBody,
    GetFailed,
    ListFailed,
    ReplayFailed,
)
from contracts.permissions import Permission
from gateway.problems import AWAY
from gateway.routing import Group
from gateway.schemas import FailedChoice, FailedMessages, FailedQuery
from gateway.state import gateway

group = Group("failed messages", "What handlers failed at: look, have it tried again, drop it")

PATIENCE = 3.0
"""Seconds that a service gets to add its part to a list of all."""

_ONE = "/admin/failed/{service}/{message_id}"


@group.route("GET", "/admin/failed", Permission.OPERATE)
def list_failed(query: FailedQuery) -> FailedMessages:
    """Failed messages, service by service, oldest first; a queue's name begins with its service.

    `unavailable` names services that were left out because they did not answer; with `service` or `queue` that is
    refused as `unavailable` instead.
    """
    service = query.service or (query.queue or "").partition(".")[0]
    if service:
        return _of_services((service,) if service in SERVICES else (), query, patient=False)
    return _of_services(SERVICES, query, patient=True)


@group.route("GET", _ONE, Permission.OPERATE)
def show_failed(service: str, message_id: UUID) -> FailedMessageBody:
    """One failed message, with its headers and its body."""
    return gateway().calls(GetFailed.of(_known(service))(id=message_id))


@group.route("POST", _ONE + ":replay", Permission.OPERATE)
def replay_failed(service: str, message_id: UUID, key: str) -> FailedCount:
    """Have a failed message tried again now, as if for the first time; this does not wait for it."""
    return gateway().calls(ReplayFailed.of(_known(service))(id=message_id, idempotency_key=key))


@group.route("POST", _ONE + ":drop", Permission.OPERATE)
def drop_failed(service: str, message_id: UUID, key: str) -> FailedCount:
    """Forget a failed message: what it told is not done."""
    return gateway().calls(DropFailed.of(_known(service))(id=message_id, idempotency_key=key))


@group.route("POST", "/admin/failed:replay", Permission.OPERATE)
def replay_failed_queue(body: FailedChoice, key: str) -> FailedCount:
    """Have all failed messages of a queue tried again now, or those of a type or state."""
    request = ReplayFailed.of(_owner(body.queue))
    return gateway().calls(request(queue=body.queue, type=body.type, state=body.state, idempotency_key=key))


@group.route("POST", "/admin/failed:drop", Permission.OPERATE)
def drop_failed_queue(body: FailedChoice, key: str) -> FailedCount:
    """Forget all failed messages of a queue, or those of a type or state."""
    request = DropFailed.of(_owner(body.queue))
    return gateway().calls(request(queue=body.queue, type=body.type, state=body.state, idempotency_key=key))


def _of_services(services: tuple[str, ...], query: FailedQuery, *, patient: bool) -> FailedMessages:
    """One part of the list. Its cursor is the service, and the cursor there; `patient` with services that are away."""
    cursor = None
    if query.cursor is not None:
        begin, cursor = paging.decode(query.cursor, str, str)
        if begin not in services:
            raise Problem("bad_cursor", "Start again without the cursor.")
        services = services[services.index(begin) :]
    items: list[FailedMessage] = []
    away: list[str] = []
    for number, service in enumerate(services):
        question = ListFailed.of(service)(
            queue=query.queue, type=query.type, state=query.state, cursor=cursor or None, limit=query.limit - len(items)
        )
        cursor = None
        try:
            page = gateway().calls(question, PATIENCE if patient else None)
        except Problem as problem:
            if not patient or problem.code not in AWAY:
                raise
            away.append(service)
            continue
        items += page.items
        if page.next is not None:
            return FailedMessages(items=tuple(items), next=paging.encode(service, page.next), unavailable=tuple(away))
        if len(items) == query.limit and number + 1 < len(services):
            following = paging.encode(services[number + 1], "")
            return FailedMessages(items=tuple(items), next=following, unavailable=tuple(away))
    return FailedMessages(items=tuple(items), unavailable=tuple(away))


def _known(service: str) -> str:
    if service not in SERVICES:
        raise Problem("not_found", f"There is no service {service!r}.")
    return service


def _owner(queue: str) -> str:
    service = queue.partition(".")[0]
    if service not in SERVICES:
        raise Problem("validation_failed", "A queue's name begins with its service.")
    return service
