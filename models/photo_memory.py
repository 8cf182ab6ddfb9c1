"""How much memory decoding a photo takes, told from its header: a few kilobytes may stand for gigabytes.

The figures were measured as growth of the resident memory over photos of 12 and 48 megapixels. What an AVIF
takes cannot be told: the size in its container may be smaller than the picture that its decoder unpacks.
"""

import math
from collections.abc import Sequence

from PIL import Image

MAX_RESULT_BYTES = 64_000_000
"""Most bytes of a reduced photo; only strips, 16 times as long as wide, come near it."""
_RESULT_BYTES_A_PIXEL = 8
BAND_PIXELS = 2_000_000
_BAND_BYTES_A_PIXEL = 11
# Pillow keeps every pixel of more than one channel in 4 bytes.
_BYTES_OF_MODE = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
_BYTES_OF_OTHERS = 4
# The decoder's canvas, its former one, their copy as bytes and Pillow's own pixels.
_WEBP_BYTES_A_PIXEL = 16
# Its planes, their colours, those as bytes and Pillow's own pixels.
_AVIF_BYTES_A_PIXEL = 9
_COEFFICIENT_BYTES = 2


def of_picture(picture: Image.Image, size: tuple[int, int], scans: int) -> int:
    """Bytes that decoding what Pillow opened takes.

    Args:
        picture: as it will be decoded, at a reduced scale perhaps.
        size: before it was reduced.
        scans: passes over the pixels that a JPEG seems to come in.
    """
    if picture.format == "WEBP":
        return math.prod(size) * _WEBP_BYTES_A_PIXEL
    if picture.format == "AVIF":
        return math.prod(size) * _AVIF_BYTES_A_PIXEL
    pixels = math.prod(picture.size) * _BYTES_OF_MODE.get(picture.mode, _BYTES_OF_OTHERS)
    layers = getattr(picture, "layer", None)
    if layers and (scans > 1 or "progressive" in picture.info):
        pixels += of_coefficients(size, [(across, down) for _, across, down, _ in layers])
    return pixels


def of_result(size: tuple[int, int], factor: int) -> int:
    """Bytes of a photo reduced by a factor, while it is brought upright and into an array."""
    return math.ceil(size[0] / factor) * math.ceil(size[1] / factor) * _RESULT_BYTES_A_PIXEL


def of_band(size: tuple[int, int]) -> int:
    """Bytes of the rows that are reduced at a time, in several copies."""
    return min(math.prod(size), BAND_PIXELS) * _BAND_BYTES_A_PIXEL


def of_coefficients(size: tuple[int, int], sampling: Sequence[tuple[int, int]]) -> int:
    """Bytes that a JPEG's decoder keeps until the last of several scans has been read.

    Args:
        size: of the photo at full scale.
        sampling: each component's horizontal and vertical factor.
    """
    widest, tallest = (max(factors) for factors in zip(*sampling, strict=True))
    samples = sum(
        math.ceil(size[0] * across / widest) * math.ceil(size[1] * down / tallest)
        for across, down in sampling
    )
    return samples * _COEFFICIENT_BYTES


def of_heic(size: tuple[int, int], mode: str, bit_depth: int, chroma: int) -> int:
    """Bytes that a HEIC takes: its planes of brightness, colour and alpha beside what they are turned into.

    Args:
        size: in pixels.
        mode: Pillow's, of what it is turned into.
        bit_depth: of a channel as stored; what is deeper than 8 is turned into 8 in between.
        chroma: 400 (grey), 420, 422 or 444, which is turned into colours in one more step.
    """
    planes = {400: 1.0, 420: 1.5, 422: 2.0}.get(chroma, 3.0) + (mode in ("LA", "RGBA"))
    a_pixel = planes * (3 if bit_depth > 8 else 1) + len(mode) + (3 if chroma == 444 else 0) + 0.3
    return math.ceil(math.prod(size) * a_pixel)
