"""Paints things that are no fruit: what else stands on a table, in every colour that fruits have too."""

import colorsys
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw

from batch.synthetic.canvas import EXTENT, Canvas, Solid, blend
from batch.synthetic.flowers import flower

Point = tuple[float, float]


def _any_colour(canvas: Canvas, strongest: float = 0.9) -> np.ndarray:
    rng = canvas.rng
    return np.array(
        colorsys.hsv_to_rgb(rng.random(), rng.uniform(0, strongest), rng.uniform(0.25, 0.95)), np.float32
    )


def _polygon(canvas: Canvas, corners: Sequence[Point]) -> np.ndarray:
    """Return the antialiased coverage of a polygon given in the object's frame."""
    side = canvas.alpha.shape[0]
    u, v = np.array(corners, np.float32).T
    x, y = canvas.in_photo_frame(u, v)
    spots = np.stack([x, y], -1) / EXTENT * side + side
    mask = Image.new("L", (2 * side, 2 * side))
    ImageDraw.Draw(mask).polygon([tuple(spot) for spot in spots], fill=255)
    return np.asarray(mask.reduce(2), np.float32) / 255


def _flat(canvas: Canvas, corners: Sequence[Point], tone: np.ndarray, light: float = 1.0) -> None:
    canvas.over(tone * light * (0.92 + 0.1 * canvas.noise(2))[..., None], _polygon(canvas, corners))


def _print(canvas: Canvas, corners: Sequence[Point], lines: int) -> None:
    """Print lines of something like text, and now and then a patch, onto a quadrilateral."""
    rng, ink = canvas.rng, _any_colour(canvas)
    a, b, _, d = (np.array(corner) for corner in corners)
    for line in range(lines):
        start, stop = rng.uniform(0.1, 0.25), rng.uniform(0.5, 0.9)
        down, thick = 0.15 + 0.75 * line / lines, rng.choice([0.25, 0.45]) / lines
        ends = [(start, down), (stop, down), (stop, down + thick), (start, down + thick)]
        _flat(canvas, [tuple(a + (b - a) * x + (d - a) * y) for x, y in ends], ink)


def box(canvas: Canvas) -> None:
    """Paint a carton seen from a corner, with print on it."""
    rng, tone = canvas.rng, _any_colour(canvas)
    w, h, lid = rng.uniform(0.4, 0.7), rng.uniform(0.45, 0.8), rng.uniform(0.15, 0.35)
    skew = rng.uniform(0.2, 0.45)
    front = [(-w, -h + lid), (w * 0.4, -h + lid + skew * 0.5), (w * 0.4, h), (-w, h - skew * 0.5)]
    side = [(w * 0.4, -h + lid + skew * 0.5), (w, -h + lid - skew * 0.3), (w, h - skew), (w * 0.4, h)]
    top = [
        (-w, -h + lid),
        (-w * 0.4, -h - lid * 0.3),
        (w, -h + lid - skew * 0.3),
        (w * 0.4, -h + lid + skew * 0.5),
    ]
    for face, light in ((front, 0.95), (side, 0.6), (top, 1.15)):
        _flat(canvas, face, tone, light)
    _print(canvas, front, int(rng.integers(2, 7)))


def cup(canvas: Canvas) -> None:
    """Paint a mug with a handle, empty or full."""
    rng, tone = canvas.rng, _any_colour(canvas, 0.7)
    ring = np.abs(np.hypot((canvas.u - 0.6) / 0.85, canvas.v) - 0.36)
    canvas.paint(
        Solid(np.clip((0.07 - ring) / canvas.px, 0, 1), canvas.u, canvas.v, np.full_like(ring, 0.7)), tone
    )
    foot = rng.uniform(0.4, 0.6)
    canvas.paint(canvas.turned([-0.68, -0.6, 0.6, 0.72], [0.62, 0.62, foot, foot * 0.9]), tone, 0.35)
    if rng.random() < 0.5:
        band = np.clip(1 - np.abs(canvas.v - rng.uniform(-0.2, 0.4)) * 6, 0, 1) > 0.3
        canvas.stain(_any_colour(canvas), band.astype(np.float32) * 0.8)
    for reach, shade in ((0.62, tone * 1.1), (0.56, _any_colour(canvas) * 0.4)):
        squeezed = np.hypot(canvas.u, (canvas.v + 0.66) * 3.2)
        canvas.over(shade, np.clip((reach - squeezed) / canvas.px / 2, 0, 1))


