"""Draws how fruits are told from everything else, and what the threshold between them does."""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from batch.report.html import Html, percent, tag
from batch.report.svg import Axis, Scale, axes, drawing, label, polyline, rectangle, share_axis

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

_WIDTH, _HEIGHT = 360.0, 320.0
_LEFT, _RIGHT, _TOP, _FOOT = 52.0, 346.0, 18.0, 278.0
_BINS = 20
_TICKS = (0.01, 0.1, 0.3, 0.6, 1.0)


def gate_histogram(scores: Floats, is_fruit: Flags, threshold: float) -> Html:
    """Draw the scores of fruits upwards and of everything else downwards, with the threshold between them.

    Args:
        scores: float32 (n,), probability of a fruit.
        is_fruit: bool (n,), with both values in it.
        threshold: from which on a photo counts as a fruit.
    """
    x, y = Scale(0, 1, _LEFT, _RIGHT), Scale(-1, 1, _FOOT, _TOP, _signed_root)
    upward = Axis(
        [sign * tick for sign in (-1, 1) for tick in _TICKS],
        "share of photos, % (root scale)",
        lambda share: f"{100 * abs(share):g}",
    )
    parts = [
        axes(x, y, share_axis("probability of a fruit, %"), upward),
        *_bars(scores[is_fruit], x, y, 1, "fruits", "of fruits"),
        *_bars(scores[~is_fruit], x, y, -1, "rest", "of other photos"),
        tag("path", d=f"M{_LEFT:g} {y(0):.1f}H{_RIGHT:g}", class_="axis"),
        _threshold(x(threshold)),
        label(x(0.03), 36, "fruits", "start", "fruits-name"),
        label(x(0.97), 266, "other photos", "end", "rest-name"),
    ]
    description = f"Histograms of the probability of a fruit; the threshold in use is {percent(threshold)}"
    return drawing(_WIDTH, _HEIGHT, description, *parts)


def pass_curves(scores: Floats, is_fruit: Flags, threshold: float) -> Html:
    """Draw what each threshold would let through: of the fruits, and of everything else.

    Args:
        scores, is_fruit, threshold: as for `gate_histogram`.
    """
    x, y = Scale(0, 1, _LEFT, _RIGHT), Scale(0, 1, _FOOT, _TOP)
    description = f"Photos let through by threshold; the threshold in use is {percent(threshold)}"
    return drawing(
        _WIDTH,
        _HEIGHT,
        description,
        axes(x, y, share_axis("threshold, %"), share_axis("photos let through, %")),
        _threshold(x(threshold)),
        _pass_curve(scores[is_fruit], threshold, x, y, "fruits", "of fruits"),
        _pass_curve(scores[~is_fruit], threshold, x, y, "rest", "of other photos"),
    )


def _signed_root(share: float) -> float:
    return math.copysign(math.sqrt(abs(share)), share)


def _bars(scores: Floats, x: Scale, y: Scale, sign: int, css: str, what: str) -> Iterator[Html]:
    width = x(1 / _BINS) - x(0) - 1
    for place, share in enumerate((np.histogram(scores, _BINS, (0, 1))[0] / len(scores)).tolist()):
        if share:
            tip = f"{100 * place // _BINS}–{100 * (place + 1) // _BINS} %: {percent(share)} {what}"
            tall = abs(y(sign * share) - y(0))
            yield rectangle(x(place / _BINS) + 0.5, min(y(0), y(sign * share)), width, tall, css, tip)


def _threshold(x: float) -> Html:
    return tag("path", d=f"M{x:.1f} 8V{_FOOT:g}", class_="threshold")


def _pass_curve(scores: Floats, threshold: float, x: Scale, y: Scale, css: str, what: str) -> Html:
    steps = np.linspace(0, 1, 101).tolist()
    curve = [(x(step), y(float((scores >= step).mean()))) for step in steps]
    now = float((scores >= threshold).mean())
    text = f"{percent(now)} {what}"
    beside, anchor = (9, "start") if threshold < 0.6 else (-9, "end")
    height = y(now) + 18 if now > 0.5 else y(now) - 10
    return tag(
        "g",
        polyline(curve, f"line {css}-line"),
        tag("circle", cx=x(threshold), cy=y(now), r=4.0, class_=css),
        label(x(threshold) + beside, height, text, anchor, f"{css}-name"),
    )
