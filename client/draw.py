"""The Projects Overview for a terminal: cards as panels in a grid."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from .types import Card, Overview

SEGMENTS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("in_progress", "not_submitted"): ("in progress", "#8b98a9"),
    ("in_progress", "rejected"): ("in progress, rejected", "#e5484d"),
    ("submitted", "pending_review"): ("submitted, to review", "#f5b83d"),
    ("submitted", "approved"): ("submitted, approved", "#30a46c"),
    ("skipped", "pending_review"): ("skipped, to review", "#b18cf0"),
    ("skipped", "approved"): ("skipped, approved", "#6e56cf"),
}
"""The six pairs of status and review as people read them, and the colour of each."""

_WORDS = {
    "upload_data": "Upload data",
    "upload_guideline": "Upload a guideline",
    "invite_collaborators": "Invite collaborators",
    "submitted_labels": "Submitted labels",
    "updated_today": "Updated today",
    "open_issues": "Open issues",
    "deadline_exceeded": "its service took too long",
    "unavailable": "its service is away",
}
NARROWEST = 38  # columns of a card
MOST_CLASSES = 20  # shown on the configuration card


class Bar:
    """A bar over the whole width, cut in proportion to its parts; a part that is not zero is seen."""

    def __init__(self, parts: Sequence[tuple[int, str]]) -> None:
        self.parts = [(count, color) for count, color in parts if count > 0]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        full = "█" if not options.ascii_only else "#"
        if not self.parts:
            yield Segment(("░" if not options.ascii_only else ".") * width, Style(color="#5b6570"))
        for cells, (_, color) in zip(share(width, [count for count, _ in self.parts]), self.parts, strict=True):
            yield Segment(full * cells, Style.parse(color))
        yield Segment.line()


def share(width: int, counts: Sequence[int]) -> list[int]:
    """Cells for each count: at least one each where they fit, in proportion otherwise, `width` in sum."""
    total = sum(counts)
    if not total:
        return [0] * len(counts)
    least = 1 if width >= len(counts) else 0
    free = width - least * len(counts)
    exact = [count * free / total for count in counts]
    cells = [int(part) for part in exact]
    by_remainder = sorted(range(len(counts)), key=lambda i: cells[i] - exact[i])
    for index in by_remainder[: free - sum(cells)]:
        cells[index] += 1
    return [least + part for part in cells]


def words(key: str) -> str:
    """What people call `key`."""
    return _WORDS.get(key, key.replace("_", " ").capitalize())


def overview(page: Overview, width: int, note: str = "") -> RenderableType:
    """The page for a terminal of `width` columns; `note` stands at the right of its head."""
    project, viewer, cards = page["project"], page["viewer"], page["cards"]
    head = Table.grid(expand=True)
    head.add_column()
    head.add_column(justify="right")
    left = Text.assemble((project["name"], "bold"), (f"  {project.get('visibility', '')}", "dim"))
    head.add_row(left, Text(note or f"you see this as {viewer.get('role') or 'visitor'}", "dim"))
    rows: list[RenderableType] = [head]
    if "labeling_status" in cards:
        rows.append(_panel("labeling_status", cards["labeling_status"]))
    columns: list[list[Panel]] = [[] for _ in range(max(1, min(3, width // NARROWEST)))]
    heights = [0] * len(columns)
    for key in _order(cards):
        if key == "labeling_status":
            continue
        shortest = heights.index(min(heights))
        columns[shortest].append(_panel(key, cards[key]))
        heights[shortest] += _height(cards[key])
    grid = Table.grid(expand=True)
    for _ in columns:
        grid.add_column(ratio=1)
    grid.add_row(*[Group(*column) for column in columns])
    rows.append(grid)
    return Group(*rows)


def summary(page: Overview) -> str:
    """One line for where nothing can be drawn."""
    card = page["cards"].get("labeling_status")
    if card is None or card["state"] != "ok":
        return f"{page['project']['name']}: the labeling status is not available just now"
    data = card["data"]
    parts = (f"{_segment(segment)[0]}: {segment['count']:,}" for segment in data["segments"])
    return f"{page['project']['name']}: {data['total']:,} labels. {'; '.join(parts)}"


def _segment(segment: Mapping[str, Any]) -> tuple[str, str]:
    """How people read a segment, and its colour."""
    status, review = segment["status"], segment["review"]
    return SEGMENTS.get((status, review), (f"{status}, {review}", "#ffffff"))


def _height(card: Card) -> int:
    """About how many lines a card takes."""
    data = card.get("data") or {}
    return 3 + len(data.get("items") or data.get("object_classes") or data)


def _order(cards: Mapping[str, Card]) -> list[str]:
    known = [key for key in _CARDS if key in cards]
    return known + [key for key in cards if key not in _CARDS]


def _panel(key: str, card: Card) -> Panel:
    title = Text(words(key), "bold")
    if card["state"] != "ok":
        reason = words(card.get("reason", "unavailable"))
        body: RenderableType = Text(f"not available just now: {reason}", "dim italic")
        return Panel(body, title=title, title_align="left", border_style="#5b6570", box=box.ROUNDED)
    draw = _CARDS.get(key, _anything)
    return Panel(draw(card["data"]), title=title, title_align="left", border_style="#7c8a9c", box=box.ROUNDED)


def _pairs() -> Table:
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(ratio=1)
    table.add_column(justify="right")
    return table


def _labeling_status(data: Mapping[str, Any]) -> RenderableType:
    total = data["total"]
    whose = "your labels" if data.get("scope") == "mine" else "labels"
    figures = Text.assemble(
        (f"{total:,}", "bold"), f" {whose}   ",
        (f"{data['submitted']:,}", "bold"), " submitted   ",
        (f"{data['reviewed']:,}", "bold"), " reviewed",
    )  # fmt: skip
    table = Table.grid(padding=(0, 1))
    for justify in ("left", "left", "right", "right"):
        table.add_column(justify=justify)
    parts = []
    for segment in data["segments"]:
        name, color = _segment(segment)
        count = segment["count"]
        parts.append((count, color))
        percent = f"{100 * count / total:.1f} %" if total else ""
        table.add_row(Text("■", color), name, f"{count:,}", Text(percent, "dim"))
    return Group(figures, Text(), Bar(parts), Text(), table)


def _configuration(data: Mapping[str, Any]) -> RenderableType:
    kinds = ", ".join(data.get("annotation_types") or []) or "no classes yet"
    rows: list[RenderableType] = [Text(f"{data.get('data_type', 'image')}: {kinds}", "dim")]
    classes = data.get("object_classes") or []
    if classes:
        table = Table.grid(expand=True, padding=(0, 1))
        table.add_column()
        table.add_column(ratio=1)
        table.add_column(style="dim")
        table.add_column(justify="right")
        for item in classes[:MOST_CLASSES]:
            count = item.get("count")
            shown = "–" if count is None else f"{count:,}"
            table.add_row(Text("■", item.get("color") or ""), item["name"], item["annotation_type"], shown)
        rows.append(table)
    if len(classes) > MOST_CLASSES:
        rows.append(Text(f"… and {len(classes) - MOST_CLASSES:,} more", "dim"))
    categories = data.get("image_categories") or []
    if categories:
        rows.append(Text("image categories: " + ", ".join(item["name"] for item in categories)))
    return Group(*rows)


def _to_do(data: Mapping[str, Any]) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    marks = {True: ("✓", "green"), False: ("○", "yellow"), None: ("?", "dim")}
    for item in data["items"]:
        mark, style = marks[item["done"]]
        table.add_row(Text(mark, style), Text(words(item["key"]), "dim" if item["done"] else ""))
    return table


def _quick_actions(data: Mapping[str, Any]) -> RenderableType:
    table = _pairs()
    for item in data["items"]:
        count = item.get("count")
        table.add_row(words(item["key"]), "–" if count is None else f"{count:,}")
    return table


def _figures(data: Mapping[str, Any]) -> RenderableType:
    table = _pairs()
    for key, count in data.items():
        table.add_row(words(key), f"{count:,}" if isinstance(count, int) else Text("–", "dim"))
    return table


def _auto_label(data: Mapping[str, Any]) -> RenderableType:
    model = data.get("model")
    return Text(f"{data['status']}: {model}" if model else str(data["status"]))


def _guidelines(data: Mapping[str, Any]) -> RenderableType:
    count = data.get("count")
    return Text("–" if count is None else f"{count} PDF" + ("" if count == 1 else "s"))


def _anything(data: Mapping[str, Any]) -> RenderableType:
    """A card that a newer server has and this client does not know yet."""
    table = _pairs()
    for key, value in data.items():
        table.add_row(words(key), str(value))
    return table


_CARDS: Mapping[str, Callable[[Mapping[str, Any]], RenderableType]] = {
    "labeling_status": _labeling_status,
    "configuration": _configuration,
    "to_do": _to_do,
    "quick_actions": _quick_actions,
    "review": _figures,
    "member_roles": _figures,
    "auto_label": _auto_label,
    "guidelines": _guidelines,
}
