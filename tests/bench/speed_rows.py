"""Rows of the table that `make bench` prints and writes to docs/benchmarks.md: ours, what a user would take
instead, and the limit, measured in turn in the same run.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from tests.bench.table import ROOT, Run, summarise

FOLDER = ROOT / "work" / "bench" / "speed"
PACKAGES = ("pyspark", "ai-edge-litert", "tensorflow", "faiss-cpu", "scikit-learn", "flask", "gunicorn")
HEADINGS = ("what", "way", "measured", "ours is better by", "to reach", "beside it")


@dataclass(frozen=True)
class Way:
    """One way to do the row's work.

    Attributes:
        name: as the table calls it.
        values: a figure a round, in the row's unit; the rounds of all ways in the same order.
    """

    name: str
    values: Sequence[float]

    def __post_init__(self) -> None:
        if not self.values or min(self.values) <= 0:
            raise ValueError(
                f"Expected one figure above 0 a round for {self.name!r}, got {list(self.values)}."
            )


@dataclass(frozen=True)
class SpeedRow:
    """What one bench found.

    Attributes:
        key: file name and order in the table, such as `10-embedding`.
        what: the work, its amount and its input.
        unit: of every figure, such as `photos/s` or `ms, p50`.
        more_is_better: whether a larger figure is the better one.
        ours: this product.
        against: what a user would take instead.
        limit: the same work without what surrounds it, which ours cannot beat by more than noise; None where
            there is none.
        to_reach: the aims in words.
        beside: what is worth knowing beside it: top-1, p95, errors.
    """

    key: str
    what: str
    unit: str
    more_is_better: bool
    ours: Way
    against: Sequence[Way]
    limit: Way | None
    to_reach: str
    beside: str = ""

    def ratio(self, other: Way) -> list[float]:
        """How many times better ours was than another way, round by round; 0.8 is worse by a fifth."""
        pairs = zip(self.ours.values, other.values, strict=True)
        return [own / its if self.more_is_better else its / own for own, its in pairs]

    def save(self) -> None:
        """Keep it for the table, with when and where it was measured."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        kept = asdict(self) | {"run": asdict(Run.now(PACKAGES))}
        (FOLDER / f"{self.key}.json").write_text(json.dumps(kept, indent=1))


def saved(since: float = 0.0) -> list[tuple[SpeedRow, Run]]:
    """Rows saved since a time in seconds, in the order of their keys, each with when and where."""
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        kept = json.loads(path.read_text())
        run = Run(**kept.pop("run"))
        ours, limit = Way(**kept.pop("ours")), kept.pop("limit")
        against = tuple(Way(**way) for way in kept.pop("against"))
        if run.at >= since:
            row = SpeedRow(**kept, ours=ours, against=against, limit=Way(**limit) if limit else None)
            found.append((row, run))
    return found


def cells(row: SpeedRow) -> list[list[str]]:
    """Lay a row out: a line for ours, one for each other way and one for the limit."""
    own = [f"{row.what}, {row.unit}", row.ours.name, spread(row.ours.values), "", row.to_reach, row.beside]
    others = [
        ["", way.name, spread(way.values), f"{spread(row.ratio(way))} times", "", ""] for way in row.against
    ]
    lines = [own, *others]
    if row.limit is not None:
        share = f"{spread(row.ratio(row.limit))} of the limit"
        lines.append(["", f"limit: {row.limit.name}", spread(row.limit.values), share, "", ""])
    return lines


def as_markdown(rows: Sequence[tuple[SpeedRow, Run]]) -> str:
    """Write the rows as a Markdown table, under where and when they were measured."""
    text = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    for row, _ in rows:
        text += ["| " + " | ".join(line) + " |" for line in cells(row)]
    return "\n".join([summarise([run for _, run in rows]), "", *text])


def spread(values: Sequence[float]) -> str:
    """Median and, in brackets, lowest and highest, with three digits that count."""
    low, middle, high = min(values), median(values), max(values)
    return f"{_short(middle)} ({_short(low)} to {_short(high)})"


def _short(value: float) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 4
    return f"{value:,.{digits}f}"


def page() -> Path:
    """The page with the table."""
    return ROOT / "docs" / "benchmarks.md"
