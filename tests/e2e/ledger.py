"""The life table once more, written down apart from the product, and a ledger of what was acknowledged."""

import json
import random
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any
from uuid import uuid4

from client.types import Label, Overview
from tests.e2e.support import CLASSES, Figures, Person, Team, Watcher, body, eventually, export, figures, segments

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
ISSUES = {"open_issue": 1, "resolve_issue": -1}
"""Beside the life table: who sees a label may open and resolve issues on it, and each is a version of the label."""


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
    open_issues: int = 0


@dataclass(frozen=True)
class Attempt:
    """An action that somebody tries: one of ACTIONS, or `open_issue` or `resolve_issue`.

    `user`: whom to assign; `if_version`: for a body, what it was made from; `comment`: an issue's text too;
    `issue`: which one to resolve.
    """

    who: Person
    label: str
    action: str
    user: Person | None = None
    comment: str | None = None
    objects: tuple[str, ...] = ()
    if_version: int = 0
    issue: str | None = None
    key: str = field(default_factory=lambda: str(uuid4()))  # the same whenever it is sent again

    def request(self, project_id: str) -> dict[str, Any]:
        """The request, as httpx takes it."""
        path = f"/projects/{project_id}/labels/{self.label}"
        headers = {"Idempotency-Key": self.key}
        if self.action == "edit_body":
            headers["If-Match"] = f'"{self.if_version}"'
            content = body(self.objects, seed=self.key)
            return {"method": "PUT", "path": f"{path}/body", "json": content, "headers": headers}
        if self.action == "open_issue":
            return {"method": "POST", "path": f"{path}/issues", "json": {"text": self.comment}, "headers": headers}
        if self.action == "resolve_issue":
            return {"method": "POST", "path": f"{path}/issues/{self.issue}:resolve", "json": {}, "headers": headers}
        verb, _, duty = self.action.partition("_")
        content = {"as": duty} if duty else {}
        if self.user is not None:
            content["user_id"] = self.user.id
        if self.comment is not None:
            content["comment"] = self.comment
        return {"method": "POST", "path": f"{path}:{verb}", "json": content, "headers": headers}

    def send(self, project_id: str) -> Label:
        """Sends it; the label afterwards, or what the SDK raises."""
        label: Label = self.who.api.transport.request(**self.request(project_id)).json()
        return label


def idea(team: Team, person: Person, label: str, action: str, version: int, chance: random.Random) -> Attempt:
    """An attempt at one of ACTIONS, with somebody to assign, a comment or a body for `version` where it takes one."""
    attempt = Attempt(person, label, action)
    if action in ("assign_labeler", "assign_reviewer"):
        return replace(attempt, user=chance.choice(list(team.people.values())))
    if action == "reject":
        return replace(attempt, comment=chance.choice(("Look again.", "Look closer.", None)))
    if action == "edit_body":
        objects = chance.choices(list(team.class_ids.values()), k=chance.randrange(5))
        return replace(attempt, objects=tuple(objects), if_version=version)
    return attempt


