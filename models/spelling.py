"""Counts the typing mistakes between one query and many short texts at once."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int16]


class Spellings:
    """Texts to compare with; read-only, safe to share between threads.

    A mistake is a letter too many, too few, another one, or two neighbours swapped (optimal string alignment,
    Boytsov 2011, doi 10.1145/1963190.1963191, section 2.2).

    Args:
        texts: what may have been meant, none of them empty.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._lengths = np.array([len(text) for text in texts], np.int64)
        self._codes = np.zeros((len(texts), int(self._lengths.max(initial=0))), np.uint32)
        for row, text in enumerate(texts):
            self._codes[row, : len(text)] = _codes(text)
        self._letters = np.array([_letters(text) for text in texts], np.uint64)

    def near(self, query: str, limit: int) -> tuple[npt.NDArray[np.int64], Counts, Counts]:
        """Count mistakes for the texts that can be within `limit` of `query`, or begin within `limit` of it.

        Returns:
            Positions of these texts, int64 (n,); mistakes that make the query each of them, int16 (n,); and
            those that make it their nearest beginning, int16 (n,). Counts are exact up to `limit`; above it
            they only say so.
        """
        width = self._codes.shape[1]
        if len(query) > width + limit:
            return np.empty(0, np.int64), np.empty(0, np.int16), np.empty(0, np.int16)
        strange = np.bitwise_count(np.uint64(_letters(query)) & ~self._letters)
        possible = np.flatnonzero((strange <= limit) & (self._lengths >= len(query) - limit))
        width = min(width, len(query) + limit)
        last = _last_row(_codes(query), self._codes[possible, :width])
        lengths = self._lengths[possible]
        whole = last[np.arange(len(possible)), np.minimum(lengths, width)]
        too_long = (lengths - width).clip(0).astype(np.int16)
        return possible, whole + too_long, last.min(axis=1, initial=np.int16(len(query)))


def _last_row(query: npt.NDArray[np.uint32], texts: npt.NDArray[np.uint32]) -> Counts:
    """Mistakes between the whole query and each beginning of each text: int16 (n, width + 1)."""
    steps = np.arange(texts.shape[1] + 1, dtype=np.int16)
    above = np.broadcast_to(steps, (len(texts), len(steps)))
    before, matched_before = above, np.zeros(texts.shape, bool)
    for row, letter in enumerate(query, 1):
        matched = texts == letter
        current = np.empty_like(above)
        current[:, 0] = row
        current[:, 1:] = np.minimum(above[:, 1:] + 1, above[:, :-1] + ~matched)
        if row > 1:
            swapped = matched[:, :-1] & matched_before[:, 1:]
            two_on = current[:, 2:]
            np.minimum(two_on, before[:, :-2] + 1, out=two_on, where=swapped)
        # A letter left out costs one a step: the least of what stands to the left, each plus its steps.
        current = np.minimum.accumulate(current - steps, axis=1) + steps
        before, above, matched_before = above, current, matched
    return np.asarray(above, np.int16)


def _codes(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)


def _letters(text: str) -> int:
    """The set of letters of a text as 64 bits; two letters may share one."""
    bits = 0
    for letter in text:
        bits |= 1 << (ord(letter) & 63)
    return bits
