"""RPC: one request class a method, which names its answer.

A request class `GetProject` in `contracts.rpc.projects` is the method `get_project` of the service `projects`. It
states its `right`: what who asks must be, or may do (contracts.rights).
"""

import re
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar, get_args

from pydantic import Field, create_model

from contracts.message import Message
from contracts.rights import Right

Answer = TypeVar("Answer", bound=Message)


class Nothing(Message):
    """The answer of a method that has nothing to say."""


class Request(Message, Generic[Answer]):
    """A call. Subclass `Query` or `Command`, not this.

    `right`: what it demands; `callers`: who may call it by themselves, for nobody in particular or for a user whom they
    name: services, or the gateway.
    """

    service: ClassVar[str]
    answer: ClassVar[type[Message]]
    right: ClassVar[Right]
    callers: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if cls.__module__.startswith("contracts.rpc."):
            cls.service = cls.__module__.rsplit(".", 1)[1]
        made_of_a_generic = cls.__pydantic_generic_metadata__["origin"] is not None
        if cls.__module__ != __name__ and not made_of_a_generic and not hasattr(cls, "right"):
            raise TypeError(f"{cls.__name__} does not state its right (contracts.rights)")
        for base in cls.__mro__:
            arguments = getattr(base, "__pydantic_generic_metadata__", {}).get("args") or get_args(base)
            if arguments and isinstance(arguments[0], type):
                cls.answer = arguments[0]
                break

    def needs(self) -> Right:
        """What this very request demands, where that hangs on what it says."""
        return self.right

    @classmethod
    def of(cls, service: str) -> type[Self]:
        """The class as `service` answers it, for methods that every service has (contracts.failed)."""
        if getattr(cls, "service", None) == service:
            return cls
        made = _MADE.get((cls, service))
        if made is None:
            made = create_model(cls.__name__, __base__=cls, __module__=cls.__module__, __doc__=cls.__doc__)
            made.service = service
            _MADE[cls, service] = made
        return made

    @classmethod
    def method(cls) -> str:
        """The method's name: the class's in snake case."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


_MADE: dict[tuple[type[Request[Any]], str], type[Any]] = {}
"""What `Request.of` has made: a class each time would be another type each time."""


class Query(Request[Answer], Generic[Answer]):
    """A call that changes nothing."""


class Command(Request[Answer], Generic[Answer]):
    """A call that changes something.

    With an `idempotency_key`, the same command again answers what it answered before and changes nothing; another
    command under the same key is refused as `idempotency_mismatch`. Keys are kept for 24 hours.
    """

    idempotency_key: str | None = Field(default=None, max_length=200)


class Owners(Protocol):
    """Those who own what others ask for, as a use case sees them: chassis.rpc.client.RpcClient."""

    def call(self, request: Request[Answer], deadline: float) -> Answer:
        """The answer within `deadline` seconds, or Problem."""
        ...
