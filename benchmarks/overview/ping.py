"""A question whose answer is nothing, for the floor of messaging alone."""

from typing import ClassVar

from contracts.rights import Only
from contracts.rpc import Nothing, Query


class Ping(Query[Nothing]):
    """Asks for nothing."""

    service: ClassVar[str] = "empty"
    right = Only.GATEWAY
