"""Turns the bytes of a photo into upright pixels, and pixels into what the network sees.

Batch, training and the API all go through `decode` and `fit`, so the same bytes give the same picture
everywhere. Photos come from strangers: the header is checked before anything is decoded, and whatever the
bytes are, only a `PhotoError` is raised.
"""

import io
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pillow_heif
from PIL import (
    AvifImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from models import photo_memory
from models.errors import PhotoError, PhotoTooLarge, PhotoTooSmall, UndecodablePhoto
from models.photo_apart import decode_apart
from models.photo_container import UPRIGHT, Container, exif_orientation, read_container

WHITE = 250
MIN_TRIMMED_SIDE_PX = 16
MAX_ASPECT = (4, 3)
WORKING_SIDE_PX = 320
"""Batch, training and API decode to this size, so that they see the same pixels;
a 12-megapixel JPEG reaches it at an eighth."""

# Plugins are opened directly: Image.open warns about large sizes, and silencing warnings is not thread-safe.
_PLUGINS: dict[str, type[ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "GIF": GifImagePlugin.GifImageFile,
}
# What the decoders were seen to raise on broken bytes; OSError stands for most, the others for odd headers.
_DECODER_FAILURES = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
    struct.error,
    Image.DecompressionBombError,
)
# https://www.cipa.jp/std/documents/e/DC-008-2012_E.pdf, tag 0x0112: what brings each orientation upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """What a photo may be, and take.

    Attributes:
        max_bytes: of the file.
        max_pixels: in all.
        min_side_px: pixels of its shorter side.
        max_memory_bytes: what decoding it may take.
        in_process_bytes: what all photos that are being decoded may take in this process at the same time;
            those that alone take more, and those of which it cannot be told, are decoded in a process of
            their own. None: all are decoded here.
    """

    max_bytes: int = 20_000_000
    max_pixels: int = 50_000_000
    min_side_px: int = 16
    max_memory_bytes: int = 320_000_000
    in_process_bytes: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Opened:
    """A photo whose header has been read, but none of its pixels.

    Attributes:
        format: as `Photo.format`.
        size: (width, height) in pixels as stored.
        decoded_size: as its decoder gives it, which may reduce it.
        orientation: EXIF's, 1 to 8.
        memory_bytes: what decoding it takes.
        certain: whether it cannot take more, whatever its bytes are.
        decode: gives what cuts the rows from one to another out of the decoded photo.
    """

    format: str
    size: tuple[int, int]
    decoded_size: tuple[int, int]
    orientation: int
    memory_bytes: int
    certain: bool
    decode: Callable[[], Callable[[int, int], Image.Image]]


class _Memory:
    """What the photos take that are being decoded in this process."""

    def __init__(self) -> None:
        self._next = threading.Lock()
        self._freed = threading.Condition()
        self._taken = 0

    @contextmanager
    def hold(self, needed: int, most: int | None) -> Iterator[None]:
        """Wait until so many bytes can be taken beside what others take, and take them."""
        # Who comes later waits behind: small photos that keep coming would keep a large one out for ever.
        with self._next, self._freed:
            self._freed.wait_for(lambda: most is None or self._taken == 0 or self._taken + needed <= most)
            self._taken += needed
        try:
            yield
        finally:
            with self._freed:
                self._taken -= needed
                self._freed.notify_all()


_memory = _Memory()
_one_apart = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A decoded photo.

    Attributes:
        pixels: uint8 (h, w, 3) RGB, upright, read-only; reduced where the photo is larger than was asked for.
        width, height: size in pixels of the original, upright.
        format: JPEG, PNG, WEBP, AVIF, HEIC or GIF.
    """

    pixels: np.ndarray
    width: int
    height: int
    format: str


def decode(
    data: bytes, *, working_side_px: int = WORKING_SIDE_PX, limits: PhotoLimits = PhotoLimits()
) -> Photo:
    """Decode a photo of any accepted format, upright, on white where it is transparent.

    Args:
        data: the file; recognised by its content.
        working_side_px: both sides of the pixels stay at least this long (or at full size), so that
            a larger photo can be decoded faster; the shorter side ends below twice this.
        limits: refused beyond these.

    Raises:
        NotAnImage: not of an accepted type, or empty.
        UndecodablePhoto: broken or cut short.
        PhotoTooLarge, PhotoTooSmall: outside the limits, or in need of more memory than they allow.
    """
    if len(data) > limits.max_bytes:
        raise PhotoTooLarge(
            f"Expected at most {limits.max_bytes:,} bytes, got {len(data):,}; send a smaller photo."
        )
    container = read_container(data)
    if container.size is not None:
        _check_size(container.size, limits)
    try:
        opened = _open_heic(container) if container.format == "HEIC" else _open(container, working_side_px)
        return _decode_opened(opened, data, working_side_px, limits)
    except PhotoError:
        raise
    except _DECODER_FAILURES as error:
        raise UndecodablePhoto(
            f"The {container.format} photo is broken or cut short; send it again."
        ) from error


def fit(pixels: np.ndarray, size: int) -> np.ndarray:
    """Frame a picture as the network sees it: white bars off, at most 4:3, squeezed into a square.

    Args:
        pixels: uint8 (h, w, 3) RGB.
        size: side of the result in pixels.

    Returns:
        uint8 (size, size, 3) RGB, read-only.
    """
    return fit_each(pixels, (size,))[0]


def fit_each(pixels: np.ndarray, sizes: Sequence[int]) -> list[np.ndarray]:
    """Frame a picture in several sizes, each as `fit` does."""
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ValueError(f"Expected uint8 (h, w, 3), got {pixels.dtype} {pixels.shape}.")
    left, top, right, bottom = _centre(_trim_white_bars(pixels))
    image = Image.fromarray(np.ascontiguousarray(pixels[top:bottom, left:right]))
    return [
        np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, reducing_gap=3.0)) for size in sizes
    ]


