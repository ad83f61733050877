"""HTTP as the API needs it: problem documents become `ApiError`, what may be sent again is sent again."""

import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any
from uuid import uuid4

import httpx

ATTEMPTS = 5
LONGEST_WAIT = 10.0  # seconds, also where Retry-After asks for more
NOT_NOW = frozenset({429, 502, 503, 504})  # statuses that may be better soon
STORE_NOT_NOW = NOT_NOW | {500}  # S3's InternalError asks for the request again


class ApiError(Exception):
    """The server refused. `code` is stable (RFC 9457 problem with a code), `extra` its further members."""

    def __init__(self, status: int, code: str, detail: str, extra: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.extra = dict(extra or {})


class TransferError(Exception):
    """The object store refused or lost a file; the text says how."""


class Unreachable(Exception):
    """Nobody answered at `url`, also not when asked again."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"No answer from {url}: {why}")
        self.url = url


def to_error(response: httpx.Response) -> ApiError:
    """The refusal that a response (already read) carries."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {}
    code = problem.pop("code", None) or "http_error"
    detail = problem.pop("detail", None) or problem.get("title") or f"HTTP status {response.status_code}"
    for known in ("type", "title", "status", "instance"):
        problem.pop(known, None)
    return ApiError(response.status_code, code, detail, problem)


def retry_after(response: httpx.Response) -> float | None:
    """Seconds that a `Retry-After` header asks for (its date form is not used here)."""
    try:
        return max(0.0, float(response.headers["retry-after"]))
    except (KeyError, ValueError):
        return None


def wait_before(attempt: int, asked: float | None = None) -> float:
    """Seconds to wait after failure number `attempt` (from 1): what the server asked for, or doubling."""
    if asked is not None:
        return min(asked, LONGEST_WAIT)
    return min(0.2 * 2.0 ** (attempt - 1), LONGEST_WAIT) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries


def send_again(send: Callable[[], httpx.Response], not_now: Collection[int] = NOT_NOW) -> httpx.Response:
    """Send until something other than "not now" is answered, at most ATTEMPTS times. `not_now`: the statuses that
    say so.

    The last "not now" is returned as it is, and one that asks for more patience than LONGEST_WAIT at once; a
    connection that fails to the end raises httpx's TransportError.
    """
    for attempt in range(1, ATTEMPTS):
        asked = None
        try:
            response = send()
            if response.status_code not in not_now:
                return response
            asked = retry_after(response)
            if asked is not None and asked > LONGEST_WAIT:
                return response
        except httpx.TransportError:
            pass
        time.sleep(wait_before(attempt, asked))
    return send()


class Transport:
    """A connection pool to one server's `/api/v1`, usable from several threads.

    Every request that changes something carries an `Idempotency-Key`, so that it may be sent again. `storage`
    talks to the object store by signed addresses and carries no credentials.
    """

    def __init__(self, url: str, token: str | None = None, timeout: float = 30.0) -> None:
        self.url = url.rstrip("/")
        self.http = httpx.Client(
            base_url=f"{self.url}/api/v1",
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=timeout,
            limits=httpx.Limits(max_connections=32),
        )
        self.storage = httpx.Client(timeout=httpx.Timeout(timeout, read=120.0, write=120.0))

    def close(self) -> None:
        """Close all connections."""
        self.http.close()
        self.storage.close()

    def lines(self, path: str, params: Mapping[str, Any]) -> Iterator[str]:
        """The lines of a long answer, as they come. Raises ApiError, Unreachable; TransferError if it breaks off."""
        begun = False
        try:
            with self.http.stream(
                "GET", path, params=dict(params), timeout=httpx.Timeout(30.0, read=120.0)
            ) as response:
                if response.status_code >= 400:
                    response.read()
                    raise to_error(response)
                begun = True
                yield from response.iter_lines()
        except httpx.TransportError as error:
            why = str(error) or type(error).__name__
            if begun:
                raise TransferError(f"the answer broke off: {why}") from error
            raise Unreachable(self.url, why) from error

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send one request; its answer, a redirect included. Raises ApiError or Unreachable."""
        headers = dict(headers or {})
        if method != "GET":
            headers.setdefault("Idempotency-Key", str(uuid4()))
        wanted = {name: value for name, value in (params or {}).items() if value is not None}

        def send() -> httpx.Response:
            return self.http.request(method, path, json=json, params=wanted, headers=headers)

        try:
            response = send_again(send)
        except httpx.TransportError as error:
            raise Unreachable(self.url, str(error) or type(error).__name__) from error
        if response.status_code >= 400:
            raise to_error(response)
        return response
