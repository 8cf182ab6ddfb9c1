"""Training photos are changed at random, within bounds, and what they may show changes with them."""

import numpy as np
import pytest
import tensorflow as tf

from models.backbones.augment import augment, mix, recolour, set_back


def test_augmented_photos_keep_their_range_differ_and_repeat_with_the_seed() -> None:
    rgba = np.random.default_rng(2).integers(0, 256, (6, 40, 40, 4), dtype=np.uint8)
    first, second, third = (
        augment(tf.constant(rgba), 32, generator).numpy()
        for generator in (
            tf.random.Generator.from_seed(1),
            tf.random.Generator.from_seed(1),
            tf.random.Generator.from_seed(2),
        )
    )

    assert first.shape == (6, 32, 32, 3)
    assert first.min() >= 0
    assert first.max() <= 255
    assert (first == second).all()
    assert np.abs(first - third).mean() > 5


def test_most_white_backgrounds_are_replaced() -> None:
    rgba = np.full((64, 40, 40, 4), 255, np.uint8)
    rgba[:, 12:28, 12:28, :3] = (200, 30, 40)
    rgba[..., 3] = 0
    rgba[:, 12:28, 12:28, 3] = 255
    changed = augment(tf.constant(rgba), 32, tf.random.Generator.from_seed(3)).numpy()
    saturation = (changed.max(3) - changed.min(3)).mean((1, 2))

    untouched = augment(
        tf.constant(np.concatenate([rgba[..., :3], np.full_like(rgba[..., 3:], 255)], 3)),
        32,
        tf.random.Generator.from_seed(3),
    )
    assert saturation.mean() > 1.1 * float((untouched.numpy().max(3) - untouched.numpy().min(3)).mean())


def plain(*values: float) -> tf.Tensor:
    """Give photos of one grey each, 16 x 16."""
    return tf.constant(
        np.array(values, np.float32)[:, None, None, None] * np.ones((1, 16, 16, 3), np.float32)
    )


def test_a_mixed_photo_counts_for_what_is_seen_of_each() -> None:
    count = 200
    photos = plain(*(10.0 if row % 2 else 200.0 for row in range(count)))
    allowed = tf.one_hot([row % 2 for row in range(count)], 2)
    fruits = tf.zeros(count, tf.bool)
    mixed, patch, share = (
        part.numpy() for part in mix(photos, allowed, fruits, tf.random.Generator.from_seed(5))
    )

    assert 0.15 < (share > 0).mean() < 0.45
    assert (patch == allowed.numpy()[::-1]).all()
    for row in range(count):
        own, other = (10.0, 200.0) if row % 2 else (200.0, 10.0)
        assert np.isin(mixed[row], [own, other]).all()
        assert (mixed[row] == other).mean() == pytest.approx(share[row], abs=1e-6)
        assert share[row] == 0 or 0.15 < share[row] < 0.6


def test_a_patch_without_fruit_is_clutter_and_a_fruit_on_clutter_is_the_answer() -> None:
    count = 200
    negatives = tf.constant([row % 2 == 0 for row in range(count)])
    photos = plain(*(10.0 if row % 2 else 200.0 for row in range(count)))
    mixed, _, share = (
        part.numpy() for part in mix(photos, tf.ones((count, 2)), negatives, tf.random.Generator.from_seed(6))
    )
    changed = np.ptp(mixed, axis=(1, 2, 3)) > 0

    assert changed[1::2].any()
    assert (share[1::2] == 0).all()
    assert changed[::2].any()
    assert (share[::2] == changed[::2]).all()


def test_only_photos_without_fruit_are_recoloured() -> None:
    photos = tf.constant(np.tile(np.array([250.0, 100.0, 0.0], np.float32), (100, 4, 4, 1)))
    negatives = tf.constant([row < 50 for row in range(100)])
    changed = recolour(photos, negatives, tf.random.Generator.from_seed(7)).numpy()
    swapped = changed[:, 0, 0, 0] == 0

    assert 5 < swapped[:50].sum() < 30
    assert not swapped[50:].any()


def test_a_photo_set_back_is_whole_and_smaller_somewhere_in_the_frame() -> None:
    count, size = 200, 32
    photos = np.full((count, size, size, 3), 100.0, np.float32)
    photos[:, 4:28, 4:28] = 250.0
    shown = set_back(tf.constant(photos), tf.random.Generator.from_seed(8)).numpy()
    changed = (shown != photos).any((1, 2, 3))
    bright = (shown[changed] > 240).all(3) & (shown[changed].std(3) < 1)
    framed = bright[(shown[changed][:, 0, 0] < 200).any(1)].mean((1, 2))

    assert 0.1 < changed.mean() < 0.4
    assert shown.min() >= 0
    assert shown.max() <= 255
    assert (framed < 0.85 * (24 / size) ** 2).all()
    assert (framed > 0.2 * (24 / size) ** 2).mean() > 0.95
    assert len({tuple(np.argwhere(one)[0]) for one in bright if one.any()}) > 10
