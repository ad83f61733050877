"""The demo project: real images, and work by several members, all made through the public REST API.

Every step looks at what is there first, so that a run that was interrupted is simply run again.
"""

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path

from client import Labelyard
from client.types import Action, Import, Label, ProjectRole
from deploy.local.demo_images import Tile, as_coco, tiles
from deploy.local.errors import LocalError

PROJECT = "demo"
PATIENCE = 120  # seconds
LABELERS = ("lena", "luca", "lin")
REVIEWER = "rosa"
MEMBERS: dict[str, ProjectRole] = {
    "mara": "manager",
    REVIEWER: "reviewer",
    **dict.fromkeys(LABELERS, "labeler"),
}
FATES: tuple[tuple[Action, ...], ...] = (
    ("submit", "approve"),
    ("submit",),
    ("submit", "approve"),
    ("skip", "approve"),
    ("submit", "approve"),
    ("submit", "reject"),
    ("submit", "approve"),
    (),
    ("submit",),
    ("skip",),
    ("submit", "approve"),
    (),
)
"""What is done with each label once it is assigned, in turn; together they reach every status and review."""


def load(url: str, token: str, password: str, say: Callable[[str], None]) -> None:
    """Makes the demo project as the owner of `token`; its members sign in with `password`."""
    with ExitStack() as sessions:
        owner = sessions.enter_context(Labelyard(url, token))
        say("demo: uploading images and their first annotations")
        project = (owner.find_project(PROJECT) or owner.create_project(PROJECT))["id"]
        _import(owner, project, list(tiles()))
        say(f"demo: work by {', '.join(MEMBERS)}")
        users = _members(owner, project, password)
        members: dict[str, Labelyard] = {}
        for name in MEMBERS:
            members[name] = sessions.enter_context(Labelyard(url))
            members[name].login(email(name), password)
        labels = sorted(owner.labels(project), key=lambda label: label["data_key"])
        for label, labeler, fate in zip(labels, cycle(LABELERS), cycle(FATES), strict=False):
            _work(members, label, labeler, users[labeler], fate)


def email(name: str) -> str:
    """A member's e-mail address, in the domain that is nobody's."""
    return f"{name}@example.com"


def _members(owner: Labelyard, project: str, password: str) -> dict[str, str]:
    """Adds the members that are missing; gives the user id of each by name."""
    users = {member["user"]["email"]: member["user"]["id"] for member in owner.members(project)}
    for name, role in MEMBERS.items():
        if email(name) not in users:
            added = owner.add_member(project, email(name), role, name=name.title(), password=password)
            users[email(name)] = added["user"]["id"]
    return {name: users[email(name)] for name in MEMBERS}


def _import(owner: Labelyard, project: str, found: list[Tile]) -> None:
    """Uploads the tiles and imports their boxes as labels in progress; does nothing to what is there."""
    with tempfile.TemporaryDirectory() as folder:
        files = {tile.data_key: Path(folder) / tile.data_key for tile in found}
        for tile in found:
            files[tile.data_key].write_bytes(tile.png)
        uploaded = owner.upload_assets(PROJECT, files)
        if uploaded.failures:
            first = uploaded.failures[0]
            raise LocalError(f"the demo's {first.data_key} was not stored: {first.detail}")
        document = Path(folder) / "demo.json"
        document.write_text(as_coco(found))
        upload = owner.upload_annotations(project, document)
    done = _ended(owner, owner.start_import(project, upload, "coco", PROJECT))
    if done["state"] != "done" or done["report"]["error_count"]:
        raise LocalError(f"the demo's import ended badly: {done.get('failure') or done['report']['errors'][:3]}")


def _ended(owner: Labelyard, running: Import) -> Import:
    """Waits for an import, but not for ever: nobody may be at work on it."""
    end = time.monotonic() + PATIENCE
    while running["state"] in ("queued", "running"):
        if time.monotonic() > end:
            raise LocalError(
                f"the demo's import has not ended within {PATIENCE} seconds: `make status` and"
                " `make logs NAME=labels-bulk` may say why; run this again when that is mended"
            )
        time.sleep(0.3)
        running = owner.import_(running["project_id"], running["id"])
    return running


def _work(members: dict[str, Labelyard], label: Label, labeler: str, labeler_id: str, fate: tuple[Action, ...]) -> None:
    """Takes a label as far as its fate says, each step by the member whose it is."""
    project, label_id = label["project_id"], label["id"]
    if not label.get("assignee"):
        label = members["mara"].assign(project, label_id, labeler_id)
    if fate and label["review"] == "not_submitted":
        label = members[labeler].act(project, label_id, fate[0])
    if len(fate) > 1 and label["review"] == "pending_review":
        comment = "Some objects are missing." if fate[1] == "reject" else None
        members[REVIEWER].act(project, label_id, fate[1], comment)
