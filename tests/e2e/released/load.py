"""Run by a released version's Python path (see __main__.py): a little of everything, and what the API says of it."""

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.e2e.support import PASSWORD, body, eventually, export, figures, make_team
from tests.support import temporary_system

IMAGES = 4


def main(folder: Path, todays_code: Path) -> None:
    """Load it, back it up with today's command, and write told.json beside that."""
    with ExitStack() as stack:
        system = stack.enter_context(temporary_system("released"))
        system.up(say=print)
        team = stack.enter_context(make_team(system, IMAGES))
        manager, lena = team.manager, team.people["lena"]
        for number, label in enumerate(team.labels):
            assigned = manager.assign(team.id, label, lena.id)
            lena.api.save_body(team.id, label, assigned["version"], body([team.class_ids["cell"]] * number))
        lena.api.act(team.id, team.labels[1], "submit")
        lena.api.act(team.id, team.labels[2], "skip")
        lena.api.act(team.id, team.labels[3], "submit")
        team.people["rosa"].api.act(team.id, team.labels[3], "reject", comment="Look again.")
        document = json.loads(export(manager, team.id, folder.with_name("export.json")).read_bytes())

        def counted() -> list:
            overview = manager.overview(team.id)
            found = figures(overview)
            assert sum(found["segments"].values()) == IMAGES
            assert found["objects"]["cell"] == sum(range(IMAGES))
            assert found["segments"]["in_progress", "rejected"] == 1
            return [[*segment, count] for segment, count in found["segments"].items()]

        told = {
            "email": team.people["mara"].email,
            "password": PASSWORD,
            "owner": system.owner,
            "project": manager.project(team.id),
            "members": sorted(manager.members(team.id), key=lambda each: each["user"]["id"]),
            "labels": {label: manager.label(team.id, label) for label in team.labels},
            "history": {label: list(manager.history(team.id, label)) for label in team.labels},
            "segments": eventually(counted),
            "exports": list(manager.exports(team.id)),
            "document": document,
        }
        command = [sys.executable, "-m", "deploy.backup", "create", str(folder)]
        subprocess.run(command, check=True, cwd=todays_code, env=system.process_environment())
        (folder / "told.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
