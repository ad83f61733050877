"""The ledger of the end-to-end and fault tests notices what it is there for."""

from collections.abc import Mapping
from typing import Any

import pytest

from client import Labelyard
from tests.e2e.ledger import Attempt, Ledger, Standing, after
from tests.e2e.support import Person, Team

API = Labelyard("http://127.0.0.1:1")  # nothing is asked
MARA = Person("mara's id", "manager", "mara@example.com", API)
LENA = Person("lena's id", "labeler", "lena@example.com", API)
GIVE = Attempt(MARA, "label", "assign_labeler", user=LENA)
SUBMIT = Attempt(LENA, "label", "submit", comment="first")
APPROVE = Attempt(MARA, "label", "approve", comment="second")
ISSUE = Attempt(MARA, "label", "open_issue", comment="What is this?")


@pytest.fixture
def ledger() -> Ledger:
    """Of one label, that was given to Lena and submitted by her."""
    project: Any = {"id": "project"}
    ledger = Ledger(Team("http://127.0.0.1:1", project, API, {"mara": MARA, "lena": LENA}, ["label"]))
    for attempt in (GIVE, SUBMIT):
        ledger.acknowledge(attempt, answer(after(ledger.standing("label"), attempt)))
    return ledger


def history(*attempts: Attempt) -> list[dict[str, Any]]:
    """What a label's history says after these, one after the other."""
    lines, standing = [], Standing()
    for attempt in attempts:
        standing = after(standing, attempt)
        names = ("status", "review", "round", "assignee", "reviewer", "submitter", "open_issues")
        left = {name: getattr(standing, name) for name in names}
        line = {"version": standing.version, "action": attempt.action, "actor": attempt.who.id}
        lines.append({**line, "comment": attempt.comment, "after": left})
    return lines


def answer(standing: Standing) -> Any:
    """A label as it is answered."""
    return vars(standing)


def refuses(ledger: Ledger, lines: list[dict[str, Any]], why: str) -> None:
    """The ledger does not agree with this history."""
    with pytest.raises(AssertionError, match=why):
        ledger.follow("label", lines)


def changed(line: Mapping[str, Any], **after: Any) -> dict[str, Any]:
    """A line of history that leads elsewhere."""
    return {**line, "after": {**line["after"], **after}}


def test_what_was_acknowledged_is_there_once(ledger: Ledger) -> None:
    """It says so, and goes on from there."""
    ledger.follow("label", history(GIVE, SUBMIT))
    ledger.doubt(APPROVE)
    ledger.follow("label", history(GIVE, SUBMIT, APPROVE)[2:])
    assert ledger.standing("label").review == "approved"
    assert not ledger.in_doubt("label")


def test_what_was_acknowledged_is_missing(ledger: Ledger) -> None:
    """At the end, or in the middle, where something else has its version."""
    refuses(ledger, history(GIVE), "has no version")
    refuses(ledger, history(GIVE, GIVE), "is not")
    ledger.acknowledge_issue(ISSUE)
    refuses(ledger, history(GIVE, SUBMIT), "has no .*open_issue")


def test_something_was_done_twice(ledger: Ledger) -> None:
    """Whether it was acknowledged or not."""
    ledger.acknowledge_issue(ISSUE)
    refuses(ledger, history(GIVE, SUBMIT, ISSUE, ISSUE), "nobody did")
    ledger.doubt(APPROVE)
    again = history(GIVE, SUBMIT, ISSUE, APPROVE)
    refuses(ledger, [*again, {**again[-1], "version": 6}], "nobody did")


def test_somebody_did_what_nobody_tried(ledger: Ledger) -> None:
    """Also where a like action of somebody else is in doubt."""
    refuses(ledger, history(GIVE, SUBMIT, APPROVE), "nobody did")
    ledger.doubt(Attempt(MARA, "label", "approve", comment="another"))
    refuses(ledger, history(GIVE, SUBMIT, APPROVE), "nobody did")


def test_an_action_led_elsewhere(ledger: Ledger) -> None:
    """It is there, but did something else."""
    give, submit = history(GIVE, SUBMIT)
    refuses(ledger, [changed(give, assignee=MARA.id), submit], "is not")
    refuses(ledger, [give, changed(submit, review="approved")], "is not")


def test_what_is_in_doubt_may_never_have_been_done(ledger: Ledger) -> None:
    """It stays in doubt."""
    ledger.doubt(APPROVE)
    ledger.follow("label", history(GIVE, SUBMIT))
    assert ledger.in_doubt("label")
