"""Paints berries in the wide sense: what grows in bunches, on canes, on vines and on the ground."""

from collections.abc import Sequence

import numpy as np

from batch.synthetic.canvas import Canvas, blend
from batch.synthetic.fruits import angle_from_top, stem
from batch.synthetic.slices import watermelon_wedge


def strawberry(canvas: Canvas) -> None:
    """Paint a strawberry with its seeds in rows and its green star."""
    rng = canvas.rng
    top = rng.uniform(0.6, 0.76)
    body = canvas.turned(
        [-0.72, -0.66, -0.45, -0.1, 0.3, 0.7, 0.92, 0.98],
        [0.0, top * 0.6, top, top, top * 0.78, top * 0.42, 0.12, 0.0],
        rng.normal(0, 0.05),
    )
    pale = 0.4 * canvas.noise(3) - (canvas.v + 0.55) * 1.5
    skin = blend(canvas.tint(205, 24, 36), canvas.tint(235, 120, 90), pale)
    canvas.paint(canvas.rough(body, canvas.noise(12), 0.5), skin, 0.4)
    seed, pit = canvas.tint(238, 205, 110), canvas.tint(130, 10, 20)
    for row, v in enumerate(np.arange(-0.5, 0.85, 0.165)):
        for column in range(-5, 6):
            u = np.sin((column + row % 2 / 2) * 0.34) * np.interp(v, [-0.5, 0.0, 0.9], [top, top, 0.2])
            canvas.disc(u, v + 0.012, 0.038, pit, 0.6)
            canvas.disc(u, v, 0.024, seed, 0.9)
    for turn in np.linspace(-1.35, 1.35, 7) + rng.normal(0, 0.08, 7):
        reach = rng.uniform(0.4, 0.6)
        tip = (reach * 1.15 * np.sin(turn), -0.62 + 0.3 * np.cos(turn) * reach)
        canvas.paint(canvas.spindle((0, -0.74), tip, 0.1, 1), canvas.tint(75, 135, 45), 0.1)
    stem(canvas, -0.72, rng.uniform(0.12, 0.3), 0.03)


def _berry(canvas: Canvas, place: Sequence[float], skin: np.ndarray, gloss: float, bloom: np.ndarray) -> None:
    """Paint one ball at `place` (u, v, radius) with a dark seam around it and a waxy `bloom` (h, w) on it."""
    u, v, radius = place
    seam, ball = canvas.ball(u, v, radius * 1.07), canvas.ball(u, v, radius)
    canvas.over(np.zeros(3, np.float32), seam.cover * 0.45, seam.at)
    tone = skin * canvas.rng.uniform(0.85, 1.1)
    canvas.paint(ball, blend(tone, np.array([0.7, 0.75, 0.85], np.float32), bloom[ball.at]), gloss)


def grape(canvas: Canvas) -> None:
    """Paint a hanging bunch of blue, red or green grapes."""
    rng = canvas.rng
    blue, red, green = (
        [(62, 40, 85), (85, 45, 80)],
        [(130, 45, 60), (105, 35, 55)],
        [(165, 185, 85), (190, 195, 100)],
    )
    skins = [canvas.tint(*tone) for tone in (blue, red, green)[rng.integers(3)]]
    size = rng.uniform(0.16, 0.2)
    stem(canvas, -0.85, 0.35, 0.035)
    places = []
    for row, v in enumerate(np.arange(-0.75, 0.95, size * 1.15)):
        reach = np.interp(v, [-0.8, -0.45, 0.2, 1.0], [0.42, 0.7, 0.5, 0.05])
        for u in np.arange(-reach, reach + 0.01, size * 1.5):
            shift = size * 0.7 * (row % 2) + rng.normal(0, 0.03)
            places.append((u + shift, v + rng.normal(0, 0.03), size * rng.uniform(0.9, 1.1)))
    bloom = rng.uniform(0.05, 0.3) * (0.6 + canvas.noise(14))
    for place in rng.permutation(places):
        _berry(canvas, place, skins[rng.integers(2)], 0.35, bloom)


def blueberry(canvas: Canvas) -> None:
    """Paint a heap of blueberries with their crowns."""
    rng = canvas.rng
    size = rng.uniform(0.24, 0.34)
    skins = [canvas.tint(52, 66, 118), canvas.tint(40, 48, 95), canvas.tint(70, 88, 145)]
    bloom = 0.3 * (0.6 + canvas.noise(14))
    for _ in range(rng.integers(9, 18)):
        turn, reach = rng.uniform(0, 2 * np.pi), 0.72 * np.sqrt(rng.random())
        u, v, radius = reach * np.cos(turn), reach * np.sin(turn), size * rng.uniform(0.85, 1.1)
        _berry(canvas, (u, v, radius), skins[rng.integers(3)], 0.15, bloom)
        if rng.random() < 0.65:
            cu, cv = u + rng.normal(0, 0.3) * radius, v + rng.normal(0, 0.3) * radius
            for ray in np.arange(5) * 2 * np.pi / 5 + rng.uniform(0, 1):
                tip = (cu + 0.36 * radius * np.cos(ray), cv + 0.36 * radius * np.sin(ray))
                canvas.paint(canvas.spindle((cu, cv), tip, 0.1 * radius, 0.4), canvas.tint(38, 42, 80), 0)
            canvas.disc(cu, cv, 0.17 * radius, canvas.tint(24, 24, 48))


