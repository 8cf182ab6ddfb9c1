"""Paints cut fruits: halves and wedges, with what is inside them."""

import numpy as np

from batch.synthetic.canvas import Canvas, blend

Tone = tuple[int, int, int]


def _polar(canvas: Canvas) -> tuple[np.ndarray, np.ndarray]:
    return np.hypot(canvas.u, canvas.v), np.arctan2(canvas.u, canvas.v)


def citrus_half(canvas: Canvas, radius: float, rind: Tone, flesh: Tone) -> None:
    """Paint a citrus fruit cut across: rind, white pith, segments of shining pulp."""
    rng = canvas.rng
    reach, turn = _polar(canvas)
    body = canvas.round(radius)
    segments = rng.integers(8, 12)
    walls = np.abs(np.sin((turn + rng.uniform(0, 6)) * segments / 2 + 0.06 * canvas.noise(5))) * reach
    fibres = np.interp((turn * 40 + 3 * canvas.noise(10)) % 64, np.arange(65), rng.random(65))
    pulp = blend(canvas.tint(*flesh), canvas.tint(*rind), 0.5 * fibres + 0.3 * canvas.noise(26))
    pith = canvas.tint(245, 238, 210)
    face = blend(pith, pulp, (walls - 0.05) * 14)
    face = blend(pith, face, (reach - 0.08) * 14)
    face = blend(face, pith, (reach - radius * 0.84) * 24)
    face = blend(face, canvas.tint(*rind), (reach - radius * 0.93) * 30)
    flat = canvas.rough(body, canvas.noise(40), 0.3)
    canvas.paint(flat, face, 0.1, ambient=0.45)


def kiwi_half(canvas: Canvas) -> None:
    """Paint a kiwi cut across: pale heart, black seeds in a ring, rays of green."""
    rng = canvas.rng
    reach, turn = _polar(canvas)
    body = canvas.round(0.88 * (1 + 0.05 * np.cos(2 * turn)))
    table = rng.random(65).astype(np.float32)
    rays = np.interp((turn * 12 + 1.2 * canvas.noise(8)) % 64, np.arange(65), table)
    face = blend(canvas.tint(110, 165, 35), canvas.tint(175, 205, 85), 0.9 * rays - reach * 0.3 + 0.2)
    face = blend(canvas.tint(235, 238, 190), face, (reach - 0.22) * 7)
    face = blend(face, canvas.tint(110, 85, 50), (reach - 0.83) * 30)
    canvas.paint(body, face, 0.12, ambient=0.42)
    ink = canvas.tint(28, 24, 20, 5)
    for ray in np.arange(0, 2 * np.pi, 2 * np.pi / rng.integers(26, 36)):
        away, size = rng.uniform(0.32, 0.52), rng.uniform(0.022, 0.034)
        canvas.disc(away * np.cos(ray), away * np.sin(ray), size, ink)


def watermelon_wedge(canvas: Canvas) -> None:
    """Paint a wedge or half disc of red flesh with seeds over a pale rim and a green rind."""
    rng = canvas.rng
    opening = rng.uniform(0.55, 1.5)
    u, v = canvas.u, canvas.v + 0.5
    reach, turn = np.hypot(u, v), np.abs(np.arctan2(u, v))
    radius = rng.uniform(1.15, 1.4)
    edge = np.minimum(radius - reach, (opening - turn) * np.maximum(reach, 0.05))
    body = canvas.round(1.3)
    cover = np.clip(edge / canvas.px + 0.5, 0, 1)
    face = blend(canvas.tint(222, 52, 58), canvas.tint(240, 120, 110), 0.5 * canvas.noise(20, 2) + 0.15)
    face = blend(face, canvas.tint(240, 238, 205), (reach - radius * 0.84) * 14)
    face = blend(face, canvas.tint(45, 100, 45), (reach - radius * 0.93) * 24)
    flat = type(body)(cover, body.nx * 0.15, body.ny * 0.15, np.full_like(body.nz, 0.97))
    canvas.paint(canvas.rough(flat, canvas.noise(50), 0.3), face, 0.05, ambient=0.42)
    ink = canvas.tint(35, 22, 18, 6)
    for _ in range(rng.integers(8, 22)):
        away, ray = rng.uniform(0.3, 0.78) * radius, rng.uniform(-0.85, 0.85) * opening
        su, sv = away * np.sin(ray), away * np.cos(ray) - 0.5
        seed = canvas.spindle((su, sv), (su + 0.09 * np.sin(ray), sv + 0.09 * np.cos(ray)), 0.03, 0.6)
        canvas.stain(ink, seed.cover, seed.at)
