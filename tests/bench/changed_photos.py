"""What happens to photos on the way from a shelf to a phone: each change as one would meet it."""

from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps


def as_it_is(photo: Image.Image) -> Image.Image:
    """Change nothing."""
    return photo


def closer(photo: Image.Image) -> Image.Image:
    """Keep the middle: two thirds of each side."""
    width, height = photo.size
    return photo.crop((width // 6, height // 6, width - width // 6, height - height // 6))


def farther(photo: Image.Image) -> Image.Image:
    """Set the photo into its own blurred surroundings, a half larger on each side."""
    width, height = photo.size
    ground = photo.resize((width * 3 // 2, height * 3 // 2)).filter(ImageFilter.GaussianBlur(width / 12))
    ground.paste(photo, (width // 4, height // 4))
    return ground


def darker(photo: Image.Image) -> Image.Image:
    """Two stops less light."""
    return ImageEnhance.Brightness(photo).enhance(0.35)


def lamp_light(photo: Image.Image) -> Image.Image:
    """The yellow of a kitchen lamp that the phone did not balance."""
    tinted = np.asarray(photo, np.float32) * np.array([1.15, 1.0, 0.65], np.float32)
    return Image.fromarray(np.clip(tinted, 0, 255).astype(np.uint8))


def blurred(photo: Image.Image) -> Image.Image:
    """Lose what is finer than a fortieth of the photo."""
    return photo.filter(ImageFilter.GaussianBlur(max(photo.size) / 80))


def upside_down(photo: Image.Image) -> Image.Image:
    """The phone was held the wrong way and did not say so."""
    return photo.rotate(180)


def half_hidden(photo: Image.Image) -> Image.Image:
    """Cover the left third with something grey."""
    hidden = photo.copy()
    hidden.paste((120, 118, 115), (0, 0, photo.width // 3, photo.height))
    return hidden


def framed(photo: Image.Image) -> Image.Image:
    """Leave a plain border of a sixth on each side, as a screenshot does."""
    return ImageOps.expand(photo, border=max(photo.size) // 6, fill=(28, 28, 30))


CHANGES: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "as it is": as_it_is,
    "closer": closer,
    "farther": farther,
    "darker": darker,
    "lamp light": lamp_light,
    "blurred": blurred,
    "upside down": upside_down,
    "a third hidden": half_hidden,
    "framed": framed,
}
"""Name of each change -> what it does to an RGB photo."""
