"""Requests, refusals and retries of the SDK."""

import socket

import pytest

from client import ApiError, Labelyard, Unreachable
from client.transport import LONGEST_WAIT, wait_before
from tests.unit.client.api_server import Answer, Server, problem


def test_a_refusal_is_an_api_error_with_its_code_and_extra_members(server: Server) -> None:
    server.on("GET", "/projects/7", problem(404, "not_found", "There is no such project.", allowed=["a"]))
    with Labelyard(server.url, "secret") as api, pytest.raises(ApiError) as caught:
        api.project("7")
    error = caught.value
    assert (error.status, error.code, error.detail) == (404, "not_found", "There is no such project.")
    assert error.extra == {"allowed": ["a"]}
    assert server.requests[0].headers["authorization"] == "Bearer secret"


def test_an_answer_that_is_no_problem_document_is_still_an_api_error(server: Server) -> None:
    server.on("GET", "/me", Answer(413, b"<html>too large</html>"))
    with Labelyard(server.url) as api, pytest.raises(ApiError) as caught:
        api.me()
    assert (caught.value.status, caught.value.code) == (413, "http_error")


def test_not_now_is_asked_again_after_as_long_as_the_server_says(server: Server, short_waits: list[float]) -> None:
    busy = problem(503, "unavailable")
    busy.headers["Retry-After"] = "3"
    server.on("GET", "/me", busy, busy, Answer(200, {"id": "me"}))
    with Labelyard(server.url) as api:
        assert api.me() == {"id": "me"}
    assert short_waits == [3.0, 3.0]


def test_who_is_to_wait_long_is_told_at_once(server: Server) -> None:
    held_up = problem(429, "rate_limited", retry_after=600)
    held_up.headers["Retry-After"] = "600"
    server.on("GET", "/me", held_up)
    with Labelyard(server.url) as api, pytest.raises(ApiError) as caught:
        api.me()
    assert (caught.value.code, caught.value.extra["retry_after"], len(server.requests)) == ("rate_limited", 600, 1)


def test_retries_are_bounded_and_then_the_last_refusal_is_told(server: Server) -> None:
    server.on("GET", "/me", problem(503, "unavailable", "The members service is away."))
    with Labelyard(server.url) as api, pytest.raises(ApiError, match="members service is away"):
        api.me()
    assert len(server.requests) == 5


def test_a_command_is_repeated_under_the_same_idempotency_key(server: Server) -> None:
    server.on("POST", "/projects", Answer(breaks=True), Answer(201, {"id": "p", "name": "Cells"}))
    with Labelyard(server.url) as api:
        assert api.create_project("Cells")["id"] == "p"
        api.create_project("Cells")
    keys = [request.headers["idempotency-key"] for request in server.requests]
    assert keys[0] == keys[1] != keys[2]


def test_a_token_whose_secret_was_lost_with_its_answer_is_made_anew(server: Server) -> None:
    told_once = {"id": "t1", "name": "robot", "secret": None}  # what the same request again is answered with
    server.on(
        "POST", "/me/tokens", Answer(breaks=True), Answer(201, told_once), Answer(201, {"id": "t2", "secret": "s"})
    )
    server.on("DELETE", "/me/tokens/t1", Answer(204, b""))
    with Labelyard(server.url) as api:
        assert api.create_token("robot", scope="read") == {"id": "t2", "secret": "s"}
    keys = [request.headers["idempotency-key"] for request in server.seen("POST", "/me/tokens")]
    assert keys[0] == keys[1] != keys[2]
    assert len(server.seen("DELETE", "/me/tokens/t1")) == 1


def test_a_server_that_never_tells_a_secret_is_not_asked_for_ever(server: Server) -> None:
    server.on("POST", "/me/tokens", Answer(201, {"id": "t", "secret": None}))
    server.on("DELETE", "/me/tokens/t", Answer(204, b""))
    with Labelyard(server.url) as api, pytest.raises(Unreachable):
        api.create_token("robot", scope="read")
    assert len(server.seen("DELETE", "/me/tokens/t")) == len(server.seen("POST", "/me/tokens"))


def test_other_refusals_are_not_repeated(server: Server) -> None:
    server.on("POST", "/projects", problem(409, "name_taken"))
    with Labelyard(server.url) as api, pytest.raises(ApiError):
        api.create_project("Cells")
    assert len(server.requests) == 1


def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with Labelyard(url) as api, pytest.raises(Unreachable, match=url):
            api.me()


def test_waits_grow_and_are_bounded() -> None:
    assert wait_before(1) <= 0.2
    assert wait_before(40) <= LONGEST_WAIT
    assert wait_before(1, 3600) == LONGEST_WAIT


def test_pages_are_followed_to_the_end(server: Server) -> None:
    server.on(
        "GET", "/projects", Answer(200, {"items": [{"name": "a"}], "next": "c1"}),
        Answer(200, {"items": [{"name": "b"}], "next": None}),
    )  # fmt: skip
    with Labelyard(server.url) as api:
        assert [project["name"] for project in api.projects()] == ["a", "b"]
    assert server.requests[1].query["cursor"] == ["c1"]


def test_a_project_is_found_by_name_before_id(server: Server) -> None:
    project_id = "0198a8a2-0000-7000-8000-000000000001"
    server.on("GET", "/projects", Answer(200, {"items": [], "next": None}))
    server.on("GET", f"/projects/{project_id}", Answer(200, {"id": project_id, "name": "Cells"}))
    with Labelyard(server.url) as api:
        found = api.find_project(project_id)
        assert found is not None
        assert found["name"] == "Cells"
        assert api.find_project("Nobody's") is None


def test_a_token_for_one_project_finds_it_by_its_id(server: Server) -> None:
    project_id = "0198a8a2-0000-7000-8000-000000000001"
    server.on("GET", "/projects", problem(403, "forbidden"))
    server.on("GET", f"/projects/{project_id}", Answer(200, {"id": project_id, "name": "Cells"}))
    with Labelyard(server.url) as api:
        assert api.find_project(project_id) == {"id": project_id, "name": "Cells"}
        assert api.find_project("Cells") is None


def test_a_body_is_saved_against_the_version_that_was_read(server: Server) -> None:
    server.on("PUT", "/projects/p/labels/l/body", Answer(200, {"id": "l", "version": 4}))
    with Labelyard(server.url) as api:
        assert api.save_body("p", "l", 3, {"objects": []})["version"] == 4
    assert server.requests[0].headers["if-match"] == '"3"'
