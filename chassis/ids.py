"""Identifiers."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A new UUIDv7 (RFC 9562): ordered by the moment it was made, so that keys grow at one end of their index."""
    return UUID(int=uuid7().int)
