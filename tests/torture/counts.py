"""What `make torture` counted: kept as files, printed as a table and written to docs/resilience.md."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.table import ROOT, Run, summarise

FOLDER = ROOT / "work" / "torture"
HEADINGS = ("what was done", "times", "what came of it", "took")


@dataclass(frozen=True)
class Counted:
    """What one drill did and what came of it.

    Attributes:
        key: file name and order in the table, such as `10-hostile-uploads`.
        what: what was done to the product.
        times: how often.
        outcomes: what came of it -> how often or how much, such as {"answered 400": 9120, "500": 0}; the
            bad ones stay in the table with their 0.
        seconds: it took.
    """

    key: str
    what: str
    times: int
    outcomes: Mapping[str, int | float | str]
    seconds: float

    def save(self) -> None:
        """Keep it for the table, with when and where it was counted."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        kept = asdict(self) | {"run": asdict(Run.now())}
        (FOLDER / f"{self.key}.json").write_text(json.dumps(kept, indent=1))

    def cells(self) -> list[str]:
        """The cells of its line."""
        outcomes = "; ".join(f"{name}: {_short(value)}" for name, value in self.outcomes.items())
        return [self.what, f"{self.times:,}", outcomes, f"{self.seconds:,.0f} s"]


def saved(since: float = 0.0) -> list[tuple[Counted, Run]]:
    """Drills saved since a time in seconds, in the order of their keys, each with when and where."""
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        kept = json.loads(path.read_text())
        run = Run(**kept.pop("run"))
        if run.at >= since:
            found.append((Counted(**kept), run))
    return found


def as_markdown(drills: Sequence[tuple[Counted, Run]]) -> str:
    """Write the drills as a Markdown table, under where and when they ran."""
    text = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    text += ["| " + " | ".join(drill.cells()) + " |" for drill, _ in drills]
    return "\n".join([summarise([run for _, run in drills]), "", *text])


def page() -> Path:
    """The page with the table."""
    return ROOT / "docs" / "resilience.md"


def _short(value: float | str) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}" if isinstance(value, float) else value
