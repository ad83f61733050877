"""The stream of server-sent events."""

import itertools
import json
from typing import Any

import pytest

from client import ApiError, Labelyard, Unreachable
from client.live import Event, parse
from client.transport import ATTEMPTS
from tests.unit.client.api_server import Answer, Request, Server, problem


def _message(version: int) -> bytes:
    data = json.dumps({"version": version, "cards": {"labeling_status": {"state": "ok", "data": {}}}})
    return f"event: cards\nid: {version}\ndata: {data}\n\n".encode()


def _stream(*parts: bytes) -> Answer:
    return Answer(200, b"".join(parts), {"Content-Type": "text/event-stream"}, breaks=True)


def test_events_are_read_as_the_standard_says() -> None:
    lines = ["retry: 1500", "", ": still here", "event: cards", "id: 4", "data: {", "data:}", "", "event: empty", ""]
    assert list(parse([*lines, "data: cut off"])) == [Event("cards", "{\n}", "4", 1.5)]


def test_a_broken_stream_is_taken_up_again_and_never_goes_back(server: Server) -> None:
    server.on(
        "GET", "/projects/p/live",
        _stream(b"retry: 10\n\n", _message(1), b": still here\n\n", _message(3)),
        problem(503, "busy"),
        _stream(_message(2), _message(3), _message(5)),
    )  # fmt: skip
    with Labelyard(server.url) as api:
        got = [message["version"] for message in itertools.islice(api.live("p"), 4)]
    assert got == [1, 3, 3, 5]
    asked: list[Request] = server.seen("GET", "/projects/p/live")
    assert [request.headers.get("last-event-id") for request in asked] == [None, "3", "3"]


@pytest.mark.parametrize(("status", "code"), [(401, "unauthenticated"), (403, "forbidden"), (404, "not_found")])
def test_a_refusal_ends_it(server: Server, status: int, code: str) -> None:
    server.on("GET", "/projects/p/live", _stream(_message(1)), problem(status, code))
    with Labelyard(server.url) as api:
        messages: Any = api.live("p")
        assert next(messages)["version"] == 1
        with pytest.raises(ApiError) as caught:
            next(messages)
    assert caught.value.code == code


def test_why_there_is_no_stream_is_told_once_each_time(server: Server) -> None:
    server.on(
        "GET", "/projects/p/live",
        problem(503, "busy", "As many as there may be."), problem(503, "busy"),
        _stream(_message(1)), _stream(_message(2)),
        problem(502, "unavailable", "Away."), _stream(_message(3)),
    )  # fmt: skip
    told: list[ApiError | Unreachable] = []
    with Labelyard(server.url) as api:
        got = [message["version"] for message in itertools.islice(api.live("p", waiting=told.append), 3)]
    assert got == [1, 2, 3]
    assert [str(why) for why in told] == ["busy: As many as there may be.", "unavailable: Away."]


def test_a_server_that_has_no_stream_left_is_not_asked_for_ever(server: Server) -> None:
    server.on("GET", "/projects/p/live", problem(503, "busy"))
    with Labelyard(server.url) as api, pytest.raises(ApiError) as caught:
        next(api.live("p", patience=0.05))
    assert caught.value.code == "busy"


@pytest.mark.parametrize("answer", [Answer(breaks=True), _stream(b": nothing\n\n")])
def test_a_server_whose_stream_never_says_anything_is_unreachable(server: Server, answer: Answer) -> None:
    server.on("GET", "/projects/p/live", answer)
    with Labelyard(server.url) as api, pytest.raises(Unreachable):
        next(api.live("p"))
    assert len(server.requests) == ATTEMPTS
