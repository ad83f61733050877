"""The life table once more, written down apart from the product, and a ledger of what was acknowledged."""

import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

from client.types import Label
from tests.e2e.support import CLASSES, Figures, Person, Team, Watcher, body, eventually, export, segments

# As in the vocabulary, "A label's life"; who: beside managers. Actions have the names they have in the history.
LIFE = """
in_progress/*     edit_body          assignee      same                       same
*/pending_review  edit_body          its_reviewer  same                       same
in_progress/*     submit             assignee      submitted/pending_review   +1
in_progress/*     skip               assignee      skipped/pending_review     +1
*/pending_review  approve            any_reviewer  same/approved              same
submitted/*       reject             any_reviewer  in_progress/rejected       same
skipped/*         reject             any_reviewer  in_progress/rejected       same
*/pending_review  reopen             submitter     in_progress/not_submitted  same
*/approved        reopen             nobody        in_progress/not_submitted  same
in_progress/*     assign_labeler     nobody        same                       same
submitted/*       assign_labeler     nobody        in_progress/not_submitted  same
skipped/*         assign_labeler     nobody        in_progress/not_submitted  same
*/*               unassign_labeler   nobody        same                       same
*/*               assign_reviewer    nobody        same                       same
*/*               unassign_reviewer  nobody        same                       same
*/*               initialize         nobody        in_progress/not_submitted  0
"""
LINES = [line.split() for line in LIFE.strip().splitlines()]
ACTIONS = sorted({action for _, action, *_ in LINES})
SEGMENTS = [
    (status, review)
    for status, reviews in (
        ("in_progress", ("not_submitted", "rejected")),
        ("submitted", ("pending_review", "approved")),
        ("skipped", ("pending_review", "approved")),
    )
    for review in reviews
]


@dataclass(frozen=True)
class Standing:
    """Where a label stands; `objects` are class ids, one for each object."""

    status: str = "in_progress"
    review: str = "not_submitted"
    round: int = 0
    assignee: str | None = None
    reviewer: str | None = None
    submitter: str | None = None
    version: int = 1
    objects: tuple[str, ...] = ()


@dataclass(frozen=True)
class Attempt:
    """An action that somebody tries. `user`: whom to assign; `if_version`: for a body, what it was made from."""

    who: Person
    label: str
    action: str
    user: Person | None = None
    comment: str | None = None
    objects: tuple[str, ...] = ()
    if_version: int = 0
    key: str = field(default_factory=lambda: str(uuid4()))  # the same whenever it is sent again

    def send(self, project_id: str) -> Label:
        """Sends it; the label afterwards, or what the SDK raises."""
        path = f"/projects/{project_id}/labels/{self.label}"
        headers = {"Idempotency-Key": self.key}
        request = self.who.api.transport.request
        if self.action == "edit_body":
            headers["If-Match"] = f'"{self.if_version}"'
            saved: Label = request(
                "PUT", f"{path}/body", json=body(self.objects, seed=self.key), headers=headers
            ).json()
            return saved
        verb, _, duty = self.action.partition("_")
        content: dict[str, Any] = {"as": duty} if duty else {}
        if self.user is not None:
            content["user_id"] = self.user.id
        if self.comment is not None:
            content["comment"] = self.comment
        label: Label = request("POST", f"{path}:{verb}", json=content, headers=headers).json()
        return label


def faults(label: Standing, attempt: Attempt) -> set[str]:
    """The codes that the attempt may be refused with where the label stands; none: it must succeed."""
    who, found = attempt.who, set()
    if who.role != "manager" and attempt.action.startswith(("assign", "unassign", "initialize")):
        return {"forbidden"}
    if who.role == "labeler" and label.assignee != who.id:
        return {"not_found"}
    line = _line(label, attempt.action)
    if line is None:
        found.add("illegal_transition")
    elif who.role != "manager" and not _is(line[2], who, label):
        found.add("forbidden")
    if attempt.action in ("approve", "reject") and who.role != "manager" and label.submitter == who.id:
        found.add("self_review")
    if attempt.action == "reject" and not attempt.comment:
        found.add("comment_required")
    if attempt.action == "edit_body" and attempt.if_version != label.version:
        found.add("stale_version")
    if attempt.action == "assign_reviewer" and attempt.user is not None and attempt.user.role == "labeler":
        found.add("not_a_member")
    return found


def after(label: Standing, attempt: Attempt) -> Standing:
    """Where the label stands after the attempt, which has no faults."""
    line = _line(label, attempt.action)
    assert line is not None
    _, action, _, to, round_ = line
    if to != "same":
        status, review = to.split("/")
        label = replace(label, status=label.status if status == "same" else status, review=review)
    if round_ != "same":
        label = replace(label, round=label.round + 1 if round_ == "+1" else 0)
    if action in ("submit", "skip"):
        label = replace(label, submitter=attempt.who.id)
    user = attempt.user.id if attempt.user else None
    if action in ("assign_labeler", "unassign_labeler"):
        label = replace(label, assignee=user)
    if action in ("assign_reviewer", "unassign_reviewer"):
        label = replace(label, reviewer=user)
    if action in ("edit_body", "initialize"):
        label = replace(label, objects=attempt.objects)
    return replace(label, version=label.version + 1)


def _line(label: Standing, action: str) -> list[str] | None:
    here = f"{label.status}/{label.review}"
    return next((line for line in LINES if line[1] == action and fnmatch(here, line[0])), None)


