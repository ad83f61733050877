"""What a project may have at most, set by the owner and felt by the manager."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from client.transport import ApiError
from tests.e2e.support import Team, upload


def _tried(ask: Callable[[], object]) -> str:
    try:
        ask()
    except ApiError as error:
        return error.code
    return "made"


def test_exports_and_storage_are_limited_by_the_owner(team: Team) -> None:
    used = team.manager.quota(team.id, "storage")["used"]
    assert used > 0
    with pytest.raises(ApiError, match="forbidden"):
        team.manager.set_quota(team.id, "exports", 9)
    assert team.owner.set_quota(team.id, "exports", 2) == {"limit": 2, "default": None, "used": 0}
    with ThreadPoolExecutor(5) as pool:
        tried = pool.map(lambda _: _tried(lambda: team.manager.create_export(team.id)), range(5))
        assert sorted(tried) == ["made"] * 2 + ["quota_exceeded"] * 3

    one, *others = upload(team.owner, f"more {uuid4()}", [f"{number}.png" for number in range(4)])
    team.owner.set_quota(team.id, "storage", used + max(asset["size"] for asset in (one, *others)))
    ids = [asset["id"] for asset in (one, *others)]
    with ThreadPoolExecutor(4) as pool:
        tried = pool.map(lambda each: _tried(lambda: team.manager.add_labels(team.id, assets=[each])), ids)
        assert sorted(tried) == ["made"] + ["quota_exceeded"] * 3
    full = team.manager.quota(team.id, "storage")
    assert used < full["used"] <= (full["limit"] or 0)
    with pytest.raises(ApiError) as refused:
        team.manager.add_labels(team.id, assets=ids)
    assert (refused.value.status, refused.value.code) == (409, "quota_exceeded")
    assert {"limit", "used", "wanted"} <= refused.value.extra.keys()
    assert team.manager.quota(team.id, "storage") == full
