"""Passports: what is signed is believed, for the message that it was signed for, and nothing else is."""

import base64
import json
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis import context, outbox, principals
from chassis.principals import Distrusted
from chassis.settings import keys_of, settings
from contracts.events import EVENTS, LabelChanged, SnapshotRequested
from contracts.permissions import Role, TeamRole
from contracts.principals import Claims
from deploy import keys

PRIVATE = {issuer: keys.new_private_key() for issuer in keys.ISSUERS}
ASKER = Claims(
    user_id=uuid4(), team_role=TeamRole.MEMBER, session_id=uuid4(), project_id=uuid4(), role=Role.LABELER, address="::1"
)


def trust(patch: pytest.MonkeyPatch, signing: str, verifying: str | None = None) -> None:
    """Settings with these keys, from now on."""
    patch.setenv("LABELYARD_SIGNING_KEY", signing)
    patch.setenv("LABELYARD_VERIFYING_KEYS", verifying or keys.public_keys(signing))
    settings.cache_clear()


@pytest.fixture(autouse=True)
def trusted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    trust(monkeypatch, keys.listed(PRIVATE))
    yield
    settings.cache_clear()


def digest(body: bytes = b"{}", method: str = "labels.get_label", reply_to: str = "answers", call: str = "1") -> str:
    return principals.digest_of_call(method, reply_to, call, body)


def test_what_is_signed_is_what_is_read() -> None:
    claims = principals.check(principals.sign(ASKER, digest(), time.time() + 1), digest())
    assert Claims.model_validate(claims.model_dump()) == ASKER
    with context.working_as("labels"):
        assert principals.check(principals.sign(None, digest()), digest()).issuer == "labels"
        claims = principals.check(principals.sign(ASKER, digest()), digest())
        assert (claims.issuer, claims.user_id) == ("labels", ASKER.user_id)


@pytest.mark.parametrize(
    "other",
    [
        digest(b'{"kwargs":{}}'),
        digest(method="labels.save_body"),
        digest(reply_to="mine"),
        digest(call="2"),
        digest(method="labels.get_label\nanswers", reply_to="1", call=""),
    ],
)
def test_a_passport_is_of_one_message(other: str) -> None:
    with pytest.raises(Distrusted, match="another message"):
        principals.check(principals.sign(ASKER, digest()), other)


def test_nothing_of_it_can_be_changed() -> None:
    signed, _, signature = principals.sign(ASKER, digest()).rpartition(".")
    for name, value in {"role": "owner", "user_id": str(uuid4()), "issuer": "labels", "more": 1}.items():
        forged = json.dumps({**json.loads(signed), name: value}, separators=(",", ":"))
        with pytest.raises(Distrusted, match="has signed it"):
            principals.check(f"{forged}.{signature}", digest())
    nothing = base64.b64encode(bytes(64)).decode()
    for text in ("", ".", "{}", "{}.", signed, f"{signed}.x", f"{signed}.{nothing}", f"{signed}.{signature[:-4]}"):
        with pytest.raises(Distrusted):
            principals.check(text, digest())


def test_another_key_is_not_believed() -> None:
    other = Ed25519PrivateKey.generate()
    signed, _, _ = principals.sign(ASKER, digest()).rpartition(".")
    with pytest.raises(Distrusted, match="no key of gateway"):
        principals.check(f"{signed}.{base64.b64encode(other.sign(signed.encode())).decode()}", digest())


def test_one_issuers_key_is_not_good_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    everybody = keys.public_keys(keys.listed(PRIVATE))
    trust(monkeypatch, keys.listed({"gateway": PRIVATE["labels"]}), everybody)
    with pytest.raises(Distrusted, match="no key of gateway"):
        principals.check(principals.sign(ASKER, digest()), digest())


@pytest.mark.parametrize("seconds", [-11, -3600])
def test_it_expires_with_its_call(seconds: float) -> None:
    with pytest.raises(Distrusted, match="expired"):
        principals.check(principals.sign(ASKER, digest(), time.time() + seconds), digest())
    principals.check(principals.sign(ASKER, digest(), time.time() - 1), digest())  # clocks differ


