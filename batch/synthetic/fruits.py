"""Paints the fruits of trees: outline, skin, stem, in a colour and build that no two share."""

import numpy as np

from batch.synthetic.canvas import Canvas, Solid, blend
from batch.synthetic.slices import Tone, citrus_half, kiwi_half

STALK = (96, 74, 40)
LEAF = (70, 120, 45)


def angle_from_top(canvas: Canvas) -> np.ndarray:
    """Return the angle from the top, -pi..pi."""
    return np.arctan2(canvas.u, -canvas.v)


def stem(canvas: Canvas, top: float, length: float, width: float = 0.045) -> None:
    """Paint a stem of `length` upwards from the height `top`, leaning a little."""
    lean = canvas.rng.normal(0, 0.4) * length
    rod = canvas.spindle((0, top), (lean, top - length), width)
    canvas.paint(rod, canvas.tint(*STALK), 0.05)


def _leaf(canvas: Canvas, top: float) -> None:
    side = canvas.rng.choice([-1, 1])
    tip = (side * canvas.rng.uniform(0.4, 0.65), top - canvas.rng.uniform(0.05, 0.3))
    blade = canvas.spindle((0, top), tip, 0.2, 1)
    canvas.paint(blade, canvas.tint(*LEAF), 0.15)


def _meridians(canvas: Canvas, solid: Solid, count: float) -> np.ndarray:
    """Return streaks 0..1 that run from pole to pole."""
    longitude = np.arcsin(np.clip(solid.nx, -1, 1)) * count + 0.5 * canvas.noise(6)
    table = canvas.rng.random(64).astype(np.float32)
    return np.interp(longitude, np.linspace(-2 * count, 2 * count, 64), table).astype(np.float32)


def apple(canvas: Canvas) -> None:
    """Paint a red, striped, green or golden apple."""
    rng, turn = canvas.rng, angle_from_top(canvas)
    dip = rng.uniform(0.10, 0.17)
    outline = 0.88 - dip * np.exp(-((turn / 0.42) ** 2))
    outline -= 0.07 * np.exp(-(((np.abs(turn) - np.pi) / 0.4) ** 2))
    outline *= 1 + rng.uniform(-0.03, 0.06) * np.abs(np.sin(turn)) + rng.normal(0, 0.015) * np.sin(turn * 2)
    body = canvas.round(outline)
    red, striped, green, golden = (165, 22, 32), (205, 165, 70), (128, 178, 50), (222, 190, 78)
    ground = (red, striped, green, golden)[rng.integers(4)]
    skin: np.ndarray = np.broadcast_to(canvas.tint(*ground), (*canvas.alpha.shape, 3))
    if ground in (red, striped):
        streak, more = ((190, 35, 40), 0.25) if ground == striped else ((210, 120, 60), -0.35)
        share = _meridians(canvas, body, 16) * 0.9 + 0.5 * canvas.noise(3) + more
        skin = blend(skin, canvas.tint(*streak), share)
    elif rng.random() < 0.5:
        skin = blend(skin, canvas.tint(215, 95, 60), 0.6 * canvas.noise(2) - 0.1)
    canvas.paint(body, skin, 0.45)
    canvas.spots(body, 40, 0.012, canvas.tint(235, 215, 150), 0.5)
    hollow = canvas.round(0.24, centre=(0, -0.84 + dip))
    canvas.stain(canvas.tint(60, 45, 18), 0.75 * hollow.nz * hollow.cover)
    if rng.random() < 0.3:
        _leaf(canvas, -0.8)
    stem(canvas, -0.72, rng.uniform(0.2, 0.42))


def pear(canvas: Canvas) -> None:
    """Paint a green, yellow or russet pear."""
    rng = canvas.rng
    waist, belly = rng.uniform(0.26, 0.36), rng.uniform(0.58, 0.7)
    body = canvas.turned(
        [-0.95, -0.9, -0.7, -0.35, 0.05, 0.42, 0.75, 0.92, 0.98],
        [0.0, 0.14, waist * 0.85, waist, belly * 0.8, belly, belly * 0.78, belly * 0.35, 0.0],
        rng.normal(0, 0.06),
    )
    ground = [(170, 185, 65), (215, 195, 75), (165, 125, 60)][rng.integers(3)]
    skin = blend(canvas.tint(*ground), canvas.tint(190, 85, 50), 0.7 * canvas.noise(2) - 0.15)
    canvas.paint(canvas.rough(body, canvas.noise(40), 0.15), skin, 0.22)
    canvas.spots(body, 90, 0.012, canvas.tint(110, 85, 40), 0.6)
    stem(canvas, -0.88, rng.uniform(0.2, 0.35))


