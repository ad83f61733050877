"""A team of five roles through a week of work, from the first invitation to the last export."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from client import Labelyard
from client.transport import ApiError
from client.types import Project
from deploy.local.system import System
from tests.e2e.support import PASSWORD, Watcher, body, eventually, export, figures, sign_in, upload
from tests.mails import MailServer
from tests.pdfs import pdf

IMAGES = 6


class Week:
    """The team and its project. `ends` looks at a day's last figures."""

    def __init__(self, system: System, mails: MailServer, sessions: ExitStack) -> None:
        self.system = system
        self.mails = mails
        self.tag = uuid4().hex[:12]
        self.people = {"owner": sign_in(sessions, system, *system.owner)}
        self.ids = {"owner": self.people["owner"].me()["user"]["id"]}
        self.visitor = sessions.enter_context(Labelyard(system.url))
        self._sessions = sessions
        classes = [{"name": "cell", "annotation_type": "box"}]
        self.project: Project = self["owner"].create_project(f"week {self.tag}", classes)  # type: ignore[arg-type]
        self.labels: list[str] = []

    def __getitem__(self, role: str) -> Labelyard:
        return self.people[role]

    @property
    def there(self) -> str:
        """The project's address."""
        return f"/projects/{self.project['id']}"

    @property
    def cell(self) -> str:
        """The id of the one class."""
        return str(self.project["specification"]["object_classes"][0]["id"])

    def invite(self, role: str, by: str) -> None:
        """Invites somebody to that role; they follow the link in their mail, make an account, and sign in."""
        email, there = f"{role}-{self.tag}@example.com", "" if role == "admin" else self.there
        self[by].post(f"{there}/invitations", {"email": email, "role": role})
        token = {"token": self.mails.link_to(email).partition("#")[2]}
        accepted = self.visitor.post("/invitations:accept", {**token, "name": role.title(), "password": PASSWORD})
        assert refused(self.visitor.post, "/invitations:accept", {**token, "name": "Eve", "password": PASSWORD})
        self.ids[role] = accepted["user"]["id"]
        self.people[role] = sign_in(self._sessions, self.system, email, PASSWORD)

    def act(self, who: str, label: int, action: str, comment: str | None = None) -> Any:
        """What somebody does to a label."""
        return self[who].act(self.project["id"], self.labels[label], action, comment)  # type: ignore[arg-type]

    def draw(self, who: str, label: int, boxes: int) -> None:
        """So many boxes on a label."""
        version = self[who].label(self.project["id"], self.labels[label])["version"]
        self[who].save_body(self.project["id"], self.labels[label], version, body([self.cell] * boxes))

    def ends(self, *, boxes: int, labelers: int, **expected: int) -> None:
        """The overview shows, to everybody who may see them, so many labels in each segment: see SEGMENTS."""
        segments = {SEGMENTS[name]: count for name, count in expected.items()}

        def counted() -> None:
            for role in ("owner", "admin", "manager", "reviewer"):
                seen = figures(self[role].overview(self.project["id"]))
                assert {key: count for key, count in seen["segments"].items() if count} == segments, role
                assert seen["objects"] == {"cell": boxes}, role
            if "labeler" in self.people:
                status = self["labeler"].overview(self.project["id"])["cards"]["labeling_status"]["data"]
                assert (status["scope"], status["total"]) == ("mine", labelers)

        eventually(counted)


SEGMENTS = {
    "untouched": ("in_progress", "not_submitted"),
    "rejected": ("in_progress", "rejected"),
    "submitted": ("submitted", "pending_review"),
    "approved": ("submitted", "approved"),
    "skipped": ("skipped", "pending_review"),
}


@pytest.fixture
def week(system: System, mails: MailServer) -> Iterator[Week]:
    """Monday morning: an owner and an empty project."""
    with ExitStack() as sessions:
        yield Week(system, mails, sessions)


def refused(action: Any, *arguments: Any) -> str:
    """The code by which something is refused, as it must be."""
    with pytest.raises(ApiError) as caught:
        action(*arguments)
    return caught.value.code


