"""`python3 -m deploy.keys ISSUER`: a new private key to sign with. `… public FILE`: the public ones of those in a file.

Key pairs as chassis.principals uses them, made with nothing but Python's standard library.

An Ed25519 private key is 32 random bytes; the public one follows from it by RFC 8032, 5.1.5. This is no place to sign
anything: that takes a library that lets nobody measure how long it takes.
"""

import base64
import hashlib
import secrets
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

ISSUERS = ("gateway", "members", "projects", "labels", "analytics", "exports")

_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_BASE = (
    15112221349535400772501151409588531511454012693041857206046113283949847762202,
    46316835694926478169428394003475163141307993866256225615783033603165251855960,
)

Point = tuple[int, int]


def new_private_key() -> str:
    """A private key, in base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def public_key(private: str) -> str:
    """The public key of a private one, both in base64."""
    head = bytearray(hashlib.sha512(base64.b64decode(private)).digest()[:32])
    head[0] &= 248
    head[31] = head[31] & 127 | 64
    x, y = _times(int.from_bytes(head, "little"), _BASE)
    return base64.b64encode((y | (x & 1) << 255).to_bytes(32, "little")).decode()


def public_keys(private: str) -> str:
    """The public keys of private ones, both listed."""
    named = (each.strip().partition(":") for each in private.split(","))
    return ",".join(f"{issuer}:{public_key(key)}" for issuer, _, key in named)


def listed(keys: Mapping[str, str]) -> str:
    """Keys by issuer, as LABELYARD_SIGNING_KEY and LABELYARD_VERIFYING_KEYS take them."""
    return ",".join(f"{issuer}:{key}" for issuer, key in keys.items())


def of(issuers: Collection[str], listed: str) -> str:
    """Those of these issuers, of keys that are `listed`."""
    return ",".join(each for each in listed.split(",") if each.partition(":")[0] in issuers)


def _times(factor: int, point: Point) -> Point:
    total = (0, 1)
    while factor:
        if factor & 1:
            total = _plus(total, point)
        point = _plus(point, point)
        factor >>= 1
    return total


def _plus(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    bent = _D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + bent, -1, _P)
    y = (y1 * y2 + x1 * x2) * pow(1 - bent, -1, _P)
    return x % _P, y % _P


def main(arguments: list[str]) -> None:
    """Print what was asked for, as LABELYARD_SIGNING_KEY or LABELYARD_VERIFYING_KEYS takes it."""
    match arguments:
        case ["public", file]:
            print(public_keys(Path(file).read_text()))
        case [issuer] if issuer in ISSUERS:
            print(listed({issuer: new_private_key()}))
        case _:
            sys.exit(f"{__doc__}\nIssuers: {', '.join(ISSUERS)}")


if __name__ == "__main__":
    main(sys.argv[1:])
