"""`python3 -m deploy.docker.credentials`: makes the secrets that docker-compose.yml hands out, each in a file.

A file that is there is kept. To change a service's password, remove its file and run this again; a key that is signed
with has a successor first (docs/operators/keys.md). Needs nothing but Python's standard library.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit

from deploy import keys

FOLDER = Path(__file__).resolve().parents[2] / ".secrets"

SERVICES = ("members", "projects", "labels", "analytics", "exports")
BROKER_USERS = (*SERVICES, "gateway", "topology")
VHOST = "labelyard"

ORIGINALS = {  # an address carries its password, so that each password stands in one place
    "admin_dsn": "postgresql://postgres:{password}@postgres:5432/postgres",
    **{f"{name}_dsn": f"postgresql://{name}:{{password}}@postgres:5432/{name}" for name in SERVICES},
    **{f"{name}_migration_dsn": f"postgresql://{name}_owner:{{password}}@postgres:5432/{name}" for name in SERVICES},
    **{f"{name}_amqp_url": f"amqp://{name}:{{password}}@rabbitmq:5672/{VHOST}" for name in BROKER_USERS},
    "s3_access_key": "{password}",
    "s3_secret_key": "{password}",
    "owner_password": "{password}",
}

GIVEN = ("smtp_url", "oidc_client_secret")
"""What others make, and an operator writes into the file; empty: not set."""


def make(folder: Path) -> list[str]:
    """Makes what is missing in `folder`; the names of the files that are new or changed."""
    folder.mkdir(mode=0o700, exist_ok=True)
    written = []

    def write(name: str, text: str) -> None:
        file = folder / name
        if not file.exists() or file.read_text() != text:
            file.unlink(missing_ok=True)
            file.write_text(text)
            file.chmod(0o444)  # containers run as other users; on this machine nobody else passes the folder
            written.append(name)

    for name, form in ORIGINALS.items():
        if not (folder / name).exists():
            write(name, form.format(password=secrets.token_urlsafe(24)) + "\n")

    for name in GIVEN:
        if not (folder / name).exists():
            write(name, "")

    for issuer in keys.ISSUERS:
        if not (folder / f"{issuer}_signing_key").exists():
            write(f"{issuer}_signing_key", keys.listed({issuer: keys.new_private_key()}) + "\n")

    own = [(folder / f"{issuer}_signing_key").read_text().strip() for issuer in SERVICES]
    write("signing_keys", ",".join(own) + "\n")  # for `restore`, which has every service tell what it had ordered
    # of an issuer's key, its successor and its predecessor (`_signing_key.next`, `.old`), as far as they are there
    private = chain.from_iterable(sorted(folder.glob(f"{issuer}_signing_key*")) for issuer in keys.ISSUERS)
    write("verifying_keys", ",".join(keys.public_keys(file.read_text()) for file in private) + "\n")

    # what the servers themselves read, made of the above
    write("postgres_password", _password(folder / "admin_dsn") + "\n")
    users = [broker_user(name, _password(folder / f"{name}_amqp_url")) for name in BROKER_USERS]
    write("rabbitmq_users.json", json.dumps({"users": users}, indent=1) + "\n")
    return written


def _password(file: Path) -> str:
    """The password in an address; empty where there is none."""
    return urlsplit(file.read_text().strip()).password or ""


def broker_user(name: str, password: str, tags: Sequence[str] = ()) -> dict[str, object]:
    """A user as RabbitMQ's definitions have it; the hash is base64 of salt + SHA-256(salt + password)."""
    # The salt is made of the password, which is long and random, so that the file changes only when one of them does.
    salt = hashlib.sha256(b"salt" + password.encode()).digest()[:4]
    digest = hashlib.sha256(salt + password.encode()).digest()
    return {
        "name": name,
        "password_hash": base64.b64encode(salt + digest).decode(),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": [*tags],
    }


def main() -> None:
    """Makes what is missing and says what that was."""
    written = make(FOLDER)
    print(f"{FOLDER}: {', '.join(sorted(written))} written" if written else f"{FOLDER}: everything is there")


if __name__ == "__main__":
    main()
