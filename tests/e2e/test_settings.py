"""A project's settings and what belongs to it: deleted and restored, classes, guidelines, issues, auto-label."""

from pathlib import Path
from typing import Any

import pytest

from client.transport import ApiError
from deploy.local.system import System
from tests.e2e.support import Team, Watcher, body, eventually
from tests.pdfs import pdf


def code_of(action: Any, *arguments: Any, **more: Any) -> tuple[int, str]:
    """The refusal of what must be refused."""
    with pytest.raises(ApiError) as caught:
        action(*arguments, **more)
    return caught.value.status, caught.value.code


def card(team: Team, key: str, name: str = "mara") -> Any:
    """What a card of the overview shows."""
    shown = team.people[name].api.overview(team.id)["cards"][key]
    assert shown["state"] == "ok", shown
    return shown["data"]


def item(team: Team, key: str, which: str, name: str = "mara") -> dict[str, Any]:
    """One item of a card."""
    return next(each for each in card(team, key, name)["items"] if each["key"] == which)


def test_a_deleted_project_is_gone_at_once_and_comes_back_whole(system: System, team: Team) -> None:
    """Labels that changed just before count too, although nobody had counted them yet."""
    label, name, there = team.labels[0], team.project["name"], f"/projects/{team.id}"
    assert code_of(team.manager.delete_project, team.id) == (403, "forbidden")
    with Watcher(team.manager, team.id) as watcher:
        eventually(team.figures)
        system.stop("projector")
        team.manager.act(team.id, label, "submit")
        team.owner.delete_project(team.id)
        for api in (team.owner, team.manager):
            for path in (
                "",
                "/overview",
                "/live",
                "/labels",
                f"/labels/{label}",
                "/exports",
                "/members",
                "/guidelines",
                "/auto-label",
            ):
                assert code_of(api.get, there + path) == (404, "not_found"), path
            assert code_of(api.act, team.id, label, "reopen") == (404, "not_found")
            assert code_of(api.create_export, team.id) == (404, "not_found")
            assert code_of(api.add_labels, team.id, dataset="any") == (404, "not_found")
            assert list(api.projects(name)) == []
        assert code_of(team.manager.restore_project, team.id) == (404, "not_found")
        assert code_of(lambda: list(team.manager.projects(deleted=True))) == (403, "forbidden")
        assert [each["id"] for each in team.owner.projects(name, deleted=True)] == [team.id]

        def ended() -> None:
            assert watcher.ended

        eventually(ended)
    namesake = team.owner.create_project(name)
    assert code_of(team.owner.restore_project, team.id) == (409, "name_taken")
    team.owner.delete_project(namesake["id"])
    assert team.owner.restore_project(team.id)["name"] == name
    assert team.owner.restore_project(team.id)["version"] == 3
    assert team.manager.act(team.id, team.labels[1], "submit")["status"] == "submitted"
    assert team.manager.await_export(team.manager.create_export(team.id))["labels"] == len(team.labels)
    system.start("projector")

    def counted() -> None:
        assert team.figures()["segments"]["submitted", "pending_review"] == 2

    eventually(counted)


def test_classes_are_added_and_renamed_and_stay_while_labels_use_them(system: System, team: Team) -> None:
    cell, dot = team.project["specification"]["object_classes"]
    team.manager.save_body(team.id, team.labels[0], 1, body([cell["id"], cell["id"]]))

    def change(*classes: dict[str, Any]) -> Any:
        version = team.manager.project(team.id)["version"]
        return team.manager.change_project(team.id, version, specification={"object_classes": list(classes)})

    with pytest.raises(ApiError) as caught:
        change(dot)
    assert (caught.value.code, caught.value.extra["count"]) == ("class_in_use", 2)
    assert caught.value.extra["classes"] == [{"id": cell["id"], "name": "cell", "count": 2}]
    new = {"name": "vessel", "annotation_type": "polygon"}
    changed = change({**cell, "name": "nucleus"}, new)["specification"]["object_classes"]
    assert [each["name"] for each in changed] == ["nucleus", "vessel"]
    assert changed[0]["id"] == cell["id"]
    eventually(lambda: _counts(team, {"nucleus": 2, "vessel": 0}))
    system.stop("labels")
    try:
        assert code_of(change, changed[0]) == (503, "unavailable")
    finally:
        system.start("labels")
    assert team.manager.project(team.id)["specification"]["object_classes"] == changed


