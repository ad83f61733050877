"""The documents say what the code says, and every link in them leads somewhere."""

import re
from pathlib import Path

import pytest

from docs import generate

ROOT = generate.DOCS.parent
PAGES = [ROOT / "README.md", *sorted(generate.DOCS.rglob("*.md"))]


def test_what_is_made_of_the_code_is_current() -> None:
    assert generate.main(["--check"]) == 0


def test_every_part_stands_in_a_page() -> None:
    made = {name for page in PAGES for _, name in re.findall(r"(<!-- made: ([\w-]+) -->)", page.read_text("utf-8"))}
    assert made - {"…"} == set(generate.PARTS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target, anchor in re.findall(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)", text):
        place = (page.parent / target).resolve() if target else page
        assert place.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.+)$", place.read_text("utf-8"), flags=re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", head).strip().lower().replace(" ", "-") for head in heads}, anchor


def test_every_page_can_be_found_from_the_index() -> None:
    found = {generate.DOCS / "README.md"}
    waiting = [generate.DOCS / "README.md"]
    while waiting:
        page = waiting.pop()
        for target in re.findall(r"\]\((?!\w+:)([^)#\s]+)[^)]*\)", page.read_text("utf-8")):
            place = (page.parent / target).resolve()
            pages = sorted(place.glob("*.md")) if place.is_dir() else [place] if place.suffix == ".md" else []
            waiting += [each for each in pages if each not in found]
            found.update(pages)
    assert sorted(str(page.relative_to(ROOT)) for page in PAGES[1:] if page not in found) == []
