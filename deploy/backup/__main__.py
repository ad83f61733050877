"""`python -m deploy.backup create DIR | restore DIR | verify`: the databases and the bucket, at one point in time.

Needs the LABELYARD_… variables of the system, as its processes have them, or `--local` for the one that `make up` runs
from this clone; and PostgreSQL's client programs. docs/operators/backup.md tells the rest.
"""

import argparse
import os
import sys
from pathlib import Path

from kombu.exceptions import OperationalError

from chassis import logs, principals, topology
from chassis.broker import CONNECTION_ERRORS, OLD_DEAD_LETTERS, connect, dead_letters
from chassis.migrations import upgrade
from chassis.objects import ObjectStore
from chassis.restoring import tell_again
from chassis.settings import SERVICES, settings
from deploy.backup import databases, objects, verification
from deploy.backup.manifest import NAME, BackupError, Manifest, sha256_of

SHOWN = 50
"""Differences that are printed one by one."""


def create(folder: Path) -> None:
    """Back everything up to a folder that is new or empty. The system goes on meanwhile."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BackupError(f"{folder} is not empty")
    databases.program("pg_dump")
    copies = objects.Copies(ObjectStore.shared(), folder)
    _say(f"{copies.copy_new()} objects copied")
    with databases.one_moment() as moment:
        _say(f"the point in time: {moment.at.isoformat(timespec='milliseconds')}")
        dumps = databases.dump(moment, folder)
    _say("databases dumped")
    _say(f"{copies.copy_new()} objects copied that were new")
    kept = objects.read(folder)
    manifest = Manifest(
        taken_at=moment.at,
        databases=dumps,
        objects=len(kept),
        objects_size=sum(each.size for each in kept.values()),
        objects_sha256=sha256_of(folder / objects.LIST),
    )
    (folder / NAME).write_text(manifest.model_dump_json(indent=1) + "\n")
    _say(f"{folder}: {manifest.objects} objects of {manifest.objects_size} bytes, {len(dumps)} databases")


def restore(folder: Path, replace: bool) -> None:
    """Restore a backup to a system that is empty, or with `replace` emptied first. No process may run."""
    manifest = Manifest.read(folder)
    if sha256_of(folder / objects.LIST) != manifest.objects_sha256:
        raise BackupError(f"{folder / objects.LIST} is not as it was written: its SHA-256 differs")
    databases.program("pg_restore")
    principals.require(*SERVICES)  # they will tell again what they had ordered
    store = ObjectStore.shared()
    store.make_bucket()
    _make_empty(store, replace)
    databases.restore(folder, manifest.databases)
    _say("databases restored")
    _say(f"{objects.restore(store, folder, objects.read(folder).values())} objects restored")
    for service in SERVICES:
        upgrade(service)
    _say("databases migrated to this version's schema")
    told = sum(tell_again(service) for service in SERVICES)
    _say(f"{told} events wait to tell every present state again")
    _say(f"restored as of {manifest.taken_at.isoformat()}. Start the processes, then verify.")


def _make_empty(store: ObjectStore, replace: bool) -> None:
    """Refuse what is not empty, or empty it. Old events in queues would be newer than what is restored."""
    topology.declare()
    queues = _queues()
    if any(consumers for _, consumers in queues.values()):
        raise BackupError("processes still consume events: stop all of Labelyard's processes first")
    filled = databases.filled()
    found = [f"the database of {service}" for service in filled]
    if next(store.find(), None) is not None:
        found.append(f"the bucket {store.bucket}")
    found += [f"the queue {queue}" for queue, (messages, _) in queues.items() if messages]
    if found and not replace:
        raise BackupError(f"not empty: {', '.join(found)}. With --replace all that is in them is lost")
    for service in filled:
        databases.empty(service)
    store.delete_prefix("")
    with connect() as connection:
        channel = connection.channel()
        for queue in queues:
            channel.queue_purge(queue)


def _queues() -> dict[str, tuple[int, int]]:
    """Every queue of events: messages and consumers."""
    names = [each.queue for service in SERVICES for each in topology.subscriptions_of_service(service)]
    names += [OLD_DEAD_LETTERS, *map(dead_letters, SERVICES)]
    with connect() as connection:
        channel = connection.channel()
        declared = [channel.queue_declare(name, passive=True) for name in names]
    return {each.queue: (each.message_count, each.consumer_count) for each in declared}


def verify(read: float, within: float) -> bool:
    """Compare counters with labels, and objects with the rows that promise them; whether all is well."""
    counters = verification.differing_counters(within)
    promised, missing = verification.differing_objects(ObjectStore.shared(), read)
    backlogs = verification.backlogs(within)
    _say(f"counters: {_told(counters)}")
    _say(f"{promised} objects: {_told(missing)}")
    for backlog in backlogs:
        _say(f"{backlog.service}: {backlog.waiting} events in the outbox, {backlog.failed} failed messages")
        for line in backlog.some:
            print(line)
    for line in (counters + missing)[:SHOWN]:
        print(line)
    if len(counters + missing) > SHOWN:
        print(f"… and {len(counters + missing) - SHOWN} more")
    return not (counters or missing or any(backlog.failed for backlog in backlogs))


def _told(differences: list[str]) -> str:
    return f"{len(differences)} differ" if differences else "as they should be"


def _say(step: str) -> None:
    print(step, file=sys.stderr, flush=True)


def _use_local_system() -> None:
    """Speak to the system that `make up` runs from this clone; its servers are started if they are down."""
    from deploy.local.__main__ import HOME
    from deploy.local.state import State
    from deploy.local.system import System

    system = System(State.load_or_create(HOME), os.environ)
    system.start_servers(_say)
    os.environ.update(system.environment)


def main() -> int:
    """Run one command: 0 if it succeeded, 1 if not (`verify`: if anything differs)."""
    parser = argparse.ArgumentParser(prog="python -m deploy.backup", description=__doc__)
    parser.add_argument("--local", action="store_true", help="the system that `make up` runs from this clone")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("create", help=create.__doc__).add_argument("folder", type=Path)
    restoring = commands.add_parser("restore", help=restore.__doc__)
    restoring.add_argument("folder", type=Path)
    restoring.add_argument("--replace", action="store_true", help="remove what is there now")
    verifying = commands.add_parser("verify", help=verify.__doc__)
    verifying.add_argument(
        "--read", type=float, default=10, metavar="PERCENT", help="of objects to compare the SHA-256 too (default: 10)"
    )
    verifying.add_argument(
        "--within", type=float, default=60, help="seconds until counters agree and no message is failed (default: 60)"
    )
    arguments = parser.parse_args()
    try:
        if arguments.local:
            _use_local_system()
        logs.configure("backup", settings().log_level)
        match arguments.command:
            case "create":
                create(arguments.folder)
            case "restore":
                restore(arguments.folder, arguments.replace)
            case "verify":
                return int(not verify(arguments.read / 100, arguments.within))
    except BackupError as error:
        print(f"labelyard: {error}", file=sys.stderr)
        return 1
    except (OperationalError, *CONNECTION_ERRORS) as error:
        print(f"labelyard: the broker does not answer: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
