"""The base of every payload that crosses a service boundary."""

import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError


class Message(BaseModel):
    """A payload. Unknown fields are ignored, so that an older reader takes what a newer writer sends."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Strict(BaseModel):
    """A part of a request made by a person or program: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def secrets_of(model: type[BaseModel]) -> frozenset[str]:
    """The fields of a message that are secrets (declared with `repr=False`): never logged, never kept."""
    return frozenset(name for name, field in model.model_fields.items() if not field.repr)


def without_secrets(message: BaseModel) -> dict[str, Any]:
    """A message as plain JSON values, without its secrets and those of the messages in it."""
    plain = message.model_dump(mode="json")
    _leave_out(message, plain)
    return plain


def _leave_out(value: object, plain: Any) -> None:
    if isinstance(value, BaseModel):
        hidden = secrets_of(type(value))
        for name, field in type(value).model_fields.items():
            key = name if name in plain else field.alias  # `and` is no name that Python takes
            if name in hidden:
                plain.pop(key, None)
            elif key in plain:
                _leave_out(getattr(value, name), plain[key])
    elif isinstance(value, tuple | list):
        for each, plain_one in zip(value, plain, strict=True):
            _leave_out(each, plain_one)


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Time = Annotated[datetime, AfterValidator(_utc)]
"""A moment, RFC 3339 on the wire, always UTC."""


_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d|$)")


_MOMENTS = TypeAdapter(datetime)


def _spelled_out(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and _MOMENT.match(value):
        with suppress(ValidationError):
            return _MOMENTS.validate_python(value)
    raise ValueError("not a moment as in 2026-11-30T12:00:00Z")


AskedTime = Annotated[Time, BeforeValidator(_spelled_out)]
"""A moment that a person or program asks for: no number of seconds. A date alone is the day's beginning."""
