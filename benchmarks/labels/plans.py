"""How PostgreSQL answers the questions, as a page."""

import re
from pathlib import Path

import psycopg

from benchmarks.labels.making import Made
from benchmarks.labels.questions import Recorder, cursor_of, questions
from chassis.database import Database

_HEAD = """# How lists of labels are answered

Made by `python -m benchmarks.labels --plans docs/developers/label-plans.md`: each question of the benchmark
(`benchmarks/labels/questions.py`) about a project of {count:,} labels, and PostgreSQL's plan of the statement that the
handler sends. Why there are these indexes, and no others: [decision](../decisions/indexes-of-labels.md).
"""


def write(made: Made, count: int, connection: psycopg.Connection, file: Path) -> None:
    """Write the page, of a project that has `count` labels by now."""
    recorder = Recorder(Database.of("labels"))
    lines = [_HEAD.format(count=count)]
    for question in questions(made):
        sql, parameters = recorder.statement(made, question, cursor_of(made, question))
        plan = connection.execute(f"EXPLAIN (ANALYZE, COSTS OFF, SUMMARY OFF, TIMING OFF) {sql}".encode(), parameters)
        kept = [_short(row[0]) for row in plan]
        lines.append(f"## {question.kind}: {question.name}\n\n```\n" + "\n".join(kept) + "\n```\n")
    file.write_text("\n".join(lines))


def _short(line: str) -> str:
    """A line of a plan without ids and casts, which are of no interest, and without moments."""
    line = re.sub(r"'\{?([0-9a-f]{8}-[0-9a-f-]{27},?)+\}?'", "'…'", line)
    line = re.sub(r"'[0-9-]{10} [0-9:.+]+'", "'…'", line)
    line = re.sub(r"::(timestamp with time zone|uuid\[\]|uuid|text\[\]|text)", "", line)
    return line if len(line) <= 160 else line[:159] + "…"
