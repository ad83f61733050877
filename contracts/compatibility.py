"""Whether today's REST API, events and export format still serve whoever was written for the released ones.

    python -m contracts.compatibility            list what breaks; exit 1 if anything does
    python -m contracts.compatibility --release  today's documents are the released ones from now on

The released copies are kept in `docs/api/`. Pure functions over the documents; they read the parts of JSON Schema that
pydantic writes. Of what a client sends, everything that was accepted must be accepted still; of what it reads,
everything that was there must be there still, in no other type. An event is both: old ones are read by new code, and
new ones by code that is not upgraded yet. What readers must expect, and is no break: further fields, further values of
an enumeration, further error codes.
"""

import json
import operator
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final

Json = Mapping[str, Any]

ROOT = Path(__file__).parents[1]
RELEASED = ROOT / "docs" / "api"

METHODS: Final = ("get", "put", "post", "patch", "delete", "head", "options", "trace")
_UPPER: Final = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties")
_LOWER: Final = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties")
_EXACT: Final = ("pattern", "format", "multipleOf", "uniqueItems")


class Use(Enum):
    """Who writes what a schema describes."""

    SENT = auto()  # by clients that know the old schema, to who knows the new one
    READ = auto()  # by clients that know the old schema, from who knows the new one


def api_breaks(old: Json, new: Json) -> list[str]:
    """What a client written for the OpenAPI document `old` can no longer do with `new`, a sentence each."""
    return list(_Api(old, new).breaks())


def event_breaks(old: Json, new: Json) -> list[str]:
    """What is not additive between two documents as of contracts/schemas/events.json."""
    found = []
    for name, schema in old["messages"].items():
        if name not in new["messages"]:
            found.append(f"{name}: removed")
            continue
        for use in Use:
            found += _Schemas(old, new, use).breaks(schema, new["messages"][name], name)
    return list(dict.fromkeys(found))


def file_breaks(old: Json, new: Json) -> list[str]:
    """What a reader of files written for the JSON Schema `old` can no longer read in those of `new`."""
    return list(_Schemas(old, new, Use.READ).breaks(old, new, "file"))


@dataclass
class _Schemas:
    """Compares schemas of two documents, in which their references are looked up."""

    old: Json
    new: Json
    use: Use
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def breaks(self, old: Json, new: Json, place: str) -> Iterator[str]:
        """The breaks between two schemas that stand at `place`."""
        pair = json.dumps(old, sort_keys=True), json.dumps(new, sort_keys=True)
        if pair in self._seen:  # compared already, or on the way: schemas may contain themselves
            return
        self._seen.add(pair)
        before, after = _variants(old, self.old), _variants(new, self.new)
        covered, covering = (before, after) if self.use is Use.SENT else (after, before)
        for variant in covered:
            yield from self._fewest(variant, covering, place)

    def _fewest(self, covered: Json, covering: Sequence[Json], place: str) -> list[str]:
        """The breaks with whichever alternative has the fewest. What looks the same is tried first: without a break it
        ends the search, and what was compared on the way need not be again."""
        tried = []
        for each in sorted(covering, key=lambda each: each != covered):
            trial = _Schemas(self.old, self.new, self.use, set(self._seen))
            old, new = (covered, each) if self.use is Use.SENT else (each, covered)
            found = list(trial._single(old, new, place))
            if not found:
                self._seen |= trial._seen
                return found
            tried.append(found)
        return min(tried, key=len, default=[f"{place}: {_said(covered)} is not known"])

    def _single(self, old: Json, new: Json, place: str) -> Iterator[str]:
        """Breaks between two schemas that are no alternatives."""
        sent = self.use is Use.SENT
        narrow, wide = (old, new) if sent else (new, old)
        if not _kind_within(narrow.get("type"), wide.get("type")):
            yield f"{place}: was {_said(old)}, is {_said(new)}"
            return
        if sent:
            yield from _narrowed(old, new, place)
        elif "const" in old and "const" in new and old["const"] != new["const"]:
            yield f"{place}: was {old['const']}, is {new['const']}"
        yield from self._members(old, new, place)
        for inner in ("items", "additionalProperties"):
            before, after = old.get(inner), new.get(inner)
            if isinstance(before, Mapping) and isinstance(after, Mapping):
                yield from self.breaks(before, after, f"{place}[]")
            elif sent and after is False and before is not False:
                yield f"{place}: further fields are refused"

    def _members(self, old: Json, new: Json, place: str) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name, schema in before.items():
            if name not in after:
                yield f"{place}.{name}: removed"
            else:
                yield from self.breaks(schema, after[name], f"{place}.{name}")
        was, now = set(old.get("required", ())), set(new.get("required", ()))
        if self.use is Use.SENT:
            yield from (f"{place}.{name}: newly required" for name in sorted(now - was))
        else:
            yield from (f"{place}.{name}: may be absent now" for name in sorted((was - now) & after.keys()))


