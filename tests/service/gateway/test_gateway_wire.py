"""What comes over the wire and is no proper request is bounded, and refused as everything else is."""

import json
import socket
from urllib.parse import urlsplit

import pytest

from deploy.local.system import System
from tests.team import owner_of

HEAD = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
MANY = 3 * 2**20  # more bytes than any body may have here


def said(system: System, *pieces: bytes, end: bool = False) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer to these bytes; with `end` nothing follows them."""
    address = urlsplit(system.url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as wire:
        try:
            for piece in pieces:
                wire.sendall(piece)
            if end:
                wire.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has heard enough
        answer = b""
        while b"\r\n\r\n" not in answer and (more := wire.recv(65536)):
            answer += more
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        while len(body) < int(headers["content-length"]) and (more := wire.recv(65536)):
            body += more
    return int(lines[0].split()[1]), headers, body


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        pytest.param(HEAD + b"Content-Length: %d\r\n\r\n" % MANY + b" " * MANY, "too_large", id="large"),
        pytest.param(
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(*[b" " * 65536] * 48),
            "too_large",
            id="large, chunked",
        ),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nno\r\n", "bad_request", id="no chunk"),
        pytest.param(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "bad_request", id="two lengths"),
        pytest.param(HEAD + b"Content-Length: -1\r\n\r\n", "bad_request", id="negative length"),
        pytest.param(
            HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "bad_request", id="smuggled"
        ),
        pytest.param(HEAD + b"Content-Length: 200000\r\n\r\n" + b"[" * 200_000, "bad_request", id="deep"),
        pytest.param(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", "too_large", id="long line"),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 9000 + b"\r\n\r\n", "too_large", id="long header"
        ),
        pytest.param(b"no request\r\n\r\n", "bad_request", id="nothing known"),
    ],
)
def test_what_is_no_request_is_refused_with_a_problem(system: System, request_: bytes, code: str) -> None:
    status, headers, body = said(system, request_)
    assert headers["content-type"] == "application/problem+json"
    problem = json.loads(body)
    assert (problem["code"], problem["status"]) == (code, status)
    assert headers["x-content-type-options"] == "nosniff" and headers["x-correlation-id"] == problem["correlation_id"]


def test_a_body_that_ends_before_its_length_changes_nothing(system: System) -> None:
    status, _, body = said(system, HEAD + b'Content-Length: 500\r\n\r\n{"email": "a@b.c"', end=True)
    assert (status, json.loads(body)["code"]) == (400, "bad_request")
    assert owner_of(system).ok("GET", "/me")["user"]["email"] == system.owner[0]
