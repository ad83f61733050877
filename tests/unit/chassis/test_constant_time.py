"""Secrets are compared in constant time: by `hmac.compare_digest`, or not at all but looked up by their digest.

A plain comparison ends at the first character that differs, so that its time tells how much of a guess was right.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from deploy.local.state import REPOSITORY

ROOMS = ("chassis", "contracts", "gateway", "services")

SECRET = re.compile(r"secret|token|hash|digest|signature|hmac|password|csrf|nonce|verifier|cookie|sha\d", re.IGNORECASE)
NO_SECRET = re.compile(r"(_ids?|_at|_count|Token|Row|Scope)$")
"""Names of what only belongs to a secret."""

LOOKED_UP = re.compile(r"\w+Row\.(secret_hash|digest) [=!]= (domain\.hash_secret|_digest)\([\w.]+\)")
"""In a database, by the digest: who guesses a secret can't choose where the digest of the guess begins to differ."""

_CONTENT = "the digest of a file or a body, which whoever sends it knows"
_UNCHANGED = "two readings of one row, whether it has changed in between; nobody gives either"

ALLOWED = {
    ("chassis/idempotency.py", "bytes(kept.digest) != digest"): _CONTENT,
    ("chassis/principals.py", "passport.digest != digest"): _CONTENT,
    ("services/labels/handlers/verification.py", "asset.announced_sha256 not in (None, sha256)"): _CONTENT,
    (
        "services/labels/handlers/data_library.py",
        "(draft.sha256, draft.size) == (asset.announced_sha256, asset.announced_size)",
    ): _CONTENT,
    ("services/labels/handlers/data_library.py", "draft.sha256 not in (None, asset.sha256)"): _CONTENT,
    ("services/labels/handlers/importing/work.py", "body.digest == label.body_digest"): _CONTENT,
    ("services/labels/handlers/editing.py", "digest == label.body_digest"): _CONTENT,
    ("services/members/handlers/sessions.py", "UserRow.password_hash == user.password_hash"): _UNCHANGED,
    ("services/members/handlers/invitations.py", "user.password_hash != password_hash"): _UNCHANGED,
}
"""(file, comparison) -> why its time tells nothing."""


def names(node: ast.AST) -> Iterator[str]:
    """What the value of an expression is called, as far as it says."""
    match node:
        case ast.Name(id=name):
            yield name
        case ast.Attribute(attr=name):
            yield name
        case ast.Call(func=func, args=arguments):
            for part in (func, *([func.value] if isinstance(func, ast.Attribute) else []), *arguments):
                yield from names(part)
        case ast.Subscript(value=value, slice=ast.Constant(value=str(name))):
            yield from (name, *names(value))
        case ast.Constant():
            return
        case _:
            for child in ast.iter_child_nodes(node):
                yield from names(child)


def is_secret(node: ast.AST) -> bool:
    return any(SECRET.search(name) and not NO_SECRET.search(name) for name in names(node))


def comparisons(tree: ast.AST) -> Iterator[ast.Compare]:
    """Those of two values that are not written down in the code, of which one sounds like a secret."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn):
            continue
        sides = (node.left, *node.comparators)
        if not any(isinstance(side, ast.Constant) for side in sides) and any(map(is_secret, sides)):
            yield node


def found_in(path: Path) -> Iterator[tuple[str, str]]:
    for node in comparisons(ast.parse(path.read_text())):
        if not LOOKED_UP.fullmatch(text := ast.unparse(node)):
            yield path.relative_to(REPOSITORY).as_posix(), text


def test_no_secret_is_compared_in_a_time_that_tells() -> None:
    files = [path for room in ROOMS for path in (REPOSITORY / room).rglob("*.py")]
    assert len(files) > 100
    found = {each for path in files for each in found_in(path)}
    assert found - ALLOWED.keys() == set(), "hmac.compare_digest, or say in ALLOWED why not"
    assert ALLOWED.keys() - found == set(), "gone by now"


def test_one_is_found_however_it_is_written() -> None:
    for text in ("given == row.secret", "request.headers['X-CSRF-Token'] != csrf", "hmac_of(a).hexdigest() in known"):
        assert list(comparisons(ast.parse(text))), text
    for text in ("row.token_id == token_id", "kind == 'token'", "TokenRow.user_id == UserRow.id"):
        assert not list(comparisons(ast.parse(text))), text
