"""What Schemathesis is told of Labelyard: ids of real things to ask about, and what else an answer must be.

It runs in a process of its own (test_whole_api.py). LABELYARD_TEST_GROUND names a file with ids by path parameter:
`home`, what may be changed, `spare`, what may be deleted, and `doomed`, a project that may be deleted. How often which
operation was answered with which status is written to the file LABELYARD_TEST_TALLY at the end.
"""

import atexit
import json
import os
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.core.failures import Failure

_ground: dict[str, dict[str, str]] = json.loads(Path(os.environ["LABELYARD_TEST_GROUND"]).read_text())
_home = _ground["home"]

_GOOD_BODIES: dict[str, Any] = {
    "add_labels": {"assets": [_home["asset_id"]]},
    "assign": {"user_id": _home["user_id"]},
    "restore_body": {"version": 1},
    "bulk_labels": {"selection": {"ids": [_home["label_id"]]}, "action": "unassign_reviewer"},
    "search_labels": {"filter": {"where": {"not": {"field": "tags", "op": "exists", "value": True}}}},
    "count_labels": {"filter": {"status": ["in_progress"]}},
    "group_labels": {"by": ["status", "tag"]},
    "preview_bulk": {"selection": {"filter": {}}, "action": "submit"},
    "compare_versions": {"before": _home["version_id"], "after": _home["version_id"]},
    "create_version": {"name": "once", "selection": {"filter": {}}},
    "complete_assets": {"ids": [_home["asset_id"]], "wait": 0},
    "create_export": {"name": "kept"},
    "start_import": {"upload": _home["upload"], "format": "coco", "dataset": _home["name"]},
    "replay_failed_queue": {"queue": "projects.nobody.v1"},
    "drop_failed_queue": {"queue": "projects.nobody.v1"},
    "verify_counters": {"project": _home["project_id"]},
    "rebuild_counters": {"project": _home["project_id"]},
}
"""Bodies that a schema alone does not lead to, because they name what is there."""

_asked: Counter[str] = Counter()
_answers: defaultdict[str, Counter[int]] = defaultdict(Counter)


def _is_good(case: Any, part: str) -> bool:
    found = {place.value: component for place, component in case.meta.components.items()} if case.meta else {}
    return part not in found or found[part].mode.is_positive


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Lets three of four good questions be about what is there; but what ends something, or changes somebody, is about
    nothing else: not the asker's token, nor the asker."""
    name = case.operation.definition.raw["operationId"]
    _asked[name] += 1
    if _asked[name] % 4 == 0 and case.method != "DELETE" and "user_id" not in case.path_parameters:
        return
    if _is_good(case, "path"):
        there = (
            "doomed"
            if name in ("delete_project", "restore_project")
            else "spare"
            if case.method == "DELETE"
            else "home"
        )
        case.path_parameters = {parameter: _ground[there][parameter] for parameter in case.path_parameters}
    if name in _GOOD_BODIES and _is_good(case, "body"):
        case.body = _GOOD_BODIES[name]


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Keeps the tally."""
    _answers[case.operation.definition.raw["operationId"]][response.status_code] += 1


_SAID_IN_WORDS = {"value_error", "string_too_short", "int_type"}
"""Faults by rules that JSON Schema does not say: between fields, of text without the blanks around it, and of whole
numbers, which are written without a fraction."""

_OBJECT = re.compile(r"body\.objects\.\d+\.")
"""Where the document leaves an object's `coord` open: its form depends on the annotation type (contracts.body)."""


def _of_blanks(fault: dict[str, Any]) -> bool:
    """Whether it is by a pattern with blanks: dialects differ in what is one, such as U+0085."""
    return fault["kind"] == "string_pattern_mismatch" and r"\s" in fault["detail"]


@schemathesis.check
def understood(ctx: Any, response: Any, case: Any) -> None:
    """What fits the document's schemas is not refused for its form."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code not in (400, 415, 422):
        return
    problem = response.json()
    faults = problem.get("errors", ())
    if any(fault["kind"] in _SAID_IN_WORDS or _of_blanks(fault) or _OBJECT.match(fault["place"]) for fault in faults):
        return  # others may follow from it
    if faults or problem["code"] in ("bad_request", "unsupported_media_type"):
        raise Failure(
            operation=case.operation.label, title="Refused for its form", message=f"{problem['detail']} {faults}"
        )


@atexit.register
def _write_tally() -> None:
    tally = {name: dict(counts) for name, counts in _answers.items()}
    Path(os.environ["LABELYARD_TEST_TALLY"]).write_text(json.dumps(tally))
