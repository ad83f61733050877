"""Everything that belongs to a new project, done at once: nothing is refused because somebody has not heard yet."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from uuid import uuid4

from client import Labelyard
from deploy.local.system import System
from tests.e2e.support import PASSWORD, body, eventually, sign_in, upload

TIMES = 200
AT_ONCE = 4


def test_a_new_project_can_be_worked_in_at_once(system: System) -> None:
    """Each step follows the one before without a pause; the SDK raises for any refusal, a 404 or 409 above all."""
    tag = uuid4().hex[:8]

    def some(first: int) -> list[str]:
        with ExitStack() as sessions:
            owner = sign_in(sessions, system, *system.owner)
            labeler = sessions.enter_context(Labelyard(system.url))
            return [_submit_first_label(owner, labeler, f"{tag}-{n}") for n in range(first, TIMES, AT_ONCE)]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        projects = [project for made in pool.map(some, range(AT_ONCE)) for project in made]

    def all_counted() -> None:
        listed = {each["id"]: each["counters"] for each in owner.projects()}
        assert [(listed[each] or {}).get("submitted") for each in projects] == [1] * TIMES

    with ExitStack() as sessions:
        owner = sign_in(sessions, system, *system.owner)
        eventually(all_counted)


def _submit_first_label(owner: Labelyard, labeler: Labelyard, name: str) -> str:
    """From no project at all to a label submitted in it, by a user who was not there either; the project's id."""
    created = owner.create_project(name, [{"name": "cell", "annotation_type": "box"}])
    project, cell = created["id"], created["specification"]["object_classes"][0]["id"]
    email = f"{name}@example.com"
    member = owner.add_member(project, email, "labeler", name="Lena", password=PASSWORD)
    labeler.login(email, PASSWORD)
    [asset] = upload(owner, name, ["image.png"])
    [label] = owner.add_labels(project, assets=[asset["id"]])["ids"] or []
    assigned = owner.assign(project, label, member["user"]["id"])
    saved = labeler.save_body(project, label, assigned["version"], body([cell]))
    submitted = labeler.act(project, label, "submit")
    assert (saved["version"], submitted["version"], submitted["status"]) == (3, 4, "submitted")
    return project
