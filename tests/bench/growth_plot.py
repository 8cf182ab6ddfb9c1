"""Draws what builds of growing corpora cost, and prints the same as a table.

python -m tests.bench.growth_plot docs/growth.json docs/growth.svg
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batch.report.html import Html, tag
from batch.report.svg import Axis, Scale, axes, label, polyline, round_ticks

Run = Mapping[str, Any]

_WIDTH, _HEIGHT, _PANEL = 960.0, 300.0, 320.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 218.0, 34.0, 244.0
_LABEL_HEIGHT = 13.0
_STYLE = """\
svg { --paper: #fdfdfb; --ink: #1c2024; --soft: #565e66; --grid: #e4e7e9;
  --c0: #0b63a5; --c1: #ad4500; --c2: #26752b; --c3: #7447ad; --c4: #565e66; }
@media (prefers-color-scheme: dark) {
  svg { --paper: #15181b; --ink: #e8eaea; --soft: #a9b1b8; --grid: #2b3035;
    --c0: #6db6f2; --c1: #f2a065; --c2: #80cc7b; --c3: #c4a1ee; --c4: #a9b1b8; }
}
svg { font: 12px system-ui, sans-serif; fill: none; }
.paper { fill: var(--paper); }
text { fill: var(--soft); }
.title, .panel { fill: var(--ink); }
.panel { font-weight: 600; }
.grid-line { stroke: var(--grid); }
.axis { stroke: var(--soft); }
""" + "".join(
    f".l{n} {{ stroke: var(--c{n}); stroke-width: 2; }} .d{n}, .t{n} {{ fill: var(--c{n}); }}\n"
    for n in range(5)
)


@dataclass(frozen=True)
class Line:
    """A line of a panel: what it shows, of which builds, and what of each."""

    name: str
    cores: int
    again: bool
    value: Callable[[Run], float]

    def points(self, runs: Sequence[Run]) -> list[tuple[int, float]]:
        """Give (photos, value) of its builds."""
        own = [run for run in runs if (run["cores"], run["again"]) == (self.cores, self.again)]
        return sorted((run["photos"], self.value(run)) for run in own)


def _memory(role: str) -> Callable[[Run], float]:
    return lambda run: run["peak_bytes"][role] / 1e9


def _traffic(name: str) -> Callable[[Run], float]:
    return lambda run: run["traffic"][name] / 1e6


def _minutes(run: Run) -> float:
    return run["wall_s"] / 60


PANELS = (
    (
        "Wall time",
        "minutes",
        (
            Line("1 core", 1, False, _minutes),
            Line("2 cores", 2, False, _minutes),
            Line("2, nothing new", 2, True, _minutes),
        ),
    ),
    (
        "Bytes that move, 2 cores",
        "MB",
        (
            Line("to the driver", 2, False, _traffic("results")),
            Line("shuffled", 2, False, _traffic("shuffle_written")),
        ),
    ),
    (
        "Highest memory (PSS)",
        "GB",
        (
            Line("all, 1 core", 1, False, _memory("all")),
            Line("all, 2 cores", 2, False, _memory("all")),
            Line("JVM, 2 cores", 2, False, _memory("jvm")),
            Line("workers, 2 cores", 2, False, _memory("workers")),
            Line("driver, 2 cores", 2, False, _memory("driver")),
        ),
    ),
)


def draw(runs: Sequence[Run]) -> str:
    """Draw wall time, bytes that move and memory over the number of photos."""
    panels = [
        _panel(runs, title, unit, lines, place * _PANEL) for place, (title, unit, lines) in enumerate(PANELS)
    ]
    words = "Wall time, bytes that move and highest memory of a build over the number of photos"
    paper = tag("rect", width=_WIDTH, height=_HEIGHT, class_="paper")
    drawing = tag(
        "svg",
        tag("style", Html(_STYLE)),
        paper,
        *panels,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        role="img",
        aria_label=words,
    )
    return f"{drawing}\n"


def _panel(runs: Sequence[Run], title: str, unit: str, lines: Sequence[Line], left: float) -> Html:
    drawn = [(line.name, line.points(runs)) for line in lines]
    drawn = [(name, points) for name, points in drawn if points]
    most = max(value for _, points in drawn for _, value in points)
    photos = max(count for _, points in drawn for count, _ in points)
    x = Scale(0, photos, left + _LEFT, left + _RIGHT)
    y = Scale(0, most * 1.04, _BOTTOM, _TOP)
    across = Axis(round_ticks(0, photos, 4), "photos, thousands", lambda tick: f"{tick / 1000:g}")
    parts = [
        axes(x, y, across, Axis(round_ticks(0, most), unit)),
        label(x.start, _TOP - 14, title, css="panel"),
    ]
    heights = _apart([y(points[-1][1]) for _, points in drawn])
    for number, ((name, points), height) in enumerate(zip(drawn, heights, strict=True)):
        parts.append(polyline([(x(count), y(value)) for count, value in points], f"l{number}"))
        parts += [
            tag("circle", cx=x(count), cy=y(value), r=3.0, class_=f"d{number}") for count, value in points
        ]
        parts.append(label(x.end + 6, height + 4, name, css=f"t{number}"))
    return tag("g", *parts)


def _apart(heights: Sequence[float]) -> list[float]:
    """Move labels so far down that none covers another; they keep their order."""
    placed = dict.fromkeys(range(len(heights)), 0.0)
    lowest = float("-inf")
    for place in sorted(placed, key=lambda place: heights[place]):
        lowest = placed[place] = max(heights[place], lowest + _LABEL_HEIGHT)
    return list(placed.values())


def table(runs: Sequence[Run]) -> list[str]:
    """Write the builds as the lines of a Markdown table."""
    heads: tuple[str, ...] = (
        "photos",
        "cores",
        "features kept",
        "wall, s",
        "CPU, s",
        "shuffled, MB",
        "to the driver, MB",
    )
    heads += ("peak of all, MB", "JVM, MB", "Python driver, MB", "Python workers, MB")
    lines = [heads, ("---:",) * len(heads), *map(_cells, runs)]
    return [f"| {' | '.join(line)} |" for line in lines]


def _cells(run: Run) -> tuple[str, ...]:
    traffic, peaks = run["traffic"], run["peak_bytes"]
    return (
        f"{run['photos']:,}",
        str(run["cores"]),
        "all" if run["again"] else "none",
        f"{run['wall_s']:.0f}",
        f"{run['cpu_s']['all']:.0f}",
        f"{traffic['shuffle_written'] / 1e6:.2f}",
        f"{traffic['results'] / 1e6:.1f}",
        *(f"{peaks[role] / 1e6:,.0f}" for role in ("all", "jvm", "driver", "workers")),
    )


if __name__ == "__main__":
    measured, drawn = map(Path, sys.argv[1:])
    kept = json.loads(measured.read_text("utf-8"))
    drawn.write_text(draw(kept), "utf-8")
    print("\n".join(table(kept)))
