"""The labels service as others see it: what is answered to a command that is sent again."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
import sqlalchemy as sa

from chassis.rpc.client import RpcClient
from chassis.tables import idempotency_keys
from chassis.uploads import upload_policies
from contracts.enums import AssetState
from contracts.events import AssetsCompleted
from contracts.rpc.labels import AssetDraft, CreateUpload, RegisterAssets, UploadPolicy
from deploy.local.system import System
from services.labels.handlers.verification import verify_assets
from tests.service.labels.conftest import MANAGER, Desk, post
from tests.service.signing import SigningClient

DEADLINE = 20


@pytest.fixture(scope="module")
def service(servers: System, settings_environment: dict[str, str]) -> Iterator[RpcClient]:
    """A client of a running labels service."""
    servers.start("labels")
    client = SigningClient()
    yield client
    client.close()
    servers.stop("labels")


def expired(desk: Desk, key: str, policy: UploadPolicy) -> None:
    """Hours have passed: neither is the policy kept with the answer, nor is it remembered any more."""
    with desk.database.session() as session:
        answer = session.scalars(sa.select(idempotency_keys.c.answer).where(idempotency_keys.c.key == key)).one()
        session.execute(sa.delete(upload_policies).where(upload_policies.c.key == policy.fields["key"]))
    signature = policy.fields["x-amz-signature"]
    assert signature not in str(answer)


def remembered(desk: Desk, policy: UploadPolicy) -> bool:
    with desk.database.session() as session:
        found = sa.select(upload_policies.c.key).where(upload_policies.c.key == policy.fields["key"])
        return session.scalar(found) is not None


def test_a_registration_that_is_sent_again_is_answered_with_policies_that_hold(
    desk: Desk, service: RpcClient, picture: Callable[..., bytes]
) -> None:
    first, second = picture(), picture(41)
    drafts = tuple(AssetDraft(data_key=key, size=len(data)) for key, data in (("a.png", first), ("b.png", second)))
    twice = AssetDraft(data_key="a.png", size=3)
    key = uuid4().hex
    command = RegisterAssets(dataset=desk.dataset, items=(*drafts, twice), actor=MANAGER.user_id, idempotency_key=key)
    answer = service.call(command, DEADLINE)
    (one, other, refused) = answer.items
    assert one.upload is not None and other.upload is not None and other.asset is not None
    expired(desk, key, one.upload)
    post(other.upload.url, other.upload.fields, second)
    verify_assets(desk.database, AssetsCompleted(asset_ids=(other.asset.id,)))

    again = service.call(command, DEADLINE)
    (one_again, other_again, refused_again) = again.items
    assert (one_again.asset, refused_again) == (one.asset, refused)
    assert other_again.asset is not None
    assert (other_again.asset.id, other_again.asset.state, other_again.upload) == (
        other.asset.id,
        AssetState.STORED,
        None,
    )
    assert one_again.upload is not None
    assert one_again.upload.fields["key"] == one.upload.fields["key"]
    assert one_again.upload.expires_at > one.upload.expires_at
    assert remembered(desk, one_again.upload)
    post(one_again.upload.url, one_again.upload.fields, first)


def test_an_upload_that_is_asked_for_again_has_a_policy_that_holds(desk: Desk, service: RpcClient) -> None:
    key = uuid4().hex
    command = CreateUpload(
        project_id=desk.project_id, filename="labels.zip", size=5, actor=MANAGER, idempotency_key=key
    )
    first = service.call(command, DEADLINE)
    expired(desk, key, first.policy)
    again = service.call(command, DEADLINE)
    assert again.upload == first.upload
    assert again.policy.expires_at > first.policy.expires_at
    assert remembered(desk, again.policy)
    post(again.policy.url, again.policy.fields, b"12345")
