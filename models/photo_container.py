"""Reads what stands around the pixels of a photo: format, size, which way is up, and nothing else.

Every format is recognised by its content. Metadata (EXIF with its GPS, XMP, thumbnails, comments, colour
profiles) is never parsed, the orientation apart: from JPEG, PNG, GIF and AVIF it is cut out or hidden before
Pillow sees the file, since Pillow would parse it; the decoders of WebP and HEIC pass it over.
"""

import re
import struct
from dataclasses import dataclass

from models.errors import NotAnImage, UndecodablePhoto

ACCEPTED = "JPEG, PNG, WebP, AVIF, HEIC or GIF"
UPRIGHT = 1
# Beyond these only an attack goes: each part costs a step here, each scan a pass over all pixels.
MAX_PARTS = 100_000
MAX_SCANS = 64
_BROKEN = "The photo is broken or cut short; send it again."
_ORIENTATION_TAG = 0x0112
_SHORT = 3
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_SOF = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN, _END_OF_IMAGE, _APP0, _APP1, _APP14, _COMMENT = 0xDA, 0xD9, 0xE0, 0xE1, 0xEE, 0xFE
_STANDALONE = {0x00, 0x01, *range(0xD0, 0xD9)}
_FILL = re.compile(b"\xff*")
_GIF_EXTENSION, _GIF_GRAPHIC_CONTROL = 0x21, 0xF9
# Item entries of AVIF's meta box, versions 2 and 3: Pillow would parse the EXIF that such an entry announces.
_EXIF_ITEM = re.compile(rb"(infe(?:\x02.{3}.{2}|\x03.{3}.{4}).{2})Exif", re.DOTALL)
_OTHERS = (
    (b"%PDF", "a PDF document"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"BM", "a BMP image"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"PK\x03\x04", "a ZIP archive"),
)


@dataclass(frozen=True, slots=True)
class Container:
    """A photo before its pixels are decoded.

    Attributes:
        format: JPEG, PNG, WEBP, AVIF, HEIC or GIF.
        data: the file without its metadata.
        size: (width, height) in pixels as stored; None where only the decoder's parser knows (AVIF, HEIC).
        orientation: EXIF's, 1 to 8; None where the decoder reports it (WebP, AVIF) or applies it (HEIC).
        scans: passes over the pixels that a JPEG seems to come in.
    """

    format: str
    data: bytes
    size: tuple[int, int] | None = None
    orientation: int | None = None
    scans: int = 1


def read_container(data: bytes) -> Container:
    """Recognise a photo by its content and read its header.

    Raises:
        NotAnImage: the bytes are of no accepted type.
        UndecodablePhoto: the type is accepted, but the header is broken or cut short.
    """
    try:
        if data.startswith(b"\xff\xd8\xff"):
            return _read_jpeg(data)
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return _read_png(data)
        if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return Container("WEBP", data, _webp_size(data))
        if data.startswith((b"GIF87a", b"GIF89a")):
            return _read_gif(data)
    except (struct.error, IndexError, ValueError) as error:
        raise UndecodablePhoto(_BROKEN) from error
    brands = _brands(data)
    if brands & _AVIF_BRANDS:
        return Container("AVIF", _without_exif_item(data))
    if brands & _HEIF_BRANDS:
        return Container("HEIC", data)
    raise NotAnImage(f"Expected a photo as {ACCEPTED}, got {_describe(data, brands)}; send one of these.")


def exif_orientation(block: bytes) -> int:
    """Read the orientation, 1 to 8, and nothing else of an EXIF block; 1 without one or when it is broken."""
    tiff = block[6:] if block.startswith(b"Exif\0\0") else block
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return UPRIGHT
    try:
        (directory,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, directory)
        for entry in range(directory + 2, directory + 2 + 12 * entries, 12):
            tag, kind = struct.unpack_from(order + "HH", tiff, entry)
            if tag == _ORIENTATION_TAG:
                (value,) = struct.unpack_from(order + ("H" if kind == _SHORT else "I"), tiff, entry + 8)
                return value if 1 <= value <= 8 else UPRIGHT
    except struct.error:
        pass
    return UPRIGHT


