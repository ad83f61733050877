"""A project with people and images in it, for end-to-end and fault tests. Everything goes through the REST API."""

import hashlib
import io
import json
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import NAMESPACE_OID, uuid4, uuid5

import httpx
from PIL import Image

from client import Labelyard
from client.live import parse
from client.types import Asset, LiveMessage, Overview, Project, ProjectRole
from deploy.local.system import System

T = TypeVar("T")

PASSWORD = "a password for tests"
MEMBERS: dict[str, ProjectRole] = {
    "mara": "manager",
    "rosa": "reviewer",
    "lena": "labeler",
    "luca": "labeler",
    "lin": "labeler",
}
CLASSES = ("cell", "dot")
WIDTH, HEIGHT = 64, 48  # pixels, of every image

Figures = dict[str, Any]
"""What is counted, in one form whoever tells: `segments` by (status, review), and `objects` by class name."""


@dataclass(frozen=True)
class Person:
    """A member of the project, signed in."""

    id: str
    role: ProjectRole
    email: str
    api: Labelyard


@dataclass(frozen=True)
class Team:
    """A project, its members by name, and one label for each of its images."""

    url: str
    project: Project
    owner: Labelyard
    people: Mapping[str, Person]
    labels: list[str]

    @property
    def id(self) -> str:
        """The project's id."""
        return self.project["id"]

    @property
    def manager(self) -> Labelyard:
        """The SDK as the project's manager."""
        return self.people["mara"].api

    @property
    def class_ids(self) -> dict[str, str]:
        """Object class ids by name."""
        return {each["name"]: each["id"] for each in self.project["specification"]["object_classes"]}

    def figures(self, name: str = "mara") -> Figures:
        """What the overview counts, as this member sees it."""
        return figures(self.people[name].api.overview(self.id))


@contextmanager
def make_team(system: System, images: int) -> Iterator[Team]:
    """A new project with MEMBERS, CLASSES, and as many labeled images; nobody is assigned to anything."""
    with ExitStack() as sessions:
        tag = uuid4().hex[:12]
        owner = sign_in(sessions, system, *system.owner)
        drafts = [{"name": name, "annotation_type": "box"} for name in CLASSES]
        project = owner.create_project(f"project {tag}", drafts)
        people = {}
        for name, role in MEMBERS.items():
            email = f"{name}-{tag}@example.com"
            user = owner.add_member(project["id"], email, role, name=name.title(), password=PASSWORD)["user"]
            people[name] = Person(user["id"], role, email, sign_in(sessions, system, email, PASSWORD))
        assets = upload(owner, f"dataset {tag}", [f"{number:04}.png" for number in range(images)])
        added = owner.add_labels(project["id"], assets=[asset["id"] for asset in assets])
        yield Team(system.url, project, owner, people, added["ids"] or [])


def sign_in(sessions: ExitStack, system: System, email: str, password: str) -> Labelyard:
    """The SDK with a session of its own, until `sessions` ends."""
    api = sessions.enter_context(Labelyard(system.url))
    api.login(email, password)
    return api


def upload(api: Labelyard, dataset: str, data_keys: list[str]) -> list[Asset]:
    """Uploads a small image, each one different, under each data key; the stored assets in that order."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {key: Path(folder) / key for key in data_keys}
        for key, path in paths.items():
            path.write_bytes(png(f"{dataset}/{key}"))
        stored: dict[str, Asset] = {}
        summary = api.upload_assets(dataset, paths, stored=lambda asset: stored.update({asset["data_key"]: asset}))
    assert not summary.failed, summary.failures
    return [stored[key] for key in data_keys]


def png(name: str) -> bytes:
    """A small image: always the same for one name, and like no other's."""
    size = WIDTH * HEIGHT * 3
    pixels = hashlib.shake_128(name.encode()).digest(size)
    file = io.BytesIO()
    Image.frombytes("RGB", (WIDTH, HEIGHT), pixels).save(file, "PNG")
    return file.getvalue()


def body(class_ids: Sequence[str], seed: str | None = None) -> dict[str, Any]:
    """A label's body with one box of each of these classes, in order; with a seed always the same object ids."""
    space = uuid4() if seed is None else uuid5(NAMESPACE_OID, seed)
    return {
        "objects": [
            {
                "id": str(uuid5(space, str(place))),
                "class_id": class_id,
                "annotation_type": "box",
                "annotation": {"coord": {"x": 1.0 + place % 50, "y": 2.0, "width": 10.0, "height": 20.0}},
            }
            for place, class_id in enumerate(class_ids)
        ]
    }


def figures(overview: Overview) -> Figures:
    """The figures of an overview, all of whose counting cards must be there."""
    cards = overview["cards"]
    assert {card["state"] for card in cards.values()} == {"ok"}, cards
    return {
        "segments": segments(cards),
        "objects": {each["name"]: each["count"] for each in cards["configuration"]["data"]["object_classes"]},
    }


def segments(cards: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """Labels by status and review, of an overview's or a stream message's cards."""
    status = cards["labeling_status"]
    assert status["state"] == "ok", status
    found = {(each["status"], each["review"]): each["count"] for each in status["data"]["segments"]}
    assert status["data"]["total"] == sum(found.values())
    return found


def export(api: Labelyard, project_id: str, target: Path) -> Path:
    """A native export of the whole project, made and downloaded to `target`."""
    done = api.await_export(api.create_export(project_id))
    assert done["state"] == "done", done
    api.download_export(done, target)
    return target


def eventually(check: Callable[[], T], within: float = 60) -> T:
    """What `check` answers as soon as it raises no AssertionError; its last one after `within` seconds."""
    end = time.monotonic() + within
    while True:
        try:
            return check()
        except AssertionError:
            if time.monotonic() > end:
                raise
        time.sleep(0.1)


class Watcher:
    """Reads a project's live stream on a thread of its own, until its block ends.

    `messages` is what came; `changed`, the other cards that were named as no longer true.
    """

    def __init__(self, api: Labelyard, project_id: str) -> None:
        self.messages: list[LiveMessage] = []
        self.changed: list[str] = []
        self._opened = threading.Event()
        self._http = api.transport.http
        self._path = f"/projects/{project_id}/live"
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> "Watcher":
        self._thread.start()
        assert self._opened.wait(30), "the stream did not open"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._socket is not None
        with suppress(OSError):  # the server may have closed it
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the reader, as closing would not
        self._thread.join(30)

    @property
    def ended(self) -> bool:
        """Whether the server has closed the stream."""
        return not self._thread.is_alive()

    @property
    def versions(self) -> list[int]:
        """The messages' versions, in the order in which they came."""
        return [message["version"] for message in self.messages]

    def _read(self) -> None:
        try:
            with self._http.stream("GET", self._path, timeout=60) as response:
                assert response.status_code == 200, response.read()
                self._socket = response.extensions["network_stream"].get_extra_info("socket")
                self._opened.set()
                for event in parse(response.iter_lines()):
                    data = json.loads(event.data)
                    if event.name == "changed":
                        self.changed += data["cards"]
                    elif event.name == "cards":
                        self.messages.append(data)
        except httpx.TransportError:
            pass  # the end of the block
