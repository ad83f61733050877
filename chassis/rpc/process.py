"""The RPC process of a service: nameko in an eventlet world, with health from a real thread."""

import atexit
import importlib
import inspect
import logging
import os
import signal
import sys
from typing import NoReturn

import eventlet
import kombu
from nameko.runners import ServiceRunner

from chassis.broker import CONNECTION_ERRORS, connect
from chassis.database import Database
from chassis.health import Health
from chassis.logs import get_logger
from chassis.rpc.server import Service
from chassis.settings import settings

log = get_logger()


def service_class(name: str) -> type[Service]:
    """The Service of `services.NAME.rpc`."""
    module = importlib.import_module(f"services.{name}.rpc")
    classes = [
        each
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, Service) and getattr(each, "name", None) == name
    ]
    assert len(classes) == 1, f"services.{name}.rpc must hold one Service named {name}"
    return classes[0]


def run(name: str) -> None:
    """Answer RPC for a service until SIGTERM or SIGINT; waits for the broker at start."""
    values = settings()
    health = Health(f"rpc {name}")
    health.report("broker", False)
    health.serve(values.health_host, values.health_port)
    stopping = eventlet.Event()

    def stop(*_: object) -> None:
        if not stopping.ready():
            stopping.send()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    eventlet.spawn(_beat, health)
    runner = ServiceRunner(
        {
            "AMQP_URI": values.require("amqp_url"),
            "max_workers": values.rpc_workers,
            "serializer": "json",
            "TRANSPORT_OPTIONS": {"max_retries": 3, "interval_start": 0, "interval_step": 0.2},
        }
    )
    runner.add_service(service_class(name))
    # what is refused on purpose is no warning, and needs no stack trace
    logging.getLogger("nameko.containers").setLevel(logging.ERROR)
    _wait_for_broker(stopping)
    if not stopping.ready():
        runner.start()
        health.started()
        log.info("answering", service=name)
        eventlet.spawn(_watch, name, health)
        # a container that dies ends the process, and its supervisor starts it anew
        ended = eventlet.spawn(runner.wait)
        ended.link(stop)
        stopping.wait()
        health.stopping()
        died = bool(ended.dead)
        runner.stop()
        log.info("stopped", service=name)
        _end(1 if died else 0)


def _end(status: int) -> NoReturn:
    """End the process at once. Threads of the system are still at work (health), and an interpreter with green threads
    does not always survive being taken down around them: some ends were segmentation faults."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(status)


def _beat(health: Health) -> None:
    while True:
        health.beat()
        eventlet.sleep(0.5)


def _watch(name: str, health: Health) -> None:
    """Report the dependencies every few seconds."""
    database = Database.of(name)
    while True:
        health.report("database", database.ready())
        health.report("broker", _broker_answers())
        eventlet.sleep(3)


def _broker_answers() -> bool:
    connection: kombu.Connection = connect()
    try:
        connection.connect()
    except CONNECTION_ERRORS:
        return False
    finally:
        connection.release()
    return True


def _wait_for_broker(stopping: "eventlet.Event") -> None:
    while not stopping.ready() and not _broker_answers():
        log.warning("waiting for the broker")
        eventlet.sleep(0.5)
