"""Share links: who has the address has the file, as long and as often as was said."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa

from chassis.database import Database
from chassis.ids import new_id
from chassis.objects import ObjectStore
from contracts.enums import ExportFormat, JobState
from contracts.errors import Problem
from contracts.events import ProjectDeleted
from contracts.rpc.exports import FollowShareLink, NewShareLink, ShareExport, UnshareExport
from contracts.rpc.labels import Link
from services.exports.handlers import exports, sharing
from services.exports.models import ExportRow, ShareLinkRow, ShareVisitRow

SOMEBODY = UUID(int=1)
FILE = b'{"labels":[]}'


class Desk:
    """An export that is done, and people who have its address."""

    def __init__(self, database: Database, store: ObjectStore) -> None:
        self.database = database
        self.store = store
        self.project_id, self.export_id = new_id(), new_id()
        with database.session() as session:
            row = ExportRow(
                project_id=self.project_id,
                id=self.export_id,
                name="Cells",
                format=ExportFormat.NATIVE,
                filter={},
                state=JobState.DONE,
                attempt=1,
                version=3,
                size=len(FILE),
                created_by=SOMEBODY,
                created_at=datetime.now(UTC),
            )
            session.add(row)
        store.put(exports.file_key(self.export_id, 1), FILE)

    def share(self, **limits: Any) -> NewShareLink:
        request = ShareExport(project_id=self.project_id, export_id=self.export_id, actor=SOMEBODY, **limits)
        with self.database.session() as session:
            return sharing.share_export(session, request)

    def unshare(self) -> None:
        with self.database.session() as session:
            sharing.unshare_export(session, UnshareExport(project_id=self.project_id, export_id=self.export_id))

    def follow(self, link: NewShareLink, address: str = "192.0.2.1", looks: bool = False) -> Link:
        with self.database.session() as session:
            return sharing.follow(session, self.store, FollowShareLink(token=link.token, address=address, looks=looks))

    def downloads(self) -> int:
        with self.database.session() as session:
            link = exports.get_export(session, self.project_id, self.export_id).link
        assert link is not None
        return link.downloads

    def standing(self) -> int:
        with self.database.session() as session:
            return sharing.count_links(session, self.project_id).count

    def later(self, **by: float) -> None:
        """Let that much time pass for what is stored of the links."""
        with self.database.session() as session:
            earlier = timedelta(**by)
            session.execute(sa.update(ShareVisitRow).values(seen_at=ShareVisitRow.seen_at - earlier))
            ours = ShareLinkRow.project_id == self.project_id
            session.execute(sa.update(ShareLinkRow).where(ours).values(expires_at=ShareLinkRow.expires_at - earlier))


@pytest.fixture
def desk(settings_environment: dict[str, str]) -> Desk:
    return Desk(Database.of("exports"), ObjectStore.shared())


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(Problem) as caught:
        call()
    return caught.value.code


def test_an_address_leads_to_the_file(desk: Desk) -> None:
    link = desk.share()
    response = httpx.get(desk.follow(link).url).raise_for_status()
    assert (response.content, response.headers["content-type"]) == (FILE, "application/json")
    assert 'filename="Cells.json"' in response.headers["content-disposition"]
    rest = httpx.get(desk.follow(link).url, headers={"Range": "bytes=5-"})
    assert (rest.status_code, rest.content) == (206, FILE[5:])
    assert httpx.head(desk.follow(link, looks=True).url).headers["content-length"] == str(len(FILE))


def test_people_reach_the_store_elsewhere_than_services_do(desk: Desk, settings_environment: dict[str, str]) -> None:
    inside = settings_environment["LABELYARD_S3_ENDPOINT"]
    outside = inside.replace("127.0.0.1", "localhost")
    desk.store = ObjectStore(
        endpoint=inside,
        public_endpoint=outside,
        access_key=settings_environment["LABELYARD_S3_ACCESS_KEY"],
        secret_key=settings_environment["LABELYARD_S3_SECRET_KEY"],
        bucket=settings_environment["LABELYARD_S3_BUCKET"],
        region=settings_environment["LABELYARD_S3_REGION"],
    )
    url = desk.follow(desk.share()).url
    assert url.startswith(outside) and httpx.get(url).content == FILE
    assert desk.store.get(exports.file_key(desk.export_id, 1)) == FILE
    assert httpx.get(url.replace(outside, inside)).status_code == 403  # the host is signed


def test_no_token_is_kept(desk: Desk) -> None:
    link = desk.share()
    assert len(link.token) >= 22  # 128 bits
    with desk.database.session() as session:
        (row,) = session.scalars(sa.select(ShareLinkRow).where(ShareLinkRow.project_id == desk.project_id))
    assert link.token.encode() not in repr(vars(row)).encode()


def test_a_client_counts_once_an_hour(desk: Desk) -> None:
    link = desk.share()
    for _ in range(3):
        desk.follow(link)
    assert desk.downloads() == 1
    desk.follow(link, "192.0.2.2")
    desk.follow(link, "192.0.2.3", looks=True)  # only looks
    assert desk.downloads() == 2
    desk.later(minutes=50)
    desk.follow(link)
    desk.later(minutes=50)
    desk.follow(link)
    assert desk.downloads() == 2
    desk.later(minutes=61)
    desk.follow(link)
    assert desk.downloads() == 3
    desk.later(minutes=61)
    sharing.forget_visits(desk.database)
    with desk.database.session() as session:
        assert session.scalars(sa.select(ShareVisitRow)).all() == []


def test_used_up_it_still_lets_those_go_on_who_have_begun(desk: Desk) -> None:
    link = desk.share(max_downloads=1)
    desk.follow(link)
    for looks in (False, True):
        assert refusal(lambda looks=looks: desk.follow(link, "192.0.2.2", looks)) == "gone"  # type: ignore[misc]
    desk.follow(link)
    assert desk.downloads() == 1


def test_an_expired_link_is_gone(desk: Desk) -> None:
    link = desk.share(expires_at=datetime.now(UTC) + timedelta(hours=1))
    desk.follow(link)
    desk.later(hours=1)
    assert refusal(lambda: desk.follow(link)) == "gone"
    assert refusal(lambda: desk.share(expires_at=datetime.now(UTC) - timedelta(seconds=1))) == "validation_failed"


def test_a_revoked_link_is_unknown(desk: Desk) -> None:
    first = desk.share()
    second = desk.share()
    assert refusal(lambda: desk.follow(first)) == "not_found"
    desk.follow(second)
    for _ in range(2):
        desk.unshare()
    assert refusal(lambda: desk.follow(second)) == "not_found"
    assert refusal(lambda: desk.follow(first.model_copy(update={"token": "x" * 32}))) == "not_found"


def test_the_same_command_again_has_the_link_tell_its_address_anew(desk: Desk) -> None:
    link = desk.share(max_downloads=5)
    request = ShareExport(project_id=desk.project_id, export_id=desk.export_id, actor=SOMEBODY, max_downloads=5)
    with desk.database.session() as session:
        again = sharing.share_export_again(session, request, {})
    assert again.model_copy(update={"token": link.token}) == link
    desk.follow(again)
    assert refusal(lambda: desk.follow(link)) == "not_found"


def test_only_links_that_may_be_followed_are_counted(desk: Desk) -> None:
    assert desk.standing() == 0
    desk.follow(desk.share(max_downloads=2))
    assert desk.standing() == 1
    desk.follow(desk.share(max_downloads=1))
    assert desk.standing() == 0
    desk.share(expires_at=datetime.now(UTC) + timedelta(hours=1))
    assert desk.standing() == 1
    desk.later(hours=2)
    assert desk.standing() == 0
    desk.share()
    desk.unshare()
    assert desk.standing() == 0


def test_what_it_was_for_may_be_gone(desk: Desk) -> None:
    link = desk.share()
    with desk.database.session() as session:
        exports.delete_export(session, desk.project_id, desk.export_id)
    assert refusal(lambda: desk.follow(link)) == "gone"
    assert refusal(desk.share) == refusal(desk.unshare) == "gone"


def test_a_deleted_projects_files_are_gone(desk: Desk) -> None:
    link = desk.share()
    with desk.database.session() as session:
        exports.project_deleted(session, ProjectDeleted(project_id=desk.project_id, version=2))
    assert refusal(lambda: desk.follow(link)) == "gone"


def test_before_the_file_is_done_it_is_waited_for(desk: Desk) -> None:
    link = desk.share()
    with desk.database.session() as session:
        session.execute(sa.update(ExportRow).where(ExportRow.id == desk.export_id).values(state=JobState.RUNNING))
    assert refusal(lambda: desk.follow(link)) == "not_ready"
