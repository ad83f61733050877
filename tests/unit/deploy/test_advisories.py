"""What the audit of pinned packages makes of the index's answers."""

import json
from datetime import date

from deploy.advisories import read, refused

FOUND = {"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "fix_versions": ["2.0"], "description": "bad"}
ANSWER = json.dumps(
    {
        "dependencies": [
            {"name": "sound", "version": "1.0", "vulns": []},
            {"name": "broken", "version": "1.9", "vulns": [FOUND]},
            {"name": "unheard-of", "skip_reason": "Dependency not found on PyPI"},
        ]
    }
)
TODAY = date(2026, 11, 30)
ACCEPTED = {"id": "CVE-2026-1", "package": "broken", "reason": "not used", "until": TODAY}


def test_findings_and_silence_are_told_apart() -> None:
    report = read(ANSWER)
    assert (report.asked, report.unanswered) == (3, ("unheard-of",))
    assert refused(report, [], TODAY) == ["broken 1.9: PYSEC-2026-1 CVE-2026-1, fixed in 2.0"]


def test_a_finding_is_accepted_for_its_package_until_its_day() -> None:
    report = read(ANSWER)
    assert refused(report, [ACCEPTED], TODAY) == []
    assert len(refused(report, [{**ACCEPTED, "package": "sound"}], TODAY)) == 1
    [late] = refused(report, [ACCEPTED], date(2026, 12, 1))
    assert "accepted until 2026-11-30: not used" in late
