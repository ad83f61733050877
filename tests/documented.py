"""Checks what the gateway answers against its OpenAPI document."""

import json
import re
from functools import cache
from typing import Any

import httpx
from jsonschema import Draft202012Validator

from gateway.openapi import PATH
from gateway.routing import PREFIX


@cache
def document() -> dict[str, Any]:
    """The kept OpenAPI document."""
    kept: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return kept


def assert_documented(response: httpx.Response) -> None:
    """The status and body of `response` are as the document says. Fits into httpx's response hooks."""
    operation = _operation(response.request.method, response.request.url.path)
    if operation is None:
        return
    status = str(response.status_code)
    said = operation["responses"]
    assert status in said or f"{status[0]}XX" in said, f"{operation['operationId']} does not say {status}"
    if "event-stream" in response.headers.get("content-type", ""):
        return
    response.read()
    answer = said.get(status) or document()["components"]["responses"]["Problem"]
    content = answer.get("content")
    if content is None:
        assert response.content == b""
        return
    media_type = response.headers["content-type"].partition(";")[0]
    assert media_type in content, f"{operation['operationId']} answers {media_type}"
    value = response.json() if media_type.endswith("json") and media_type != "application/x-ndjson" else response.text
    _validator(json.dumps(content[media_type]["schema"])).validate(value)


def operation_of(method: str, path: str) -> str | None:
    """The id of the operation that a request's address (with /api/v1) is of."""
    operation = _operation(method, path)
    return None if operation is None else operation["operationId"]


def _operation(method: str, path: str) -> dict[str, Any] | None:
    for pattern, operations in _patterns():
        if method.lower() in operations and pattern.fullmatch(path):
            found: dict[str, Any] = operations[method.lower()]
            return found
    return None


@cache
def _patterns() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    return [
        (re.compile(re.sub(r"\\\{\w+\\\}", "[^/:]+", re.escape(PREFIX + template))), operations)
        for template, operations in document()["paths"].items()
    ]


@cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator({**json.loads(schema), "components": document()["components"]})
