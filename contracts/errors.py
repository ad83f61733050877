"""Stable error codes. A code never changes its meaning; its HTTP status and title stand here and nowhere else."""

import json
from collections.abc import Mapping
from typing import Any, Final

CODES: Final[Mapping[str, tuple[int, str]]] = {
    "bad_request": (400, "The request is not valid"),
    "bad_cursor": (400, "The cursor is not one that this list gave out"),
    "sign_on_expired": (400, "This sign-on was not begun in this browser, or too long ago; begin again"),
    "unauthenticated": (401, "Sign in, or send a valid token"),
    "bad_credentials": (401, "The mail address or the password is wrong"),
    "bad_identity": (401, "The identity provider's word about who you are can't be trusted"),
    "forbidden": (403, "Your role does not allow this"),
    "password_sign_in_off": (403, "Passwords are not taken here; use single sign-on"),
    "sign_on_refused": (403, "The identity provider did not let you in"),
    "no_account": (403, "Nobody has an account here under this identity; ask to be invited"),
    "email_unverified": (403, "The identity provider has not verified your mail address"),
    "csrf_failed": (403, "The CSRF token is missing or wrong"),
    "self_review": (403, "You submitted this label; somebody else must review it"),
    "not_found": (404, "There is nothing here, or nothing that you may see"),
    "method_not_allowed": (405, "This address does not take that method"),
    "name_taken": (409, "That name is in use"),
    "email_taken": (409, "A user with that mail address exists"),
    "illegal_transition": (409, "The label's present state does not allow this action"),
    "not_a_member": (409, "That user is not a member of the project in a fitting role"),
    "already_member": (409, "That user has a role there already"),
    "already_invited": (409, "That address has been invited already"),
    "account_exists": (409, "There is an account with that address: sign in to it, then accept"),
    "asset_exists": (409, "Another file is stored under that data key"),
    "asset_not_stored": (409, "Only stored assets can be labeled"),
    "class_in_use": (409, "Labels use this object class"),
    "quota_exceeded": (409, "The project has as much of this as it may have"),
    "last_owner": (409, "The team needs at least one owner"),
    "not_ready": (409, "It is not finished yet"),
    "gone": (410, "It was deleted"),
    "bad_link": (410, "This link was used, replaced by a newer one, or has expired"),
    "stale_version": (412, "It has changed since you read it"),
    "too_large": (413, "The request is larger than allowed"),
    "unsupported_media_type": (415, "Send the body as application/json"),
    "validation_failed": (422, "The request does not fit its schema"),
    "bad_filter": (422, "The filter is not valid"),
    "filter_too_large": (422, "The filter is too deep, or has too many parts"),
    "bad_geometry": (422, "An object's geometry is not valid in this image"),
    "unknown_class": (422, "The project has no such object class"),
    "unknown_category": (422, "The project has no such image category or answer"),
    "unknown_model": (422, "The project has no such model"),
    "unknown_asset": (422, "There is no such asset"),
    "unsupported_data_type": (422, "Projects of this data type are not supported yet"),
    "unsupported": (422, "This is not supported"),
    "not_a_pdf": (422, "That file is not a PDF"),
    "encrypted_pdf": (422, "That PDF is encrypted; not everybody could open it"),
    "damaged_pdf": (422, "That PDF is damaged"),
    "comment_required": (422, "Say why: a comment is required"),
    "idempotency_mismatch": (422, "The idempotency key was used with another request"),
    "confirmation_required": (428, "Look at what becomes visible and send its confirmation"),
    "version_required": (428, "Send If-Match with the version you read"),
    "rate_limited": (429, "Too many requests"),
    "internal": (500, "Something went wrong on our side"),
    "bad_principal": (500, "A part of the system could not show for whom it asks"),
    "unavailable": (503, "A part of the system is away; try again"),
    "busy": (503, "Too busy right now; try again"),
    "deadline_exceeded": (503, "No answer in time; try again"),
    "counters_incomplete": (503, "The project's figures are not complete until its counters are rebuilt"),
}

AWAY: Final = frozenset({"unavailable", "deadline_exceeded", "busy"})
"""Codes that say "not now": the question itself was fine."""

UNANSWERED: Final = AWAY | {"internal"}
"""Codes of which a service that asked another one learns nothing: to be asked again later."""

RESERVED: Final = frozenset({"type", "title", "status", "detail", "instance", "code", "correlation_id"})
"""Members that every problem document has; further ones need other names."""


class Problem(Exception):
    """An expected refusal that the asker sees.

    `code` is one of CODES; `detail` says what is wrong with this request, in a sentence; `extra` are further
    members of the problem document (RFC 9457), plain JSON values.
    """

    def __init__(self, code: str, detail: str = "", **extra: Any) -> None:
        assert code in CODES, code
        assert not extra.keys() & RESERVED, extra
        # nameko carries an exception's arguments, but would turn numbers inside a dictionary into text
        super().__init__(code, detail, json.dumps(extra, default=str))
        self.code = code
        self.detail = detail
        self.extra = extra

    @property
    def status(self) -> int:
        """The HTTP status of this code."""
        return CODES[self.code][0]

    @property
    def title(self) -> str:
        """The sentence that belongs to the code, the same each time."""
        return CODES[self.code][1]

    def __str__(self) -> str:
        return f"{self.code}: {self.detail or self.title}"
