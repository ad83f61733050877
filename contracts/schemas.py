"""The JSON Schemas of every message, kept beside the code in `contracts/schemas/` so that a change is seen in review.

    python -m contracts.schemas            write them
    python -m contracts.schemas --check    fail where they differ from the code

`events.json` holds the `data` of each event type, `rpc.<service>.json` the request and answer of each method.
"""

import importlib
import json
import pkgutil
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import contracts.rpc
from contracts import audit, failed
from contracts.events import EVENTS
from contracts.message import Message
from contracts.rpc import Request

FOLDER = Path(__file__).with_name("schemas")


def methods() -> dict[str, dict[str, type[Request[Message]]]]:
    """Service -> method -> its request class; those too that every service has."""
    services = {}
    for module in pkgutil.iter_modules(contracts.rpc.__path__):
        members = vars(importlib.import_module(f"contracts.rpc.{module.name}"))
        services[module.name] = {
            each.method(): each
            for each in members.values()
            if isinstance(each, type) and issubclass(each, Request) and _is_method(each, module.name)
        }
        services[module.name].update(
            {each.method(): each.of(module.name) for each in (*failed.METHODS, *audit.METHODS)}
        )
    return services


def _is_method(request: type[Request[Message]], service: str) -> bool:
    # pydantic puts `Command[Nothing]` itself into the first module that says it
    generic = request.__pydantic_generic_metadata__["origin"] is not None
    return not generic and getattr(request, "service", None) == service


def _document(names: dict[str, type[BaseModel]]) -> dict[str, Any]:
    mapping, definitions = models_json_schema(
        [(model, "validation") for model in names.values()], ref_template="#/$defs/{model}"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "messages": {name: mapping[(model, "validation")] for name, model in sorted(names.items())},
        **definitions,
    }


def documents() -> dict[str, str]:
    """File name -> its text."""
    found: dict[str, dict[str, Any]] = {"events.json": _document(dict(EVENTS.items()))}
    for service, requests in methods().items():
        names: dict[str, type[BaseModel]] = {}
        for name, request in requests.items():
            names[f"{name}.request"] = request
            names[f"{name}.answer"] = request.answer
        found[f"rpc.{service}.json"] = _document(names)
    return {
        name: json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for name, document in found.items()
    }


def main(arguments: list[str]) -> int:
    """Write the schemas, or with --check compare them; the exit code."""
    wanted = documents()
    if arguments == ["--check"]:
        there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
        different = sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
        if different:
            print("contracts/schemas differs from the code:", *different, "\nRun: python -m contracts.schemas")
        return 1 if different else 0
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.json"):
        path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