def book(canvas: Canvas) -> None:
    """Paint a closed book, its pages showing on two sides."""
    rng, tone = canvas.rng, _any_colour(canvas)
    w, h, thick = rng.uniform(0.5, 0.68), rng.uniform(0.7, 0.85), rng.uniform(0.06, 0.2)
    _flat(canvas, [(-w, -h + thick), (-w + thick, h), (w + thick, h), (w + thick, -h + thick)], tone, 0.5)
    _flat(
        canvas,
        [(-w + thick, h - 0.04), (w + thick * 0.8, h - 0.04), (w, -h), (-w, -h)],
        canvas.tint(235, 228, 205),
    )
    cover = [(-w, -h), (w, -h), (w, h - thick), (-w, h - thick)]
    _flat(canvas, cover, tone)
    _flat(canvas, [(-w, -h), (-w + 0.09, -h), (-w + 0.09, h - thick), (-w, h - thick)], tone, 0.7)
    _print(canvas, cover, int(rng.integers(2, 6)))


def leaf(canvas: Canvas) -> None:
    """Paint one to three leaves with their veins, green or autumnal."""
    rng = canvas.rng
    for _ in range(rng.integers(1, 4)):
        tone = canvas.tint(*[(70, 125, 50), (120, 150, 60), (175, 110, 40), (150, 60, 35)][rng.integers(4)])
        turn = rng.uniform(0, 2 * np.pi)
        tip = np.array([np.cos(turn), np.sin(turn)]) * rng.uniform(0.8, 1.0)
        blade = canvas.spindle(tuple(-tip), tuple(tip), rng.uniform(0.35, 0.6), 1)
        canvas.paint(blade, (tone * (1 + 0.25 * canvas.noise(24))[..., None])[blade.at], 0.1, ambient=0.5)
        for share in np.linspace(-0.7, 0.7, 9):
            for side in (-1, 1):
                end = tip * (share + 0.25) + side * 0.3 * (1 - share**2) * np.array([-tip[1], tip[0]])
                vein = canvas.spindle(tuple(tip * share), tuple(end), 0.012)
                canvas.stain(tone * 1.35, vein.cover * 0.7, vein.at)
        rib = canvas.spindle(tuple(-1.2 * tip), tuple(tip), 0.02)
        canvas.paint(rib, tone * 1.2, 0)


def shoe(canvas: Canvas) -> None:
    """Paint a shoe from the side: sole, upper, laces."""
    rng, tone = canvas.rng, _any_colour(canvas)
    ankle = rng.uniform(-0.75, -0.45)
    upper = [
        (-0.9, 0.35),
        (-0.95, ankle),
        (-0.4, ankle + 0.05),
        (-0.1, -0.2),
        (0.5, 0.02),
        (0.92, 0.16),
        (1.0, 0.4),
    ]
    inside = _polygon(canvas, upper)
    depth = np.clip(1 - (canvas.v + 0.1) ** 2, 0.1, 1)
    canvas.paint(Solid(inside, 0.3 * canvas.u, 0.7 * canvas.v, depth), tone, 0.2)
    sole = canvas.tint(235, 232, 225) if rng.random() < 0.6 else canvas.tint(60, 45, 35)
    _flat(canvas, [(-0.97, 0.32), (1.02, 0.36), (1.04, 0.52), (-0.95, 0.54)], sole)
    _flat(
        canvas,
        [(-0.92, ankle), (-0.42, ankle + 0.05), (-0.5, ankle + 0.14), (-0.88, ankle + 0.1)],
        tone,
        0.35,
    )
    for step in range(rng.integers(3, 6)):
        u, v = -0.3 + 0.14 * step, ankle + 0.22 + 0.11 * step
        canvas.paint(canvas.spindle((u, v), (u + 0.16, v - 0.14), 0.024), canvas.tint(230, 230, 225))