def watermelon(canvas: Canvas) -> None:
    """Paint a striped watermelon, or a red wedge of one."""
    rng, turn = canvas.rng, angle_from_top(canvas)
    if rng.random() < 0.5:
        watermelon_wedge(canvas)
        return
    body = canvas.round(0.95 / np.sqrt(np.cos(turn) ** 2 + (np.sin(turn) / rng.uniform(0.72, 0.95)) ** 2))
    longitude = np.arctan2(body.nx, body.nz + 0.15) + 0.13 * canvas.noise(16, 2)
    stripes = np.clip(np.sin(longitude * rng.uniform(6, 9) + rng.uniform(0, 6)) * 2.5 - 0.2, 0, 1)
    skin = blend(canvas.tint(135, 170, 90), canvas.tint(28, 70, 35), stripes + 0.25 * canvas.noise(40))
    canvas.paint(body, skin, 0.25)
    stem(canvas, -0.92, 0.15)


def pineapple(canvas: Canvas) -> None:
    """Paint a pineapple: lozenges with an eye each, under a crown of sword leaves."""
    rng = canvas.rng
    for row in range(4):
        for turn in np.linspace(-1.1, 1.1, 7) * (1 - 0.2 * row) + rng.normal(0, 0.06, 7):
            reach = (0.5 + 0.12 * row) * rng.uniform(0.8, 1.1)
            tip = (reach * np.sin(turn), -0.4 - reach * np.cos(turn))
            blade = canvas.spindle((0.12 * turn, -0.32), tip, 0.075, 0.8)
            canvas.paint(blade, canvas.tint(80, 125, 75, 16), 0.1)
    wide = rng.uniform(0.42, 0.5)
    body = canvas.turned(
        [-0.42, -0.38, -0.1, 0.45, 0.95, 1.08, 1.12],
        [0.0, wide * 0.72, wide, wide * 1.05, wide * 0.85, wide * 0.5, 0.0],
    )
    longitude, latitude = np.arcsin(np.clip(body.nx, -1, 1)) * 3.1, canvas.v * 8.5
    ridge = np.abs(np.sin(longitude + latitude)) * np.abs(np.sin(longitude - latitude))
    skin = blend(canvas.tint(120, 85, 35), canvas.tint(222, 160, 55), ridge * 2.2)
    skin = blend(skin, canvas.tint(105, 125, 50), 0.7 * canvas.noise(2) + canvas.v * -0.3)
    skin = blend(skin, canvas.tint(85, 55, 30), (ridge - 0.86) * 9)
    canvas.paint(canvas.rough(body, ridge, 1.6), skin, 0.12)


def tomato(canvas: Canvas) -> None:
    """Paint a tomato with its thin green star."""
    rng, turn = canvas.rng, angle_from_top(canvas)
    lobes = rng.integers(4, 8)
    outline = 0.9 - rng.uniform(0.05, 0.15) * np.cos(turn) ** 2 + rng.uniform(0, 0.02) * np.cos(lobes * turn)
    body = canvas.round(outline)
    skin = blend(canvas.tint(208, 38, 24), canvas.tint(225, 110, 40), 0.35 * canvas.noise(2) - 0.1)
    canvas.paint(body, skin, 0.6, 6)
    heart = -rng.uniform(0.15, 0.55)
    hollow = canvas.round(0.3, centre=(0, heart))
    canvas.stain(canvas.tint(110, 30, 12), 0.5 * hollow.nz * hollow.cover)
    for ray in np.arange(5) * 2 * np.pi / 5 + rng.uniform(0, 1) + rng.normal(0, 0.12, 5):
        reach = rng.uniform(0.36, 0.5)
        tip = (reach * np.cos(ray), heart + reach * 0.75 * np.sin(ray))
        canvas.paint(canvas.spindle((0, heart), tip, 0.06, 0.8), canvas.tint(80, 130, 45), 0.05)
    stalk = canvas.spindle((0, heart), (rng.normal(0, 0.08), heart - 0.24), 0.045)
    canvas.paint(stalk, canvas.tint(95, 140, 55), 0.05)


def eggplant(canvas: Canvas) -> None:
    """Paint a dark, shining eggplant under its green cap."""
    rng = canvas.rng
    neck, belly = rng.uniform(0.2, 0.28), rng.uniform(0.38, 0.52)
    bend = rng.normal(0, 0.14)
    body = canvas.turned(
        [-0.75, -0.7, -0.4, 0.05, 0.5, 0.85, 1.0, 1.04],
        [0.0, neck * 0.8, neck, belly * 0.75, belly, belly * 0.8, belly * 0.35, 0.0],
        bend,
    )
    skin = blend(canvas.tint(48, 18, 58, 7), canvas.tint(80, 30, 85, 7), 0.5 * canvas.noise(2))
    canvas.paint(body, skin, 0.75, 5)
    green, foot = canvas.tint(105, 135, 65), bend * 0.45
    for side in (-0.24, -0.12, 0.0, 0.12, 0.24):
        tip = (foot + side * 1.15, -0.38 - abs(side) * 0.3 + rng.normal(0, 0.04))
        canvas.paint(canvas.spindle((foot + side * 0.25, -0.86), tip, 0.13, 0.75), green, 0.12)
    canvas.paint(canvas.spindle((foot, -0.78), (foot + rng.normal(0, 0.06), -1.08), 0.075), green * 0.9, 0.1)
