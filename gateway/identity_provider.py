"""The identity provider of single sign-on: OpenID Connect's authorization code flow, with PKCE.

What to check is in OpenID Connect Core 1.0 (3.1.3.7), RFC 7636 (PKCE) and RFC 9207 (`iss` in the answer); signatures
and keys are joserfc's. Why so: docs/decisions/single-sign-on.md.
"""

import base64
import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import BadSignatureError, ClaimError, InvalidKeyIdError, JoseError
from joserfc.jwk import JWKRegistry, KeySet, OctKey

from chassis.logs import get_logger
from chassis.settings import Settings
from contracts.errors import Problem
from gateway.routing import PREFIX
from gateway.schemas import SignOnAnswerQuery

log = get_logger()

CALLBACK: Final = f"{PREFIX}/auth/sign-on/callback"

FLOW_LIFE: Final = timedelta(minutes=10)
"""How long somebody may take to sign in at the provider."""

LEEWAY: Final = 60
"""Seconds by which the provider's clock and ours may differ."""

KEPT: Final = 3600.0
"""Seconds for which the provider's addresses and keys are taken to be the same."""

KEYS_AGAIN: Final = 5.0
"""Seconds between two questions for keys at least: a made-up key must not make us ask for each try."""

PATIENCE: Final = httpx.Timeout(3.0)
"""Each step of a question to the provider. There are at most four in a request, which has ten seconds."""

