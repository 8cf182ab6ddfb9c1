"""What decoding takes is told beforehand, bounded, and where it is much taken in another process."""

import io
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from models import photo, photo_apart, photo_memory
from models.errors import PhotoError, PhotoTooLarge, UndecodablePhoto
from models.photo import PhotoLimits, decode

ROOT = Path(__file__).resolve().parents[2]
APART = PhotoLimits(in_process_bytes=0)
GROWTH = """
import sys
from models.photo import decode
def resident(line):
    return next(int(l.split()[1]) * 1024 for l in open("/proc/self/status") if l.startswith(line))
data = open(sys.argv[1], "rb").read()
decode(open(sys.argv[2], "rb").read())
open("/proc/self/clear_refs", "w").write("5")
before = resident("VmRSS")
decode(data)
print(resident("VmHWM") - before)
"""


def picture(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    noise = np.random.default_rng(5).integers(0, 256, (size[1] // 8, size[0] // 8, 4), np.uint8)
    return Image.fromarray(noise).resize(size).convert(mode)


def encode(image: Image.Image, format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    if format == "HEIC":
        fast = {"preset": "ultrafast"}
        pillow_heif.from_pillow(image).save(out, quality=60, enc_params=fast, **options)
    else:
        image.save(out, format, **options)
    return out.getvalue()


def kinds(size: tuple[int, int]) -> dict[str, bytes]:
    palette = picture(size).quantize(32)
    turned = Image.Exif()
    turned[0x0112] = 6
    return {
        "JPEG": encode(picture(size), "JPEG", exif=turned),
        "JPEG progressive": encode(picture(size), "JPEG", progressive=True, subsampling=0),
        "JPEG CMYK": encode(picture(size, "CMYK"), "JPEG"),
        "PNG": encode(picture(size), "PNG", compress_level=1),
        "PNG clear": encode(picture(size, "RGBA"), "PNG", compress_level=1),
        "PNG grey clear": encode(picture(size, "LA"), "PNG", compress_level=1),
        "PNG deep": encode(Image.fromarray(np.asarray(picture(size, "L"), np.uint16) * 257), "PNG"),
        "PNG palette": encode(palette, "PNG", transparency=3),
        "GIF": encode(palette, "GIF", transparency=3),
        "WEBP": encode(picture(size), "WEBP", method=0),
        "HEIC": encode(picture(size), "HEIC"),
        "HEIC clear": encode(picture(size, "RGBA"), "HEIC"),
        "HEIC grey": encode(picture(size, "L"), "HEIC"),
    }


SMALL = kinds((336, 240))


@pytest.mark.parametrize("name", SMALL)
def test_reduced_some_rows_at_a_time_it_is_the_same_picture(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_memory, "BAND_PIXELS", 10**9)
    whole = decode(SMALL[name], working_side_px=50)
    monkeypatch.setattr(photo_memory, "BAND_PIXELS", 1)
    banded = decode(SMALL[name], working_side_px=50)
    assert min(whole.pixels.shape[:2]) < 100
    assert np.array_equal(banded.pixels, whole.pixels)


@pytest.mark.parametrize("name", ["JPEG", "PNG palette", "WEBP", "HEIC clear"])
def test_in_a_process_of_its_own_it_is_the_same_photo(name: str) -> None:
    here, apart = decode(SMALL[name]), decode(SMALL[name], limits=APART)
    assert np.array_equal(apart.pixels, here.pixels)
    assert (apart.width, apart.height, apart.format) == (here.width, here.height, here.format)


def test_what_is_wrong_is_told_from_there() -> None:
    data = SMALL["PNG"]
    with pytest.raises(UndecodablePhoto, match="broken or cut short"):
        decode(data[:-200], limits=APART)


def test_a_process_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_apart, "TIMEOUT_S", 0.001)
    with pytest.raises(UndecodablePhoto, match="more memory or time"):
        decode(SMALL["PNG"], limits=APART)


def test_only_what_is_large_or_cannot_be_told_goes_there(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []

    def decode_apart(data: bytes, *_: Any) -> Any:
        sent.append(data)
        return {"format": "PNG", "width": 1, "height": 1}, np.zeros((1, 1, 3), np.uint8)

    monkeypatch.setattr(photo, "decode_apart", decode_apart)
    avif = encode(picture((64, 48)), "AVIF")
    limits = PhotoLimits(in_process_bytes=2_500_000)
    for data in (*SMALL.values(), avif):
        decode(data, limits=limits)
    assert sent == [SMALL["WEBP"], avif]
    sent.clear()
    decode(avif)
    assert sent == []


def test_what_takes_more_than_it_may_is_refused_from_its_header() -> None:
    limits = PhotoLimits(max_memory_bytes=2_000_000)
    with pytest.raises(PhotoTooLarge, match="336 x 240 as WEBP take"):
        decode(SMALL["WEBP"], limits=limits)
    assert decode(encode(picture((64, 48)), "JPEG"), limits=limits).width == 64


def test_a_strip_that_cannot_be_reduced_is_refused() -> None:
    strip = encode(Image.new("RGB", (20_000, 600)), "PNG")
    with pytest.raises(PhotoTooLarge, match="sides of similar length, got 20000 x 600"):
        decode(strip)
    assert decode(encode(Image.new("RGB", (10_000, 600)), "PNG")).width == 10_000


@pytest.mark.parametrize(
    ("format", "mode", "options"),
    [
        ("JPEG", "RGB", {"progressive": True, "subsampling": 0}),
        ("PNG", "RGBA", {"compress_level": 1}),
        ("WEBP", "RGB", {"method": 0}),
        ("HEIC", "RGB", {}),
        ("HEIC", "RGB", {"chroma": 444}),
    ],
)
def test_decoding_takes_no_more_than_was_told(
    format: str, mode: str, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    monkeypatch.setattr(photo, "_check_memory", lambda _format, _size, needed, *_: told.append(needed))
    large, small = tmp_path / "large", tmp_path / "small"
    large.write_bytes(encode(picture((2800, 2000), mode), format, **options))
    small.write_bytes(encode(picture((336, 240), mode), format, **options))
    decode(large.read_bytes())
    command = [sys.executable, "-c", GROWTH, str(large), str(small)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    # What the system and the allocator add, in pages and arenas.
    assert int(done.stdout) < told[0] + 12_000_000


def test_photos_that_are_decoded_at_the_same_time_share_what_may_be_taken() -> None:
    memory, entered = photo._Memory(), threading.Event()

    def second() -> None:
        with memory.hold(60, 100):
            entered.set()

    with memory.hold(60, 100), memory.hold(40, 100):
        thread = threading.Thread(target=second)
        thread.start()
        assert not entered.wait(0.05)
    assert entered.wait(10)
    thread.join()
    with memory.hold(500, 100):
        assert memory._taken == 500
    assert memory._taken == 0


def test_fill_bytes_before_a_segment_are_passed_over_however_many() -> None:
    data = encode(picture((64, 48)), "JPEG")
    filled = data[:2] + b"\xff" * 15_000_000 + data[2:]
    assert np.array_equal(decode(filled).pixels, decode(data).pixels)


def test_every_kind_of_error_comes_back_as_itself() -> None:
    raised = {error.code for error in PhotoError.__subclasses__()} - {"unreadable"}
    assert set(photo_apart._RAISED) == raised


def test_small_photos_that_keep_coming_do_not_pass_a_large_one_that_waits() -> None:
    memory, order = photo._Memory(), []
    inside, leave = threading.Event(), threading.Event()

    def hold(needed: int, name: str) -> None:
        with memory.hold(needed, 100):
            order.append(name)
            if name == "first":
                inside.set()
                assert leave.wait(30)

    threads = [
        threading.Thread(target=hold, args=one) for one in ((60, "first"), (90, "large"), (30, "small"))
    ]
    for thread in threads:
        thread.start()
        assert inside.wait(30)
        # Until it waits, or has passed.
        thread.join(0.2)
    leave.set()
    for thread in threads:
        thread.join(30)
    assert order == ["first", "large", "small"]
