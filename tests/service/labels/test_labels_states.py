"""The states that others compare theirs with: page by page, each label once, as events tell of it."""

from uuid import UUID

from chassis.ids import new_id
from contracts.rpc.labels import GetLabelStates, ListLabeledProjects, ListLabelStates
from services.labels.handlers import changes, states
from services.labels.models import Label
from tests.service.labels.conftest import Desk


def test_pages_hold_each_label_once_as_events_tell_of_it(desk: Desk) -> None:
    made = sorted(desk.labels(5))
    found, after = [], None
    with desk.database.session() as session:
        while True:
            page = states.list_states(session, ListLabelStates(project_id=desk.project_id, after=after, limit=2))
            found += page.items
            if not page.more:
                break
            after = page.items[-1].label_id
        assert [each.label_id for each in found] == made
        rows = [session.get_one(Label, (desk.project_id, label_id)) for label_id in made]
        assert found == [changes.state(row) for row in rows]
        assert states.list_states(session, ListLabelStates(project_id=new_id())).items == ()


def test_labels_are_found_by_id_and_unknown_ones_left_out(desk: Desk) -> None:
    made = desk.labels(2)
    with desk.database.session() as session:
        asked = GetLabelStates(project_id=desk.project_id, ids=(made[1], new_id()))
        assert [each.label_id for each in states.get_states(session, asked).items] == [made[1]]
        elsewhere = GetLabelStates(project_id=new_id(), ids=(made[1],))
        assert states.get_states(session, elsewhere).items == ()


def test_every_project_is_listed(desk: Desk) -> None:
    desk.labels(1)
    listed: list[UUID] = []
    after = None
    with desk.database.session() as session:
        while True:
            page = states.list_projects(session, ListLabeledProjects(after=after, limit=3))
            listed += page.items
            if not page.more:
                break
            after = page.items[-1]
    assert desk.project_id in listed
    assert listed == sorted(set(listed))
