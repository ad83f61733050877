"""The secrets that docker-compose.yml hands out."""

import base64
import hashlib
import json
import stat
from pathlib import Path
from urllib.parse import urlsplit

from chassis.settings import keys_of
from deploy import keys
from deploy.docker import credentials


def contents(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_they_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    assert set(credentials.make(folder)) == set(contents(folder))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    before = contents(folder)
    assert credentials.make(folder) == []
    assert contents(folder) == before
    originals = [before[name] for name in credentials.ORIGINALS]
    assert len(set(originals)) == len(originals)
    assert [before[name] for name in credentials.GIVEN] == [""] * len(credentials.GIVEN)


def test_one_that_is_removed_is_made_anew_with_what_depends_on_it(tmp_path: Path) -> None:
    credentials.make(tmp_path)
    before = contents(tmp_path)
    (tmp_path / "labels_dsn").unlink()
    (tmp_path / "labels_amqp_url").unlink()
    assert set(credentials.make(tmp_path)) == {"labels_dsn", "labels_amqp_url", "rabbitmq_users.json"}
    assert contents(tmp_path)["labels_dsn"] != before["labels_dsn"]


def test_everybody_is_told_the_public_keys_of_all_that_are_signed_with(tmp_path: Path) -> None:
    credentials.make(tmp_path)
    kept = contents(tmp_path)
    private = {issuer: kept[f"{issuer}_signing_key"].strip() for issuer in keys.ISSUERS}
    assert kept["verifying_keys"] == keys.public_keys(",".join(private.values())) + "\n"
    assert kept["signing_keys"] == ",".join(private[each] for each in credentials.SERVICES) + "\n"
    assert {issuer: len(each) for issuer, each in keys_of(kept["verifying_keys"]).items()} == dict.fromkeys(private, 1)


def test_a_key_has_a_successor_before_it_goes(tmp_path: Path) -> None:
    credentials.make(tmp_path)
    here, following, before = (tmp_path / f"labels_signing_key{each}" for each in ("", ".next", ".old"))
    old, new = here.read_text(), keys.listed({"labels": keys.new_private_key()})
    following.write_text(new)
    assert credentials.make(tmp_path) == ["verifying_keys"]
    both = {keys.public_keys(each) for each in (old, new)}
    assert both <= set((tmp_path / "verifying_keys").read_text().strip().split(","))
    here.rename(before)
    following.rename(here)
    credentials.make(tmp_path)
    assert both <= set((tmp_path / "verifying_keys").read_text().strip().split(","))
    before.unlink()
    credentials.make(tmp_path)
    assert keys.public_keys(new) in (told := (tmp_path / "verifying_keys").read_text())
    assert keys.public_keys(old) not in told


def test_the_brokers_users_have_the_passwords_of_the_addresses(tmp_path: Path) -> None:
    credentials.make(tmp_path)
    users = {user["name"]: user for user in json.loads((tmp_path / "rabbitmq_users.json").read_text())["users"]}
    assert set(users) == set(credentials.BROKER_USERS)
    for name, user in users.items():
        password = urlsplit((tmp_path / f"{name}_amqp_url").read_text()).password
        assert password
        salted = base64.b64decode(user["password_hash"])
        assert salted[4:] == hashlib.sha256(salted[:4] + password.encode()).digest()
