"""What a project may have at most, set by the owner and felt by the manager."""

import pytest

from client.transport import ApiError
from tests.e2e.support import Team


def test_exports_and_storage_are_limited_by_the_owner(team: Team) -> None:
    there = f"/projects/{team.id}/quotas"
    used = team.owner.get(f"{there}/storage")["used"]
    assert used > 0
    with pytest.raises(ApiError) as refused:
        team.manager.transport.request("PUT", f"{there}/exports", json={"limit": 9})
    assert refused.value.code == "forbidden"
    for what, limit in (("exports", 1), ("storage", used)):
        said = team.owner.transport.request("PUT", f"{there}/{what}", json={"limit": limit}).json()
        assert said["limit"] == limit
    team.manager.create_export(team.id)
    with pytest.raises(ApiError) as refused:
        team.manager.create_export(team.id)
    assert (refused.value.status, refused.value.code) == (409, "quota_exceeded")
