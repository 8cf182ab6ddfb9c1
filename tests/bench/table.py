"""Lays out what a bench measured: aligned columns, under lines that say when, where and with what."""

import os
import platform
import subprocess
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]


def show(
    title: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    packages: Sequence[str] = (),
    groups: Sequence[str] = (),
    left: Collection[int] = (0,),
    notes: Sequence[str] = (),
) -> None:
    """Print a table.

    Args:
        title: what was measured, on what.
        headings: one a column.
        rows: cells as text.
        packages: whose versions matter.
        groups: a second line above the headings, one cell a column; mostly empty.
        left: columns of words, set to the left; the others, of figures, to the right.
        notes: lines below.
    """
    lines = [list(headings), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    head = [*([list(groups)] if groups else []), list(headings)]
    print(f"\n\n{title}\n{when_and_where(packages)}\n")
    print("\n".join(_line(line, widths, left) for line in head))
    print("  ".join("-" * width for width in widths))
    print("\n".join(_line(line, widths, left) for line in rows))
    for note in notes:
        print(note)


def when_and_where(packages: Sequence[str] = ()) -> str:
    """Say when this runs, on which machine, how busy that is, and with which versions."""
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    return f"{now}; {_machine()}, load {os.getloadavg()[0]:.1f}{_commit()}\n{_versions(packages)}"


@dataclass(frozen=True)
class Run:
    """When and where something was measured, as it is kept with the figures.

    Attributes:
        at: seconds since 1970.
        load: processes that ran or waited, over the last minute.
        where: machine, commit and versions.
    """

    at: float
    load: float
    where: str

    @classmethod
    def now(cls, packages: Sequence[str] = ()) -> "Run":
        """Describe this moment, on this machine."""
        where = f"{_machine()}{_commit()}; {_versions(packages)}"
        return cls(time.time(), round(os.getloadavg()[0], 1), where)


def summarise(runs: Sequence[Run]) -> str:
    """Say in a line for each machine, commit and set of versions when its figures were measured."""
    lines = []
    for where in dict.fromkeys(run.where for run in runs):
        own = [run for run in runs if run.where == where]
        first, last = (datetime.fromtimestamp(of(run.at for run in own), UTC) for of in (min, max))
        end = f"{last:%H:%M}" if last.date() == first.date() else f"{last:%Y-%m-%d %H:%M}"
        loads = sorted(run.load for run in own)
        lines.append(f"{first:%Y-%m-%d %H:%M} to {end} UTC, load {loads[0]} to {loads[-1]}; {where}.")
    return "\n\n".join(lines)


def middle(values: Sequence[float], digits: int = 1) -> str:
    """Write the median and, in brackets, the lowest and highest of repeated measurements."""
    low, high = min(values), max(values)
    return f"{median(values):,.{digits}f} ({low:,.{digits}f}-{high:,.{digits}f})"


def percentile(values: Sequence[float], percent: int) -> float:
    """Give the smallest value that at least `percent` % of the values do not exceed."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


def _line(cells: Sequence[str], widths: Sequence[int], left: Collection[int]) -> str:
    padded = [
        cell.ljust(width) if column in left else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()


def _machine() -> str:
    return f"{_processor()}, {len(os.sched_getaffinity(0))} cores"


def _versions(packages: Sequence[str]) -> str:
    return ", ".join(
        [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in packages)]
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return f"; commit {said.stdout.strip()}" if said.returncode == 0 else ""
