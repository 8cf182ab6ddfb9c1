"""Near twins of a photo: a 128-bit signature of its look, and the groups that close signatures form.

Held-out parts are split by these groups, never at random: a corpus holds bursts of one shelf, frames of one
turning fruit and the same web picture twice, and a twin on the other side of a split measures memory, not
sight.
"""

import hashlib
from collections.abc import Sequence

import faiss
import numpy as np
import numpy.typing as npt
from PIL import Image

from models.photo import fit

SIGNATURE_BYTES = 16
_FRAMED_SIDE_PX = 64
MAX_DISTANCE_BITS = 7
"""Signatures at most this far apart count as twins: re-encoded or resized copies differ by 0-5 bits."""

HELD_OUT_PERCENT = 12
LARGEST_HELD_OUT_SHARE = 0.02
"""A group above this share of all photos is never held out: one long chain of look-alikes would take most of
a small corpus away.
"""


def signature(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Describe a photo in 128 bits.

    64 bits compare horizontal neighbours on a 9 x 8 grid of luminance (the difference hash); 64 place the two
    chroma channels of a 4 x 4 grid on a three-step scale, so that a lemon and a lime of one shape differ.

    Args:
        pixels: uint8 (h, w, 3) RGB, as `photo.decode` gives them.

    Returns:
        16 bytes; the Hamming distance between two is the measure of likeness.
    """
    colour = Image.fromarray(fit(pixels, _FRAMED_SIDE_PX)).convert("YCbCr")
    grey = np.asarray(colour.getchannel(0).resize((9, 8), Image.Resampling.BOX), np.int16)
    chroma = np.asarray(colour.resize((4, 4), Image.Resampling.BOX), np.uint8)[:, :, 1:]
    steps = chroma[..., None] > np.array([112, 136], np.uint8)
    return np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes() + np.packbits(steps).tobytes()


def group(signatures: Sequence[bytes], max_distance_bits: int = MAX_DISTANCE_BITS) -> npt.NDArray[np.int64]:
    """Join photos whose signatures are close, directly or through a chain of others.

    Returns:
        int64 (n,): each photo's group, named by the position of its first member.
    """
    count = len(signatures)
    parent = np.arange(count, dtype=np.int64)
    if count == 0:
        return parent
    packed = np.frombuffer(b"".join(signatures), np.uint8).reshape(count, SIGNATURE_BYTES)
    index = faiss.IndexBinaryFlat(SIGNATURE_BYTES * 8)
    index.add(packed)

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = int(parent[node])
        return node

    for start in range(0, count, 4096):
        limits, _, found = index.range_search(packed[start : start + 4096], max_distance_bits + 1)
        for offset in range(len(limits) - 1):
            for other in found[int(limits[offset]) : int(limits[offset + 1])]:
                first, second = root(start + offset), root(int(other))
                if first != second:
                    parent[max(first, second)] = min(first, second)
    return np.array([root(node) for node in range(count)], dtype=np.int64)


def held_out(groups: npt.NDArray[np.int64], signatures: Sequence[bytes]) -> npt.NDArray[np.bool_]:
    """Choose whole groups to measure on, by a hash of what they look like.

    The choice depends on the photos alone, not on their order or names: a rebuild, a second machine and the
        training of the network all
    keep the same photos apart.

    Returns:
        bool (n,): True for about HELD_OUT_PERCENT of the groups.
    """
    names, sizes = np.unique(groups, return_counts=True)
    too_large = set(names[sizes > max(50, LARGEST_HELD_OUT_SHARE * len(groups))].tolist())
    smallest: dict[int, bytes] = {}
    for name, seen in zip(groups.tolist(), signatures, strict=True):
        smallest[name] = min(seen, smallest.get(name, seen))
    chosen = {
        name: name not in too_large
        and int.from_bytes(hashlib.sha256(seen).digest()[:4], "big") % 100 < HELD_OUT_PERCENT
        for name, seen in smallest.items()
    }
    return np.array([chosen[name] for name in groups.tolist()], dtype=bool)