def banana(canvas: Canvas) -> None:
    """Paint one to three bananas side by side, green-tipped, yellow or spotted."""
    rng = canvas.rng
    peel, tip = canvas.tint(236, 200, 58), canvas.tint(70, 55, 30)
    green = rng.random() < 0.3
    radius, reach, width = rng.uniform(0.95, 1.25), rng.uniform(0.75, 0.9), rng.uniform(0.17, 0.22)
    for number in range(rng.choice([1, 1, 2, 3])):
        centre = -radius + 0.3 - 0.22 * number
        u, v = canvas.u + 0.05 * number, canvas.v - centre
        along = np.arctan2(u, v) / reach
        half = width * np.sqrt(np.clip(1 - np.abs(along) ** 5, 0, 1)) * (1 - 0.3 * along**2)
        half = np.where((along < -0.86) & (along > -1.12), np.maximum(half, 0.055), half)
        off = np.hypot(u, v) - radius
        across = np.clip(off / np.maximum(half, 1e-3), -1, 1)
        cover = np.clip((half - np.abs(off)) / canvas.px + 0.5, 0, 1) * (half > 0)
        facets = np.clip(np.round(across * 1.6) / 1.6 * 0.55 + across * 0.45, -0.98, 0.98)
        turn = along * reach
        body = Solid(cover, facets * np.sin(turn), facets * np.cos(turn), np.sqrt(1 - facets**2))
        skin = blend(peel, canvas.tint(140, 165, 60), np.abs(along) * 2 - (0.6 if green else 1.5))
        if rng.random() < 0.5:
            skin = blend(skin, tip, 3 * canvas.noise(22) - 1.9)
        skin = blend(skin, tip, (np.abs(along) - 0.93) * 14)
        canvas.paint(body, skin, 0.12)


def _pored(canvas: Canvas, outline: np.ndarray, skin: Tone, other: Tone) -> None:
    body = canvas.round(outline)
    tone = blend(canvas.tint(*skin), canvas.tint(*other), 0.6 * canvas.noise(3))
    canvas.paint(canvas.rough(body, canvas.noise(75), 0.22), tone, 0.3)


def _pointed(canvas: Canvas, flat: float, nipple: float) -> np.ndarray:
    turn = angle_from_top(canvas)
    oval = 0.86 / np.sqrt(np.cos(turn) ** 2 + (np.sin(turn) / flat) ** 2)
    return oval + nipple * np.exp(-((np.sin(turn) / 0.2) ** 2)) * np.where(canvas.v < 0, 1.0, 0.7)


def orange(canvas: Canvas) -> None:
    """Paint an orange, whole or cut in half."""
    if canvas.rng.random() < 0.3:
        citrus_half(canvas, 0.9, rind=(238, 135, 25), flesh=(245, 160, 40))
        return
    _pored(canvas, 0.92 * (1 + 0.02 * np.cos(2 * angle_from_top(canvas))), (240, 132, 20), (250, 165, 45))
    for turn in np.linspace(0, 2 * np.pi, 6)[:5]:
        tip = (0.11 * np.cos(turn), -0.5 + 0.09 * np.sin(turn))
        canvas.paint(canvas.spindle((0, -0.5), tip, 0.03), canvas.tint(95, 120, 40))


def lemon(canvas: Canvas) -> None:
    """Paint a lemon, whole or cut in half."""
    if canvas.rng.random() < 0.3:
        citrus_half(canvas, 0.82, rind=(245, 215, 45), flesh=(243, 226, 120))
        return
    outline = _pointed(canvas, canvas.rng.uniform(0.68, 0.78), canvas.rng.uniform(0.13, 0.2))
    _pored(canvas, outline, (246, 214, 45), (235, 225, 90))


def lime(canvas: Canvas) -> None:
    """Paint a lime, whole or cut in half."""
    if canvas.rng.random() < 0.35:
        citrus_half(canvas, 0.82, rind=(85, 140, 40), flesh=(185, 210, 110))
        return
    outline = _pointed(canvas, canvas.rng.uniform(0.8, 0.9), canvas.rng.uniform(0.04, 0.08))
    _pored(canvas, outline, (88, 140, 36), (140, 170, 50))


def kiwi(canvas: Canvas) -> None:
    """Paint a hairy brown kiwi, or its green half."""
    rng = canvas.rng
    if rng.random() < 0.55:
        kiwi_half(canvas)
        return
    turn = angle_from_top(canvas)
    body = canvas.round(0.9 / np.sqrt(np.cos(turn) ** 2 + (np.sin(turn) / rng.uniform(0.72, 0.82)) ** 2))
    fur = _meridians(canvas, body, 28)
    skin = blend(canvas.tint(105, 80, 42), canvas.tint(150, 118, 65), 0.6 * fur + 0.5 * canvas.noise(50))
    canvas.paint(canvas.rough(body, canvas.noise(60), 0.3), skin, 0.03)
    canvas.disc(0, -0.84, 0.1, canvas.tint(70, 50, 30))
