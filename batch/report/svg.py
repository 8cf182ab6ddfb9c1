"""Draws the parts of a plot as SVG: scales, round ticks, axes, marks; colours come from the style sheet."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from batch.report.html import Html, tag


@dataclass(frozen=True)
class Scale:
    """Map data from low..high to drawing units from start..end; `bend` is applied to both ends first."""

    low: float
    high: float
    start: float
    end: float
    bend: Callable[[float], float] = float

    def __call__(self, value: float) -> float:
        """Place a value."""
        low, high = self.bend(self.low), self.bend(self.high)
        return self.start + (self.bend(value) - low) / (high - low) * (self.end - self.start)


@dataclass(frozen=True)
class Axis:
    """What stands along a side of the plot: values, how they are written, what they mean."""

    ticks: Sequence[float]
    title: str
    write: Callable[[float], str] = "{:g}".format


def share_axis(title: str, ticks: Sequence[float] = (0, 0.25, 0.5, 0.75, 1)) -> Axis:
    """Make an axis of shares, written in per cent."""
    return Axis(ticks, title, lambda share: f"{100 * share:g}")


def round_ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Choose multiples of 1, 2 or 5 times a power of ten inside low..high, about as many as wanted."""
    rough = max(high - low, 1e-9) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    return [
        number * step for number in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    ]


def axes(x: Scale, y: Scale, across: Axis, upward: Axis) -> Html:
    """Draw grid lines, tick labels and titles; x runs from left to right, y from bottom to top."""
    parts = [
        tag(
            "path",
            d="".join(f"M{x.start:.1f} {y(tick):.1f}H{x.end:.1f}" for tick in upward.ticks),
            class_="grid-line",
        ),
        *[label(x(tick), y.start + 16, across.write(tick), "middle") for tick in across.ticks],
        *[label(x.start - 6, y(tick) + 4, upward.write(tick), "end") for tick in upward.ticks],
        tag("path", d=f"M{x.start:.1f} {y.start:.1f}H{x.end:.1f}", class_="axis"),
        label((x.start + x.end) / 2, y.start + 34, across.title, "middle", "title"),
        label(x.start - 36, (y.start + y.end) / 2, upward.title, "middle", "title", turned=True),
    ]
    return tag("g", *parts, class_="axes")


def label(
    x: float, y: float, text: object, anchor: str = "start", css: str | None = None, *, turned: bool = False
) -> Html:
    """Write text at a point, upwards when turned."""
    turn = f"rotate(-90 {x:.1f} {y:.1f})" if turned else None
    return tag("text", text, x=float(x), y=float(y), text_anchor=anchor, class_=css, transform=turn)


def clipped(name: str, most: int = 24) -> str:
    """Shorten a name that no drawing has room for."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def polyline(points: Sequence[tuple[float, float]], css: str) -> Html:
    """Join points."""
    return tag("path", d="M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points), class_=css)


def rectangle(x: float, y: float, width: float, height: float, css: str, tip: str = "") -> Html:
    """Draw a box, with a tip to read under the pointer."""
    return tag(
        "rect",
        *([tag("title", tip)] if tip else []),
        x=float(x),
        y=float(y),
        width=float(width),
        height=float(height),
        class_=css,
    )


def drawing(width: float, height: float, description: str, *parts: object, fixed: bool = False) -> Html:
    """Close a drawing.

    Args:
        width, height: in drawing units, which are pixels at full size.
        description: read aloud in place of the drawing.
        parts: what is drawn.
        fixed: keep the size where there is less room, so that the frame scrolls, rather than shrink the text.
    """
    size = {"width": float(width), "height": float(height)} if fixed else {}
    return tag(
        "svg",
        *parts,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=description,
        class_="fixed" if fixed else None,
        **size,
    )
