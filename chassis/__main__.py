"""The one entry point of every process: `python -m chassis COMMAND`."""

import os
import sys
from collections.abc import Callable, Sequence

USAGE = """\
python -m chassis COMMAND

  rpc SERVICE           answer RPC for a service
  events SERVICE...     relay the outbox of the services and consume their events
  worker SERVICE.NAME   run one of a service's own workers
  gateway               serve REST and live streams
  migrate [SERVICE...]  bring databases to the newest schema
  anew analytics        drop all tables of a database that can be rebuilt, and make them again
  forget-audit DAYS [SERVICE...]  drop rows of the audit that are older
  topology              declare exchanges, queues and bindings, and make the bucket
  tell [SERVICE...]     tell every present state again, as after a restore
"""


BROKER = "amqp_url"


def main(arguments: list[str]) -> None:
    """Run a command; exits with status 2 and the usage for anything else."""
    match arguments:
        case ["rpc", service]:
            _patch()
            _configure(f"rpc {service}", BROKER, issuers=(service,))
            from chassis.rpc import process as rpc_process

            rpc_process.run(service)
        case ["events", *services] if services:
            _configure(f"events {' '.join(services)}", BROKER, issuers=services)
            from chassis import process

            process.events(services)
        case ["worker", name] if "." in name:
            _configure(f"worker {name}", BROKER, issuers=(name.partition(".")[0],))
            from chassis import process

            process.worker(name)
        case ["gateway"]:
            gunicorn = [sys.executable, "-m", "gunicorn", "--config", "python:gateway.gunicorn", "gateway.wsgi:app"]
            os.execv(sys.executable, gunicorn)  # noqa: S606  # it becomes gunicorn, under the same process id
        case ["migrate", *services]:
            _configure("migrate")
            from chassis.migrations import upgrade

            _for_each(services, upgrade)
        case ["anew", service]:
            _configure("anew")
            from chassis.migrations import REBUILT, begin_anew

            if service not in REBUILT:
                sys.exit(f"What {service} knows is nowhere else. Can be rebuilt: {', '.join(REBUILT)}")
            begin_anew(service)
        case ["forget-audit", days, *services] if days.isdecimal():
            _configure("forget-audit")
            from chassis.audit import forget

            _for_each(services, lambda service: print(f"{service}: {forget(service, int(days))} rows"))
        case ["topology"]:
            _configure("topology", BROKER)
            from chassis import objects, topology

            topology.declare()
            objects.ObjectStore.shared().make_bucket()
        case ["tell", *services]:
            from chassis.restoring import tell_again
            from chassis.settings import SERVICES

            _configure("tell", issuers=services or SERVICES)

            _for_each(services, lambda service: print(f"{service}: {tell_again(service)} events"))
        case _:
            sys.exit(USAGE)


def _for_each(services: Sequence[str], do: Callable[[str], object]) -> None:
    """`do` for each of these services; for every one, if none is named."""
    from chassis.settings import SERVICES

    for service in services or SERVICES:
        do(service)


def _patch() -> None:
    """Make the standard library green, before anything else is imported."""
    import prometheus_client  # noqa: F401  # keeps the system's locks, which the health thread shares

    # psycopg knows gevent but not eventlet: without this a query would block the whole process (field notes)
    os.environ["PSYCOPG_WAIT_FUNC"] = "wait_selector"
    import eventlet

    eventlet.monkey_patch()


def _configure(process: str, *needed: str, issuers: Sequence[str] = ()) -> None:
    """Set up logs and traces; end here, and not in some thread, if a setting that is needed is missing, or the key of
    an issuer that the process works for."""
    from chassis import logs, principals, tracing
    from chassis.settings import settings

    logs.configure(process, settings().log_level)
    tracing.configure(process, settings().otlp_endpoint)
    for each in needed:
        settings().require(each)
    if issuers:
        principals.require(*issuers)


if __name__ == "__main__":
    main(sys.argv[1:])
