"""`python -m deploy.observability.targets`: where the processes of `make up` tell their metrics, for Prometheus.

Its output belongs into targets.json beside prometheus.yml. Ports are kept from one start to the next.
"""

import json
import sys

from deploy.local.__main__ import HOME
from deploy.local.processes import PROCESSES
from deploy.local.state import State


def main() -> None:
    """Print them."""
    state = State.load(HOME)
    if state is None:
        sys.exit("No system was brought up from this clone: make up")
    groups = [
        {"targets": [f"127.0.0.1:{state.port(f'health {process.name}')}"], "labels": {"process": process.name}}
        for process in PROCESSES
    ]
    print(json.dumps(groups, indent=1))


if __name__ == "__main__":
    main()
