"""What can go wrong while a system is brought up, in words for the person at the terminal."""


class LocalError(Exception):
    """A failure that the person can act on; its text says what to do."""
