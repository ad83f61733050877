"""`python -m docs.picture PROJECT`: draws a running project's overview into docs/pictures/overview.svg.

Where and as whom: LABELYARD_URL and LABELYARD_TOKEN, as for the command line.
"""

import io
import sys
from pathlib import Path

from client import draw
from client.commands import connect, the_project
from client.output import console

PATH = Path(__file__).with_name("pictures") / "overview.svg"

COLUMNS = 116

# rich's own form loads a font from elsewhere; a picture in a repository should need nothing but itself
FORM = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<title>Labelyard's Projects Overview in a terminal</title>
<style>
.{unique_id}-matrix {{ font-family: "Fira Code", "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def main(project: str) -> None:
    """Draw `project`, by name or id."""
    with connect() as api:
        page = api.overview(the_project(api, project)["id"])
    paper = console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    paper.print(draw.overview(page, COLUMNS))
    picture = paper.export_svg(title=f"labelyard overview {project}", code_format=FORM, unique_id="overview")
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text("".join(f"{line.rstrip()}\n" for line in picture.splitlines()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
