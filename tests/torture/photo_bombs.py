"""Small files that stand for giant pictures, and files that are several things at once.

Some claim a size and hold nothing, some hold what they claim, some claim little and hold much.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache

import pillow_heif
from PIL import Image

from tests.torture.mutated_photos import jpeg_parts, originals, png_chunk

_PNG_START = b"\x89PNG\r\n\x1a\n"
_GIF_FRAME = b"\x2c\0\0\0\0\x10\0\x10\0\0\x02\x03\x84\x8f\x05\0"


@cache
def bombs(megapixels: int) -> dict[str, bytes]:
    """Make the bombs; those that hold what they claim hold about so many megapixels, up to 49."""
    side = int((megapixels * 1e6) ** 0.5) // 16 * 16
    flat = Image.new("RGB", (side, side), (200, 60, 30))
    return {
        **_claims(),
        **_parts_without_end(),
        **{f"real {name}": make(flat) for name, make in _REAL.items()},
        "AVIF that claims little": _resized(_REAL["AVIF"](flat), (64, 64)),
        "HEIC that claims little": _resized(_REAL["HEIC"](flat), (64, 64)),
        "strip of 639 rows": _saved(Image.new("RGB", (megapixels * 1300, 639)), "PNG", compress_level=1),
        "strip of 16 rows": _saved(Image.new("RGB", (60_000, 16)), "JPEG"),
    }


@cache
def polyglots() -> dict[str, bytes]:
    """Make files that are a photo to one program and something else to another."""
    photos, archive = originals(), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.html", "<script>alert(1)</script>" * 50)
    script = b"<?php system($_GET['c']); ?><script>alert(document.domain)</script>"
    pdf = b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\n"
    start, *segments = jpeg_parts(photos["JPEG"])
    png = photos["PNG"]
    return {
        "JPEG and ZIP": photos["JPEG"] + archive.getvalue(),
        "ZIP and JPEG": archive.getvalue() + photos["JPEG"],
        "JPEG with a script": b"".join(
            [start, b"\xff\xfe" + struct.pack(">H", len(script) + 2) + script, *segments]
        ),
        "JPEG and JPEG": photos["JPEG"] * 3,
        "JPEG and PNG": photos["JPEG"] + png,
        "GIF and JavaScript": b"GIF89a/*" + photos["GIF"][8:] + b"*/=1;alert(1)",
        "GIF and HTML": photos["GIF"] + script,
        "PNG with PHP": png[:-12] + png_chunk(b"tEXt", b"Comment\0" + script) + png[-12:],
        "PDF and JPEG": pdf + photos["JPEG"],
        "PDF as HEIC": b"\0\0\0\x18ftypheic" + pdf * 20,
        "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'>" + script + b"</svg>",
        "XML that refers to a file": b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><svg>&b;</svg>",
        "HTML": b"<!doctype html>" + script,
        "video": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(5_000),
        "AVIF and HEIC": photos["AVIF"] + photos["HEIC"],
        "HEIC that says AVIF": photos["HEIC"].replace(b"ftypheic", b"ftypavif", 1),
        "AVIF that says HEIC": photos["AVIF"].replace(b"ftypavif", b"ftypheic", 1),
        "WEBP that is a sound": b"RIFF\x24\0\0\0WAVEfmt " + bytes(400),
        "TIFF": _saved(Image.new("RGB", (64, 64)), "TIFF"),
        "BMP": _saved(Image.new("RGB", (64, 64)), "BMP"),
        "ICO": _saved(Image.new("RGB", (64, 64)), "ICO"),
        "JPEG 2000": _saved(Image.new("RGB", (64, 64)), "JPEG2000"),
        "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n(/etc/passwd) (r) file\n",
        "program": b"\x7fELF\x02\x01\x01" + bytes(500),
        "nothing": b"\0",
    }


def _claims() -> dict[str, bytes]:
    """Claim a size and hold next to nothing."""
    webp = originals()["WEBP clear"]
    frame = b"\xff\xc0\x00\x11\x08%s\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01"
    jpeg = originals()["JPEG"]
    at = jpeg.index(b"\xff\xc0")
    return {
        "PNG of 30,000 by 30,000": _png(30_000, 30_000, b"\0"),
        "PNG of 4,294,967,295 by 1": _png(0xFFFFFFFF, 1, b"\0"),
        "PNG of 7,000 by 7,000 and no rows": _png(7_000, 7_000, b""),
        "GIF of 65,535 by 65,535": b"GIF89a\xff\xff\xff\xff\0\0\0" + _GIF_FRAME + b";",
        "GIF frame beyond its screen": b"GIF89a\x10\0\x10\0\0\0\0"
        + _GIF_FRAME.replace(b"\x10\0\x10\0", b"\0\xf0\0\xf0", 1)
        + b";",
        "WEBP of 16,777,216 by 16,777,216": webp[:24] + b"\xff" * 6 + webp[30:],
        "JPEG of 65,535 by 65,535": jpeg[:at] + frame % (b"\xff" * 4) + jpeg[at + 19 :],
        "JPEG of 7,000 by 7,000": jpeg[:at] + frame % struct.pack(">HH", 7_000, 7_000) + jpeg[at + 19 :],
        "JPEG without a height": jpeg[:at] + frame % b"\0\0\0\x60" + jpeg[at + 19 :],
        "HEIC that claims much": _resized(originals()["HEIC"], (60_000, 60_000)),
        "HEIC that claims 48 megapixels": _resized(originals()["HEIC"], (8_000, 6_000)),
        "AVIF that claims much": _resized(originals()["AVIF"], (60_000, 60_000)),
        "AVIF that claims 35 megapixels": _resized(originals()["AVIF"], (7_000, 5_000)),
    }


def _parts_without_end() -> dict[str, bytes]:
    """Hold tens of thousands of parts, or parts of millions of bytes."""
    jpeg, png, gif = originals()["JPEG"], originals()["PNG"], originals()["GIF"]
    segment = b"\xff\xe1\xff\xff" + b"Exif\0\0II*\0\x08\0\0\0\xff\xff".ljust(65_533, b"\x01")
    profile = b"\xff\xe2\xff\xff" + b"ICC_PROFILE\0\x01\xff".ljust(65_533, b"\x02")
    circle = b"Exif\0\0MM\0*\0\0\0\x08\0\x02\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"
    circle += b"\x87\x69\0\4\0\0\0\1\0\0\0\x08\0\0\0\x08"
    unpacked = zlib.compress(bytes(100_000_000), 9)
    scan = originals()["JPEG progressive"]
    scan = scan[scan.index(b"\xff\xda") : -2]
    return {
        "JPEG with 12 MB of EXIF": jpeg[:2] + segment * 180 + jpeg[2:],
        "JPEG with 12 MB of profiles": jpeg[:2] + profile * 180 + jpeg[2:],
        "JPEG whose EXIF refers to itself": jpeg[:2]
        + b"\xff\xe1"
        + struct.pack(">H", len(circle) + 2)
        + circle
        + jpeg[2:],
        "JPEG of 60 scans": originals()["JPEG progressive"][:-2] + scan * 5 + b"\xff\xd9",
        "JPEG of 6,000 scans": originals()["JPEG progressive"][:-2] + scan * 600 + b"\xff\xd9",
        "JPEG of 18 million fill bytes": jpeg[:2] + b"\xff" * 18_000_000 + jpeg[2:],
        "PNG whose text unpacks to 100 MB": png[:33] + png_chunk(b"zTXt", b"a\0\0" + unpacked) + png[33:],
        "PNG whose profile unpacks to 100 MB": png[:33] + png_chunk(b"iCCP", b"a\0\0" + unpacked) + png[33:],
        "PNG of 90,000 chunks": png[:33] + png_chunk(b"tEXt", b"a\0b") * 90_000 + png[33:],
        "PNG of 400,000 chunks": png[:33] + png_chunk(b"IDAT", b"") * 400_000 + png[33:],
        "GIF of 20,000 frames": gif[:-1] + _GIF_FRAME * 20_000 + b";",
        "GIF of 1,000,000 extensions": gif[:13] + b"!\xfe\x01a\0" * 1_000_000 + gif[13:],
        "HEIC of 50,000 boxes": originals()["HEIC"] + b"\0\0\0\x08free" * 50_000,
        "HEIC in 20,000 boxes": originals()["HEIC"][:24] + _nested(b"iprp", 20_000),
        "AVIF in 20,000 boxes": originals()["AVIF"][:32] + _nested(b"meta", 20_000),
        "WEBP of 100,000 chunks": _riff(originals()["WEBP clear"][12:] + b"EXIF\0\0\0\0" * 100_000),
    }


def _png(width: int, height: int, rows: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(rows)
    return _PNG_START + png_chunk(b"IHDR", head) + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")


def _riff(body: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _nested(kind: bytes, depth: int) -> bytes:
    """Put a box into a box into a box."""
    return b"".join(struct.pack(">I", 8 * (depth - level)) + kind for level in range(depth))


def _resized(photo: bytes, size: tuple[int, int]) -> bytes:
    """Let every `ispe` box of a HEIC or AVIF say another size."""
    before, *rest = photo.split(b"ispe")
    return b"ispe".join([before, *(part[:4] + struct.pack(">II", *size) + part[12:] for part in rest)])


def _saved(image: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def _heic(image: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    fast = {"preset": "ultrafast"}
    pillow_heif.from_pillow(image).save(out, quality=30, enc_params=fast, **options)
    return out.getvalue()


_REAL: dict[str, Callable[[Image.Image], bytes]] = {
    "JPEG": lambda flat: _saved(flat, "JPEG"),
    "JPEG progressive": lambda flat: _saved(flat, "JPEG", progressive=True, subsampling=0),
    "JPEG CMYK progressive": lambda flat: _saved(flat.convert("CMYK"), "JPEG", progressive=True),
    "PNG": lambda flat: _saved(flat, "PNG", compress_level=1),
    "PNG clear": lambda flat: _saved(flat.convert("RGBA"), "PNG", compress_level=1),
    "PNG palette": lambda flat: _saved(flat.quantize(4), "PNG", compress_level=1, transparency=0),
    "GIF": lambda flat: _saved(flat.quantize(4), "GIF", transparency=0),
    "WEBP": lambda flat: _saved(flat, "WEBP", method=0),
    "WEBP lossless": lambda flat: _saved(flat, "WEBP", lossless=True, method=0, quality=0),
    "AVIF": lambda flat: _saved(flat, "AVIF", speed=10),
    "HEIC": lambda flat: _heic(flat, tile_size=512),
    "HEIC 444": lambda flat: _heic(flat.resize((flat.width // 2, flat.height // 2)), chroma=444),
}
