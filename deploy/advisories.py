"""Whether a pinned package has a known vulnerability, as the package index's advisories say (pip-audit).

`python -m deploy.advisories` asks about every package of requirements*.txt. It ends with 1 if there is a finding that
advisories.toml does not accept, or that it accepts no longer. Where the index cannot be asked, as without a network,
nothing is known: it says so and ends with 0, for a build must not depend on that. LABELYARD_ADVISORIES=required makes
this a failure too, for a pipeline that has the network.
"""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
ACCEPTED = Path(__file__).with_suffix(".toml")
SETS = ("requirements.txt", "requirements-local.txt", "requirements-dev.txt")


@dataclass(frozen=True)
class Finding:
    """A known vulnerability of a package that we pin. `names`: every number that it has."""

    package: str
    version: str
    names: tuple[str, ...]
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        fix = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "no fix yet"
        return f"{self.package} {self.version}: {' '.join(self.names)}, {fix}"


@dataclass(frozen=True)
class Report:
    """What the index said: findings, and the packages that it said nothing about."""

    asked: int
    unanswered: tuple[str, ...]
    findings: tuple[Finding, ...]


def read(answer: str) -> Report:
    """The report of pip-audit's JSON; each package once, for sets of requirements share some."""
    packages: dict[str, dict[str, Any]] = {each["name"]: each for each in json.loads(answer)["dependencies"]}
    findings = [
        Finding(each["name"], each["version"], (found["id"], *found["aliases"]), tuple(found["fix_versions"]))
        for each in packages.values()
        for found in each.get("vulns", ())
    ]
    unanswered = tuple(name for name, each in packages.items() if "skip_reason" in each)
    return Report(len(packages), unanswered, tuple(findings))


def refused(report: Report, accepted: Iterable[dict[str, Any]], today: date) -> list[str]:
    """The findings that nobody accepts, or accepts no longer, as lines."""
    standing = {each["id"]: each for each in accepted}
    lines = []
    for finding in report.findings:
        known = next((standing[name] for name in finding.names if name in standing), None)
        if known is None or known["package"] != finding.package:
            lines.append(str(finding))
        elif known["until"] < today:
            lines.append(f"{finding} (accepted until {known['until']}: {known['reason']})")
    return lines


def main() -> int:
    """Ask, say what came out, and return the exit code."""
    try:
        report = read(_ask())
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        report = Report(0, ("every package",), ())
        print(f"advisories: {error}", file=sys.stderr)
    accepted = tomllib.loads(ACCEPTED.read_text()).get("accepted", ())
    lines = refused(report, accepted, datetime.now(UTC).date())
    for line in lines:
        print(f"advisories: {line}", file=sys.stderr)
    if report.unanswered:
        count = f"{len(report.unanswered)} of {report.asked}" if report.asked else "all"
        text = f"NOT CHECKED: the package index told nothing about {count} packages. Run this again with a network."
        print(f"advisories: {text}", file=sys.stderr)
    else:
        print(f"advisories: {report.asked} packages, {len(report.findings)} findings, {len(lines)} of them open")
    required = os.environ.get("LABELYARD_ADVISORIES") == "required"
    return int(bool(lines) or (required and bool(report.unanswered)))


def _ask() -> str:
    """pip-audit's answer; it ends with 1 where it finds something."""
    options = ("--disable-pip", "--no-deps", "--progress-spinner", "off", "--timeout", "5", "--format", "json")
    sets = [f"--requirement={ROOT / name}" for name in SETS]
    command = [sys.executable, "-m", "pip_audit", *options, *sets]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603
    if not done.stdout.startswith("{"):
        raise ValueError(done.stderr.strip().rpartition("\n")[2] or "pip-audit said nothing")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