def _check_size(size: tuple[int, int], limits: PhotoLimits) -> None:
    width, height = size
    if width * height > limits.max_pixels:
        raise PhotoTooLarge(
            f"Expected at most {limits.max_pixels:,} pixels, got {width} x {height}; send a smaller photo."
        )
    if min(size) < limits.min_side_px:
        raise PhotoTooSmall(
            f"Expected sides of at least {limits.min_side_px} px, got {width} x {height}; send a larger one."
        )


def _decode_opened(opened: _Opened, data: bytes, working_side_px: int, limits: PhotoLimits) -> Photo:
    _check_size(opened.size, limits)
    factor = max(1, min(opened.decoded_size) // working_side_px)
    result = photo_memory.of_result(opened.decoded_size, factor)
    needed = opened.memory_bytes + len(data) + photo_memory.of_band(opened.decoded_size) + result
    _check_memory(opened.format, opened.size, needed, result, limits)
    most = limits.in_process_bytes
    if most is not None and (needed > most or not opened.certain):
        with _one_apart:
            told, pixels = decode_apart(data, working_side_px, limits)
        return Photo(pixels, **told)
    with _memory.hold(needed, most):
        image = _reduce(opened.decode(), opened.decoded_size, factor)
        if opened.orientation in _TURNS:
            image = image.transpose(_TURNS[opened.orientation])
        width, height = opened.size if opened.orientation < 5 else opened.size[::-1]
        return Photo(np.asarray(image), width, height, opened.format)


def _check_memory(format: str, size: tuple[int, int], needed: int, result: int, limits: PhotoLimits) -> None:
    if result > photo_memory.MAX_RESULT_BYTES:
        raise PhotoTooLarge(f"Expected sides of similar length, got {size[0]} x {size[1]}; cut the photo.")
    if needed > limits.max_memory_bytes:
        raise PhotoTooLarge(
            f"Expected a photo that decodes in at most {limits.max_memory_bytes / 1e6:.0f} MB of memory; "
            f"{size[0]} x {size[1]} as {format} take {needed / 1e6:.0f} MB. Send a smaller photo."
        )


def _open(container: Container, working_side_px: int) -> _Opened:
    """Open through Pillow, which reads the header only; a JPEG is to be decoded at a reduced scale."""
    picture = _PLUGINS[container.format](io.BytesIO(container.data))
    size = picture.size
    picture.draft(None, (working_side_px, working_side_px))

    def decode() -> Callable[[int, int], Image.Image]:
        picture.load()
        width, height = picture.size
        return lambda top, bottom: (
            picture if (top, bottom) == (0, height) else picture.crop((0, top, width, bottom))
        )

    return _Opened(
        container.format,
        size,
        picture.size,
        container.orientation or exif_orientation(picture.info.get("exif", b"")),
        photo_memory.of_picture(picture, size, container.scans),
        container.format != "AVIF",
        decode,
    )


def _open_heic(container: Container) -> _Opened:
    """Open the primary picture through libheif, which turns it upright itself; its EXIF repeats the turn."""
    heif = pillow_heif.open_heif(io.BytesIO(container.data))
    width, mode = heif.size[0], heif.mode

    def decode() -> Callable[[int, int], Image.Image]:
        rows, stride = memoryview(heif.data), heif.stride
        return lambda top, bottom: Image.frombytes(
            mode, (width, bottom - top), rows[top * stride : bottom * stride], "raw", mode, stride
        )

    memory_bytes = photo_memory.of_heic(heif.size, mode, heif.info["bit_depth"], heif.info.get("chroma", 400))
    return _Opened("HEIC", heif.size, heif.size, UPRIGHT, memory_bytes, True, decode)


def _reduce(rows: Callable[[int, int], Image.Image], size: tuple[int, int], factor: int) -> Image.Image:
    """Average blocks of `factor` by `factor` pixels to RGB, some rows at a time: all take too much."""
    width, height = size
    band = max(1, photo_memory.BAND_PIXELS // (width * factor)) * factor
    if factor == 1 or band >= height:
        return _to_rgb(_block_means(rows(0, height), factor))
    reduced = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    for top in range(0, height, band):
        part = _to_rgb(_block_means(rows(top, min(top + band, height)), factor))
        reduced.paste(part, (0, top // factor))
    return reduced


def _block_means(image: Image.Image, factor: int) -> Image.Image:
    if factor == 1:
        return image
    if image.mode not in ("L", "LA", "RGB", "RGBA", "CMYK") or "transparency" in image.info:
        image = _to_rgb(image)
    return image.reduce(factor)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        layers = image.convert("RGBA")
        on_white = Image.new("RGB", image.size, "white")
        on_white.paste(layers, mask=layers.getchannel("A"))
        return on_white
    return image.convert("RGB")


def _trim_white_bars(pixels: np.ndarray) -> tuple[int, int, int, int]:
    """Find (left, top, right, bottom) without the border rows and columns that are entirely >= 250 grey.

    Grey is ITU-R 601 luma as Pillow rounds it. A side keeps 16 pixels; an all-white picture stays whole.
    """
    height, width = pixels.shape[:2]
    edges = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
    # Luma >= 250 needs green >= 245: most photos are done after these four lines.
    if all(edge[:, 1].min() < 245 for edge in edges):
        return 0, 0, width, height
    grey = Image.fromarray(np.ascontiguousarray(pixels)).convert("L")
    box = grey.point([255] * WHITE + [0] * (256 - WHITE)).getbbox()
    if box is None:
        return 0, 0, width, height
    left, right = _at_least(box[0], box[2], width)
    top, bottom = _at_least(box[1], box[3], height)
    return left, top, right, bottom


def _at_least(start: int, stop: int, length: int) -> tuple[int, int]:
    """Widen start..stop around its middle to 16 pixels, within 0..length."""
    missing = MIN_TRIMMED_SIDE_PX - (stop - start)
    if missing <= 0:
        return start, stop
    start = max(0, min(start - missing // 2, length - MIN_TRIMMED_SIDE_PX))
    return start, min(length, start + MIN_TRIMMED_SIDE_PX)


def _centre(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Cut the middle out of a box whose sides differ by more than 4:3."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    longest, shortest = MAX_ASPECT
    cut_x = max(0, width - round(height * longest / shortest))
    cut_y = max(0, height - round(width * longest / shortest))
    left, top = left + cut_x // 2, top + cut_y // 2
    return left, top, right - (cut_x - cut_x // 2), bottom - (cut_y - cut_y // 2)
