"""The bucket is copied while others make and delete objects."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from chassis.objects import Listed, ObjectStore
from chassis.settings import settings
from deploy.backup.objects import Copies, file_of, read


class Deleting(ObjectStore):
    """Where somebody deletes each object of which the key ends with `gone`, right after it was listed."""

    prefix = ""

    def find(self, prefix: str = "") -> Iterator[Listed]:
        for found in super().find(self.prefix):
            if found.key.endswith("gone"):
                self.delete(found.key)
            yield found


@pytest.fixture
def store(settings_environment: dict[str, str]) -> Iterator[Deleting]:
    """With a folder of its own in the bucket."""
    settings.cache_clear()
    Deleting.shared.cache_clear()
    store = Deleting.shared()
    assert isinstance(store, Deleting)
    store.make_bucket()
    store.prefix = f"{uuid4()}/"
    yield store
    store.delete_prefix(store.prefix)


def test_what_is_deleted_after_it_was_listed_is_left_out(store: Deleting, tmp_path: Path) -> None:
    for number in range(40):
        store.put(f"{store.prefix}{number:02}-{'gone' if number % 3 else 'stays'}", b"%d" % number)
    copies = Copies(store, tmp_path)
    assert copies.copy_new() == 14
    store.put(f"{store.prefix}50-stays", b"50")
    store.put(f"{store.prefix}51-gone", b"51")
    assert copies.copy_new() == 1
    kept = read(tmp_path)
    assert [key.removeprefix(store.prefix) for key in sorted(kept)] == [
        *(f"{number:02}-stays" for number in range(0, 40, 3)),
        "50-stays",
    ]
    for each in kept.values():
        assert file_of(tmp_path, each.sha256).stat().st_size == each.size
    assert not list(tmp_path.glob("*.part"))