def _read_jpeg(data: bytes) -> Container:
    """Walk the segments up to the first scan; keep those that the pixels depend on."""
    scans = data.count(b"\xff\xda")
    if scans > MAX_SCANS:
        raise UndecodablePhoto(f"Expected a JPEG of at most {MAX_SCANS} scans; save the photo anew.")
    kept, size, orientation, at = [b"\xff\xd8"], None, None, 2
    for _ in range(MAX_PARTS):
        at = _FILL.match(data, data.index(b"\xff", at)).end()  # type: ignore[union-attr]
        marker, at = data[at], at + 1
        if marker in _STANDALONE:
            continue
        if marker == _END_OF_IMAGE:
            break
        (length,) = struct.unpack_from(">H", data, at)
        body = data[at + 2 : at + length]
        if marker in _SOF:
            height, width = struct.unpack_from(">HH", body, 1)
            size = (width, height)
        if marker == _APP1 and orientation is None and body.startswith(b"Exif\0\0"):
            orientation = exif_orientation(body)
        if marker == _START_OF_SCAN and size is not None:
            kept.append(data[at - 2 :])
            return Container("JPEG", b"".join(kept), size, orientation or UPRIGHT, scans)
        if marker in (_APP0, _APP14) or not (_APP0 <= marker <= 0xEF or marker == _COMMENT):
            kept.append(data[at - 2 : at + length])
        at += length
    raise UndecodablePhoto(_BROKEN)


def _read_png(data: bytes) -> Container:
    """Walk the chunks; keep the critical ones and transparency."""
    size: tuple[int, int] = struct.unpack_from(">II", data, 16)
    kept, orientation, at = [data[:8]], UPRIGHT, 8
    for _ in range(MAX_PARTS):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            break
        if kind == b"eXIf":
            orientation = exif_orientation(data[at + 8 : end - 4])
        if kind == b"tRNS" or not kind[0] & 0x20:
            kept.append(data[at:end])
        if kind == b"IEND":
            return Container("PNG", b"".join(kept), size, orientation)
        at = end
    raise UndecodablePhoto(_BROKEN)


def _webp_size(data: bytes) -> tuple[int, int]:
    """Read the canvas size, before a decoder sets memory aside for it."""
    kind = data[12:16]
    if kind == b"VP8X":
        low, high = (
            struct.unpack_from("<Q", data, 24)[0] & 0xFFFFFF,
            struct.unpack_from("<I", data, 26)[0] >> 8,
        )
        return low + 1, high + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _read_gif(data: bytes) -> Container:
    """Walk to the first frame; the size is the screen's, widened where that frame reaches beyond it."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    kept, parts = [data[:at]], 0
    while data[at] == _GIF_EXTENSION:
        start, at = at, at + 2
        while data[at]:
            at, parts = at + data[at] + 1, parts + 1
            if parts > MAX_PARTS:
                raise UndecodablePhoto(_BROKEN)
        at += 1
        if data[start + 1] == _GIF_GRAPHIC_CONTROL:
            kept.append(data[start:at])
    left, top, frame_width, frame_height = struct.unpack_from("<HHHH", data, at + 1)
    size = max(width, left + frame_width), max(height, top + frame_height)
    return Container("GIF", b"".join((*kept, data[at:])), size, UPRIGHT)


def _brands(data: bytes) -> set[bytes]:
    """Return the major and compatible brands of an ISO media file, or nothing."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4], "big"), 512)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}


def _without_exif_item(data: bytes) -> bytes:
    """Rename the EXIF items that the leading boxes of an AVIF file announce; the length stays."""
    media = data.find(b"mdat")
    head = data if media < 0 else data[:media]
    return _EXIF_ITEM.sub(rb"\1Skip", head) + data[len(head) :]


def _describe(data: bytes, brands: set[bytes]) -> str:
    if not data:
        return "an empty file"
    if brands:
        return "a video or an image of another kind"
    for start, description in _OTHERS:
        if data.startswith(start):
            return description
    head = data[:1024]
    if b"<svg" in head.lower():
        return "an SVG drawing"
    printable = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in head)
    return "text" if printable > 0.9 * len(head) else "bytes of no known image type"
