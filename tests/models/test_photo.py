"""Photos of every accepted format are decoded upright; everything else is refused with the right error."""

import io
import random
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from models.errors import NotAnImage, PhotoError, PhotoTooLarge, PhotoTooSmall, UndecodablePhoto
from models.photo import Photo, PhotoLimits, decode, fit, fit_each

ORIENTATION, GPS = 0x0112, 0x8825
TURN_AWAY = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}
PINNED = [
    [[46, 42, 20], [112, 42, 49], [178, 42, 73]],
    [[46, 114, 55], [112, 114, 110], [178, 114, 87]],
    [[46, 186, 85], [112, 186, 87], [178, 186, 82]],
]


def scene(width: int = 96, height: int = 64) -> Image.Image:
    """Draw four corners of different colour with soft borders, so that every turn shows."""
    corners = np.array([[[230, 40, 30], [40, 190, 60]], [[40, 60, 220], [240, 220, 60]]], np.uint8)
    return Image.fromarray(corners).resize((width, height), Image.Resampling.BICUBIC)


def encode(image: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def encode_heic(image: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, quality=95, **options)
    return out.getvalue()


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[ORIENTATION] = orientation
    block[0x010F] = "a camera maker" * 4
    block[GPS] = {1: "N", 2: (48.0, 51.0, 24.0)}
    return block


def difference(photo: Photo, image: Image.Image) -> float:
    """Mean absolute difference in grey levels."""
    return float(np.abs(photo.pixels.astype(int) - np.asarray(image.convert("RGB")).astype(int)).mean())


ENCODED = {
    "JPEG": encode(scene(), "JPEG", quality=95),
    "JPEG progressive": encode(scene(), "JPEG", quality=95, progressive=True),
    "PNG": encode(scene(), "PNG"),
    "WEBP": encode(scene(), "WEBP", quality=95),
    "WEBP lossless": encode(scene(), "WEBP", lossless=True),
    "AVIF": encode(scene(), "AVIF", quality=95),
    "HEIC": encode_heic(scene()),
    "GIF": encode(scene(), "GIF"),
}


@pytest.mark.parametrize("name", ENCODED)
def test_every_accepted_format_is_decoded_by_its_content(name: str) -> None:
    photo = decode(ENCODED[name])
    assert photo.format == name.split()[0]
    assert (photo.width, photo.height, photo.pixels.shape) == (96, 64, (64, 96, 3))
    assert photo.pixels.dtype == np.uint8
    assert difference(photo, scene()) < 6


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation_is_applied_exactly_once(format: str, orientation: int) -> None:
    stored = Image.fromarray(np.ascontiguousarray(TURN_AWAY[orientation](np.asarray(scene()))))
    photo = decode(encode(stored, format, exif=exif(orientation), quality=95))
    assert (photo.width, photo.height) == (96, 64)
    assert difference(photo, scene()) < 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_avif_is_turned_exactly_once(orientation: int) -> None:
    stored = Image.fromarray(np.ascontiguousarray(TURN_AWAY[orientation](np.asarray(scene()))))
    photo = decode(encode(stored, "AVIF", exif=exif(orientation), quality=95))
    assert (photo.width, photo.height) == (96, 64)
    assert difference(photo, scene()) < 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_heic_which_libheif_turns_itself_is_not_turned_twice(orientation: int) -> None:
    stored = Image.fromarray(np.ascontiguousarray(TURN_AWAY[orientation](np.asarray(scene()))))
    photo = decode(encode_heic(stored, exif=exif(orientation).tobytes()))
    assert (photo.width, photo.height) == (96, 64)
    assert difference(photo, scene()) < 6


def test_a_broken_exif_block_leaves_the_photo_as_it_lies() -> None:
    for block in (
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01" * 20,
    ):
        for name in ("JPEG", "WEBP", "PNG"):
            assert difference(decode(encode(scene(), name, exif=block, quality=95)), scene()) < 6
    avif = encode(scene(), "AVIF", exif=exif(1), quality=95)
    directory = avif.index(b"MM\0*") + 8
    broken = avif[:directory] + b"\xff" * 30 + avif[directory + 30 :]
    assert difference(decode(broken), scene()) < 6


def test_a_cmyk_jpeg_looks_as_it_does_in_rgb() -> None:
    photo = decode(encode(scene().convert("CMYK"), "JPEG", quality=95))
    assert difference(photo, scene()) < 6


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp: np.ndarray = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    grey = decode(encode(Image.fromarray(ramp), "PNG")).pixels
    assert np.array_equal(grey[..., 0], ramp >> 8)
    row: np.ndarray = ramp[32].repeat(3).astype(">u2")
    colour = decode(png(64, 64, bit_depth=16, colour_type=2, row=row.tobytes())).pixels
    assert np.array_equal(colour[0].ravel(), row >> 8)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_every_png_mode_becomes_rgb(mode: str) -> None:
    grey = mode in ("1", "L", "LA")
    photo = decode(encode(scene().convert(mode), "PNG"))
    assert photo.pixels.shape == (64, 96, 3)
    assert difference(photo, scene().convert(mode).convert("RGB")) < 2
    assert not grey or np.array_equal(photo.pixels[..., 0], photo.pixels[..., 2])


def test_transparency_of_every_kind_is_laid_on_white() -> None:
    clear = Image.new("RGBA", (32, 32), (200, 0, 0, 0))
    half = Image.new("LA", (32, 32), (0, 128))
    palette = Image.new("P", (32, 32), 0)
    palette.putpalette([9, 9, 9, 80, 80, 80])
    assert (decode(encode(clear, "PNG")).pixels == 255).all()
    assert (decode(encode(clear, "WEBP", lossless=True)).pixels == 255).all()
    assert (decode(encode(half, "PNG")).pixels == 127).all()
    assert (decode(encode(palette, "PNG", transparency=0)).pixels == 255).all()
    assert (decode(encode(palette, "GIF", transparency=0)).pixels == 255).all()
    assert (
        decode(encode(Image.new("RGB", (32, 32), (1, 2, 3)), "PNG", transparency=(1, 2, 3))).pixels == 255
    ).all()


def test_of_an_animation_the_first_frame_counts() -> None:
    red, blue = Image.new("RGB", (32, 32), "red"), Image.new("RGB", (32, 32), "blue")
    for name in ("GIF", "WEBP", "PNG", "AVIF"):
        moving = encode(red, name, save_all=True, append_images=[blue], duration=100)
        assert np.abs(decode(moving).pixels.astype(int).mean((0, 1)) - [255, 0, 0]).max() < 6


def test_a_large_jpeg_decoded_at_reduced_scale_resembles_the_full_decode() -> None:
    large = scene(2400, 1600)
    photo = decode(encode(large, "JPEG", quality=95), working_side_px=200)
    assert (photo.width, photo.height) == (2400, 1600)
    assert 200 <= min(photo.pixels.shape[:2]) < 400
    height, width = photo.pixels.shape[:2]
    assert difference(photo, large.resize((width, height), Image.Resampling.BOX)) < 2


@pytest.mark.parametrize("format", ["PNG", "WEBP", "AVIF", "GIF"])
@pytest.mark.parametrize("mode", ["RGB", "P", "RGBA"])
def test_other_large_photos_are_reduced_after_decoding(format: str, mode: str) -> None:
    options = {"speed": 10} if format == "AVIF" else {}
    photo = decode(encode(scene(900, 600).convert(mode), format, **options), working_side_px=150)
    assert (photo.width, photo.height) == (900, 600)
    assert photo.pixels.shape == (150, 225, 3)
    assert difference(photo, scene(225, 150)) < 8


def test_a_photo_is_never_enlarged() -> None:
    assert decode(ENCODED["JPEG"], working_side_px=4000).pixels.shape == (64, 96, 3)


def png(width: int, height: int, *, bit_depth: int = 8, colour_type: int = 2, row: bytes = b"") -> bytes:
    """Write a PNG by hand, so that its header may say anything."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, bit_depth, colour_type, 0, 0, 0)
    pixels = zlib.compress((b"\0" + row) * height) if row else zlib.compress(b"\0")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_a_png_of_30_000_by_30_000_pixels_is_refused_from_its_header() -> None:
    with pytest.raises(PhotoTooLarge, match="30000 x 30000"):
        decode(png(30_000, 30_000))


@pytest.mark.parametrize(
    ("width", "height", "error"),
    [(10_000, 5_000, UndecodablePhoto), (10_000, 5_001, PhotoTooLarge), (11_000, 11_000, PhotoTooLarge)],
)
def test_the_pixel_limit_is_50_megapixels(width: int, height: int, error: type[PhotoError]) -> None:
    with pytest.raises(error):
        decode(png(width, height))


@pytest.mark.parametrize("name", ENCODED)
def test_every_format_obeys_the_limits(name: str) -> None:
    data = ENCODED[name]
    with pytest.raises(PhotoTooLarge):
        decode(data, limits=PhotoLimits(max_pixels=96 * 64 - 1))
    with pytest.raises(PhotoTooSmall):
        decode(data, limits=PhotoLimits(min_side_px=65))
    with pytest.raises(PhotoTooLarge):
        decode(data, limits=PhotoLimits(max_bytes=len(data) - 1))
    assert decode(data, limits=PhotoLimits(len(data), 96 * 64, 64)).height == 64


def test_a_gif_frame_larger_than_its_screen_counts_in_full() -> None:
    data = bytearray(ENCODED["GIF"])
    frame = data.index(b",\0\0\0\0")
    data[frame + 5 : frame + 9] = struct.pack("<HH", 60_000, 60_000)
    with pytest.raises(PhotoTooLarge, match="60000 x 60000"):
        decode(bytes(data))


def test_a_jpeg_of_thousands_of_scans_is_refused() -> None:
    data = ENCODED["JPEG progressive"]
    scan = data[data.index(b"\xff\xda") :]
    with pytest.raises(UndecodablePhoto, match="scans"):
        decode(data[:-2] + scan[:-2] * 100 + b"\xff\xd9")


@pytest.mark.parametrize("name", ENCODED)
def test_a_truncated_photo_is_refused_as_undecodable(name: str) -> None:
    data = ENCODED[name]
    for share in (0.5, 0.8, 0.95):
        with pytest.raises(UndecodablePhoto):
            decode(data[: int(len(data) * share)])


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "an empty file"),
        (b"This is a shopping list: apples, pears.\n", "text"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b"%PDF-1.7\n" + bytes(100), "a PDF document"),
        (b"II*\0" + bytes(100), "a TIFF image"),
        (b"BM" + bytes(100), "a BMP image"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(100), "a video"),
        (bytes(range(128, 256)), "bytes of no known image type"),
    ],
)
def test_what_is_no_photo_is_named_and_the_accepted_formats_are_listed(data: bytes, what: str) -> None:
    with pytest.raises(NotAnImage, match=what) as raised:
        decode(data)
    assert "JPEG, PNG, WebP, AVIF, HEIC or GIF" in str(raised.value)


def test_whatever_the_bytes_only_photo_errors_are_raised() -> None:
    chance = random.Random(7)
    outcomes = set()
    for data in ENCODED.values():
        for _ in range(150):
            mutated = bytearray(data[: chance.choice([len(data), chance.randrange(len(data))])])
            for _ in range(chance.choice([0, 1, 2, 8]) if mutated else 0):
                mutated[chance.randrange(min(len(mutated), chance.choice([40, 400, 4000])))] = (
                    chance.randrange(256)
                )
            try:
                decode(bytes(mutated))
                outcomes.add("decoded")
            except PhotoError as error:
                outcomes.add(error.code)
    assert {"decoded", "undecodable", "not_an_image"} <= outcomes


def test_threads_decode_the_same_pixels() -> None:
    alone = {name: decode(data).pixels for name, data in ENCODED.items()}
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda name: (name, decode(ENCODED[name]).pixels), [*ENCODED] * 10))
    assert all(np.array_equal(alone[name], pixels) for name, pixels in together)


def test_gps_does_not_change_what_is_decoded() -> None:
    with_gps = decode(encode(scene(), "JPEG", quality=95, exif=exif(1)))
    assert np.array_equal(with_gps.pixels, decode(ENCODED["JPEG"]).pixels)


def trimmed_by_numpy(pixels: np.ndarray) -> np.ndarray:
    """The oracle: take white rows and columns off one by one."""
    grey = (pixels.astype(np.int64) @ [19595, 38470, 7471] + 0x8000) >> 16
    if (grey >= 250).all():
        return pixels
    rows, columns = np.flatnonzero((grey < 250).any(1)), np.flatnonzero((grey < 250).any(0))
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def test_trimming_agrees_with_a_plain_numpy_oracle() -> None:
    chance = np.random.default_rng(3)
    for _ in range(200):
        height, width = chance.integers(40, 60, 2)
        pixels = chance.integers(240, 256, (height, width, 3), dtype=np.uint8)
        top, left = chance.integers(0, 12, 2)
        bottom, right = chance.integers(30, height), chance.integers(30, width)
        framed = np.full_like(pixels, 252)
        framed[top:bottom, left:right] = pixels[top:bottom, left:right]
        assert np.array_equal(fit(framed, 24), fit(trimmed_by_numpy(framed), 24))


def test_white_bars_leave_no_trace() -> None:
    picture = np.asarray(scene())
    barred = np.full((100, 96, 3), 255, np.uint8)
    barred[20:84] = picture
    assert np.array_equal(fit(barred, 48), fit(picture, 48))


def test_trimming_keeps_16_pixels_and_an_all_white_picture_whole() -> None:
    white = np.full((50, 40, 3), 255, np.uint8)
    assert (fit(white, 20) == 255).all()
    white[25, 20] = 0
    assert np.array_equal(fit(white, 16), white[18:34, 13:29])
    white[:] = 255
    white[0, 0] = 0
    assert np.array_equal(fit(white, 16), white[:16, :16])


def test_a_panorama_is_cut_to_its_middle_and_four_to_three_is_not() -> None:
    stripes = np.zeros((30, 90, 3), np.uint8)
    stripes[:, 25:65] = 200
    assert (fit(stripes, 30) == 200).all()
    assert (fit(np.ascontiguousarray(stripes.transpose(1, 0, 2)), 30) == 200).all()
    exact = np.zeros((30, 40, 3), np.uint8)
    exact[:, :1] = 240
    assert fit(exact, 40)[0, 0, 0] > 200


def test_fit_gives_a_pinned_result() -> None:
    down, across = np.indices((20, 30)).astype(np.uint8)
    pixels = np.stack([across * 8, down * 12, (down * across) % 200], axis=-1)
    before = pixels.copy()
    result = fit(pixels, 3)
    assert np.array_equal(pixels, before)
    assert result.tolist() == PINNED


def test_fit_refuses_another_shape_or_type() -> None:
    with pytest.raises(ValueError, match="uint8"):
        fit(np.zeros((20, 20, 3), np.float32), 16)
    with pytest.raises(ValueError, match="uint8"):
        fit(np.zeros((20, 20), np.uint8), 16)


def test_several_frames_of_a_picture_are_each_as_alone() -> None:
    pixels = np.random.default_rng(6).integers(0, 256, (90, 200, 3), dtype=np.uint8)
    framed = fit_each(pixels, (32, 96))
    assert [frame.shape for frame in framed] == [(32, 32, 3), (96, 96, 3)]
    for frame in framed:
        np.testing.assert_array_equal(frame, fit(pixels, len(frame)))
