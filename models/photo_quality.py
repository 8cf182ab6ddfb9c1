"""Says what makes a photo unusable: too dark, blown out, blurred, tiny, or nothing but background.

Everything is measured on the picture as the network gets it (`photo.fit`: white bars off), at 96 x 96 pixels
whatever the photo's own size. Each measure has two bounds. Beyond the first the photo is hopeless, whatever
the network says: out of focus it often says something, and with confidence. Beyond the second the photo is
poor, which counts only where the network names no fruit: then the user hears why. The bounds were chosen on
photographs kept apart and spoiled step by step (docs/photo_quality.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

SIDE_PX = 96
TOO_DARK, BLOWN_OUT, BLURRED, TINY = "too_dark", "blown_out", "blurred", "tiny"
ONLY_BACKGROUND = "only_background"
CODES = (TINY, TOO_DARK, BLOWN_OUT, ONLY_BACKGROUND, BLURRED)
"""In the order in which they are looked for: each spoils the measures of those behind it."""

# ITU-R BT.601 luma, as Pillow's conversion to grey.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_GRADED_FROM, _GRADED_TO = 8, 247
_BRIGHT_FROM, _VEILED_FROM = 200.0, 180.0
_LEAST_RANGE = 8.0
_TAIL = 0.02
_EDGES = 0.99
_ANGLES = np.arange(8, dtype=np.float32) * np.float32(np.pi / 8)
_ACROSS, _DOWN = np.cos(_ANGLES), np.sin(_ANGLES)
_SLOPES = np.stack([_ACROSS, _DOWN], axis=1)
_BENDS = np.stack([_ACROSS**2, 2 * _ACROSS * _DOWN, _DOWN**2], axis=1)


@dataclass(frozen=True, slots=True)
class Measures:
    """What is measured of one photo.

    Attributes:
        side_px: its longer side.
        light: level, 0..255, that 5 % of the pixels exceed in their brightest channel.
        graded: share, 0..1, of pixels that are neither cut off at white nor at black in any channel.
        contrast: 0..1, largest range of levels of a channel over the highest level.
        veil: level, 0..255, above which all but the darkest 2 % lie in every channel.
        sharpness: curvature of the sharpest 1 % in the direction where it is least, as a share of the range
            of grey levels; low out of focus.
        steepness: the same of the slope; low where the camera moved, in whatever direction.
    """

    side_px: int
    light: float
    graded: float
    contrast: float
    veil: float
    sharpness: float
    steepness: float


@dataclass(frozen=True, slots=True)
class Bounds:
    """A photo is unusable below any of these; units as in `Measures`."""

    side_px: int
    light: float
    graded: float
    contrast: float
    sharpness: float
    steepness: float

    def broken_by(self, photo: Measures) -> str | None:
        """Name the first thing that is wrong, in the order of `CODES`; None when all is well."""
        flat = photo.contrast < self.contrast
        wrong: Mapping[str, bool] = {
            TINY: photo.side_px < self.side_px,
            TOO_DARK: photo.light < self.light,
            BLOWN_OUT: (photo.light >= _BRIGHT_FROM and photo.graded < self.graded)
            or (flat and photo.veil >= _VEILED_FROM),
            ONLY_BACKGROUND: flat,
            BLURRED: photo.sharpness < self.sharpness or photo.steepness < self.steepness,
        }
        return next((code for code in CODES if wrong[code]), None)


HOPELESS = Bounds(side_px=24, light=19, graded=0.03, contrast=0.2, sharpness=0.07, steepness=0.105)
POOR = Bounds(side_px=48, light=60, graded=0.33, contrast=0.33, sharpness=0.13, steepness=0.15)


def measure(pixels: npt.NDArray[np.uint8], width: int, height: int) -> Measures:
    """Measure a photo.

    Args:
        pixels: uint8 (96, 96, 3) RGB, from `photo.fit(decoded.pixels, SIDE_PX)`.
        width, height: size of the original in pixels.
    """
    if pixels.shape != (SIDE_PX, SIDE_PX, 3) or pixels.dtype != np.uint8:
        raise ValueError(f"Expected uint8 ({SIDE_PX}, {SIDE_PX}, 3), got {pixels.dtype} {pixels.shape}.")
    # A plane a channel: all that follows runs along them.
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    sampled = planes[:, ::2, ::2].reshape(3, -1)
    # Counted, not sorted: a level is at place k when more than k pixels are at most as bright.
    at_most = np.stack([np.bincount(plane, minlength=256) for plane in sampled]).cumsum(axis=1)
    low, light, high = (
        (at_most <= int(share * sampled.shape[1])).sum(axis=1) for share in (_TAIL, 0.95, 1 - _TAIL)
    )
    graded = ((sampled > _GRADED_FROM) & (sampled < _GRADED_TO)).all(axis=0)
    sharpness, steepness = _edges(planes)
    return Measures(
        side_px=max(width, height),
        light=float(light.max()),
        graded=float(graded.mean()),
        contrast=float((high - low).max() / max(float(high.max()), 2 * _LEAST_RANGE)),
        veil=float(low.min()),
        sharpness=sharpness,
        steepness=steepness,
    )


def advice(photo: Measures, *, named: bool) -> tuple[str, ...]:
    """Give the advice codes of a photo, none when it is usable.

    Args:
        photo: what was measured.
        named: whether the network names a fruit in this photo alone.
    """
    code = HOPELESS.broken_by(photo) or (None if named else POOR.broken_by(photo))
    return () if code is None else (code,)


def _edges(planes: npt.NDArray[np.uint8]) -> tuple[float, float]:
    """Give sharpness and steepness, at 48 x 48 pixels: noise and JPEG's blocks are averaged away."""
    half = SIDE_PX // 2
    rows = planes[:, ::2].astype(np.float32) + planes[:, 1::2]
    grey = (_LUMA @ (rows[:, :, ::2] + rows[:, :, 1::2]).reshape(3, -1) / 4).reshape(half, half)
    levels = np.sort(grey, axis=None)
    spread = float(levels[int((1 - _TAIL) * levels.size)] - levels[int(_TAIL * levels.size)])
    middle, left, right = grey[1:-1, 1:-1], grey[1:-1, :-2], grey[1:-1, 2:]
    above, below = grey[:-2, 1:-1], grey[2:, 1:-1]
    twist = (grey[2:, 2:] + grey[:-2, :-2] - grey[2:, :-2] - grey[:-2, 2:]) / 4
    bends = np.stack([left + right - 2 * middle, twist, above + below - 2 * middle], dtype=np.float32)
    slopes = np.stack([(right - left) / 2, (below - above) / 2], dtype=np.float32)
    return _weakest(_BENDS, bends, spread), _weakest(_SLOPES, slopes, spread)


def _weakest(directions: Floats, derivatives: Floats, spread: float) -> float:
    """Take the strongest 1 % in each direction, then the weakest direction.

    Args:
        directions: float32 (directions, n), what each direction has of the derivatives.
        derivatives: float32 (n, height, width).
        spread: range of grey levels.
    """
    along = directions @ derivatives.reshape(len(derivatives), -1)
    np.abs(along, out=along)
    place = int(_EDGES * along.shape[1])
    along.partition(place, axis=1)
    return float(along[:, place].min()) / max(spread, _LEAST_RANGE)
