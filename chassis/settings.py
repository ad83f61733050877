"""Configuration: environment variables named LABELYARD_…, checked once, when the process starts.

What should not stand in the environment, such as a password, may stand in a file: LABELYARD_SECRETS names a folder, and
a file `labelyard_amqp_url` in it is worth a variable LABELYARD_AMQP_URL. Where there are both, the variable counts.
"""

import base64
import os
import re
import sys
from email.utils import parseaddr
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

SERVICES = ("members", "projects", "labels", "analytics", "exports")

ISSUERS = ("gateway", *SERVICES)
"""Who signs what it asks others for (chassis.principals)."""

KEY_BYTES = 32
"""Of an Ed25519 key, private or public (RFC 8032)."""

_SIGN = "LABELYARD_"


_ORIGIN = re.compile(r"https?://[^/\s*]+")


class Settings(BaseSettings):
    """Everything that a process can be told. Durations in seconds, sizes in bytes.

    The line under a field describes it, in docs/operators/configure.md too (docs/generate.py).
    """

    model_config = SettingsConfigDict(
        env_prefix=_SIGN, extra="ignore", env_ignore_empty=True, use_attribute_docstrings=True
    )

    amqp_url: str | None = Field(default=None, pattern=r"^amqps?://")
    """RabbitMQ, with user, password and virtual host. Every process needs it."""
    members_dsn: str | None = None
    """The members service's database, `postgresql://user:password@host:port/name`. Processes of members need it."""
    projects_dsn: str | None = None
    """The projects service's database, likewise."""
    labels_dsn: str | None = None
    """The labels service's database, likewise."""
    analytics_dsn: str | None = None
    """The analytics service's database, likewise."""
    exports_dsn: str | None = None
    """The exports service's database, likewise."""
    members_migration_dsn: str | None = None
    """The same database as the role that owns its tables. Migrations need it, and backups; processes must not have it.
    Without it, migrations use MEMBERS_DSN, and nothing keeps the service from changing its [audit](audit.md)."""
    projects_migration_dsn: str | None = None
    """The projects service's, likewise."""
    labels_migration_dsn: str | None = None
    """The labels service's, likewise."""
    analytics_migration_dsn: str | None = None
    """The analytics service's, likewise."""
    exports_migration_dsn: str | None = None
    """The exports service's, likewise."""
    database_pool: int = Field(default=10, ge=1, le=500)
    """Connections that a process opens to its database, at most."""
    statement_timeout: float = Field(default=30, gt=0)
    """Seconds after which PostgreSQL ends a statement, or its wait for a lock."""

    s3_endpoint: str | None = Field(default=None, pattern=r"^https?://[^/]+/?$")
    """The S3 server, as processes reach it. Those of projects, labels and exports need it."""
    s3_public_endpoint: str | None = Field(default=None, pattern=r"^https?://[^/]+/?$")
    """The same server as people reach it: it stands in the addresses that are signed for them. Default: S3_ENDPOINT."""
    s3_access_key: str | None = None
    """Who we are at the S3 server."""
    s3_secret_key: str | None = None
    """The secret of that key."""
    s3_bucket: str = Field(default="labelyard", min_length=3, max_length=63)
    """The one bucket that holds everything. It is made if it is missing."""
    s3_region: str = "us-east-1"
    """The bucket's region, which addresses are signed for."""

    signing_key: str | None = Field(default=None, repr=False)
    """The process's own private key, `issuer:key`: its service or `gateway`, and 32 random bytes in base64. A process
    that works for several services has several, with commas between them. Every process needs it."""
    verifying_keys: str | None = None
    """The public keys of all issuers, `gateway:key,members:key,…`; while a key is changed, both of its issuer's. They
    are no secret. Every process needs them."""
    principals: Literal["required", "accepted"] = "required"
    """What becomes of calls and orders that nobody has signed: refused, or accepted, while processes of a version run
    that did not sign."""

    failed_rows: int = Field(default=100_000, ge=1)
    """Failed messages that each service keeps at most: beyond, its consumers stop, and its queues grow instead."""
    failed_bytes: int = Field(default=2**30, ge=2**20)
    """Bytes of their bodies that each service keeps at most, likewise."""
    failed_days: int = Field(default=90, ge=1, le=36_500)
    """Days after which a failed message is dropped that is not tried any more by itself."""

    health_host: str = "127.0.0.1"
    """Where /livez, /readyz and /metrics are served; 0.0.0.0 for checks from another machine."""
    health_port: int = Field(default=0, ge=0, le=65535)
    """The port of the same, each process its own on one machine; 0: not served."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """What is not logged: anything below this."""

    export_threads: int = Field(default=1, ge=1, le=64)
    """Parts of large exports that one export worker is at, at once. Each takes memory; for more processors, run more
    workers."""
    export_parts: int = Field(default=8, ge=1, le=1000)
    """Parts of one export that wait in the queue or are worked on at once, at most: more workers than that do not make
    one export faster, and fewer let others in sooner."""

    image_max_pixels: int = Field(default=100_000_000, ge=1)
    """Images of more pixels are rejected before they are decoded."""

    quota_exports: int | None = Field(default=None, ge=0)
    """Exports that a project may keep, unless it has a [quota of its own](quotas.md); none: as many as it likes."""
    quota_bytes: int | None = Field(default=None, ge=0)
    """Bytes of the images that a project's labels may be of, likewise."""

    otlp_endpoint: str | None = Field(default=None, pattern=r"^https?://[^/]+/?$")
    """An OpenTelemetry collector (OTLP over HTTP) that traces are sent to; none: nothing is traced."""

    rpc_workers: int = Field(default=32, ge=1, le=1000)
    """Calls that a service's RPC process answers at once."""
    rpc_deadline: float = Field(default=2.0, gt=0, le=60)
    """Seconds that the overview waits for the services behind its cards."""

    gateway_host: str = "127.0.0.1"
    """Where the gateway listens; 0.0.0.0 behind a proxy on another machine."""
    gateway_port: int = Field(default=8080, ge=1, le=65535)
    """The port of the same."""
    gateway_threads: int = Field(default=64, ge=4, le=2000)
    """Requests and streams that one gateway process handles at once."""
    streams_max: int | None = Field(default=None, ge=0)
    """Live streams among them, at most. Default: half of the threads."""
    stream_heartbeat: float = Field(default=15, gt=0, le=30)
    """Seconds between the heartbeats of a live stream; each looks again at the state and at whether it may be seen."""
    stream_patience: float = Field(default=20, gt=0, le=600)
    """Seconds after which a live stream's reader who takes nothing of what is sent is dropped."""
    trusted_proxies: int = Field(default=0, ge=0, le=10)
    """Reverse proxies before the gateway: so many entries of X-Forwarded-For are believed, counted from its end."""
    proxy_networks: str = "127.0.0.0/8, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, ::1/128, fc00::/7"
    """Where those proxies are: networks, separated by commas. X-Forwarded-For from elsewhere is not believed."""
    cors_origins: str | None = None
    """Other origins whose pages may use the API with their users' sign-ins, as in `https://tools.example.org`,
    separated by commas. None: only pages of the gateway itself."""
    rate_limit_user: int = Field(default=6000, ge=0)
    """Requests that a signed-in person may send in a minute, to each gateway process; 0: as many as they like."""
    rate_limit_token: int = Field(default=6000, ge=0)
    """The same for each access token."""
    rate_limit_address: int = Field(default=1200, ge=0)
    """The same for each network address that people who are not signed in ask from."""
    rate_limit_guesses: int = Field(default=60, ge=0)
    """Tokens, sessions and links that are none, which an address may try in a minute, likewise."""
    public_url: str = Field(default="http://127.0.0.1:8080", pattern=r"^https?://[^/]+/?$")
    """The address that people use. With https, cookies are sent over https only, and have other names."""

    smtp_url: SecretStr | None = None
    """The server that mails are sent by, `smtp://user:password@host:port`; `smtp+starttls://` and `smtps://` encrypt.
    None: no mails; links stand in the answers to those who invite. The gateway does without; members' processes do not.
    """
    mail_from: str = Field(default="Labelyard <labelyard@localhost>", max_length=400)
    """Whom mails come from."""
    password_sign_in: bool = True
    """Whether passwords sign in. If not, only single sign-on does, and access tokens go on."""
    oidc_issuer: str | None = Field(
        default=None, pattern=r"^(https://[^/?#]+|http://(127\.0\.0\.1|localhost)(:\d+)?)(/[^?#]*)?$"
    )
    """The identity provider of single sign-on (OpenID Connect), as it writes itself; None: there is none."""
    oidc_client_id: str | None = None
    """Who we are at the provider. With an issuer, the gateway needs it."""
    oidc_client_secret: SecretStr | None = None
    """The secret of the same."""
    oidc_name: str = Field(default="Single sign-on", min_length=1, max_length=100)
    """What people call the provider: it stands on the button."""
    oidc_scopes: str = Field(default="openid email profile", pattern=r"^openid( \S+)*$")
    """What the provider is asked to tell of somebody: `openid` first."""
    oidc_provision: bool = False
    """Whether somebody whom the provider knows and we do not gets an account, as a plain member."""
    oidc_domains: str = ""
    """The domains that mail addresses of such accounts may have, with commas between; none: any."""

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, given: dict[str, Any]) -> dict[str, Any]:
        # a file that is handed out, and that nothing was written into
        return {name: value for name, value in given.items() if value != ""}

    @field_validator("proxy_networks")
    @classmethod
    def _networks(cls, given: str) -> str:
        for each in _separated(given):
            ip_network(each)
        return given

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, given: str | None) -> str | None:
        if wrong := [each for each in _separated(given) if not _ORIGIN.fullmatch(each)]:
            raise ValueError(f"no origin: {', '.join(wrong)}")
        return given

    @field_validator("smtp_url")
    @classmethod
    def _smtp(cls, url: SecretStr | None) -> SecretStr | None:
        parts = urlsplit(url.get_secret_value()) if url is not None else None
        if parts is not None and (parts.scheme not in ("smtp", "smtp+starttls", "smtps") or not parts.hostname):
            raise ValueError("must be a smtp://, smtp+starttls:// or smtps:// address")
        return url

    @field_validator("mail_from")
    @classmethod
    def _one_address(cls, given: str) -> str:
        if "@" not in parseaddr(given)[1] or "\n" in given:
            raise ValueError("must be a mail address, or a name and the address in <>")
        return given

    @field_validator("signing_key", "verifying_keys")
    @classmethod
    def _keys(cls, keys: str | None) -> str | None:
        if keys is not None:
            keys_of(keys)
        return keys

    @field_validator(*(f"{service}{kind}_dsn" for service in SERVICES for kind in ("", "_migration")))
    @classmethod
    def _postgresql(cls, dsn: str | None) -> str | None:
        if dsn is None:
            return None
        scheme, sign, rest = dsn.partition("://")
        if not sign or scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
            raise ValueError("must be a postgresql:// address")
        return "postgresql+psycopg://" + rest

    def dsn(self, service: str) -> str:
        """The address of a service's database, in SQLAlchemy's form; ends the process if it isn't set."""
        dsn: str | None = getattr(self, f"{service}_dsn")
        return dsn or _missing(f"{service}_dsn")

    def migration_dsn(self, service: str) -> str:
        """The same as the role that owns its tables; `dsn` where none is set."""
        dsn: str | None = getattr(self, f"{service}_migration_dsn")
        return dsn or self.dsn(service)

    def require(self, field: str) -> str:
        """The value of a setting that this process can't do without; ends the process if it isn't set."""
        value: str | SecretStr | None = getattr(self, field)
        return (value.get_secret_value() if isinstance(value, SecretStr) else value) or _missing(field)

    @property
    def oidc_mail_domains(self) -> frozenset[str]:
        """The domains of `oidc_domains`, as mail addresses are compared."""
        return frozenset(each.strip().casefold() for each in self.oidc_domains.split(",") if each.strip())

    @property
    def proxies(self) -> list[IPv4Network | IPv6Network]:
        """The networks of `proxy_networks`."""
        return [ip_network(each) for each in _separated(self.proxy_networks)]

    @property
    def origins(self) -> frozenset[str]:
        """The origins of `cors_origins`, spelled as browsers do."""
        return frozenset(each.lower() for each in _separated(self.cors_origins))

    @property
    def is_https(self) -> bool:
        """Whether people come by https."""
        return self.public_url.startswith("https://")

    @property
    def stream_cap(self) -> int:
        """How many live streams one gateway process holds at most."""
        return self.gateway_threads // 2 if self.streams_max is None else self.streams_max


