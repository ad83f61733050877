"""`python -m deploy.local up|demo|empty-analytics|down|status|logs`: what `make` calls. And `run`, for operators."""

import argparse
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from client import ApiError, Unreachable
from deploy.local import access, demo
from deploy.local.errors import LocalError
from deploy.local.servers.rabbitmq import RabbitMQ
from deploy.local.state import REPOSITORY, State
from deploy.local.system import System

HOME = REPOSITORY / ".labelyard"

console = Console(highlight=False, soft_wrap=True)


def up() -> None:
    """Brings the system up, loads the demo once, and says where it is."""
    state = State.load_or_create(HOME)
    with state.locked():
        started = time.monotonic()

        def say(step: str) -> None:
            console.print(f"[dim]{time.monotonic() - started:5.1f} s[/]  {step}")

        system = System(state, os.environ)
        system.up(say)
        signed_in = access.ensure(system)
        members_password = state.secret("demo members' password")
        if not state.is_done("demo", for_=demo.PROJECT):
            demo.load(signed_in["url"], signed_in["token"], members_password, say)
            state.mark_done("demo", for_=demo.PROJECT)
        say("ready\n")
    _show_overview(signed_in)
    url = signed_in["url"]
    console.print(f"Labelyard is at [bold]{url}[/] (its API's pages at {url}/api/v1/docs)")
    console.print(f"Sign in as [bold]{signed_in['email']}[/], password [bold]{signed_in['password']}[/]")
    console.print(f"or as a labeler: {demo.email(demo.LABELERS[0])}, password {members_password}")
    console.print(f"The same, with a token for programs, is in {access.path(HOME).relative_to(REPOSITORY)}")


def _show_overview(signed_in: access.Access) -> None:
    """Draws the demo's overview by the command that people use."""
    command: list[str | Path] = [Path(sys.executable).with_name("labelyard"), "overview", demo.PROJECT]
    given = {"LABELYARD_URL": signed_in["url"], "LABELYARD_TOKEN": signed_in["token"]}
    subprocess.run(command, env=os.environ | given, check=False)


def load_demo() -> None:
    """Loads the demo project into the system at LABELYARD_URL, as the owner of LABELYARD_TOKEN."""
    url, token = os.environ.get("LABELYARD_URL"), os.environ.get("LABELYARD_TOKEN")
    if not url or not token:
        raise LocalError("say where: LABELYARD_URL, and LABELYARD_TOKEN with a token of an owner")
    password = os.environ.get("LABELYARD_DEMO_PASSWORD") or secrets.token_urlsafe(12)
    console.print(f"The demo's members sign in as {demo.email(demo.LABELERS[0])} and so on, password {password}")
    try:
        demo.load(url, token, password, console.print)
    except ApiError as error:
        if error.code == "bad_credentials":
            raise LocalError("the demo's members have another password: say it in LABELYARD_DEMO_PASSWORD") from error
        raise LocalError(str(error)) from error
    except Unreachable as error:
        raise LocalError(str(error)) from error


def empty_analytics() -> None:
    """Begins the database of analytics anew; `labelyard admin counters rebuild --all` fills it."""
    users = ("analytics", "events-labels", "projector")
    system = _running()
    system.stop(*users)
    system.run("chassis", "anew", "analytics")
    system.start(*users)
    console.print("Empty. Cards with figures are unavailable until: labelyard admin counters rebuild --all")


def down(purge: bool) -> None:
    """Stops everything; with `purge` removes all data too."""
    state = State.load(HOME)
    if state is None:
        console.print("Nothing to stop: no system was brought up from this clone.")
        return
    with state.locked():
        System(state, os.environ).down()
        if purge:
            state.purge()
    console.print("Stopped, and everything removed." if purge else "Stopped. `make up` continues where it was.")


def status() -> int:
    """Prints every process with its health; 0 if all are well, else 1."""
    system = _running()
    table = Table("process", "state", "ready", "pid", "up for", "", box=None, pad_edge=False)
    healths = system.health()
    for health in healths:
        program = health.program
        ready = {True: "[green]yes[/]", False: "[red]no[/]", None: "-"}[health.ready]
        age = f"{int(time.time()) - program.since} s" if program.pid else ""
        table.add_row(program.name, program.state, ready, str(program.pid or ""), age, health.detail)
    console.print(table)
    return int(any(health.ready is False for health in healths))


def logs(names: list[str]) -> None:
    """Follows the logs of the named processes, or of all, until interrupted."""
    state = State.load(HOME)
    folder = state.folder / "logs" if state else Path()
    files = [folder / f"{name}.log" for name in names] or sorted(folder.glob("*.log"))
    unknown = [file.stem for file in files if not file.exists()]
    if not state or unknown:
        known = ", ".join(sorted(file.stem for file in folder.glob("*.log"))) if state else "none"
        raise LocalError(f"no log of {', '.join(unknown) or 'anything'} here; there are: {known}")
    subprocess.run(["tail", "-n", "20", "-F", *files], check=False)


def run(command: list[str]) -> int:
    """Runs a command with the running system's settings, as `python -m chassis tell labels`; or its `rabbitmqctl`."""
    system = _running()
    if command[0] == "rabbitmqctl":
        broker = next((server for server in system.servers if isinstance(server, RabbitMQ)), None)
        if broker is None:
            raise LocalError("the broker is not one of ours: LABELYARD_AMQP_URL is set")
        sys.stdout.write(broker.control(*command[1:]))
        return 0
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    try:
        environment = os.environ | system.environment | {"PATH": path}
        return subprocess.run(command, env=environment, check=False).returncode
    except OSError as error:
        raise LocalError(f"{command[0]}: {error.strerror}") from error


def _running() -> System:
    state = State.load(HOME)
    if state is None or not (system := System(state, os.environ)).supervisor.pid():
        raise LocalError("nothing runs: `make up` brings the system up")
    return system


def main() -> int:
    """Runs one command; failures are told in plain words and end with 1."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help=up.__doc__)
    commands.add_parser("demo", help=load_demo.__doc__)
    commands.add_parser("empty-analytics", help=empty_analytics.__doc__)
    commands.add_parser("down", help=down.__doc__).add_argument("--purge", action="store_true")
    commands.add_parser("status", help=status.__doc__)
    commands.add_parser("logs", help=logs.__doc__).add_argument("names", nargs="*")
    running = commands.add_parser("run", help=run.__doc__)
    running.add_argument("program")
    running.add_argument("arguments", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    try:
        match arguments.command:
            case "up":
                up()
            case "demo":
                load_demo()
            case "empty-analytics":
                empty_analytics()
            case "down":
                down(arguments.purge)
            case "status":
                return status()
            case "logs":
                logs(arguments.names)
            case "run":
                return run([arguments.program, *arguments.arguments])
    except LocalError as error:
        print(f"labelyard: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
