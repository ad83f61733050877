"""What deploy/docker/rabbitmq/permissions.json grants is what the code needs: neither less, nor another's."""

import ast
import importlib
import json
import re
from collections.abc import Iterator

from chassis.broker import OLD_DEAD_LETTERS, RPC_EXCHANGE, dead_letters
from chassis.settings import SERVICES
from chassis.topology import subscriptions_of_service
from contracts.rpc import Request
from deploy.docker.credentials import BROKER_USERS, VHOST
from deploy.local.state import REPOSITORY
from gateway.state import HEARD

GRANTS = json.loads((REPOSITORY / "deploy/docker/rabbitmq/permissions.json").read_text())
REPLY_KEY = "0c9e8c5e-64f1-4a3f-9f3b-5b1f6c6f8f0a"


def may(user: str, what: str, name: str) -> bool:
    """Whether `user` may configure, write or read the queue or exchange `name`."""
    (grant,) = [each for each in GRANTS["permissions"] if each["user"] == user]
    return bool(re.search(grant[what], name))


def may_on_rpc(user: str, what: str, key: str) -> bool:
    """Whether `user` may publish (write) or bind (read) with the routing key `key`."""
    (grant,) = [each for each in GRANTS["topic_permissions"] if each["user"] == user]
    assert grant["exchange"] == RPC_EXCHANGE.name
    return bool(re.search(grant[what], key))


def calls_of(caller: str) -> Iterator[tuple[str, str]]:
    """(service, method) of every request of another service that the caller's code imports."""
    folder = REPOSITORY / ("gateway" if caller == "gateway" else f"services/{caller}")
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("contracts.rpc."):
                for alias in node.names:
                    found = getattr(importlib.import_module(str(node.module)), alias.name)
                    if isinstance(found, type) and issubclass(found, Request) and found.service != caller:
                        yield found.service, found.method()


def test_every_user_has_one_grant_in_the_one_virtual_host() -> None:
    assert GRANTS["vhosts"] == [{"name": VHOST}]
    assert [each["user"] for each in GRANTS["permissions"]] == list(BROKER_USERS)
    assert [each["user"] for each in GRANTS["topic_permissions"]] == [u for u in BROKER_USERS if u != "topology"]
    assert {each["vhost"] for each in GRANTS["permissions"] + GRANTS["topic_permissions"]} == {VHOST}


def test_a_queue_is_read_by_its_service_and_made_by_the_topology() -> None:
    queues = [(each.queue, each.service) for service in SERVICES for each in subscriptions_of_service(service)]
    queues += [(f"rpc-{service}", service) for service in SERVICES]
    queues += [(dead_letters(service), service) for service in SERVICES]
    for queue, owner in queues:
        assert [user for user in (*SERVICES, "gateway") if may(user, "read", queue)] == [owner], queue
        assert [user for user in BROKER_USERS if may(user, "configure", queue)] == ["topology"], queue
        assert may("topology", "write", queue)  # it binds
    assert [user for user in BROKER_USERS if may(user, "read", OLD_DEAD_LETTERS)] == [
        "topology"
    ]  # they are of all services


def test_events_are_published_by_their_service_and_heard_by_the_gateway() -> None:
    for service in SERVICES:
        exchange = f"{service}.events"
        assert [user for user in BROKER_USERS if may(user, "write", exchange)] == [service, "topology"]
        assert [user for user in BROKER_USERS if may(user, "configure", exchange)] == ["topology"]
    assert all(may("gateway", "read", f"{event.producer()}.events") for event in HEARD)


def test_whoever_calls_may_call_and_nobody_else() -> None:
    for caller in (*SERVICES, "gateway"):
        calls = set(calls_of(caller))
        for service, method in calls:
            assert may_on_rpc(caller, "write", f"{service}.{method}"), f"{caller} calls {service}.{method}"
        called = {service for service, _ in calls}
        assert [s for s in SERVICES if may_on_rpc(caller, "write", f"{s}.x")] == [s for s in SERVICES if s in called], (
            caller
        )
        for what in ("configure", "write", "read"):
            assert may(caller, what, f"rpc.reply-{REPLY_KEY}") == bool(calls), f"{caller}'s queue of answers"
        assert may_on_rpc(caller, "read", REPLY_KEY) == bool(calls)


def test_services_answer_and_nobody_listens_in() -> None:
    assert [user for user in (*SERVICES, "gateway") if may_on_rpc(user, "write", REPLY_KEY)] == list(SERVICES)
    for user in (*SERVICES, "gateway"):
        for key in ("#", "*.*", "members.*", "members.login", f"*{REPLY_KEY[1:]}"):
            assert not may_on_rpc(user, "read", key), (user, key)