def keys_of(text: str) -> dict[str, tuple[bytes, ...]]:
    """The keys of each issuer in `issuer:key,…`, each 32 bytes; ValueError where it is not that, which tells no key."""
    keys: dict[str, tuple[bytes, ...]] = {}
    for each in text.split(","):
        issuer, _, encoded = each.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError:
            key = b""
        if issuer not in ISSUERS or len(key) != KEY_BYTES:
            raise ValueError(f"must be issuer:key, with {KEY_BYTES} bytes in base64; issuers are {', '.join(ISSUERS)}")
        keys[issuer] = (*keys.get(issuer, ()), key)
    return keys


def _separated(text: str | None) -> list[str]:
    return [each.strip() for each in (text or "").split(",") if each.strip()]


def secrets_folder() -> str | None:
    """The folder that holds settings as files, if there is one; for every BaseSettings class of ours."""
    return os.environ.get(f"{_SIGN}SECRETS") or None


def _missing(field: str) -> str:
    sys.exit(f"{_SIGN}{field.upper()} is not set, and this process needs it.")


@cache
def settings() -> Settings:
    """The settings of this process. Ends it with a message that names each variable that is missing or wrong."""
    try:
        return Settings(_secrets_dir=secrets_folder())
    except ValidationError as error:
        lines = [
            f"{_SIGN}{'_'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
        sys.exit("\n".join(["The configuration is not valid:", *lines]))
