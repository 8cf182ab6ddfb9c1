"""Makes photos of the sizes that phones send, from rendered ones."""

import io

import numpy as np
from PIL import Image

from batch.synthetic import render

LARGE = (4032, 3024)
SMALL = (348, 348)
_NOISE = 8.0


def large_photo(number: int) -> bytes:
    """Give a 12-megapixel JPEG of 3 to 5 MB; without its sensor noise it would be smaller than real ones."""
    return _photo(number, LARGE, quality=88)


def small_photo(number: int) -> bytes:
    """Give a JPEG of 348 x 348 pixels."""
    return _photo(number, SMALL, quality=90)


def _photo(number: int, size: tuple[int, int], quality: int) -> bytes:
    image = Image.open(io.BytesIO(render("apple", number, seed=11, kind="asked"))).convert("RGB")
    pixels = np.asarray(image.resize(size, Image.Resampling.BICUBIC), np.float32)
    noise = np.random.default_rng(number).normal(0, _NOISE, (*pixels.shape[:2], 1)).astype(np.float32)
    out = io.BytesIO()
    Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8)).save(out, "JPEG", quality=quality)
    return out.getvalue()