_MAIL_ADDRESS: Final = re.compile(r"[^@\s\0]+@[^@\s\0]+")

ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
    "EdDSA",
)
"""Signatures by a private key. Never `none`, nor one by a secret that we have too."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Identity:
    """Whom the provider says that it let in."""

    subject: str
    email: str | None
    email_verified: bool
    name: str | None


class IdentityProvider:
    """One provider. Used by many threads at once; asks nothing before somebody signs on."""

    def __init__(
        self,
        issuer: str,
        client_id: str,
        client_secret: str,
        redirect_uri: str,
        scopes: str = "openid email profile",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri
        self._scopes = scopes
        self._clock = clock
        # every gateway has the client's secret, so every gateway can read what another has signed
        key = hmac.digest(client_secret.encode(), b"labelyard sign-on flow", "sha256")
        self._flow_key = OctKey.import_key(key)
        self._http = httpx.Client(timeout=PATIENCE, headers={"Accept": "application/json"})
        self._lock = threading.Lock()
        self._metadata: tuple[float, Json] | None = None
        self._keys: tuple[float, KeySet] | None = None

    @classmethod
    def of(cls, settings: Settings) -> "IdentityProvider | None":
        """The one that the settings name; ends the process if they name half of one."""
        if settings.oidc_issuer is None:
            return None
        return cls(
            settings.oidc_issuer,
            settings.require("oidc_client_id"),
            settings.require("oidc_client_secret"),
            settings.public_url.rstrip("/") + CALLBACK,
            settings.oidc_scopes,
        )

    def begin(self, return_to: str) -> tuple[str, str]:
        """Where to send a browser, and what to keep in it until it is back; Problem `unavailable`."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        question = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": self._scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": _base64url(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        endpoint = self._endpoint("authorization_endpoint")
        flow = {
            "state": state,
            "nonce": nonce,
            "verifier": verifier,
            "return_to": return_to,
            "exp": int(time.time() + FLOW_LIFE.total_seconds()),
        }
        url = f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(question)}"
        return url, jwt.encode({"alg": "HS256"}, flow, self._flow_key)

    def complete(self, answer: SignOnAnswerQuery, flow: str) -> tuple[Identity, str]:
        """Who the browser that came back is, and where it wanted to go.

        Problem `sign_on_expired` where this browser did not begin it, `sign_on_refused` where the provider says no,
        `bad_identity` where its word can't be trusted, `unavailable` where it does not answer.
        """
        begun = self._read_flow(flow)
        if not hmac.compare_digest(answer.state.encode(), str(begun["state"]).encode()):
            raise Problem("sign_on_expired")
        promises_issuer = self._discover().get("authorization_response_iss_parameter_supported") is True
        if answer.iss != self.issuer and (promises_issuer or answer.iss is not None):
            raise Problem("bad_identity", "The answer came from another provider.", reason="issuer")
        if answer.code is None:
            log.info("the identity provider refuses", error=answer.error)
            raise Problem("sign_on_refused")
        tokens = self._redeem(answer.code, str(begun["verifier"]))
        claims = self._read_identity(tokens.get("id_token"), str(begun["nonce"]))
        if "email" not in claims:
            claims = {**claims, **self._user_info(tokens.get("access_token"), claims["sub"])}
        return _identity(claims), str(begun["return_to"])

    def _read_flow(self, flow: str) -> Json:
        try:
            begun = jwt.decode(flow, self._flow_key, algorithms=["HS256"])
            jwt.JWTClaimsRegistry(exp={"essential": True}).validate(begun.claims)
        except (JoseError, ValueError):
            raise Problem("sign_on_expired") from None
        return begun.claims

    def _redeem(self, code: str, verifier: str) -> Json:
        """The tokens that the provider gives for a code, once."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": verifier,
        }
        headers = {}
        if "client_secret_basic" in self._discover().get(
            "token_endpoint_auth_methods_supported", ["client_secret_basic"]
        ):
            # RFC 6749, 2.3.1: encoded as in a form before it is encoded as for HTTP
            pair = f"{quote(self._client_id, safe='')}:{quote(self._client_secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": self._client_id, "client_secret": self._client_secret}
        status, tokens = self._ask("POST", self._endpoint("token_endpoint"), data=form, headers=headers)
        if status == 200:
            return tokens
        log.warning("the identity provider gives no tokens", status=status, error=str(tokens.get("error"))[:100])
        raise Problem("sign_on_expired" if tokens.get("error") == "invalid_grant" else "sign_on_refused")

    def _read_identity(self, token: object, nonce: str) -> Json:
        """The claims of an ID token, every one checked that somebody could have made up."""
        if not isinstance(token, str):
            raise _untrusted("missing")
        try:
            try:
                claims = jwt.decode(token, self._key_set(), algorithms=ALGORITHMS).claims
            except (InvalidKeyIdError, BadSignatureError):
                claims = jwt.decode(token, self._key_set(older_than=KEYS_AGAIN), algorithms=ALGORITHMS).claims
        except (JoseError, ValueError) as error:
            log.warning("an ID token can't be read", error=type(error).__name__)
            raise _untrusted("signature") from None
        expected = jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self._client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            expected.validate(claims)
        except ClaimError as error:
            raise _untrusted(_CLAIMS.get(error.claim, "other")) from None
        # a token for several says for whom it was made
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else self._client_id) != self._client_id:
            raise _untrusted("audience")
        if not 1 <= len(claims["sub"]) <= 255:
            raise _untrusted("subject")
        return claims

    def _user_info(self, access_token: object, subject: str) -> Json:
        """What the provider tells of somebody only when it is asked."""
        if not isinstance(access_token, str) or "userinfo_endpoint" not in self._discover():
            return {}
        headers = {"Authorization": f"Bearer {access_token}"}
        status, told = self._ask("GET", self._endpoint("userinfo_endpoint"), headers=headers)
        if status != 200:
            raise _away()
        if told.get("sub") != subject:
            raise _untrusted("subject")
        return told

    def _key_set(self, older_than: float = KEPT) -> KeySet:
        """The provider's keys, asked for anew if they were last asked for longer ago than that."""
        with self._lock:
            known = self._keys
        if known is not None and self._clock() - known[0] < older_than:
            return known[1]
        status, told = self._ask("GET", self._endpoint("jwks_uri"))
        listed = told.get("keys")
        if status != 200 or not isinstance(listed, list):
            raise _away()
        keys = KeySet([key for each in listed if (key := _public_key(each)) is not None])
        with self._lock:
            self._keys = self._clock(), keys
        return keys

    def _endpoint(self, name: str) -> str:
        """An address of the provider; encrypted, unless all of it is on this machine."""
        url = self._discover().get(name)
        if not isinstance(url, str) or urlsplit(url).scheme not in ("https", urlsplit(self.issuer).scheme):
            log.error("the identity provider's discovery document lacks something", name=name)
            raise _away()
        return url

    def _discover(self) -> Json:
        """The provider's own description (OpenID Connect Discovery 1.0)."""
        with self._lock:
            known = self._metadata
        if known is not None and self._clock() - known[0] < KEPT:
            return known[1]
        status, told = self._ask("GET", self.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if status != 200 or told.get("issuer") != self.issuer:
            log.error("LABELYARD_OIDC_ISSUER is not what the provider calls itself", told=str(told.get("issuer"))[:200])
            raise _away()
        with self._lock:
            self._metadata = self._clock(), told
        return told

    def _ask(self, method: str, url: str, **how: Any) -> tuple[int, Json]:
        try:
            response = self._http.request(method, url, **how)
            told = response.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            log.warning("the identity provider does not answer", error=type(error).__name__)
            raise _away() from None
        if response.status_code >= 500 or response.status_code == 429 or not isinstance(told, dict):
            log.warning("the identity provider does not answer", status=response.status_code)
            raise _away()
        return response.status_code, told


_CLAIMS: Final[Mapping[str, str]] = {
    "iss": "issuer",
    "aud": "audience",
    "exp": "expired",
    "nbf": "clock",
    "iat": "clock",
    "nonce": "nonce",
    "sub": "subject",
}


def _identity(claims: Json) -> Identity:
    email, name = claims.get("email"), claims.get("name") or claims.get("preferred_username")
    usable = isinstance(email, str) and len(email) <= 320 and _MAIL_ADDRESS.fullmatch(email)
    return Identity(
        subject=claims["sub"],
        email=email if usable else None,
        email_verified=claims.get("email_verified") is True,  # some send text, or nothing: that is no yes
        name=name.replace("\0", "").strip()[:200] or None if isinstance(name, str) else None,
    )


def _public_key(told: object) -> Any:
    """A key that signatures are checked with, or None: providers publish others too."""
    if not isinstance(told, dict) or told.get("kty") == "oct" or told.get("use", "sig") != "sig":
        return None
    try:
        return JWKRegistry.import_key(told)
    except (JoseError, ValueError, TypeError):
        return None


def _away() -> Problem:
    return Problem("unavailable", "The identity provider does not answer as it should.")


def _untrusted(reason: str) -> Problem:
    return Problem("bad_identity", f"What the identity provider sent does not hold: {reason}.", reason=reason)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
