"""Rendered photos as a camera writes them, and files that are none."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from batch.synthetic import FRUITS
from batch.synthetic.objects import THINGS
from batch.synthetic.scenes import STYLES, photograph

ORIENTATION, GPS, MAKE = 0x0112, 0x8825, 0x010F
CAMERA = "Camera of Somebody"
SIDEWAYS = 6  # the camera was turned by a quarter: the picture is to be shown turned clockwise


def picture(subject: str, number: int = 0, *, long_side_px: int = 900) -> Image.Image:
    """Render a fruit or a thing; the same arguments give the same picture."""
    style = replace(STYLES["corpus"], long_side_px=long_side_px)
    return photograph((FRUITS | THINGS)[subject], style, np.random.default_rng([number, len(subject)]))


def file_of(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """Encode a picture."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def camera_file(image: Image.Image) -> bytes:
    """Encode a picture as a camera held sideways does: turned, with place and maker in its EXIF."""
    exif = Image.Exif()
    exif[ORIENTATION] = SIDEWAYS
    exif[MAKE] = CAMERA
    exif[GPS] = {1: "N", 2: (48.0, 51.0, 24.0), 3: "E", 4: (2.0, 21.0, 3.0)}
    return file_of(image.transpose(Image.Transpose.ROTATE_90), quality=95, exif=exif)


def upload(data: bytes, name: str = "IMG_0001.jpg", kind: str = "image/jpeg") -> dict[str, Any]:
    """Make what a file chooser is given."""
    return {"name": name, "mimeType": kind, "buffer": data}
