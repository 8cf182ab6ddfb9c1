"""Twins share a signature, strangers do not, and whole groups are kept apart."""

import numpy as np
import pytest
from PIL import Image

from models.near_duplicates import HELD_OUT_PERCENT, SIGNATURE_BYTES, group, held_out, signature


def picture(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 7, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((120, 120), Image.Resampling.BICUBIC))


def distance(first: bytes, second: bytes) -> int:
    return (int.from_bytes(first, "big") ^ int.from_bytes(second, "big")).bit_count()


def test_a_resized_and_a_darker_copy_are_twins() -> None:
    original = picture(1)
    smaller = np.asarray(Image.fromarray(original).resize((80, 80), Image.Resampling.BILINEAR))
    darker = (original * 0.95).astype(np.uint8)

    assert distance(signature(original), signature(smaller)) <= 5
    assert distance(signature(original), signature(darker)) <= 5


def test_strangers_are_far_apart() -> None:
    signatures = [signature(picture(seed)) for seed in range(12)]

    assert min(distance(a, b) for i, a in enumerate(signatures) for b in signatures[:i]) > 20


def test_colour_alone_tells_two_pictures_apart() -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    lemon, lime = grey.copy(), grey.copy()
    lemon[16:48, 16:48] = (240, 220, 60)
    lime[16:48, 16:48] = (110, 200, 60)

    assert distance(signature(lemon), signature(lime)) >= 4


def test_groups_join_through_a_chain() -> None:
    base = 0
    chain = [(base | (2 ** (5 * step) - 1)).to_bytes(SIGNATURE_BYTES, "big") for step in range(4)]
    stranger = b"\xff" * SIGNATURE_BYTES

    assert group([*chain, stranger], max_distance_bits=5).tolist() == [0, 0, 0, 0, 4]


def test_no_photos_make_no_groups() -> None:
    assert group([]).tolist() == []


def random_signatures(count: int, seed: int) -> list[bytes]:
    return [
        row.tobytes() for row in np.random.default_rng(seed).integers(0, 256, (count, 16), dtype=np.uint8)
    ]


def test_whole_groups_are_kept_apart_whatever_the_order() -> None:
    signatures = random_signatures(2000, 1)
    twins = [*signatures, *signatures[:500]]
    apart = held_out(group(twins), twins)

    assert (apart[:500] == apart[2000:]).all()
    assert abs(apart.mean() * 100 - HELD_OUT_PERCENT) < 2.5
    order = np.random.default_rng(2).permutation(len(twins))
    shuffled = [twins[row] for row in order]
    assert (held_out(group(shuffled), shuffled) == apart[order]).all()


def test_a_group_that_is_most_of_the_corpus_is_never_kept_apart() -> None:
    for seed in range(30):
        signatures = [random_signatures(1, seed)[0]] * 200
        assert not held_out(group(signatures), signatures).any()


@pytest.mark.parametrize("size", [(16, 16), (300, 20)])
def test_a_signature_has_16_bytes_whatever_the_size(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)

    assert len(signature(pixels)) == SIGNATURE_BYTES
