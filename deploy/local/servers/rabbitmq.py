"""A private RabbitMQ node with a port mapper (epmd) of its own, both on the loopback address only.

Debian's wrapper keeps data, logs and the pid file in system folders. We call the script behind it, with
every path and port in the environment, so that a packaged broker on the same machine is not touched.
"""

import json
import shutil
from pathlib import Path

import amqp

from deploy.docker.credentials import broker_user
from deploy.local.commands import run
from deploy.local.errors import LocalError
from deploy.local.folders import make_folder, server_user, write_private
from deploy.local.programs import Program
from deploy.local.state import REPOSITORY, State

SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
CONTROL = SCRIPT.with_name("rabbitmqctl")
POLICIES = REPOSITORY / "deploy" / "docker" / "rabbitmq" / "policies.json"
NAME = "labelyard"  # of the user and of the virtual host


class RabbitMQ:
    """The message broker of one installation."""

    name = "rabbitmq"

    def __init__(self, state: State) -> None:
        self._state = state
        self._user = server_user("rabbitmq")
        self._folder = state.folder / "rabbitmq"

    def url(self) -> str:
        return f"amqp://{NAME}:{self._state.secret('rabbitmq')}@127.0.0.1:{self._state.port('rabbitmq')}/{NAME}"

    def prepare(self) -> None:
        """Makes the folders and writes the configuration. Each boot reads who may do what, and how long queues grow."""
        make_folder(self._folder, self._user, 0o750)
        definitions = make_folder(self._folder / "definitions.d", self._user, 0o750)
        everything = {"user": NAME, "vhost": NAME, "configure": ".*", "write": ".*", "read": ".*"}
        owner = {
            "users": [broker_user(NAME, self._state.secret("rabbitmq"), tags=["administrator"])],
            "vhosts": [{"name": NAME}],
            "permissions": [everything],
        }
        write_private(definitions / "10-owner.json", json.dumps(owner, indent=1), self._user)
        write_private(definitions / "30-policies.json", POLICIES.read_text(), self._user)
        settings = {
            "listeners.tcp.1": f"127.0.0.1:{self._state.port('rabbitmq')}",
            "load_definitions": str(self._folder / "definitions.d"),
            "disk_free_limit.absolute": "200MB",
            "log.file": "false",
            "log.console": "true",
            "log.console.level": "info",
        }
        lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
        write_private(self._folder / "rabbitmq.conf", lines, self._user)
        write_private(self._folder / "enabled_plugins", "[].\n", self._user)
        write_private(self._folder / ".erlang.cookie", self._state.secret("erlang cookie"), self._user)

    def programs(self) -> list[Program]:
        port_mapper = shutil.which("epmd")
        if not port_mapper or not SCRIPT.exists():
            raise LocalError(f"{SCRIPT} or epmd is missing: run deploy/local/bootstrap")
        epmd = {"ERL_EPMD_PORT": str(self._state.port("epmd")), "ERL_EPMD_ADDRESS": "127.0.0.1"}
        return [
            Program(
                name="epmd",
                command=(port_mapper,),
                folder=self._folder,
                environment=epmd,
                user=self._user,
                rank=90,
            ),
            Program(
                name=self.name,
                command=(str(SCRIPT),),
                folder=self._folder,
                environment=self._environment() | epmd,
                user=self._user,
                rank=100,
                stop_seconds=60,
            ),
        ]

    def is_ready(self) -> bool:
        port, password = self._state.port("rabbitmq"), self._state.secret("rabbitmq")
        try:
            with amqp.Connection(
                f"127.0.0.1:{port}", userid=NAME, password=password, virtual_host=NAME, connect_timeout=5
            ):
                return True
        except (OSError, amqp.AMQPError):
            return False

    def control(self, *arguments: str) -> str:
        """What `rabbitmqctl` answers, asked of this node while it runs."""
        epmd = {"ERL_EPMD_PORT": str(self._state.port("epmd")), "PATH": "/usr/local/bin:/usr/bin:/bin"}
        environment = self._environment() | epmd
        return run(CONTROL, "--quiet", *arguments, folder=self._folder, environment=environment, user=self._user)

    def set_up(self) -> None:
        """Nothing is left to do: the topology is declared by `python -m chassis topology`."""

    def _environment(self) -> dict[str, str]:
        folder = self._folder
        return {
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "RABBITMQ_NODENAME": f"{NAME}@localhost",
            "RABBITMQ_DIST_PORT": str(self._state.port("rabbitmq distribution")),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "rabbitmq.pid"),
            "ERL_CRASH_DUMP": str(folder / "erl_crash.dump"),
            # idle schedulers sleep instead of spinning; nodes talk over loopback only
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
            ),
            # the script then becomes the Erlang machine instead of waiting for it, and gets its signals
            "RUNNING_UNDER_SYSTEMD": "true",
        }
