"""The API as it is, but for one thing: every pixel of a photo is decoded and then resized, as Pillow's
tutorials have it. `gunicorn --config api/gunicorn.conf.py "tests.bench.whole_decode:create()"`
"""

import io

import numpy as np
import pillow_heif
from flask import Flask
from PIL import Image, ImageOps

from api import create_app
from api.request_log import configure_logging
from api.settings import Settings
from models import photo
from models.photo import Photo, PhotoLimits


def create() -> Flask:
    """Make the application; this process decodes in the classic way from now on."""
    pillow_heif.register_heif_opener()
    photo.decode = _decode_whole
    configure_logging()
    return create_app(Settings.from_environ())


def _decode_whole(
    data: bytes, *, working_side_px: int = photo.WORKING_SIDE_PX, limits: PhotoLimits = PhotoLimits()
) -> Photo:
    """Decode to the size that the API works on; the limits are not looked at."""
    del limits
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    width, height = image.size
    scale = max(1.0, min(width, height) / working_side_px)
    resized = image.resize((round(width / scale), round(height / scale)), Image.Resampling.BILINEAR)
    return Photo(np.asarray(resized), width, height, "JPEG")