def _narrowed(old: Json, new: Json, place: str) -> Iterator[str]:
    was, now = _values(old), _values(new)
    if now is not None and was is None:
        yield f"{place}: only {', '.join(map(str, now))} now"
    elif now is not None and was is not None and (gone := [value for value in was if value not in now]):
        yield f"{place}: no longer takes {', '.join(map(str, gone))}"
    for limits, tighter in ((_UPPER, operator.lt), (_LOWER, operator.gt)):
        for limit in limits:
            if limit in new and (limit not in old or tighter(new[limit], old[limit])):
                yield f"{place}: {limit} was {old.get(limit, 'free')}, is {new[limit]}"
    for rule in _EXACT:
        if rule in new and old.get(rule) != new[rule]:
            yield f"{place}: {rule} was {old.get(rule, 'free')}, is {new[rule]}"


@dataclass(frozen=True)
class _Api:
    old: Json
    new: Json
    _held: Mapping[Use, set[tuple[str, str]]] = field(default_factory=lambda: {use: set() for use in Use})

    def breaks(self) -> Iterator[str]:
        for path, operations in self.old["paths"].items():
            for method in METHODS:
                if method not in operations:
                    continue
                place = f"{method.upper()} {path}"
                now = self.new["paths"].get(path, {}).get(method)
                if now is None:
                    yield f"{place}: removed"
                else:
                    yield from self._operation(operations[method], now, place)

    def _operation(self, old: Json, new: Json, place: str) -> Iterator[str]:
        yield from _less_open(old.get("security", []), new.get("security", []), place)
        yield from self._parameters(old, new, place)
        yield from self._body(old.get("requestBody"), new.get("requestBody"), place)
        for status, response in old["responses"].items():
            if status not in new["responses"]:
                yield f"{place}: no longer answers {status}"
                continue
            before, after = _resolved(response, self.old), _resolved(new["responses"][status], self.new)
            for header in before.get("headers", {}):
                if header not in after.get("headers", {}):
                    yield f"{place}: {status} lost the header {header}"
            yield from self._content(before, after, f"{place}: {status}", Use.READ)

    def _parameters(self, old: Json, new: Json, place: str) -> Iterator[str]:
        before, after = (
            {(each["in"], each["name"]): each for each in side.get("parameters", ())} for side in (old, new)
        )
        for key, parameter in before.items():
            where = f"{place}: {key[0]} parameter {key[1]}"
            if key not in after:
                yield f"{where}: removed"
                continue
            if after[key].get("required") and not parameter.get("required"):
                yield f"{where}: newly required"
            yield from self._compared(Use.SENT, parameter["schema"], after[key]["schema"], where)
        for key, parameter in after.items():
            if key not in before and parameter.get("required"):
                yield f"{place}: {key[0]} parameter {key[1]}: newly required"

    def _body(self, old: Json | None, new: Json | None, place: str) -> Iterator[str]:
        if old is not None and new is None:
            yield f"{place}: body: removed"
        elif new is not None:
            if new.get("required") and not (old or {}).get("required"):
                yield f"{place}: body: newly required"
            yield from self._content(old or {}, new, f"{place}: body", Use.SENT)

    def _content(self, old: Json, new: Json, place: str, use: Use) -> Iterator[str]:
        for media_type, content in old.get("content", {}).items():
            now = new.get("content", {}).get(media_type)
            if now is None:
                yield f"{place}: no longer {media_type}"
            else:
                yield from self._compared(use, content["schema"], now["schema"], place)

    def _compared(self, use: Use, old: Json, new: Json, place: str) -> Iterator[str]:
        """The breaks between two schemas; what is in several operations and has none is looked at once."""
        comparison = _Schemas(self.old, self.new, use, set(self._held[use]))
        found = list(comparison.breaks(old, new, place))
        if not found:
            self._held[use] |= comparison._seen
        yield from found


