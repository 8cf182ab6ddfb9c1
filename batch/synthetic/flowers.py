"""Paints flowers: round, bright and among leaves as fruits are, and yet none."""

import colorsys

import numpy as np

from batch.synthetic.canvas import Canvas, blend

Colour = np.ndarray


def flower(canvas: Canvas) -> None:
    """Paint a flower head seen from the front: from a daisy's one ring of petals to a dahlia's nine."""
    rng = canvas.rng
    _leaves(canvas)
    rings = int(rng.choice([1, 1, 2, 3, 5, 7, 9]))
    outer, inner = _petal_colour(rng), _petal_colour(rng) if rng.random() < 0.3 else None
    heart = rng.uniform(0.22, 0.4) if rings <= 2 else rng.uniform(0.02, 0.12)
    petals = int(rng.integers(5, 22)) if rings <= 2 else int(rng.integers(9, 17))
    for ring in range(rings):
        reach = 1.0 - (1.0 - heart) * ring / (rings + 0.6)
        tone = outer if inner is None else blend(outer, inner, np.array(ring / max(1, rings - 1)))
        _ring(canvas, petals, reach, heart * 0.6, tone * (1.0 - 0.05 * ring), 0.5 * (ring % 2))
    _heart(canvas, heart)


def _petal_colour(rng: np.random.Generator) -> Colour:
    hue = rng.choice([0.0, 0.03, 0.07, 0.12, 0.15, 0.75, 0.83, 0.9, 0.95]) + rng.normal(0, 0.015)
    saturation = rng.uniform(0.0, 0.15) if rng.random() < 0.25 else rng.uniform(0.35, 0.95)
    return np.array(colorsys.hsv_to_rgb(hue % 1.0, saturation, rng.uniform(0.7, 1.0)), np.float32)


def _leaves(canvas: Canvas) -> None:
    rng, tone = canvas.rng, canvas.tint(60, 115, 55)
    for _ in range(rng.integers(0, 5)):
        turn = rng.uniform(0, 2 * np.pi)
        tip = np.array([np.cos(turn), np.sin(turn)]) * rng.uniform(1.05, 1.28)
        blade = canvas.spindle((0.0, 0.0), tuple(tip), rng.uniform(0.15, 0.3), 1)
        canvas.paint(blade, tone, 0.1, ambient=0.5)


def _ring(canvas: Canvas, petals: int, reach: float, start: float, tone: Colour, turn: float) -> None:
    """Paint one ring of petals, each shaded from its foot to its tip."""
    rng = canvas.rng
    width = min(0.42, 1.15 * np.pi * reach / petals) * rng.uniform(0.75, 1.05)
    first = (turn + rng.normal(0, 0.05)) * 2 * np.pi / petals
    for petal in range(petals):
        angle = first + 2 * np.pi * petal / petals + rng.normal(0, 0.03)
        way = np.array([np.cos(angle), np.sin(angle)])
        tip = way * reach * rng.uniform(0.95, 1.03)
        blade = canvas.spindle(tuple(way * start), tuple(tip), width, 0.85)
        u, v = canvas.u[blade.at], canvas.v[blade.at]
        along = np.clip((u * way[0] + v * way[1]) / reach, 0, 1)
        shade = blend(tone * 0.72, np.minimum(tone * 1.12, 1.0), along)
        canvas.paint(blade, shade, 0.08, ambient=0.55)


def _heart(canvas: Canvas, radius: float) -> None:
    tones = [(225, 175, 40), (110, 70, 35), (70, 95, 40), (240, 215, 90)]
    tone = canvas.tint(*tones[canvas.rng.integers(len(tones))])
    heart = canvas.ball(0.0, 0.0, radius)
    canvas.paint(heart, tone * (1 + 0.3 * canvas.noise(40))[heart.at][..., None], 0.05)
