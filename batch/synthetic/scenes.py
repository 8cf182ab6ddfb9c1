"""Puts painted objects on a ground, under a light, in front of a camera.

Two kinds of scene share no background, light direction or camera: `corpus` is what an index is built
from, `asked` is what a stranger then sends. An index that had learned the scenery would fail on the second.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from batch.synthetic.canvas import Canvas, blend, colour, noise

Rng = np.random.Generator
Painter = Callable[[Canvas], None]
Span = tuple[float, float]


def _grid(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.indices(shape, dtype=np.float32) / max(shape)
    return columns, rows


def _planks(rng: Rng, shape: tuple[int, int]) -> np.ndarray:
    _, y = _grid(shape)
    number = np.floor(y * rng.uniform(3, 6) + rng.random())
    grain = np.interp(y * 90 + 5 * noise(rng, shape, 3) + number * 7, np.arange(160), rng.random(160))
    seam = np.abs(np.gradient(number, axis=0)) > 0
    tone = colour(rng, *[(150, 105, 65), (190, 155, 110), (110, 75, 50)][rng.integers(3)])
    plank = tone * (0.75 + 0.25 * grain + 0.1 * np.sin(number * 5))[..., None]
    return plank * np.where(seam, 0.5, 1.0)[..., None]


def _counter(rng: Rng, shape: tuple[int, int]) -> np.ndarray:
    tone = colour(rng, *[(185, 185, 188), (205, 195, 180), (90, 92, 98)][rng.integers(3)])
    return tone * (1 + 0.12 * noise(rng, shape, 90) + 0.08 * noise(rng, shape, 3))[..., None]


def _cloth(rng: Rng, shape: tuple[int, int]) -> np.ndarray:
    x, y = _grid(shape)
    turn, count = rng.uniform(-0.5, 0.5), rng.uniform(25, 55)
    first = np.sin((x * np.cos(turn) + y * np.sin(turn)) * count) > 0
    second = np.sin((y * np.cos(turn) - x * np.sin(turn)) * count) > 0
    dyed = [(60, 90, 150), (170, 60, 60), (80, 130, 90), (200, 180, 120)][rng.integers(4)]
    folds = 1 + 0.14 * noise(rng, shape, 4)
    return (
        blend(colour(rng, 232, 228, 220), colour(rng, *dyed), (0.5 * first + 0.5 * second)) * folds[..., None]
    )


def _paper(rng: Rng, shape: tuple[int, int]) -> np.ndarray:
    x, y = _grid(shape)
    slope = 1 + rng.uniform(-0.15, 0.15) * x + rng.uniform(-0.2, 0.1) * y
    return colour(rng, 225, 224, 222) * slope[..., None]


def _grass(rng: Rng, shape: tuple[int, int]) -> np.ndarray:
    height, width = shape
    lean = (1, rng.uniform(-0.5, 0.5), height / 2, 0, 0.25, 0)
    field = Image.fromarray(noise(rng, (height, width + height), 190))
    blades = np.asarray(
        field.transform((width, height), Image.Transform.AFFINE, lean, Image.Resampling.BILINEAR)
    )
    ground = blend(colour(rng, 40, 70, 28), colour(rng, 110, 150, 60), 0.5 + 0.9 * blades)
    return blend(ground, colour(rng, 95, 75, 50), 0.7 * noise(rng, shape, 5) - 0.2)


def _tiles(rng: Rng, shape: tuple[int, int]) -> np.ndarray:
    x, y = _grid(shape)
    count = rng.uniform(3, 6)
    joint = np.minimum(np.abs((x * count + 0.3) % 1 - 0.5), np.abs((y * count) % 1 - 0.5))
    row, column = np.floor(y * count), np.floor(x * count + 0.3)
    shade = 0.9 + 0.1 * np.sin(row * 12.9 + column * 78.2) + 0.08 * noise(rng, shape, 20, 2)
    tone = colour(rng, *[(150, 90, 70), (110, 125, 135), (195, 190, 175)][rng.integers(3)])
    return tone * shade[..., None] * np.where(joint < 0.03, 0.6, 1.0)[..., None]


def _crate(rng: Rng, shape: tuple[int, int]) -> np.ndarray:
    x, _ = _grid(shape)
    slats = np.clip(np.sin(x * rng.uniform(18, 34) + rng.random()) * 5, -1, 1)
    tone = colour(rng, *[(40, 90, 60), (35, 60, 120), (60, 60, 62), (25, 25, 28)][rng.integers(4)])
    return tone * (0.75 + 0.3 * slats + 0.1 * noise(rng, shape, 6))[..., None]


def _carpet(rng: Rng, shape: tuple[int, int]) -> np.ndarray:
    pile = noise(rng, shape, 110) * 0.25 + noise(rng, shape, 8) * 0.12
    motif = np.sin(noise(rng, shape, 4) * rng.uniform(6, 14)) > 0.3
    yarn = [(120, 50, 55), (70, 75, 110), (140, 130, 115), (60, 90, 90)]
    first, second = (colour(rng, *yarn[pick]) for pick in rng.choice(4, 2, replace=False))
    return blend(first, second, motif.astype(np.float32)) * (1 + pile)[..., None]


@dataclass(frozen=True, slots=True)
class Style:
    """One kind of scene; spans are (least, most).

    Attributes:
        grounds: backgrounds to choose from.
        long_side_px: longer side of the photo.
        light_x: where the light comes from, -1 left to 1 right.
        lean: largest turn of an object, radians.
        share: size of a lone object as a share of the shorter side.
        exposure: gain; `warmth`: gain of red over blue.
        grain: standard deviation of the sensor's noise, grey levels of 255.
        blur_px: radius of the lens' blur; `quality`: JPEG quality.
    """

    grounds: tuple[Callable[[Rng, tuple[int, int]], np.ndarray], ...]
    long_side_px: int
    light_x: Span
    lean: float
    share: Span
    exposure: Span
    warmth: Span
    grain: Span
    blur_px: Span
    quality: tuple[int, int]


STYLES = {
    "corpus": Style(
        grounds=(_planks, _counter, _cloth, _paper), long_side_px=256,
        light_x=(-0.9, -0.1), lean=0.7, share=(0.62, 0.95),
        exposure=(0.9, 1.15), warmth=(0.95, 1.08), grain=(1, 4), blur_px=(0.2, 0.5), quality=(82, 93),
    ),
    "asked": Style(
        grounds=(_grass, _tiles, _crate, _carpet), long_side_px=320,
        light_x=(0.15, 1.0), lean=1.1, share=(0.5, 0.85),
        exposure=(0.78, 1.25), warmth=(0.88, 1.18), grain=(4, 9), blur_px=(0.4, 1.0), quality=(60, 80),
    ),
}  # fmt: skip


def photograph(painter: Painter | None, style: Style, rng: Rng) -> Image.Image:
    """Render one photo of one to five of what `painter` paints; of the bare ground without a painter."""
    shape = _shape(style, rng)
    picture = style.grounds[rng.integers(len(style.grounds))](rng, shape).astype(np.float32)
    light = (rng.uniform(*style.light_x), rng.uniform(-0.9, -0.2), rng.uniform(0.5, 0.9))
    if painter is not None:
        for x, y, side in _places(style, shape, rng):
            canvas = Canvas(side, rng.uniform(-style.lean, style.lean), light, rng)
            painter(canvas)
            _lay(picture, canvas, (x, y), light)
    return _expose(picture, style, rng)


def _shape(style: Style, rng: Rng) -> tuple[int, int]:
    long, short = style.long_side_px, round(style.long_side_px * rng.choice([0.75, 0.8, 1.0]))
    return (long, short) if rng.random() < 0.5 else (short, long)


def _places(style: Style, shape: tuple[int, int], rng: Rng) -> list[tuple[int, int, int]]:
    """Choose centre and size, in pixels, of each object: mostly one, at times a group."""
    height, width = shape
    number = int(rng.choice([1, 1, 1, 1, 2, 3, 5]))
    middle = np.array([width, height]) * rng.uniform(0.44, 0.56, 2)
    turn, places = rng.uniform(0, 2 * np.pi), []
    for index in range(number):
        side = min(shape) * rng.uniform(*style.share) * (1.25 if number == 1 else 1.0 / number**0.35)
        away = 0.0 if number == 1 else side * 0.42
        around = turn + index * 2 * np.pi / number + rng.normal(0, 0.2)
        x, y = middle + away * np.array([np.cos(around), 0.8 * np.sin(around)])
        places.append((int(x), int(y), int(side)))
    return sorted(places, key=lambda place: place[1])


def _lay(picture: np.ndarray, canvas: Canvas, centre: tuple[int, int], light: Sequence[float]) -> None:
    """Lay an object and its shadow into the picture, in place."""
    side = canvas.alpha.shape[0]
    left, top = centre[0] - side // 2, centre[1] - side // 2
    outline = Image.fromarray((canvas.alpha * 255).astype(np.uint8))
    shift = (-light[0] * side * 0.07, -light[1] * side * 0.07)
    for blur, strength, reach in ((side * 0.05, 0.45, 1.0), (side * 0.015, 0.35, 0.3)):
        soft = np.asarray(outline.filter(ImageFilter.BoxBlur(blur)), np.float32)[..., None] / 255
        corner = (left + round(shift[0] * reach), top + round(shift[1] * reach))
        _blend_in(picture, 1 - strength * soft, None, corner)
    _blend_in(picture, 1 - canvas.alpha[..., None], canvas.rgb, (left, top))


def _blend_in(picture: np.ndarray, keep: np.ndarray, add: np.ndarray | None, corner: tuple[int, int]) -> None:
    """Multiply by `keep` and add `add`, where the two overlap the picture."""
    (left, top), (height, width) = corner, picture.shape[:2]
    rows = slice(max(0, top), min(height, top + keep.shape[0]))
    columns = slice(max(0, left), min(width, left + keep.shape[1]))
    own = (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
    picture[rows, columns] *= keep[own]
    if add is not None:
        picture[rows, columns] += add[own]


def _expose(picture: np.ndarray, style: Style, rng: Rng) -> Image.Image:
    """Take the picture: vignette, exposure, white balance, lens blur, sensor noise."""
    height, width = picture.shape[:2]
    x, y = _grid((height, width))
    falloff = 1 - rng.uniform(0.1, 0.5) * ((x - x.mean()) ** 2 + (y - y.mean()) ** 2)
    warmth = rng.uniform(*style.warmth) ** 0.5
    gains = np.array([warmth, 1.0, 1 / warmth], np.float32) * rng.uniform(*style.exposure)
    exposed = np.clip(picture * falloff[..., None] * gains, 0, 1)
    lens = Image.fromarray((exposed * 255).astype(np.uint8))
    lens = lens.filter(ImageFilter.BoxBlur(rng.uniform(*style.blur_px)))
    grain = rng.standard_normal((height, width, 3), np.float32) * rng.uniform(*style.grain)
    return Image.fromarray(np.clip(np.asarray(lens) + grain, 0, 255).astype(np.uint8))