def _counts(team: Team, expected: dict[str, int]) -> None:
    assert {each["name"]: each["count"] for each in card(team, "configuration")["object_classes"]} == expected


def test_guidelines_are_read_before_they_count(team: Team, tmp_path: Path) -> None:
    good, bad = tmp_path / "How to.pdf", tmp_path / "bad.pdf"
    good.write_bytes(pdf(3))
    bad.write_bytes(b"words")
    assert item(team, "to_do", "upload_guideline") == {"key": "upload_guideline", "done": False}
    with Watcher(team.manager, team.id) as watcher:
        assert code_of(team.manager.upload_guideline, team.id, bad) == (422, "not_a_pdf")
        assert card(team, "guidelines") == {"count": 0}
        made = team.manager.upload_guideline(team.id, good)
        assert (made["name"], made["pages"]) == ("How to.pdf", 3)

        def told() -> None:
            assert watcher.changed == ["to_do", "guidelines"]

        eventually(told)
    assert card(team, "guidelines", "lena") == {"count": 1}
    assert item(team, "to_do", "upload_guideline")["done"] is True
    labeler = team.people["lena"].api
    assert list(labeler.guidelines(team.id)) == [made]
    labeler.download_guideline(made, tmp_path / "copy.pdf")
    assert (tmp_path / "copy.pdf").read_bytes() == good.read_bytes()
    assert code_of(labeler.upload_guideline, team.id, good) == (403, "forbidden")
    assert code_of(labeler.delete_guideline, team.id, made["id"]) == (403, "forbidden")
    team.manager.delete_guideline(team.id, made["id"])
    assert card(team, "guidelines") == {"count": 0}
    assert code_of(labeler.get, f"/projects/{team.id}/guidelines/{made['id']}/content") == (404, "not_found")


def test_issues_are_counted_where_they_are_seen(team: Team) -> None:
    mine, other = team.labels[:2]
    lena = team.people["lena"]
    team.manager.assign(team.id, mine, lena.id)
    there = f"/projects/{team.id}/labels"
    issue = lena.api.post(f"{there}/{mine}/issues", {"text": "Is this one?"})
    team.manager.post(f"{there}/{other}/issues", {"text": "And this?"})
    team.manager.post(f"{there}/{mine}/issues/{issue['id']}/comments", {"text": "Yes."})
    assert code_of(lena.api.post, f"{there}/{other}/issues", {"text": "mine too?"}) == (404, "not_found")

    def counted(everybody: int, own: int) -> None:
        assert item(team, "quick_actions", "open_issues")["count"] == everybody
        assert item(team, "quick_actions", "open_issues", "lena")["count"] == own

    eventually(lambda: counted(2, 1))
    assert [each["id"] for each in lena.api.labels(team.id, has_open_issues="true")] == [mine]
    (comment,) = lena.api.get(f"{there}/{mine}/issues/{issue['id']}/comments")["items"]
    assert (comment["text"], comment["created_by"]) == ("Yes.", team.people["mara"].id)
    lena.api.post(f"{there}/{mine}/issues/{issue['id']}:resolve")
    eventually(lambda: counted(1, 0))
    assert [each["action"] for each in team.manager.history(team.id, mine)][:2] == ["resolve_issue", "open_issue"]


def test_auto_label_is_configured_and_shown(team: Team) -> None:
    there = f"/projects/{team.id}/auto-label"
    assert card(team, "auto_label") == {"status": "off", "model": None, "last_run": None}
    model = team.manager.post(f"{there}/models", {"name": "Cells 1"})
    wanted = {"enabled": True, "model": model["id"], "classes": [team.class_ids["cell"]], "threshold": 0.7}
    put = team.manager.transport.request
    assert put("PUT", there, json=wanted).json() == team.manager.get(there) == wanted
    assert card(team, "auto_label") == {"status": "configured", "model": "Cells 1", "last_run": None}
    assert code_of(put, "PUT", there, json={**wanted, "classes": [model["id"]]}) == (422, "unknown_class")
    assert code_of(team.people["rosa"].api.get, there) == (403, "forbidden")
