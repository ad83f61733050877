"""How many exports a project may keep."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from chassis.database import Database
from chassis.objects import ObjectStore
from chassis.rpc.client import RpcClient
from chassis.settings import settings
from contracts.errors import Problem
from contracts.events import SnapshotRequested
from contracts.rpc.exports import CreateExport, ListExports, SetExportQuota
from contracts.rpc.labels import Quota
from deploy.local.system import System
from services.exports.handlers import exports as handlers
from tests.service.exports.test_exports_life import SOMEBODY, Desk
from tests.service.signing import SigningClient


@pytest.fixture
def desk(settings_environment: dict[str, str]) -> Desk:
    return Desk(Database.of("exports"), ObjectStore.shared())


def limit(desk: Desk, most: int | None) -> Quota:
    with desk.database.session() as session:
        return handlers.set_quota(session, SetExportQuota(project_id=desk.project_id, limit=most, actor=SOMEBODY))


def try_to_create(desk: Desk) -> str:
    try:
        desk.create()
    except Problem as problem:
        return problem.code
    return "made"


def test_the_last_one_is_had_once_and_a_deleted_one_makes_room(desk: Desk) -> None:
    first = desk.create()
    assert limit(desk, 2) == Quota(limit=2, default=None, used=1)
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: try_to_create(desk), range(5)))
    assert sorted(answers) == ["made"] + ["quota_exceeded"] * 4
    assert len(desk.events(SnapshotRequested)) == 2
    with pytest.raises(Problem) as caught:
        desk.create()
    assert (caught.value.status, caught.value.extra) == (409, {"limit": 2, "used": 2, "wanted": 1})
    desk.delete(first.id)
    assert try_to_create(desk) == "made"


def test_a_lower_limit_takes_nothing_away(desk: Desk) -> None:
    desk.create()
    kept = desk.create()
    assert limit(desk, 1) == Quota(limit=1, default=None, used=2)
    desk.delete(kept.id)
    assert try_to_create(desk) == "quota_exceeded"
    assert limit(desk, None).limit is None
    assert try_to_create(desk) == "made"


def test_the_installations_limit_counts_where_a_project_has_none(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings(), "quota_exports", 1)
    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(lambda _: try_to_create(desk), range(3))) == ["made", "quota_exceeded", "quota_exceeded"]
    assert limit(desk, 2) == Quota(limit=2, default=1, used=1)
    assert try_to_create(desk) == "made"


@pytest.fixture
def service(servers: System, settings_environment: dict[str, str]) -> Iterator[RpcClient]:
    servers.start("exports")
    client = SigningClient()
    yield client
    client.close()
    servers.stop("exports")


def test_what_is_sent_again_counts_once(desk: Desk, service: RpcClient) -> None:
    with desk.database.session() as session:
        handlers.require_project(session, desk.projects, desk.project_id)
    limit(desk, 1)
    command = CreateExport(project_id=desk.project_id, actor=SOMEBODY, idempotency_key=uuid4().hex)
    assert service.call(command, 20) == service.call(command, 20)
    with pytest.raises(Problem, match="quota_exceeded"):
        service.call(command.model_copy(update={"idempotency_key": uuid4().hex}), 20)
    assert len(service.call(ListExports(project_id=desk.project_id), 20).items) == 1