def test_a_team_of_five_roles_through_a_week(week: Week, tmp_path: Path) -> None:
    _monday_the_team_comes_together(week, tmp_path)
    _tuesday_labels_are_made(week)
    _wednesday_they_are_reviewed(week)
    _thursday_everybody_may_look(week)
    _friday_one_leaves(week, tmp_path)
    _the_audit_tells_it_all(week)


def _monday_the_team_comes_together(week: Week, folder: Path) -> None:
    assert refused(week.visitor.overview, week.project["id"]) == "unauthenticated"
    week.invite("admin", by="owner")
    week.invite("manager", by="admin")
    week.invite("reviewer", by="manager")
    week.invite("labeler", by="manager")
    assert refused(week["manager"].post, "/invitations", {"email": "x@example.com", "role": "admin"}) == "forbidden"
    assert refused(week["reviewer"].post, f"{week.there}/invitations", {}) == "forbidden"
    assert refused(week["labeler"].create_project, "mine") == "forbidden"
    manager, project = week["manager"], week.project["id"]
    assets = upload(manager, f"week {week.tag}", [f"{number}.png" for number in range(IMAGES)])
    week.labels = manager.add_labels(project, assets=[asset["id"] for asset in assets])["ids"] or []
    guide = folder / "How to.pdf"
    guide.write_bytes(pdf())
    manager.upload_guideline(project, guide)
    week.ends(untouched=IMAGES, boxes=0, labelers=0)
    cards = manager.overview(project)["cards"]
    assert [item["done"] for item in cards["to_do"]["data"]["items"]] == [True, True, True]
    roles = cards["member_roles"]["data"]
    assert (roles["manager"], roles["reviewer"], roles["labeler"]) == (1, 1, 1)


def _tuesday_labels_are_made(week: Week) -> None:
    manager, labeler, project = week["manager"], week["labeler"], week.project["id"]
    [guide] = labeler.guidelines(project)
    assert guide["name"] == "How to.pdf"
    with Watcher(labeler, project) as own:
        for label in week.labels[:5]:
            manager.assign(project, label, week.ids["labeler"])
            manager.assign(project, label, week.ids["reviewer"], "reviewer")
        for number in range(3):
            week.draw("labeler", number, number + 1)
            week.act("labeler", number, "submit")
        week.act("labeler", 3, "skip", "There is nothing on it.")
        eventually(lambda: _shown(own, total=5, submitted=3))
    assert refused(labeler.label, project, week.labels[5]) == "not_found"
    assert refused(week.act, "labeler", 0, "approve") == "forbidden"
    week.ends(submitted=3, skipped=1, untouched=2, boxes=6, labelers=5)


def _shown(watcher: Watcher, total: int, submitted: int) -> None:
    data = watcher.messages[-1]["cards"]["labeling_status"]["data"]
    assert (data["total"], data["submitted"]) == (total, submitted)


def _wednesday_they_are_reviewed(week: Week) -> None:
    reviewer, labeler = week["reviewer"], week["labeler"]
    week.act("reviewer", 0, "approve")
    assert refused(week.act, "reviewer", 1, "reject") == "comment_required"
    week.act("reviewer", 1, "reject", "Two cells are missing.")
    issues = f"{week.there}/labels/{week.labels[1]}/issues"
    issue = reviewer.post(issues, {"text": "Is the one at the edge a cell?"})
    assert labeler.get(issues)["items"][0]["text"] == issue["text"]
    labeler.post(f"{issues}/{issue['id']}/comments", {"text": "It is; I have drawn it."})
    week.ends(approved=1, rejected=1, submitted=1, skipped=1, untouched=2, boxes=6, labelers=5)
    week.draw("labeler", 1, 4)
    week.act("labeler", 1, "submit")
    reviewer.post(f"{issues}/{issue['id']}:resolve")
    week.act("reviewer", 1, "approve")
    week.ends(approved=2, submitted=1, skipped=1, untouched=2, boxes=8, labelers=5)