def _less_open(old: list[Json], new: list[Json], place: str) -> Iterator[str]:
    """Ways to sign in that are gone; an empty list, or an empty way among others, asks for none."""
    before, after = ([sorted(way) for way in ways] or [[]] for ways in (old, new))
    if [] in after and all(way == [] for way in after):
        return
    for way in before:
        if way not in after:
            yield f"{place}: no longer open to {' and '.join(way) or 'everybody'}"


def _variants(schema: Json, document: Json) -> list[Json]:
    """The alternatives that a schema consists of, references and lists of types resolved."""
    schema = _resolved(schema, document)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            shared = {name: value for name, value in schema.items() if name != word}
            return [_both(shared, found) for each in schema[word] for found in _variants(each, document)]
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return [{**schema, "type": kind} for kind in kinds]
    return [schema]


def _both(shared: Json, variant: Json) -> Json:
    properties = {**shared.get("properties", {}), **variant.get("properties", {})}
    return {**shared, **variant, **({"properties": properties} if properties else {})}


def _resolved(schema: Json, document: Json) -> Json:
    while "$ref" in schema:
        place: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            place = place[step.replace("~1", "/").replace("~0", "~")]
        schema = place
    return schema


def _values(schema: Json) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _kind_within(narrow: Any, wide: Any) -> bool:
    return wide is None or narrow == wide or (narrow == "integer" and wide == "number")


def _said(schema: Json) -> str:
    return str(schema.get("type") or schema.get("const") or "anything")


@dataclass(frozen=True)
class Document:
    """A document that others rely on, its released copy, and how the two are compared."""

    current: Path
    released: Path
    compare: Callable[[Json, Json], list[str]]

    def breaks(self) -> list[str]:
        """What breaks between the released copy and today's document."""
        old, new = (json.loads(path.read_text(encoding="utf-8")) for path in (self.released, self.current))
        return self.compare(old, new)


DOCUMENTS: Final = (
    Document(ROOT / "gateway" / "openapi.json", RELEASED / "openapi-released.json", api_breaks),
    Document(ROOT / "contracts" / "schemas" / "events.json", RELEASED / "events-released.json", event_breaks),
    Document(ROOT / "formats" / "native.schema.json", RELEASED / "native-released.json", file_breaks),
)


def main(arguments: list[str]) -> int:
    """Compare, or with --release keep today's documents as the released ones; the exit code."""
    if arguments == ["--release"]:
        RELEASED.mkdir(exist_ok=True)
        for document in DOCUMENTS:
            document.released.write_bytes(document.current.read_bytes())
        return 0
    found = {document.current.name: document.breaks() for document in DOCUMENTS}
    for name, breaks in found.items():
        for each in breaks:
            print(f"{name}: {each}")
    if any(found.values()):
        print("These break whoever relies on the released copies in docs/api (docs/developers/compatibility.md).")
    return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
