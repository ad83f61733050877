"""`python -m benchmarks.labels`: see the package."""

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks.measuring import machine, percentile
from client import Labelyard
from deploy.local.system import System
from tests.support import temporary_system

LABELS = 1_000_000
BULK = 100_000
WARM_UP = 2

console = Console(highlight=False, soft_wrap=True, width=140)  # the tables' width, also where it is no terminal


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints; never judges."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.labels", description=__doc__)
    parser.add_argument("--labels", type=int, default=LABELS, help="of the project (default: %(default)s)")
    parser.add_argument(
        "--times", type=int, default=1, help="copy what was imported, until there is so many times that"
    )
    parser.add_argument("--rounds", type=int, default=40, help="of all questions (default: %(default)s)")
    parser.add_argument("--plans", type=Path, metavar="FILE", help="write how PostgreSQL answers each question there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--keep", action="store_true", help="leave everything up in the end, until Enter is pressed")
    options = parser.parse_args(arguments)
    facts = machine()
    with temporary_system("labels") as system, tempfile.TemporaryDirectory() as folder:
        system.up(say=_say)
        os.environ.update(system.environment)  # settings of this process: it asks the database, too
        with Labelyard(system.url) as owner:
            owner.login(*system.owner)
            figures = _measure(system, owner, Path(folder), options)
        _print(facts, figures)
        if options.json:
            options.json.write_text(json.dumps({"machine": facts, **figures}, indent=1) + "\n")
        if options.keep:
            console.print(f"{system.url} as {' '.join(system.owner)}, {system.environment['LABELYARD_LABELS_DSN']}")
            input()


def _measure(system: System, owner: Labelyard, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    from benchmarks.labels.beside import assign_beside_submits
    from benchmarks.labels.making import make, multiply
    from benchmarks.labels.plans import write

    dsn = system.environment["LABELYARD_LABELS_DSN"]
    made = make(system, owner, folder, options.labels, _say)
    _say("assigning beside submits")
    bulk = assign_beside_submits(made, system.url, min(BULK, options.labels // 4))
    _print_bulk(bulk)
    if options.times > 1:
        _say(f"copying until there are {options.labels * options.times:,}")
        multiply(system, made, options.times)
    _settle(system)
    with psycopg.connect(dsn, autocommit=True) as connection:
        _say("asking")
        answers = _ask(made, connection, options.rounds)
        if options.plans:
            write(made, options.labels * options.times, connection, options.plans)
        sizes = _table_sizes(connection)
    return {
        "labels": options.labels * options.times,
        "import": made.imported,
        "tasks": made.tasks,
        "questions": answers,
        "bulk": bulk,
        "sizes": sizes,
    }


def _settle(system: System) -> None:
    """What autovacuum does in its own time, at once: how far a table is frozen and measured decides about plans."""
    with psycopg.connect(system.environment["LABELYARD_LABELS_MIGRATION_DSN"], autocommit=True) as connection:
        for table in ("labels", "label_bodies", "label_history", "assets"):
            connection.execute(f"VACUUM (ANALYZE) {table}".encode())


def _ask(made: Any, connection: psycopg.Connection, rounds: int) -> list[dict[str, Any]]:
    """Every question once a round, in any order, through the gateway and of the database."""
    from benchmarks.labels.questions import AIMS, Recorder, ask, cursor_of, questions
    from chassis.database import Database

    recorder = Recorder(Database.of("labels"))
    asked = {}
    for question in questions(made):
        cursor = cursor_of(made, question)
        asked[question] = (cursor, recorder.statement(made, question, cursor))
    times: dict[tuple[Any, str], list[float]] = {(each, way): [] for each in asked for way in ("gateway", "database")}
    found = {}
    for number in range(-WARM_UP, rounds):
        for question, (cursor, (sql, parameters)) in random.sample(list(asked.items()), len(asked)):
            started = time.perf_counter()
            found[question] = ask(made, question, cursor)
            between = time.perf_counter()
            connection.execute(sql.encode(), parameters, prepare=False).fetchall()
            ended = time.perf_counter()
            if number >= 0:
                times[question, "gateway"].append((between - started) * 1000)
                times[question, "database"].append((ended - between) * 1000)
    return [
        {
            "kind": question.kind,
            "question": question.name,
            "found": found[question]["labels"] if question.kind == "count" else len(found[question]["items"]),
            **{
                f"{way} p{percent}": percentile(times[question, way], percent)
                for way in ("gateway", "database")
                for percent in (50, 95)
            },
            "aim p95": AIMS[question.kind],
        }
        for question in asked
    ]


def _table_sizes(connection: psycopg.Connection) -> dict[str, float]:
    """MiB of each large relation."""
    query = (
        "SELECT relname, pg_relation_size(oid) / 1048576.0 AS size FROM pg_class"
        " WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace ORDER BY size DESC LIMIT 30"
    )
    return {name: float(size) for name, size in connection.execute(query)}


def _print(facts: Mapping[str, str], figures: Mapping[str, Any]) -> None:
    console.print()
    console.print(", ".join(f"{name}: {value}" for name, value in facts.items()))
    console.print(f"{figures['labels']:,} labels; imported, labels/s by file: ", end="")
    console.print(", ".join(f"{each:,.0f}" for each in figures["import"]))
    console.print("tasks, labels/s: " + ", ".join(f"{name} {each:,.0f}" for name, each in figures["tasks"].items()))
    table = Table(title="milliseconds", title_justify="left", box=None, pad_edge=False)
    for name in [*figures["questions"][0], "÷ database p50"]:
        table.add_column(name, justify="left" if name in ("kind", "question") else "right")
    for row in figures["questions"]:
        cells = [value if isinstance(value, str | int) else f"{value:.1f}" for value in row.values()]
        table.add_row(*map(str, cells), f"{row['gateway p50'] / row['database p50']:.1f}")
    console.print(table)
    _print_bulk(figures["bulk"])
    console.print("MiB: " + ", ".join(f"{name} {size:.0f}" for name, size in figures["sizes"].items()))


def _print_bulk(bulk: Mapping[str, Any]) -> None:
    console.print(f"{bulk['labels']:,} labels assigned in {bulk['seconds']:.1f} s; submitting one, ms: ", end="")
    console.print(", ".join(f"{name} {value:.1f}" for name, value in bulk.items() if " " in name))


def _say(step: str) -> None:
    console.print(f"[dim]{step}[/]")


if __name__ == "__main__":
    main()