def faults(label: Standing, attempt: Attempt) -> set[str]:
    """The codes that the attempt may be refused with where the label stands; none: it must succeed."""
    who = attempt.who
    found: set[str] = set()
    if who.role != "manager" and attempt.action.startswith(("assign", "unassign", "initialize")):
        return {"forbidden"}
    if who.role == "labeler" and label.assignee != who.id:
        return {"not_found"}
    if attempt.action in ISSUES:
        return found
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
    if attempt.action in ISSUES:
        return replace(label, open_issues=label.open_issues + ISSUES[attempt.action], version=label.version + 1)
    line = _line(label, attempt.action)
    assert line is not None
    _, action, _, to, round_ = line
    if to != "same":
        status, review = to.split("/")
        label = replace(label, status=label.status if status == "same" else status, review=review)
    if to == "in_progress/not_submitted":
        label = replace(label, submitter=None)
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
    """What was acknowledged on a project's labels, by label and by the version that it led to. Thread-safe.

    What was acknowledged must have been done exactly once; what was sent and not acknowledged (`doubt`), at most once.
    """

    def __init__(self, team: Team) -> None:
        self.team = team
        self._lock = threading.Lock()
        self._acknowledged = 0
        self._done: dict[str, dict[int, tuple[Attempt, Label]]] = {label: {} for label in team.labels}
        self._unplaced: dict[str, list[Attempt]] = {label: [] for label in team.labels}
        self._doubtful: dict[str, list[Attempt]] = {label: [] for label in team.labels}
        self._latest = dict.fromkeys(team.labels, Standing())
        self._traced = {label: [Standing()] for label in team.labels}

    def __len__(self) -> int:
        return self._acknowledged

    @property
    def labels(self) -> list[str]:
        """The labels that are known of."""
        return list(self._latest)

    def add(self, label: str) -> None:
        """A label that was made just now."""
        with self._lock:
            self._done[label], self._unplaced[label], self._doubtful[label] = {}, [], []
            self._latest[label], self._traced[label] = Standing(), [Standing()]

    def standing(self, label: str) -> Standing:
        """The newest known state of a label: its state, where nobody else acts on it and nothing is in doubt."""
        return self._latest[label]

    def in_doubt(self, label: str) -> bool:
        """Whether something was tried on a label of which nobody knows whether it was done, or will be."""
        return bool(self._doubtful[label])

    def acknowledge(self, attempt: Attempt, answer: Label) -> None:
        """Writes down an action that was answered with success."""
        with self._lock:
            steps, version = self._done[attempt.label], answer["version"]
            assert version not in steps, f"version {version} was given to {steps[version][0]} and to {attempt}"
            steps[version] = (attempt, answer)
            self._acknowledged += 1
            latest = self._latest[attempt.label]
            if version > latest.version:
                known: dict[str, Any] = {name: answer.get(name) for name in ("assignee", "reviewer", "submitter")}
                objects = attempt.objects if attempt.action in ("edit_body", "initialize") else latest.objects
                self._latest[attempt.label] = Standing(
                    *(answer["status"], answer["review"], answer["round"]),
                    **known,
                    version=version,
                    objects=objects,
                    open_issues=latest.open_issues,
                )

    def acknowledge_issue(self, attempt: Attempt) -> None:
        """Writes down one of ISSUES that was answered with success: the answer does not tell the label's version."""
        with self._lock:
            self._unplaced[attempt.label].append(attempt)
            self._acknowledged += 1
            self._latest[attempt.label] = after(self._latest[attempt.label], attempt)

    def doubt(self, attempt: Attempt) -> None:
        """Writes down an action that was sent, and of which nobody knows whether it was done."""
        with self._lock:
            self._doubtful[attempt.label].append(attempt)

    def believe(self, attempt: Attempt) -> None:
        """It is known by now what became of an attempt that was in doubt."""
        with self._lock:
            self._doubtful[attempt.label].remove(attempt)

    def learn(self, label: str, answer: Mapping[str, Any]) -> None:
        """A label with its body, as it was read just now."""
        objects = tuple(each["class_id"] for each in answer["body"]["objects"])
        fields = ("status", "review", "round", "assignee", "reviewer", "submitter", "version", "open_issues")
        known: dict[str, Any] = {name: answer[name] for name in fields if name in answer}
        with self._lock:
            if known["version"] > self._latest[label].version:
                self._latest[label] = Standing(**known, objects=objects)

    def trace(self) -> dict[str, Standing]:
        """Where each label stands by its history, in which all that was acknowledged is found exactly once.

        Else only what is in doubt is there, at most once. Each step must have been allowed at its turn, and the
        labels must be listed with where theirs have led.
        """
        listed = {label["id"]: label for label in self.team.manager.labels(self.team.id)}
        assert listed.keys() == set(self.labels), f"listed {sorted(listed)}, made {sorted(self.labels)}"
        for label in self.labels:
            known = self._traced[label][-1].version if len(self._traced[label]) > 1 else 0
            if listed[label]["version"] > known or self._unplaced[label]:
                entries = self.team.manager.history(self.team.id, label)
                newer = list(takewhile(lambda entry: entry["version"] > known, entries))  # noqa: B023
                if not known:
                    first = newer.pop()
                    _same((first["version"], first["action"]), (1, "add"))
                self.follow(label, newer[::-1])
        final = {label: states[-1] for label, states in self._traced.items()}
        _same(
            {label: (told(each), each["objects"]) for label, each in listed.items()},
            {label: (told(vars(each)), dict(Counter(each.objects))) for label, each in final.items()},
        )
        return final

    def check(self, watchers: Mapping[str, Watcher], folder: Path) -> None:
        """Labels, history, counters, streams (by the name of who watches) and an export agree with the ledger.

        Counters and streams may take a while to come to it, labels and history may not.
        """
        final = self.trace()
        eventually(lambda: self.count(final))
        for name, watcher in watchers.items():
            expected = self.segments(final, name)
            eventually(lambda: _same(segments(watcher.messages[-1]["cards"]), expected))  # noqa: B023
            assert all(one < following for one, following in pairwise(watcher.versions)), watcher.versions
        self.check_export(final, export(self.team.manager, self.team.id, folder / "export.json"))

    def count(self, final: Mapping[str, Standing]) -> None:
        """The overview counts what is there, for everybody."""
        expected = {name: self._figures(final, person) for name, person in self.team.people.items()}
        _same(
            {name: _counted(person.api.overview(self.team.id)) for name, person in self.team.people.items()}, expected
        )

    def segments(self, final: Mapping[str, Standing], name: str) -> dict[tuple[str, str], int]:
        """How many labels of each status and review somebody must see."""
        found: dict[tuple[str, str], int] = self._figures(final, self.team.people[name])["segments"]
        return found

    def check_export(self, final: Mapping[str, Standing], file: Path) -> None:
        """An export holds the labels as they are."""
        expected = {label: _exported(vars(each), each.objects) for label, each in final.items()}
        _same(_read(file), expected)

    def check_moment(self, file: Path) -> None:
        """An export that was made while people worked holds each label as it was at some time (see `trace`)."""
        for label, found in _read(file).items():
            assert found in [_exported(vars(each), each.objects) for each in self._traced[label]], f"{label}: {found}"

    def follow(self, label: str, newer: Iterable[Mapping[str, Any]]) -> None:
        """Finds what each line of a label's history, oldest first, came of."""
        with self._lock:
            done, traced = dict(self._done[label]), list(self._traced[label])
            unplaced, doubtful = list(self._unplaced[label]), list(self._doubtful[label])
        for entry in newer:
            standing, version = traced[-1], entry["version"]
            assert version == standing.version + 1, f"{label} has no version {standing.version + 1}"
            if version in done:
                attempt, answer = done[version]
                assert not faults(standing, attempt), f"{attempt} was acknowledged for {standing}"
                _same(told(answer), told(vars(after(standing, attempt))))
                assert _tells(entry, standing, attempt), f"{entry} is not {attempt}"
            else:
                found = [each for each in [*unplaced, *doubtful] if _tells(entry, standing, each)]
                assert found, f"nobody did {entry}"
                attempt = found[0]
                (unplaced if attempt in unplaced else doubtful).remove(attempt)
            traced.append(after(standing, attempt))
        missing = [version for version in done if version > traced[-1].version]
        assert not missing, f"{label} has no version {missing}"
        assert not unplaced, f"{label} has no {unplaced}"
        with self._lock:
            self._traced[label], self._unplaced[label], self._doubtful[label] = traced, unplaced, doubtful
            if traced[-1].version >= self._latest[label].version:
                self._latest[label] = traced[-1]

    def _figures(self, final: Mapping[str, Standing], viewer: Person) -> Figures:
        """What the overview must count for somebody: labelers see their own labels."""
        mine = [each for each in final.values() if viewer.role != "labeler" or each.assignee == viewer.id]
        placed = Counter((each.status, each.review) for each in mine)
        objects = Counter(class_id for each in mine for class_id in each.objects)
        return {
            "segments": {segment: placed[segment] for segment in SEGMENTS},
            "objects": {name: objects[self.team.class_ids[name]] for name in CLASSES},
            "open_issues": sum(each.open_issues > 0 for each in mine),
        }


