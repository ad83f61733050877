"""The private PostgreSQL, RabbitMQ and S3 servers of one installation."""

from typing import Protocol

from deploy.local.programs import Program


class Server(Protocol):
    """What the three have in common: prepare, run the programs, wait until ready, set up."""

    @property
    def name(self) -> str: ...

    def prepare(self) -> None:
        """Makes what must be there before the first start; does nothing later."""

    def programs(self) -> list[Program]: ...

    def is_ready(self) -> bool: ...

    def set_up(self) -> None:
        """Makes what the running server must hold; does nothing where it is there."""