def test_a_key_is_changed_without_a_break(monkeypatch: pytest.MonkeyPatch) -> None:
    new = {**PRIVATE, "gateway": keys.new_private_key()}
    both = f"{keys.public_keys(keys.listed(PRIVATE))},{keys.public_keys(keys.listed({'gateway': new['gateway']}))}"
    old = principals.sign(ASKER, digest())
    trust(monkeypatch, keys.listed(new), both)
    for passport in (old, principals.sign(ASKER, digest())):
        assert principals.check(passport, digest()).user_id == ASKER.user_id
    trust(monkeypatch, keys.listed(new))
    with pytest.raises(Distrusted):
        principals.check(old, digest())


def test_a_process_starts_with_keys_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    principals.require("labels", "gateway")
    own, others = keys.listed({"labels": PRIVATE["labels"]}), keys.public_keys(keys.listed(PRIVATE))
    trust(monkeypatch, own, others)
    principals.require("labels")
    with pytest.raises(SystemExit, match="holds no key of gateway"):
        principals.require("gateway")
    trust(monkeypatch, keys.listed({"labels": keys.new_private_key()}), others)
    with pytest.raises(SystemExit, match="public key of LABELYARD_SIGNING_KEY for labels"):
        principals.require("labels")
    for wrong in ("labels", "labels:abc", f"nobody:{PRIVATE['labels']}", f"{own};{own}"):
        trust(monkeypatch, wrong, others)
        with pytest.raises(SystemExit, match="LABELYARD_SIGNING_KEY: ") as ended:
            principals.require("labels")
        assert PRIVATE["labels"] not in str(ended.value)
    monkeypatch.delenv("LABELYARD_SIGNING_KEY")
    settings.cache_clear()
    with pytest.raises(SystemExit, match="LABELYARD_SIGNING_KEY is not set"):
        principals.require("labels")


def test_public_keys_are_those_that_the_library_makes() -> None:
    for listed, private in keys_of(keys.listed({i: keys.new_private_key() for i in keys.ISSUERS})).items():
        expected = Ed25519PrivateKey.from_private_bytes(private[0]).public_key().public_bytes_raw()
        assert keys.public_key(base64.b64encode(private[0]).decode()) == base64.b64encode(expected).decode(), listed


def test_an_order_says_for_whom_and_a_fact_nothing() -> None:
    wish = SnapshotRequested(project_id=uuid4(), snapshot_id=uuid4(), filter={"data_key": "é\u2028", "n": [1.5, None]})
    with context.acting_for(ASKER):
        order = outbox.decode(outbox.encode(wish))
        fact = outbox.encode(LabelChanged(project_id=uuid4(), labels=()))
    assert order.passport is not None
    claims = principals.check(order.passport, order.digest)
    assert (claims.issuer, claims.user_id) == ("exports", ASKER.user_id)
    assert "principal" not in json.loads(fact)
    document = json.loads(outbox.encode(wish))
    document["data"]["project_id"] = str(uuid4())
    changed = outbox.decode(json.dumps(document).encode())
    assert changed.passport is not None
    with pytest.raises(Distrusted, match="another message"):
        principals.check(changed.passport, changed.digest)


def test_which_events_are_orders() -> None:
    assert {name for name, event in EVENTS.items() if event.order} == {
        "members.password_reset.requested.v1",
        "projects.project.purge_requested.v1",
        "labels.assets.completed.v1",
        "labels.import.requested.v1",
        "labels.task.due.v1",
        "labels.version.due.v1",
        "labels.comparison.due.v1",
        "exports.snapshot.requested.v1",
        "labels.snapshot.completed.v1",
        "labels.snapshot.failed.v1",
        "exports.snapshot.canceled.v1",
        "exports.export.ready.v1",
        "exports.part.ready.v1",
        "exports.archive.ready.v1",
        "analytics.check.due.v1",
    }
