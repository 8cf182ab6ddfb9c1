"""Photos spoiled in the ways that a hand, a lens and a lamp spoil them, from hardly to beyond recognition."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from tests.bench.changed_photos import CHANGES

Spoil = Callable[[Image.Image, float], Image.Image]
SENSOR_NOISE = 2.0
JPEG_QUALITY = 90


@dataclass(frozen=True)
class Way:
    """One way of spoiling photos.

    Attributes:
        advice: code that a photo spoiled like this should get.
        spoil: what it does to an RGB photo at one degree.
        degrees: from mild to hopeless.
        about: what a degree means.
    """

    advice: str
    spoil: Spoil
    degrees: Sequence[float]
    about: str


def dark(photo: Image.Image, light: float) -> Image.Image:
    """Leave a share of the light, and the sensor's noise as it is."""
    pixels = np.asarray(photo, np.float32) * light
    return _image(pixels + _noise(photo, SENSOR_NOISE))


def bright(photo: Image.Image, gain: float) -> Image.Image:
    """Expose too long: what passes white is cut off."""
    return _image(np.asarray(photo, np.float32) * gain)


def glare(photo: Image.Image, share: float) -> Image.Image:
    """Lay white over it, as a flash in a pane of glass does."""
    pixels = np.asarray(photo, np.float32)
    return _image(pixels + (255 - pixels) * share + _noise(photo, SENSOR_NOISE))


def out_of_focus(photo: Image.Image, share: float) -> Image.Image:
    """Blur with a Gaussian whose deviation is a share of the longer side."""
    return photo.filter(ImageFilter.GaussianBlur(max(photo.size) * share))


def shaken(photo: Image.Image, share: float) -> Image.Image:
    """Move the camera, meanwhile, along a slanted line as long as a share of the longer side."""
    length = max(2, round(max(photo.size) * share))
    pixels = np.asarray(photo, np.float32)
    steps = np.linspace(-length / 2, length / 2, min(length, 48))
    moved = np.zeros_like(pixels)
    for step in steps:
        moved += _shifted(pixels, round(0.9 * step), round(0.44 * step))
    return _image(moved / len(steps))


def covered(photo: Image.Image, share: float) -> Image.Image:
    """Mix it with its mean colour: a finger, breath or grease over the lens."""
    pixels = np.asarray(photo, np.float32)
    return _image(pixels + (pixels.mean((0, 1)) - pixels) * share + _noise(photo, SENSOR_NOISE))


def beside(photo: Image.Image, share: float) -> Image.Image:
    """Point at the plainest spot, a share of the sides: the wall or cloth beside the fruit."""
    pixels = np.asarray(photo)
    height, width = (max(8, round(side * share)) for side in pixels.shape[:2])
    rows = range(0, pixels.shape[0] - height + 1, max(1, height // 4))
    columns = range(0, pixels.shape[1] - width + 1, max(1, width // 4))
    top, left = min(
        ((top, left) for top in rows for left in columns),
        key=lambda at: float(pixels[at[0] : at[0] + height : 2, at[1] : at[1] + width : 2].std((0, 1)).sum()),
    )
    spot = photo.crop((left, top, left + width, top + height)).resize(photo.size, Image.Resampling.BICUBIC)
    return _image(np.asarray(spot, np.float32) + _noise(photo, SENSOR_NOISE))


def small(photo: Image.Image, side_px: float) -> Image.Image:
    """Shrink it to a longer side of some pixels; the shorter one keeps 16, the least that is decoded."""
    factor = min(1.0, side_px / max(photo.size))
    width, height = (max(16, round(side * factor)) for side in photo.size)
    return photo.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)


WAYS: Mapping[str, Way] = {
    "dark": Way("too_dark", dark, (0.35, 0.2, 0.1, 0.06, 0.04, 0.025, 0.015, 0.01), "light left"),
    "bright": Way("blown_out", bright, (1.5, 2, 3, 4, 6, 9, 14, 20, 30), "times the light"),
    "glare": Way("blown_out", glare, (0.5, 0.7, 0.8, 0.9, 0.95, 0.98), "share of white"),
    "out of focus": Way(
        "blurred",
        out_of_focus,
        (1 / 160, 1 / 80, 1 / 56, 1 / 40, 1 / 28, 1 / 20, 1 / 14, 1 / 10, 1 / 7),
        "deviation, of the longer side",
    ),
    "shaken": Way(
        "blurred", shaken, (1 / 40, 1 / 20, 1 / 14, 1 / 10, 1 / 7, 1 / 5, 1 / 3, 1 / 2), "of the longer side"
    ),
    "small": Way("tiny", small, (96, 64, 48, 40, 32, 24, 20, 16), "longer side in px"),
    "covered": Way("only_background", covered, (0.5, 0.7, 0.8, 0.9, 0.95, 0.98), "share of one colour"),
    "beside": Way("only_background", beside, (1 / 2, 1 / 3, 1 / 5, 1 / 8), "of the sides"),
    **{
        f"changed: {name}": Way("", lambda photo, _, change=change: change(photo), (1,), "")  # type: ignore[misc]
        for name, change in CHANGES.items()
    },
}
"""Name of each way; the last ones are those of `changed_photos`, after which fruit is still identified."""


def file_of(photo: Image.Image) -> bytes:
    """Encode as a phone does."""
    out = io.BytesIO()
    photo.save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def _noise(photo: Image.Image, deviation: float) -> npt.NDArray[np.float32]:
    """Give grey noise, the same for photos of the same size and corner."""
    seed = int(np.asarray(photo.crop((0, 0, 4, 4)), np.int64).sum()) + photo.width * 10_007
    noise = np.random.default_rng(seed).normal(0, deviation, (photo.height, photo.width, 1))
    return noise.astype(np.float32)


def _shifted(pixels: npt.NDArray[np.float32], across: int, down: int) -> npt.NDArray[np.float32]:
    """Shift by whole pixels; the edge repeats."""
    rows = np.clip(np.arange(pixels.shape[0]) - down, 0, pixels.shape[0] - 1)
    columns = np.clip(np.arange(pixels.shape[1]) - across, 0, pixels.shape[1] - 1)
    return pixels[rows][:, columns]


def _image(pixels: npt.NDArray[np.floating]) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
