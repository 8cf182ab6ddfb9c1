"""Rendered photos in every format that is read, broken part by part: segments, chunks, boxes, blocks.

What a part says of itself (lengths, checksums) is made right again after most changes, so that they come past
the first checks. A seed gives the same photo again.
"""

import io
import random
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

import pillow_heif
from PIL import Image

from batch.synthetic import render

_SIDE = (96, 72)
_PNG_START = b"\x89PNG\r\n\x1a\n"
_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
# Boxes that hold boxes, and the bytes before them.
_NESTED = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0}
_NESTED |= {b"iref": 4, b"dinf": 0}


class Mutated(NamedTuple):
    """A photo, what it was and what was done to it."""

    name: str
    data: bytes


def mutated_photo(seed: int) -> Mutated:
    """Break one of the originals, by the seed alone."""
    chance = random.Random(seed)
    name = chance.choice(sorted(originals()))
    data, done = originals()[name], []
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
        change = chance.choice((_parts_changed, _parts_changed, _parts_changed, *_BLIND))
        data = change(data, chance)
        done.append(change.__name__.strip("_"))
    return Mutated(f"{name}: {', '.join(done)}", data)


@cache
def originals() -> dict[str, bytes]:
    """Encode one rendered photo in every format and kind; all of them are read without complaint."""
    photo = Image.open(io.BytesIO(render("banana", 3, seed=5))).convert("RGB").resize(_SIDE)
    other = photo.transpose(Image.Transpose.ROTATE_180)
    clear = photo.copy()
    clear.putalpha(photo.convert("L"))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x8825] = 6, "a camera", {1: "N", 2: (48.0, 51.0, 24.0)}
    block = exif.tobytes()
    moving: dict[str, Any] = {"save_all": True, "append_images": [other, photo], "duration": 80}
    palette = photo.quantize(64)
    deep = Image.frombytes("I;16", _SIDE, bytes(range(256)) * (2 * _SIDE[0] * _SIDE[1] // 256))
    icc = {"icc_profile": bytes(200)}
    return {
        "JPEG": _encode(photo, "JPEG", quality=90),
        "JPEG progressive": _encode(photo, "JPEG", progressive=True, subsampling=0),
        "JPEG CMYK": _encode(photo.convert("CMYK"), "JPEG"),
        "JPEG grey": _encode(photo.convert("L"), "JPEG", restart_marker_rows=1),
        "JPEG with EXIF": _encode(photo, "JPEG", exif=block, comment=b"a comment", **icc),
        "PNG": _encode(photo, "PNG", exif=block),
        "PNG clear": _encode(clear, "PNG", **icc),
        "PNG palette": _encode(palette, "PNG", transparency=3),
        "PNG deep": _encode(deep, "PNG"),
        "PNG moving": _encode(photo, "PNG", **moving),
        "WEBP": _encode(photo, "WEBP"),
        "WEBP lossless": _encode(photo, "WEBP", lossless=True),
        "WEBP clear": _encode(clear, "WEBP", exif=block, **icc),
        "WEBP moving": _encode(photo, "WEBP", **moving),
        "GIF": _encode(palette, "GIF", transparency=3, comment=b"a comment"),
        "GIF moving": _encode(photo, "GIF", **moving),
        "HEIC": _encode_heic(photo),
        "HEIC clear": _encode_heic(clear, exif=block),
        "HEIC grid": _encode_heic(photo.resize((256, 192)), tile_size=64),
        "HEIC 444": _encode_heic(photo, chroma=444),
        "AVIF": _encode(photo, "AVIF", speed=10),
        "AVIF clear": _encode(clear, "AVIF", speed=10, exif=block),
        "AVIF moving": _encode(photo, "AVIF", speed=10, **moving),
    }


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Write one chunk of a PNG, with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def jpeg_parts(data: bytes) -> list[bytes]:
    """Split a JPEG into its start, its segments, and the scans that follow."""
    parts, at = [data[:2]], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        parts.append(data[at:end])
        at = max(end, at + 4)
    return [*parts, data[at:]]


def png_parts(data: bytes) -> list[bytes]:
    """Split a PNG into its signature and its chunks."""
    return [data[:8], *_counted(data, 8, lambda at: 12 + int.from_bytes(data[at : at + 4], "big"))]


def riff_parts(data: bytes) -> list[bytes]:
    """Split a WebP into its head and its chunks."""

    def length(at: int) -> int:
        body = int.from_bytes(data[at + 4 : at + 8], "little")
        return 8 + body + body % 2

    return [data[:12], *_counted(data, 12, length)]


def boxes(data: bytes) -> list[bytes]:
    """Split an ISO media file, or what a box of it holds, into boxes."""
    return _counted(data, 0, lambda at: int.from_bytes(data[at : at + 4], "big"))


def _counted(data: bytes, at: int, length: Callable[[int], int]) -> list[bytes]:
    parts = []
    while at < len(data):
        end = at + max(8, length(at))
        parts.append(data[at:end])
        at = end
    return parts


def _parts_changed(data: bytes, chance: random.Random) -> bytes:
    """Change the parts of a file, or the inside of one."""
    if data.startswith(b"\xff\xd8"):
        return b"".join(_shuffled(jpeg_parts(data), chance, _in_segment))
    if data.startswith(_PNG_START):
        return b"".join(_shuffled(png_parts(data), chance, _in_chunk))
    if data.startswith(b"RIFF"):
        body = b"".join(_shuffled(riff_parts(data), chance, _in_riff)[1:])
        return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
    if data[4:8] == b"ftyp":
        return b"".join(_shuffled(boxes(data), chance, _in_box))
    return chance.choice(_BLIND)(data, chance)


def _shuffled(
    parts: list[bytes], chance: random.Random, inside: Callable[[bytes, random.Random], bytes]
) -> list[bytes]:
    """Leave one part out, repeat, move or replace it, or change its inside."""
    parts = list(parts)
    at = chance.randrange(min(1, len(parts) - 1), len(parts)) if parts else 0
    action = chance.choice(("inside",) * 8 + ("without", "twice", "moved", "foreign", "often"))
    if not parts or action == "inside":
        return [*parts[:at], *(inside(part, chance) for part in parts[at : at + 1]), *parts[at + 1 :]]
    part = parts.pop(at)
    if action == "twice":
        parts[at:at] = [part, part]
    elif action == "often" and len(part) < 2_000:
        parts[at:at] = [part] * chance.choice((20, 300, 3_000))
    elif action == "moved":
        parts.insert(chance.randrange(len(parts) + 1), part)
    elif action == "foreign":
        foreign = originals()[chance.choice(sorted(originals()))]
        start = chance.randrange(len(foreign))
        parts.insert(at, foreign[start : start + chance.choice((16, 200, 4_000))])
    return parts


def _in_segment(part: bytes, chance: random.Random) -> bytes:
    if part[:1] != b"\xff" or part[1:2] == b"\xda":
        return chance.choice(_BLIND)(part, chance)
    body = chance.choice(_BLIND)(part[4:], chance)[:65_533]
    return part[:2] + struct.pack(">H", len(body) + 2) + body


def _in_chunk(part: bytes, chance: random.Random) -> bytes:
    kind, body = part[4:8], part[8:-4]
    if kind == b"IDAT" and chance.random() < 0.6:
        # Changed behind the compression, so that the rows and their filters are odd, not the stream.
        with suppress(zlib.error):
            body = zlib.decompressobj().decompress(body, 1_000_000)
        body = zlib.compress(chance.choice(_BLIND)(body, chance))
    else:
        body = chance.choice(_BLIND)(body, chance)
    return png_chunk(kind, body)


def _in_riff(part: bytes, chance: random.Random) -> bytes:
    body = chance.choice(_BLIND)(part[8:], chance)
    return part[:4] + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def _in_box(part: bytes, chance: random.Random) -> bytes:
    kind, body = part[4:8], part[8:]
    before = _NESTED.get(kind)
    if before is not None and chance.random() < 0.85:
        body = body[:before] + b"".join(_shuffled(boxes(body[before:]), chance, _in_box))
    else:
        body = chance.choice(_BLIND)(body, chance)
    return struct.pack(">I", len(body) + 8) + kind + body


def _bits_flipped(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 2, 8, 60)) if changed else 0):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _number_set(data: bytes, chance: random.Random) -> bytes:
    """Write a number that programs trip over, large or little end first."""
    width, changed = chance.choice((1, 2, 4)), bytearray(data)
    number = (chance.choice(_NUMBERS) & (256**width - 1)).to_bytes(width, chance.choice(("big", "little")))
    at = chance.randrange(max(1, min(len(changed), chance.choice((16, 64, 1_000_000)))))
    changed[at : at + width] = number
    return bytes(changed)


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _hole(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    return data[:start] + data[start + chance.choice((1, 4, 64, 1_000)) :]


def _filled(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    filling = chance.choice((bytes(64), b"\xff" * 64, chance.randbytes(64), chance.randbytes(5_000)))
    return data[:start] + filling + data[start + chance.choice((0, len(filling))) :]


_BLIND = (_bits_flipped, _bits_flipped, _number_set, _number_set, _cut, _hole, _filled)


def _encode(image: Image.Image, format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def _encode_heic(image: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    options |= {"enc_params": {"preset": "ultrafast"}}
    pillow_heif.from_pillow(image).save(out, quality=70, **options)
    return out.getvalue()
