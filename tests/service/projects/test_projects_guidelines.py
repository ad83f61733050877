"""Guidelines: uploaded, verified, listed, deleted, on a real object store."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa

from chassis import uploads
from chassis.database import Database
from chassis.objects import ObjectStore
from chassis.uploads import upload_policies
from contracts.errors import Problem
from contracts.events import GuidelineChanged
from contracts.rpc.projects import CreateGuideline, CreateProject, Guideline, GuidelineUpload, ListGuidelines
from services.projects import sweeping
from services.projects.handlers import cards, guidelines, projects
from services.projects.models import GuidelineRow
from services.projects.pdf import count_pages
from tests.pdfs import pdf
from tests.service.support import waiting_events

ACTOR = uuid4()


class Desk:
    """A project and the ways of its guidelines."""

    def __init__(self, database: Database, store: ObjectStore) -> None:
        self.database, self.store = database, store
        with database.session() as session:
            self.id = projects.create_project(session, CreateProject(name=f"p {uuid4().hex}", actor=ACTOR)).id

    def expect(self, size: int, name: str = "Guide.pdf") -> GuidelineUpload:
        with self.database.session() as session:
            request = CreateGuideline(project_id=self.id, name=name, size=size, actor=ACTOR)
            return guidelines.create_guideline(session, self.store, request)

    def upload(self, data: bytes, name: str = "Guide.pdf") -> UUID:
        expected = self.expect(len(data), name)
        send(expected, data).raise_for_status()
        return expected.guideline.id

    def complete(self, guideline_id: UUID, count: Callable[[bytes], int] = count_pages) -> Guideline:
        verified = guidelines.verify(self.database, self.store, count, self.id, guideline_id)
        with self.database.session() as session:
            return guidelines.complete(session, self.id, guideline_id, verified)

    def add(self, name: str = "Guide.pdf", pages: int = 1) -> Guideline:
        return self.complete(self.upload(pdf(pages), name))

    def delete(self, guideline_id: UUID) -> None:
        with self.database.session() as session:
            guidelines.delete_guideline(session, self.id, guideline_id)

    def listed(self, cursor: str | None = None, limit: int = 50) -> tuple[list[str], str | None]:
        with self.database.session() as session:
            request = ListGuidelines(project_id=self.id, cursor=cursor, limit=limit)
            page = guidelines.list_guidelines(session, request)
        return [each.name for each in page.items], page.next

    def counted(self) -> int:
        """What the overview's card says."""
        with self.database.session() as session:
            return cards.get_project_cards(session, self.id).guidelines

    def told(self) -> list[tuple[int, int]]:
        """Versions and counts of the events, which then clear away."""
        with self.database.session() as session:
            events = waiting_events(session, GuidelineChanged, project_id=self.id)
        for event in events:
            guidelines.clear_away(self.database, event)
        return [(event.version, event.count) for event in events]

    def objects(self) -> list[str]:
        """The keys of what the store holds for the project."""
        return [each.key for each in self.store.find(f"guidelines/{self.id}/")]


def send(upload: GuidelineUpload, data: bytes) -> httpx.Response:
    return httpx.post(upload.upload.url, data=upload.upload.fields, files={"file": data})


@pytest.fixture(scope="session")
def store(settings_environment: dict[str, str]) -> ObjectStore:
    return ObjectStore.shared()


@pytest.fixture
def desk(database: Database, store: ObjectStore) -> Desk:
    return Desk(database, store)


def test_a_pdf_becomes_a_guideline_when_it_has_been_read(desk: Desk) -> None:
    data = pdf(3)
    guideline_id = desk.upload(data, "Grenzfälle")
    assert (desk.listed()[0], desk.counted()) == ([], 0)
    with desk.database.session() as session, pytest.raises(Problem, match="not_found"):
        guidelines.link_guideline(session, desk.store, desk.id, guideline_id)
    made = desk.complete(guideline_id)
    assert (made.pages, made.size, made.stored_at is not None) == (3, len(data), True)
    assert desk.complete(guideline_id) == made
    assert (desk.listed()[0], desk.counted(), desk.told()) == (["Grenzfälle"], 1, [(1, 1)])
    with desk.database.session() as session:
        link = guidelines.link_guideline(session, desk.store, desk.id, guideline_id)
    answer = httpx.get(link.url)
    assert (answer.content, answer.headers["content-type"]) == (data, "application/pdf")
    assert answer.headers["content-disposition"].startswith('attachment; filename="Grenzf_lle.pdf"')
    assert len(desk.objects()) == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"no PDF at all", "not_a_pdf"),
        (pdf(password="x"), "encrypted_pdf"),
        (pdf(20)[:900], "damaged_pdf"),
    ],
    ids=["not", "encrypted", "damaged"],
)
def test_what_is_no_good_pdf_is_removed_and_changes_nothing(desk: Desk, data: bytes, code: str) -> None:
    desk.add("first.pdf")
    desk.told()
    before = desk.objects()
    guideline_id = desk.upload(data)
    with pytest.raises(Problem, match=code):
        desk.complete(guideline_id)
    assert (desk.listed()[0], desk.counted(), desk.objects()) == (["first.pdf"], 1, before)
    assert len(desk.told()) == 1
    with pytest.raises(Problem, match="not_ready"):
        desk.complete(guideline_id)


