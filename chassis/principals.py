"""Signing who a call or an order is made for, and checking that.

Each issuer (the gateway, each service) has an Ed25519 key pair of its own (RFC 8032). A passport is one line of text:
the claims as JSON, a dot, and their signature in base64. It is good for one message: its claims hold a digest of that.
"""

import base64
import hashlib
import json
import sys
import time
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chassis import context
from chassis.logs import get_logger
from chassis.settings import keys_of, settings
from contracts.principals import GATEWAY, Claims

log = get_logger()

LEEWAY = 10.0
"""Seconds that the clocks of two machines may differ by."""


class Passport(Claims):
    """Claims as they are signed. Times in seconds since the epoch; `expires_at` None: an order waits for its taker."""

    issued_at: float
    expires_at: float | None = None
    digest: str


class Distrusted(Exception):
    """A passport that is none, and why."""


def require(*issuers: str) -> None:
    """End the process with a message unless it can sign as these, and knows the public keys of all issuers."""
    private, public = _private(settings().require("signing_key")), _public(settings().require("verifying_keys"))
    for issuer in issuers:
        if issuer not in private:
            sys.exit(f"LABELYARD_SIGNING_KEY holds no key of {issuer}, and this process signs as that.")
        if private[issuer].public_key() not in public.get(issuer, ()):
            sys.exit(f"LABELYARD_VERIFYING_KEYS does not hold the public key of LABELYARD_SIGNING_KEY for {issuer}.")
    if settings().principals == "accepted":
        log.warning("what nobody has signed is accepted", setting="LABELYARD_PRINCIPALS")


def sign(claims: Claims | None, digest: str, until: float | None = None, issuer: str | None = None) -> str:
    """The passport of the message with that digest, signed by `issuer`: by default, the service whose work this is.

    `until`: when nobody waits for its answer any more. Without claims, the issuer asks for nobody.
    """
    private = _private(settings().require("signing_key"))
    issuer = issuer or context.issuer() or GATEWAY
    if issuer not in private:
        raise RuntimeError(f"this process has no key of {issuer} to sign with")
    passport = Passport.model_construct(
        **dict(claims or Claims()) | {"issuer": issuer, "issued_at": time.time(), "expires_at": until, "digest": digest}
    )
    text = passport.model_dump_json(exclude_none=True)
    return f"{text}.{base64.b64encode(private[issuer].sign(text.encode())).decode()}"


def check(text: str, digest: str) -> Claims:
    """The claims of a passport, if it is genuine, in time, and of the message with that digest; else Distrusted."""
    signed, _, signature = text.rpartition(".")
    try:
        passport = Passport.model_validate_json(signed)
        proof = base64.b64decode(signature, validate=True)
    except ValueError:  # of pydantic, too
        raise Distrusted("it can't be read") from None
    keys = _public(settings().require("verifying_keys")).get(passport.issuer, ())
    if not any(_verifies(key, proof, signed) for key in keys):
        raise Distrusted(f"no key of {passport.issuer} has signed it")
    now = time.time()
    if passport.issued_at > now + LEEWAY or (passport.expires_at is not None and passport.expires_at < now - LEEWAY):
        raise Distrusted("it has expired, or is of the future")
    if passport.digest != digest:
        raise Distrusted("it is of another message")
    return passport


def digest_of_call(method: str, reply_to: str, call_id: str, body: bytes) -> str:
    """What a call's passport is of: the method, who is answered, and the very bytes of the request."""
    return _digest(f"{method}\n{reply_to}\n{call_id}\n".encode(), body)


def digest_of_order(event_type: str, data: Any) -> str:
    """What an order's passport is of: the event's type and its data, as plain JSON values."""
    return _digest(f"{event_type}\n".encode(), json.dumps(data, sort_keys=True, separators=(",", ":")).encode())


def _digest(*parts: bytes) -> str:
    return base64.b64encode(hashlib.sha256(b"".join(parts)).digest()).decode()


def _verifies(key: Ed25519PublicKey, signature: bytes, text: str) -> bool:
    try:
        key.verify(signature, text.encode())
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=8)
def _private(keys: str) -> dict[str, Ed25519PrivateKey]:
    return {issuer: Ed25519PrivateKey.from_private_bytes(each[0]) for issuer, each in keys_of(keys).items()}


@lru_cache(maxsize=8)
def _public(keys: str) -> dict[str, tuple[Ed25519PublicKey, ...]]:
    return {issuer: tuple(map(Ed25519PublicKey.from_public_bytes, each)) for issuer, each in keys_of(keys).items()}
