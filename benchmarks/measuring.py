"""What benchmarks have in common: percentiles, and on which machine they ran."""

import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path

from deploy.local.system import System


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that `percent` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(percent * 10) // 1000) - 1)]


def machine() -> dict[str, str]:
    """Facts that figures depend on, the load of the minute before included."""
    cpus = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = next((line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), "0")
    return {
        "processor": cpus[0] if cpus else platform.machine(),
        "processors": str(os.cpu_count()),
        "memory": f"{int(memory) / 2**20:.1f} GiB",
        "system": platform.platform(),
        "python": platform.python_version(),
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


def peak(pid: int) -> float:
    """The most memory that a process has held so far, MiB (VmHWM, proc(5))."""
    [line] = [line for line in _lines(f"/proc/{pid}/status") if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def _lines(file: str) -> list[str]:
    path = Path(file)
    return path.read_text().splitlines() if path.exists() else []


class ProcessorTime:
    """How much of a processor each process of a system has used since this was made (proc(5), utime and stime)."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._before = self._used()
        self._at = time.monotonic()

    def since(self) -> dict[str, float]:
        """By name, 1.0 for a whole processor. A server's other processes are in its own figure."""
        seconds = time.monotonic() - self._at
        return {name: (used - self._before.get(name, 0.0)) / seconds for name, used in self._used().items()}

    def _used(self) -> dict[str, float]:
        names = {state.pid: state.name for state in self._system.supervisor.states() if state.pid}
        stats = {int(path.parent.name): path.read_text() for path in Path("/proc").glob("[0-9]*/stat") if path.exists()}
        fields = {pid: text.rpartition(")")[2].split() for pid, text in stats.items()}
        used: dict[str, float] = {}
        for pid, values in fields.items():
            above = pid
            while above not in names and above in fields:
                above = int(fields[above][1])
            if above in names:
                ticks = int(values[11]) + int(values[12])
                used[names[above]] = used.get(names[above], 0.0) + ticks / os.sysconf("SC_CLK_TCK")
        return used