def _thursday_everybody_may_look(week: Week) -> None:
    """The project is public until noon; the labeler helps out as a reviewer until the evening."""
    manager, labeler, project = week["manager"], week["labeler"], week.project["id"]
    manager.publish(project, manager.visibility(project)["confirmation"])
    seen = week.visitor.overview(project)
    assert (seen["viewer"]["role"], figures(seen)["objects"]) == ("visitor", {"cell": 8})
    told = json.dumps([*week.visitor.labels(project), *week.visitor.history(project, week.labels[1])])
    assert [name for name, user_id in week.ids.items() if user_id in told] == []
    with Watcher(week.visitor, project) as watcher:
        manager.unpublish(project)
        eventually(lambda: _has_ended(watcher))
    assert refused(week.visitor.overview, project) == "unauthenticated"

    member = f"{week.there}/members/{week.ids['labeler']}"
    with Watcher(labeler, project) as watcher:
        week["admin"].transport.request("PATCH", member, json={"role": "reviewer"})
        eventually(lambda: _has_ended(watcher))
    assert len(list(labeler.labels(project))) == IMAGES
    manager.unassign(project, week.labels[2], "reviewer")
    assert refused(week.act, "labeler", 2, "approve") == "self_review"
    week["admin"].transport.request("PATCH", member, json={"role": "labeler"})
    eventually(lambda: _sees(labeler, project))


def _has_ended(watcher: Watcher) -> None:
    assert watcher.ended


def _sees(labeler: Labelyard, project: str) -> None:
    assert labeler.overview(project)["cards"]["labeling_status"]["data"]["scope"] == "mine"


def _friday_one_leaves(week: Week, folder: Path) -> None:
    """The labeler's open labels are anybody's again, their history stays; what was done is exported."""
    manager, project = week["manager"], week.project["id"]
    held = [each["id"] for each in manager.labels(project, assignee=week.ids["labeler"], status="in_progress")]
    before = [each["actor"] for each in manager.history(project, week.labels[1])]
    manager.delete(f"{week.there}/members/{week.ids['labeler']}")
    assert refused(week["labeler"].overview, project) == "not_found"
    del week.people["labeler"]

    def unassigned() -> None:
        assert [manager.label(project, label)["assignee"] for label in held] == [None] * len(held)

    eventually(unassigned)
    assert week.ids["labeler"] in before
    assert [each["actor"] for each in manager.history(project, week.labels[1])] == before
    for number in (4, 5):
        week.draw("manager", number, 1)
        week.act("manager", number, "submit")
    week.act("reviewer", 2, "approve")
    week.ends(approved=3, submitted=2, skipped=1, boxes=10, labelers=0)
    document = json.loads(export(manager, project, folder / "week.json").read_bytes())
    exported = {each["id"]: each for each in document["labels"]}
    assert [len(exported[label]["objects"]) for label in week.labels] == [1, 4, 3, 0, 1, 1]
    assert Counter(each["review"] for each in exported.values()) == {"approved": 3, "pending_review": 3}
    assert refused(week["reviewer"].create_export, project) == "forbidden"
    assert manager.overview(project)["cards"]["member_roles"]["data"]["labeler"] == 0


def _the_audit_tells_it_all(week: Week) -> None:
    """Who did what, in the order in which it was done."""
    entries = list(week["owner"].pages("/admin/audit", project_id=week.project["id"], outcome="ok"))[::-1]
    who = {user_id: role for role, user_id in week.ids.items()}
    done = Counter((who.get(each["user_id"], "nobody"), each["action"].partition(".")[2]) for each in entries)
    for role, action, times in (
        ("admin", "invite", 1),
        ("manager", "invite", 2),
        ("labeler", "save_body", 4),
        ("reviewer", "open_issue", 1),
        ("labeler", "comment_on_issue", 1),
        ("manager", "change_project", 2),
        ("admin", "change_member", 2),
        ("manager", "remove_member", 1),
        ("manager", "create_export", 1),
    ):
        assert done[role, action] == times, (role, action, dict(done))
    assert all(each["at"] and each["address"] and each["session_id"] for each in entries if each["user_id"] in who)
    [made] = week["owner"].pages("/admin/audit", action="projects.create_project", subject_id=week.project["id"])
    assert (made["user_id"], made["after"]["name"]) == (week.ids["owner"], week.project["name"])
    roles = [each for each in entries if each["action"] == "members.change_member"]
    assert [(each["before"]["role"], each["after"]["role"]) for each in roles] == [
        ("labeler", "reviewer"),
        ("reviewer", "labeler"),
    ]
    assert refused(week["manager"].get, "/admin/audit") == "forbidden"