def test_a_file_that_is_too_large_is_refused_before_and_while_it_is_uploaded(desk: Desk) -> None:
    with pytest.raises(Problem) as caught:
        desk.expect(guidelines.SIZE_MAX + 1)
    assert (caught.value.code, caught.value.extra) == ("too_large", {"limit": guidelines.SIZE_MAX})
    expected = desk.expect(100)
    assert send(expected, pdf(20)).status_code == 400
    with pytest.raises(Problem, match="not_ready"):
        desk.complete(expected.guideline.id)
    assert desk.objects() == []


def test_an_upload_does_not_touch_a_verified_file(desk: Desk) -> None:
    data = pdf(2)
    expected = desk.expect(len(data))
    send(expected, data)
    desk.complete(expected.guideline.id)
    send(expected, data[:-1] + b"X").raise_for_status()
    assert desk.complete(expected.guideline.id).pages == 2
    with desk.database.session() as session:
        link = guidelines.link_guideline(session, desk.store, desk.id, expected.guideline.id)
    assert httpx.get(link.url).content == data


def test_they_are_listed_newest_first(desk: Desk) -> None:
    for name in ("one", "two", "three"):
        desk.add(name)
    first, cursor = desk.listed(limit=2)
    rest, end = desk.listed(cursor, limit=2)
    assert (first, rest, end) == (["three", "two"], ["one"], None)


def test_a_deleted_one_is_gone_with_its_file(desk: Desk) -> None:
    first, second = desk.add("one"), desk.add("two")
    desk.delete(first.id)
    assert (desk.listed()[0], desk.counted(), desk.told()) == (["two"], 1, [(1, 1), (2, 2), (3, 1)])
    assert [key.split("/")[2] for key in desk.objects()] == [str(second.id)]
    with pytest.raises(Problem, match="not_found"):
        desk.delete(first.id)
    assert desk.counted() == 1


def test_of_many_at_once_every_one_is_counted_once(desk: Desk) -> None:
    ids = [desk.upload(pdf()) for _ in range(6)]
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(desk.complete, ids * 2))
        assert desk.counted() == len(desk.listed()[0]) == 6
        list(pool.map(desk.delete, ids[:5]))
    assert desk.counted() == 1
    assert [count for _, count in desk.told()] == [1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1]


def test_what_was_never_completed_is_swept(desk: Desk) -> None:
    abandoned, waiting = desk.upload(pdf()), desk.upload(pdf())
    long_ago = datetime.now(UTC) - timedelta(days=2)
    with desk.database.session() as session:
        old = sa.update(GuidelineRow).where(GuidelineRow.id == abandoned)
        session.execute(old.values(created_at=long_ago))
    kept = desk.add()
    desk.told()
    sweeping.sweep(desk.database)
    assert {key.split("/")[2] for key in desk.objects()} == {str(waiting), str(kept.id)}
    with pytest.raises(Problem, match="not_found"):
        desk.complete(abandoned)


@pytest.mark.parametrize("deleted", [False, True])
def test_what_is_uploaded_again_while_the_policy_holds_is_swept(desk: Desk, deleted: bool) -> None:
    data = pdf()
    expected = desk.expect(len(data))
    send(expected, data).raise_for_status()
    made = desk.complete(expected.guideline.id)
    if deleted:
        desk.delete(made.id)
    desk.told()
    kept = desk.objects()
    assert len(kept) == (0 if deleted else 1)
    send(expected, data).raise_for_status()
    assert len(desk.objects()) == len(kept) + 1
    sweeping.sweep(desk.database)
    assert len(desk.objects()) == len(kept) + 1
    with desk.database.session() as session:
        ours = upload_policies.c.key == expected.upload.fields["key"]
        session.execute(sa.update(upload_policies).where(ours).values(until=datetime.now(UTC) - uploads.KEPT))
    sweeping.sweep(desk.database)
    assert desk.objects() == kept


def test_a_deleted_project_shows_none(desk: Desk) -> None:
    made = desk.add()
    with desk.database.session() as session:
        projects.delete_project(session, desk.id)
    for use in (desk.listed, lambda: desk.expect(5), lambda: desk.delete(made.id), lambda: desk.complete(made.id)):
        with pytest.raises(Problem, match="not_found"):
            use()
    with desk.database.session() as session:
        projects.restore_project(session, desk.id)
    assert desk.listed()[0] == ["Guide.pdf"]