def _tells(entry: Mapping[str, Any], standing: Standing, attempt: Attempt) -> bool:
    """Whether a line of history is of this attempt, done for where the label stood."""
    if (entry["action"], entry["actor"]) != (attempt.action, attempt.who.id) or faults(standing, attempt):
        return False
    to, left = after(standing, attempt), entry["after"]
    moved = all(
        left.get(name, getattr(standing, name)) == getattr(to, name)
        for name in ("status", "review", "round", "assignee", "reviewer", "submitter", "open_issues")
    )
    edited = "body" not in left or left["body"]["objects"] == dict(Counter(to.objects))
    settled = attempt.issue is None or left["issue"] == attempt.issue
    return moved and edited and settled and entry.get("comment") == attempt.comment


def _counted(overview: Overview) -> Figures:
    counted = figures(overview)
    actions = overview["cards"]["quick_actions"]["data"]["items"]
    [issues] = [each.get("count") for each in actions if each["key"] == "open_issues"]
    return {**counted, "open_issues": issues}


def _exported(label: Mapping[str, Any], objects: Iterable[str]) -> tuple[Any, ...]:
    return label["status"], label["review"], label["round"], Counter(objects)


def _read(file: Path) -> dict[str, tuple[Any, ...]]:
    labels = json.loads(file.read_bytes())["labels"]
    return {label["id"]: _exported(label, (each["class_id"] for each in label["objects"])) for label in labels}


def _same(found: Any, expected: Any) -> None:
    assert found == expected, f"found {found}, expected {expected}"
