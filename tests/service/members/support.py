"""A password, quick hashes, addresses."""

from uuid import uuid4

from argon2 import PasswordHasher

PASSWORD = "correct horse"

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""How dear hashes are is no matter in most tests."""


def new_email() -> str:
    """An address that nobody has."""
    return f"{uuid4().hex}@example.com"