def _is(who: str, person: Person, label: Standing) -> bool:
    return {
        "assignee": label.assignee == person.id,
        "submitter": label.submitter == person.id,
        "its_reviewer": person.role == "reviewer" and label.reviewer == person.id,
        "any_reviewer": person.role == "reviewer" and label.reviewer in (person.id, None),
        "nobody": False,
    }[who]


def told(label: Mapping[str, Any]) -> dict[str, Any]:
    """What an answer tells of where a label stands, but for its objects."""
    fields = ("status", "review", "round", "assignee", "reviewer", "version")
    return {name: label.get(name) for name in fields}


class Ledger:
    """Every acknowledged action on a project's labels, by label and by the version that it led to. Thread-safe."""

    def __init__(self, team: Team) -> None:
        self.team = team
        self._lock = threading.Lock()
        self._done: dict[str, dict[int, tuple[Attempt, Label]]] = {label: {} for label in team.labels}
        self._latest = dict.fromkeys(team.labels, Standing())

    def __len__(self) -> int:
        return sum(len(steps) for steps in self._done.values())

    def add(self, label: str) -> None:
        """A label that was made just now."""
        with self._lock:
            self._done[label], self._latest[label] = {}, Standing()

    def standing(self, label: str) -> Standing:
        """The newest acknowledged state of a label: its state, where nobody else acts on it at the same time."""
        return self._latest[label]

    def acknowledge(self, attempt: Attempt, answer: Label) -> None:
        """Writes down an action that was answered with success."""
        with self._lock:
            steps, version = self._done[attempt.label], answer["version"]
            assert version not in steps, f"version {version} was given to {steps[version][0]} and to {attempt}"
            steps[version] = (attempt, answer)
            latest = self._latest[attempt.label]
            if version > latest.version:
                known = {name: answer.get(name) for name in ("assignee", "reviewer", "submitter")}
                objects = attempt.objects if attempt.action in ("edit_body", "initialize") else latest.objects
                self._latest[attempt.label] = Standing(
                    answer["status"], answer["review"], answer["round"], **known, version=version, objects=objects
                )

    def replay(self) -> dict[str, Standing]:
        """Where each label stands after the acknowledged actions, done one by one in the order of their versions.

        None may be missing, each must be allowed at its turn, and must have been answered with where it led to.
        """
        final = {}
        for label, steps in self._done.items():
            standing = Standing()
            assert sorted(steps) == list(range(2, len(steps) + 2)), f"{label} has versions {sorted(steps)}"
            for _, (attempt, answer) in sorted(steps.items()):
                assert not faults(standing, attempt), f"{attempt} was acknowledged for {standing}"
                standing = after(standing, attempt)
                _same(told(answer), told(vars(standing)))
            final[label] = standing
        return final

    def check(self, watchers: Mapping[str, Watcher], folder: Path) -> None:
        """Labels, history, counters, streams (by the name of who watches) and an export agree with the ledger.

        Counters and streams may take a while to come to it, labels and history may not.
        """
        final = self.replay()
        self._check_labels(final)
        self._check_history()
        expected = {name: self._figures(final, person) for name, person in self.team.people.items()}
        eventually(lambda: _same({name: self.team.figures(name) for name in expected}, expected))
        for name, watcher in watchers.items():
            eventually(lambda: _same(segments(watcher.messages[-1]["cards"]), expected[name]["segments"]))  # noqa: B023
            assert all(one < following for one, following in pairwise(watcher.versions)), watcher.versions
        self._check_export(final, export(self.team.manager, self.team.id, folder / "export.json"))

    def _figures(self, final: Mapping[str, Standing], viewer: Person) -> Figures:
        """What the overview must count for somebody: labelers see their own labels."""
        mine = [each for each in final.values() if viewer.role != "labeler" or each.assignee == viewer.id]
        placed = Counter((each.status, each.review) for each in mine)
        objects = Counter(class_id for each in mine for class_id in each.objects)
        return {
            "segments": {segment: placed[segment] for segment in SEGMENTS},
            "objects": {name: objects[self.team.class_ids[name]] for name in CLASSES},
        }

    def _check_labels(self, final: Mapping[str, Standing]) -> None:
        listed = {label["id"]: label for label in self.team.manager.labels(self.team.id)}
        _same(
            {label: (told(each), each["objects"]) for label, each in listed.items()},
            {label: (told(vars(each)), dict(Counter(each.objects))) for label, each in final.items()},
        )

    def _check_history(self) -> None:
        for label, steps in self._done.items():
            [*entries, first] = [
                (entry["version"], entry["action"], entry["actor"])
                for entry in self.team.manager.history(self.team.id, label)
            ]
            expected = [(version, attempt.action, attempt.who.id) for version, (attempt, _) in steps.items()]
            _same(entries, sorted(expected, reverse=True))
            _same(first[:2], (1, "add"))

    def _check_export(self, final: Mapping[str, Standing], file: Path) -> None:
        exported = {label["id"]: label for label in json.loads(file.read_bytes())["labels"]}
        _same(
            {
                label: (each["status"], each["review"], each["round"], Counter(o["class_id"] for o in each["objects"]))
                for label, each in exported.items()
            },
            {label: (each.status, each.review, each.round, Counter(each.objects)) for label, each in final.items()},
        )


def _same(found: Any, expected: Any) -> None:
    assert found == expected, f"found {found}, expected {expected}"
