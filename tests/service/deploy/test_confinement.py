"""What containers may do at real servers: each service in its own database, each broker user in its own queues."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import amqp
import psycopg
import pytest
from kombu import Connection

from chassis import topology
from chassis.settings import SERVICES
from deploy.docker import credentials, databases
from deploy.local.commands import run
from deploy.local.folders import write_private
from deploy.local.servers.rabbitmq import RabbitMQ
from deploy.local.state import REPOSITORY
from deploy.local.system import System

Deed = Callable[[amqp.Channel], object]


@dataclass
class Broker:
    """The suite's broker, with the users of containers."""

    address: str
    passwords: dict[str, str]

    def url(self, user: str) -> str:
        return f"amqp://{user}:{self.passwords[user]}@{self.address}/{credentials.VHOST}"

    def allows(self, user: str, deed: Deed) -> bool:
        with amqp.Connection(
            self.address, userid=user, password=self.passwords[user], virtual_host=credentials.VHOST
        ) as connection:
            try:
                deed(connection.channel())
            except amqp.AccessRefused:
                return False
            return True


@pytest.fixture(scope="module")
def broker(
    servers: System, settings_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    secrets = tmp_path_factory.mktemp("secrets")
    credentials.make(secrets)
    permissions = json.loads((REPOSITORY / "deploy/docker/rabbitmq/permissions.json").read_text())
    definitions = json.loads((secrets / "rabbitmq_users.json").read_text()) | permissions
    (server,) = [each for each in servers.servers if isinstance(each, RabbitMQ)]
    program = server.programs()[-1]
    control = "/usr/lib/rabbitmq/bin/rabbitmqctl"
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **program.environment}
    file = program.folder / "definitions.json"
    write_private(file, json.dumps(definitions), program.user)
    run(control, "import_definitions", file, folder=program.folder, environment=environment, user=program.user)
    passwords = {
        user: urlsplit((secrets / f"{user}_amqp_url").read_text()).password or "" for user in credentials.BROKER_USERS
    }
    yield Broker(f"127.0.0.1:{servers.state.port('rabbitmq')}", passwords)
    for user in credentials.BROKER_USERS:
        run(control, "delete_user", user, folder=program.folder, environment=environment, user=program.user)
    file.unlink()


def listen(exchange: str, key: str, queue: str) -> Deed:
    def deed(channel: amqp.Channel) -> None:
        name = f"{queue}-{uuid4()}"
        channel.exchange_declare(exchange, "topic", passive=True)
        channel.queue_declare(name, exclusive=True, auto_delete=True)
        channel.queue_bind(name, exchange, key)
        channel.basic_consume(name, no_ack=True)

    return deed


def publish(exchange: str, key: str) -> Deed:
    def deed(channel: amqp.Channel) -> None:
        message = amqp.Message("{}", expiration="0")  # nobody is to find it in a queue
        channel.basic_publish_confirm(message, exchange=exchange, routing_key=key)

    return deed


def take_from(queue: str) -> Deed:
    return lambda channel: channel.basic_get(queue)


@pytest.mark.parametrize(
    ("user", "deed", "allowed"),
    [
        ("gateway", listen("nameko-rpc", str(uuid4()), "rpc.reply"), True),
        ("gateway", listen("labels.events", "label.changed.v1", "gateway.broadcast"), True),
        ("gateway", publish("nameko-rpc", "projects.nothing"), True),
        ("gateway", publish("labels.events", "label.changed.v1"), False),
        ("gateway", listen("nameko-rpc", "members.*", "rpc.reply"), False),
        ("gateway", take_from("rpc-members"), False),
        ("labels", listen("nameko-rpc", str(uuid4()), "rpc.reply"), True),
        ("labels", publish("nameko-rpc", "members.nothing"), True),
        ("labels", publish("nameko-rpc", "exports.nothing"), False),
        ("labels", listen("nameko-rpc", "#", "rpc.reply"), False),
        ("labels", take_from("labels.events.v1"), True),
        ("labels", lambda channel: channel.queue_delete("labels.events.v1"), False),
        ("members", publish("nameko-rpc", str(uuid4())), True),
        ("members", publish("members.events", "nothing.v1"), True),
        ("members", publish("labels.events", "nothing.v1"), False),
        ("members", publish("", "rpc-labels"), False),
        ("members", take_from("rpc-members"), True),
        ("members", take_from("rpc-labels"), False),
        ("members", take_from("labels.events.v1"), False),
        ("members", lambda channel: channel.exchange_delete("members.events"), False),
        ("topology", lambda channel: channel.queue_declare("something-else"), False),
    ],
)
def test_a_broker_user_does_what_its_service_does_and_nothing_else(
    broker: Broker, user: str, deed: Deed, allowed: bool
) -> None:
    assert broker.allows(user, deed) == allowed


def test_the_topology_is_declared_by_its_own_user(broker: Broker) -> None:
    assert topology.declare(Connection(broker.url("topology")))


def test_a_service_reaches_its_own_database_only(
    servers: System, settings_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    password = servers.state.secret("postgres")
    server = f"127.0.0.1:{servers.state.port('postgresql')}"
    (tmp_path / "labelyard_admin_dsn").write_text(f"postgresql://postgres:{password}@{server}/postgres\n")
    monkeypatch.setenv("LABELYARD_SECRETS", str(tmp_path))
    databases.main()
    for service in SERVICES:
        own = os.environ[f"LABELYARD_{service.upper()}_DSN"]
        psycopg.connect(own).close()
        for other in ("postgres", "template1", *SERVICES):
            if other != service:
                with pytest.raises(psycopg.OperationalError, match="permission denied"):
                    psycopg.connect(own, dbname=other)
