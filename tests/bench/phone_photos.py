"""Makes photos of the sizes that phones send, from rendered ones."""

import io

import numpy as np
import pillow_heif
from PIL import Image

from batch.synthetic import FRUITS, render

LARGE = (4032, 3024)
SMALL = (348, 348)
_NOISE = 8.0


def large_photo(number: int) -> bytes:
    """Give a 12-megapixel JPEG of 3 to 5 MB; without its sensor noise it would be smaller than real ones."""
    return _jpeg(_picture(number, LARGE), quality=88)


def large_heic(number: int) -> bytes:
    """Give the same picture as HEIC, which is smaller."""
    out = io.BytesIO()
    # The fastest preset: it takes seconds here, the usual one minutes.
    pillow_heif.from_pillow(_picture(number, LARGE)).save(out, quality=50, enc_params={"preset": "ultrafast"})
    return out.getvalue()


def small_photo(number: int, fruit: str = "apple") -> bytes:
    """Give a JPEG of 348 x 348 pixels."""
    return _jpeg(_picture(number, SMALL, fruit), quality=90)


def small_photos() -> list[bytes]:
    """Give one such JPEG of every fruit that can be rendered."""
    return [small_photo(number, fruit) for number, fruit in enumerate(FRUITS)]


def _picture(number: int, size: tuple[int, int], fruit: str = "apple") -> Image.Image:
    image = Image.open(io.BytesIO(render(fruit, number, seed=11, kind="asked"))).convert("RGB")
    pixels = np.asarray(image.resize(size, Image.Resampling.BICUBIC), np.float32)
    noise = np.random.default_rng(number).normal(0, _NOISE, (*pixels.shape[:2], 1)).astype(np.float32)
    return Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))


def _jpeg(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()