def bottle(canvas: Canvas) -> None:
    """Paint a bottle with a label and a cap."""
    rng, glass = canvas.rng, _any_colour(canvas)
    wide, neck = rng.uniform(0.26, 0.4), rng.uniform(0.09, 0.14)
    shoulder = rng.uniform(-0.35, -0.05)
    body = canvas.turned(
        [-0.95, -0.9, shoulder - 0.25, shoulder, 0.95, 1.0], [neck, neck, neck * 1.1, wide, wide, wide * 0.9]
    )
    canvas.paint(body, glass * 0.8, 0.7, 6)
    label = ((canvas.v > shoulder + 0.2) & (canvas.v < 0.72)).astype(np.float32)
    shade = 0.55 + 0.45 * body.nz
    paper = blend(
        canvas.tint(240, 236, 225), _any_colour(canvas), (canvas.noise(7) > 0.25).astype(np.float32)
    )
    canvas.stain(paper * shade[..., None], label)
    canvas.paint(canvas.turned([-1.02, -1.0, -0.84, -0.82], [neck * 1.2] * 4), _any_colour(canvas), 0.3)


def phone(canvas: Canvas) -> None:
    """Paint a telephone with rows of icons."""
    rng = canvas.rng
    w, h = rng.uniform(0.42, 0.52), rng.uniform(0.85, 0.98)
    _flat(canvas, [(-w, -h), (w, -h), (w, h), (-w, h)], canvas.tint(35, 35, 40))
    glow = _any_colour(canvas)
    _flat(
        canvas,
        [(-w + 0.04, -h + 0.1), (w - 0.04, -h + 0.1), (w - 0.04, h - 0.1), (-w + 0.04, h - 0.1)],
        glow,
        0.8,
    )
    size = w * 0.2
    for v in np.arange(-h + 0.3, h - 0.3, rng.uniform(0.28, 0.4)):
        for u in np.linspace(-w * 0.66, w * 0.66, 4):
            _flat(
                canvas,
                [(u - size, v), (u + size, v), (u + size, v + 2 * size), (u - size, v + 2 * size)],
                _any_colour(canvas),
            )


def pencils(canvas: Canvas) -> None:
    """Paint a handful of coloured pencils."""
    rng = canvas.rng
    for u in np.linspace(-0.7, 0.7, rng.integers(3, 8)):
        lean, top, tone = rng.normal(0, 0.15), -rng.uniform(0.6, 0.8), _any_colour(canvas)
        canvas.paint(canvas.spindle((u, 0.95), (u + lean, top), 0.07), tone, 0.25)
        canvas.paint(
            canvas.spindle((u + lean, top), (u + lean * 1.08, top - 0.1), 0.06), canvas.tint(215, 180, 130)
        )
        canvas.paint(canvas.spindle((u + lean * 1.08, top - 0.1), (u + lean * 1.12, top - 0.17), 0.025), tone)


def plate(canvas: Canvas) -> None:
    """Paint an empty plate with a coloured rim, and perhaps a fork."""
    rng = canvas.rng
    china = canvas.tint(225, 225, 222)
    reach = np.hypot(canvas.u, canvas.v * 1.15)
    slope = np.where(reach > 0.62, 0.35, 0.08) * np.where(reach > 0.6, 1, -1)
    canvas.paint(
        Solid(
            np.clip((0.98 - reach) / canvas.px, 0, 1),
            canvas.u * slope,
            canvas.v * slope,
            np.full_like(reach, 0.95),
        ),
        china,
        0.2,
    )
    canvas.stain(
        _any_colour(canvas),
        (np.abs(reach - rng.uniform(0.75, 0.92)) < rng.uniform(0.015, 0.07)).astype(np.float32),
    )
    if rng.random() < 0.6:
        metal = canvas.tint(165, 168, 172)
        canvas.paint(canvas.spindle((0.1, 1.1), (-0.1, 0.0), 0.035), metal, 0.6)
        for side in (-0.09, -0.03, 0.03, 0.09):
            canvas.paint(canvas.spindle((-0.1 + side * 0.6, 0.0), (-0.14 + side, -0.4), 0.02), metal, 0.6)


THINGS: dict[str, Callable[[Canvas], None]] = {
    painter.__name__: painter
    for painter in (book, bottle, box, cup, flower, leaf, pencils, phone, plate, shoe)
}
