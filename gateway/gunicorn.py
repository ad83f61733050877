"""gunicorn's configuration: one process with threads, some of which hold a live stream each.

`gunicorn --config python:gateway.gunicorn gateway.wsgi:app`
"""

import contextlib
import ctypes
import signal
from typing import Any

from gunicorn import glogging, util
from gunicorn.http.errors import (
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)
from gunicorn.workers.gthread import ThreadWorker

from chassis import logs, principals, tracing
from chassis.health import Health
from chassis.listener import Listener
from chassis.rpc.client import RpcClient
from chassis.settings import settings
from contracts.principals import GATEWAY
from gateway.problems import unread
from gateway.state import HEARD

_settings = settings()
_settings.require("amqp_url")
principals.require(GATEWAY)
_health = Health("gateway")

logs.configure("gateway", _settings.log_level)


class Logger(glogging.Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own messages go where everybody's go; requests are logged by gateway.app."""

    def setup(self, cfg: Any) -> None:
        """Leave formatting to the root logger."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker, whose main loop also beats for the health server and ends streams at the stop."""

    def notify(self) -> None:
        """Called about once a second while the main loop turns."""
        super().notify()
        _health.beat()
        _health.report("broker", RpcClient.shared().connected)
        if not self.alive:
            from gateway.wsgi import parts

            _health.stopping()
            parts.hub.stop()

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Any) -> None:
        """Answer what gunicorn could not read as everything else is answered: with a problem document."""
        if not isinstance(exc, ParseException) or isinstance(exc, InvalidResponseHeader | InvalidResponseHeaderName):
            super().handle_error(req, client, addr, exc)
            return
        from gateway.wsgi import app

        # what was sent is not logged: it may hold a secret
        self.log.warning("a request could not be read: %s", type(exc).__name__)
        too_large = isinstance(exc, LimitRequestLine | LimitRequestHeaders)
        with contextlib.suppress(OSError):
            util.write_nonblock(client, unread(app, "too_large" if too_large else "bad_request"))


bind = f"{_settings.gateway_host}:{_settings.gateway_port}"
workers = 1  # health port, caps and caches are one process's; more processes are more replicas
worker_class = Worker
threads = _settings.gateway_threads
worker_connections = 2000
keepalive = 30
forwarded_allow_ips = ""  # gateway.address says whose X-Forwarded-For is believed
limit_request_line = 8190  # bytes, as much as gunicorn takes: filters of lists are long
timeout = 30
graceful_timeout = 20
preload_app = False  # threads start after the fork (field notes, RPC wire)
control_socket_disable = True
logger_class = Logger
proc_name = "labelyard-gateway"


def post_fork(_: Any, worker: Any) -> None:
    """The worker dies with its master, should that be killed: it would keep the ports from who comes after it."""
    set_parent_death_signal = 1  # PR_SET_PDEATHSIG, prctl(2)
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def post_worker_init(worker: Any) -> None:
    """Start what needs threads: health, RPC answers, events, streams. None of them needs the broker to be there."""
    from gateway.wsgi import parts

    tracing.configure("gateway", _settings.otlp_endpoint)

    def heard_from_now_on() -> None:
        _health.report("events", True)
        parts.listening(True)

    def heard_no_longer() -> None:
        _health.report("events", False)
        parts.listening(False)

    _health.serve(_settings.health_host, _settings.health_port)
    _health.report("events", False)  # before anybody listens: a quick listener's word is the last one
    RpcClient.shared()
    worker.listener = Listener("gateway", HEARD, parts.heard, heard_from_now_on, heard_no_longer)
    worker.listener.start()
    parts.hub.start()
    _health.started()


def worker_exit(_: Any, worker: Any) -> None:
    """Leave the broker in order."""
    worker.listener.stop()
    RpcClient.shared().close()
