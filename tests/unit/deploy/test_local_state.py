"""What a local installation keeps: ports, secrets, and where its data lies."""

import os
import socket
import stat
from pathlib import Path

import pytest

from deploy.local import folders
from deploy.local.errors import LocalError
from deploy.local.state import State


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path, tmp_path)
    state.save()
    return state


def test_ports_and_secrets_stay_the_same(state: State) -> None:
    made = (state.port("rabbitmq"), state.gateway_port(), state.secret("owner password"))

    again = State.load(state.home)

    assert again is not None
    assert (again.port("rabbitmq"), again.gateway_port(), again.secret("owner password")) == made


def test_only_the_owner_reads_the_state(state: State) -> None:
    assert stat.S_IMODE((state.home / "state.json").stat().st_mode) == 0o600


def test_a_port_that_was_taken_meanwhile_is_given_up(state: State) -> None:
    port = state.port("s3")
    with socket.create_server(("127.0.0.1", port)):
        state.forget_taken_ports()
        assert state.port("s3") != port


def test_the_gateway_takes_the_next_free_port(state: State) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        first = taken.getsockname()[1]
        assert state.gateway_port(first) > first


def test_a_copied_clone_does_not_use_the_state_of_the_first(state: State, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "state.json").write_bytes((state.home / "state.json").read_bytes())

    with pytest.raises(LocalError, match="another clone"):
        State.load(copy)


def test_two_commands_at_once_are_refused(state: State) -> None:
    with state.locked(), pytest.raises(LocalError, match="wait for it"), state.locked():
        pass


def test_a_long_path_is_left_for_one_that_sockets_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / ("long" * 20)
    home.mkdir()
    chosen = folders.choose_folder(home)
    try:
        assert chosen != home
        assert len(os.fsencode(chosen)) <= folders.LONGEST_FOLDER
    finally:
        chosen.rmdir()


@pytest.mark.parametrize("closed", ["clone", "parent"])
def test_a_folder_that_the_servers_users_cannot_reach_is_left(tmp_path: Path, closed: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root runs servers as other users")
    home = tmp_path / "clone"
    home.mkdir()
    (home if closed == "clone" else home.parent).chmod(0o700)
    chosen = folders.choose_folder(home)
    try:
        assert chosen != home
    finally:
        chosen.rmdir()
