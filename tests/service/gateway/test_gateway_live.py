"""The live stream of a running system."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from chassis.settings import Settings
from deploy.local.system import System
from tests.team import Person, hire, new_labels, new_project, owner_of, stored_assets

PATIENCE = httpx.Timeout(10, read=30)
"""Seconds of silence after which a test gives up; heartbeats break it."""


@pytest.fixture(scope="module")
def owner(system: System) -> Person:
    return owner_of(system)


@contextmanager
def watching(person: Person, project_id: str) -> Iterator[Iterator[dict[str, Any]]]:
    """The messages of a live stream, as they come."""
    with person.api.stream("GET", f"/projects/{project_id}/live", timeout=PATIENCE) as response:
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith("text/event-stream")
        yield (json.loads(line[6:]) for line in response.iter_lines() if line.startswith("data: "))


def total(message: dict[str, Any]) -> int:
    count: int = message["cards"]["labeling_status"]["data"]["total"]
    return count


def test_a_stream_starts_with_the_present_and_shows_every_change(system: System, owner: Person) -> None:
    project_id = new_project(owner)
    labels = new_labels(owner, project_id, stored_assets(owner, 3))
    labeler = hire(system, owner, project_id, "labeler")
    path = f"/projects/{project_id}/labels/{labels[0]}:assign"
    with watching(owner, project_id) as all_of_it, watching(labeler, project_id) as own:
        seen = [next(all_of_it)]
        assert next(own)["cards"].keys() == {"labeling_status"}
        owner.ok("POST", path, json={"user_id": labeler.id})
        assert total(next(own)) == 1
        for label in labels:
            owner.ok("POST", f"/projects/{project_id}/labels/{label}:submit")
        while seen[-1]["cards"]["labeling_status"]["data"]["submitted"] < 3:
            seen.append(next(all_of_it))
    versions = [message["version"] for message in seen]
    assert versions == sorted(set(versions))
    page = owner.ok("GET", f"/projects/{project_id}/overview")["cards"]
    assert seen[-1]["cards"] == {name: page[name] for name in ("labeling_status", "review")}


def test_a_stream_ends_with_the_right_to_read_it(system: System, owner: Person) -> None:
    project_id = new_project(owner)
    people = [hire(system, owner, project_id, role) for role in ("reviewer", "labeler", "manager")]
    with ExitStack() as stack:
        streams = [stack.enter_context(watching(person, project_id)) for person in people]
        bystander = stack.enter_context(watching(owner, project_id))
        for stream in (*streams, bystander):
            next(stream)
        owner.ok("DELETE", f"/projects/{project_id}/members/{people[0].id}")
        owner.ok("PATCH", f"/projects/{project_id}/members/{people[1].id}", json={"role": "reviewer"})
        [token] = people[2].ok("GET", "/me/tokens")["items"]
        people[2].ok("DELETE", f"/me/tokens/{token['id']}")
        for stream in streams:
            assert list(stream) == []
        new_labels(owner, project_id, stored_assets(owner, 1))
        assert total(next(bystander)) == 1


def test_a_public_stream_ends_when_the_project_is_hidden(system: System, owner: Person) -> None:
    project_id = new_project(owner, "public")
    visitor = hire(system, owner, new_project(owner), "labeler")
    with watching(visitor, project_id) as stream:
        assert next(stream)["cards"].keys() == {"labeling_status"}
        owner.ok("PATCH", f"/projects/{project_id}", json={"visibility": "private"})
        assert list(stream) == []


def test_a_reader_that_takes_nothing_costs_nobody_else_anything(system: System, owner: Person) -> None:
    project_id = new_project(owner)
    assets = stored_assets(owner, 40)  # so many messages fill every buffer on the way to a reader
    address = urlsplit(system.url)
    with ExitStack() as stack:
        for _ in range(5):
            stuck = stack.enter_context(socket.socket())
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            stuck.connect((address.hostname, address.port))
            head = f"GET /api/v1/projects/{project_id}/live HTTP/1.1\r\nHost: x\r\n"
            stuck.sendall(f"{head}Authorization: {owner.api.headers['Authorization']}\r\n\r\n".encode())
        stream = stack.enter_context(watching(owner, project_id))
        next(stream)
        for number, asset in enumerate(assets, 1):
            new_labels(owner, project_id, [asset])
            while total(next(stream)) < number:
                pass


def test_beyond_the_cap_streams_are_refused_and_requests_are_not(system: System, owner: Person) -> None:
    project_id = new_project(owner)
    cap = Settings(amqp_url=system.environment["LABELYARD_AMQP_URL"]).stream_cap
    headers = {"Authorization": owner.api.headers["Authorization"]}
    limits = httpx.Limits(max_connections=None)
    with httpx.Client(base_url=str(owner.api.base_url), headers=headers, limits=limits, timeout=PATIENCE) as http:
        with ExitStack() as stack:
            answers = [stack.enter_context(http.stream("GET", f"/projects/{project_id}/live")) for _ in range(cap + 3)]
            refused = [answer for answer in answers if answer.status_code == 503]
            assert len(refused) >= 3
            for answer in refused:
                answer.read()
                assert answer.json()["code"] == "busy"
                assert int(answer.headers["Retry-After"]) > 0
            assert owner.api.get(f"/projects/{project_id}/overview").status_code == 200
        free = threading.Event()
        for _ in range(100):
            with http.stream("GET", f"/projects/{project_id}/live") as answer:
                if answer.status_code == 200:
                    break
            free.wait(0.2)
        else:
            pytest.fail("closed streams stay counted")


def test_a_stream_survives_analytics_going_and_coming(system: System, owner: Person) -> None:
    project_id = new_project(owner)
    [asset] = stored_assets(owner, 1)
    system.stop("analytics")
    try:
        with watching(owner, project_id) as stream:
            gone = {"state": "unavailable", "reason": "deadline_exceeded"}
            assert next(stream) == {"version": 0, "cards": {"labeling_status": gone, "review": gone}}
            new_labels(owner, project_id, [asset])
            system.start("analytics")
            while total(next(stream)) < 1:
                pass
    finally:
        system.start("analytics")


def test_a_stream_of_nothing_is_refused_like_any_page(owner: Person) -> None:
    assert owner.api.get(f"/projects/{uuid4()}/live").status_code == 404
