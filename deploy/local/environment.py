"""The environment of Labelyard's processes: addresses of our own servers, or those that we are given."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from deploy import keys
from deploy.local.errors import LocalError
from deploy.local.servers import Server
from deploy.local.servers.postgresql import SERVICES, PostgreSQL
from deploy.local.servers.rabbitmq import RabbitMQ
from deploy.local.servers.s3 import BUCKET, REGION, S3
from deploy.local.state import REPOSITORY, State

PREFIX = "LABELYARD_"
OF_OWNERS = "_MIGRATION_DSN"
"""What the variables end with that migrations get, and no process."""

PACKAGES = ("contracts", "chassis", "formats", "services", "gateway")
OWNER = "owner@example.com"


def build(state: State, given: Mapping[str, str]) -> tuple[dict[str, str], list[Server]]:
    """The LABELYARD_… variables of the system, and the servers that must run here for it.

    `given` is the caller's environment: each LABELYARD_… variable in it wins, and a server whose address
    is in it is not started.
    """
    given = {name: value for name, value in given.items() if name.startswith(PREFIX) and value}
    for name in ("LABELYARD_HEALTH_PORT", "LABELYARD_URL", "LABELYARD_TOKEN"):
        given.pop(name, None)  # a process's own, and the command line's: none says how the system is to run
    made: dict[str, str] = {}
    servers: list[Server] = []

    dsns = {f"{PREFIX}{service.upper()}_DSN": service for service in SERVICES}
    if not dsns.keys() <= given.keys():
        database = PostgreSQL(state)
        servers.append(database)
        made |= {variable: database.dsn(service) for variable, service in dsns.items()}
        ours = [service for variable, service in dsns.items() if variable not in given]
        made |= {f"{PREFIX}{service.upper()}{OF_OWNERS}": database.migration_dsn(service) for service in ours}
    if "LABELYARD_AMQP_URL" not in given:
        broker = RabbitMQ(state)
        servers.append(broker)
        made["LABELYARD_AMQP_URL"] = broker.url()
    if "LABELYARD_S3_ENDPOINT" not in given:
        store = S3(state)
        servers.append(store)
        made |= {
            "LABELYARD_S3_ENDPOINT": store.endpoint(),
            "LABELYARD_S3_ACCESS_KEY": store.access_key(),
            "LABELYARD_S3_SECRET_KEY": store.secret_key(),
            "LABELYARD_S3_BUCKET": BUCKET,
            "LABELYARD_S3_REGION": REGION,
        }
    elif not {"LABELYARD_S3_ACCESS_KEY", "LABELYARD_S3_SECRET_KEY"} <= given.keys():
        raise LocalError("LABELYARD_S3_ENDPOINT needs LABELYARD_S3_ACCESS_KEY and _SECRET_KEY too")

    if "LABELYARD_SIGNING_KEY" not in given:
        private = keys.listed({issuer: state.private_key(issuer) for issuer in keys.ISSUERS})
        made |= {"LABELYARD_SIGNING_KEY": private, "LABELYARD_VERIFYING_KEYS": keys.public_keys(private)}
    elif "LABELYARD_VERIFYING_KEYS" not in given:
        raise LocalError("LABELYARD_SIGNING_KEY needs LABELYARD_VERIFYING_KEYS too")

    port = given.get("LABELYARD_GATEWAY_PORT") or str(state.gateway_port())
    made |= {
        "LABELYARD_GATEWAY_PORT": port,
        "LABELYARD_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "LABELYARD_OWNER_EMAIL": OWNER,
        "LABELYARD_OWNER_PASSWORD": state.secret("owner password"),
    }
    return made | given, servers


def revision(environment: Mapping[str, str]) -> str:
    """A digest of the code and what lies beside it, the requirements and the environment: what a running process was
    started with."""
    digest = hashlib.sha256(repr(sorted(environment.items())).encode())
    for file in sorted([REPOSITORY / "requirements.txt", *_sources()]):
        digest.update(f"\0{file.relative_to(REPOSITORY)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _sources() -> list[Path]:
    """Every file that a process may read: code, documents, templates; not what Python or an editor put beside them."""
    files = [file for package in PACKAGES for file in (REPOSITORY / package).rglob("*") if file.is_file()]
    return [file for file in files if file.parent.name != "__pycache__" and not file.name.startswith(".")]
