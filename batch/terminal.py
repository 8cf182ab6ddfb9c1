"""Figures as a table for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

_COLUMNS: Sequence[tuple[str, str]] = (
    ("photos", "photos"),
    ("top1", "top-1"),
    ("top3", "top-3"),
    ("top1_variety", "variety"),
    ("kept", "kept"),
    ("right_when_named", "right if named"),
    ("calibration_error", "calib. error"),
    ("negatives", "not fruit"),
    ("false_fruits", "false fruits"),
    ("false_fruits_at_95", "at 95 % kept"),
    ("rejection_auroc", "AUROC"),
)
_COUNTS = ("photos", "negatives")
_PLAIN = ("calibration_error", "rejection_auroc")


def metrics_table(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    """Lay out the figures of `evaluation.measure`, one line a kind of photo."""
    rows = [["", *(title for _, title in _COLUMNS)]]
    rows += [
        [kind, *(_cell(name, figures.get(name)) for name, _ in _COLUMNS)] for kind, figures in metrics.items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if name in _COUNTS:
        return f"{value:,d}"
    return f"{value:.3f}" if name in _PLAIN else f"{value:.1%}"
