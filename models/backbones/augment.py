"""Random changes to training photos: what a phone, a shelf, a plastic bag and a hurried hand do to a picture
of a fruit.
"""

import math
from collections.abc import Callable

import tensorflow as tf

_MIN_AREA, _MAX_AREA = 0.14, 1.5
_MIXED_SHARE = 0.3
_SET_BACK_SHARE = 0.25
_SMALLEST_SIDE = 0.5


def augment(rgba: tf.Tensor, size: int, generator: tf.random.Generator) -> tf.Tensor:
    """Change a batch at random: background, frame, light, sharpness, noise, something in front.

    Args:
        rgba: uint8 (n, side, side, 4), the fourth channel as `dataset.Photos.pixels` describes it.
        size: side of the result in pixels.
        generator: where all chance comes from.

    Returns:
        float32 (n, size, size, 3) in 0..255.
    """
    photos = _reframe(tf.cast(rgba, tf.float32), size, generator)
    photos = _replace_white(photos, generator)
    photos = _to_some(photos, 0.2, generator, lambda some: _blur(some, 2))
    photos = _to_some(photos, 0.1, generator, lambda some: _blur(some, 3))
    photos = _change_light(photos, generator)
    photos = _to_some(photos, 0.15, generator, lambda some: _wrap_in_plastic(some, generator))
    photos = _to_some(photos, 0.2, generator, lambda some: _cover(some, generator))
    photos = _to_some(photos, 0.3, generator, lambda some: _add_noise(some, generator))
    return tf.clip_by_value(photos, 0.0, 255.0)


def recolour(photos: tf.Tensor, negatives: tf.Tensor, generator: tf.random.Generator) -> tf.Tensor:
    """Exchange red and blue in a third of the photos without fruit: other things, still no fruit.

    Args:
        photos: float32 (n, size, size, 3).
        negatives: bool (n,): photos that show no fruit.
        generator: where all chance comes from.
    """
    chosen = tf.where(negatives & (generator.uniform(tf.shape(negatives)) < 0.33))
    return tf.tensor_scatter_nd_update(photos, chosen, tf.gather_nd(photos, chosen)[..., ::-1])


def mix(
    photos: tf.Tensor, allowed: tf.Tensor, negatives: tf.Tensor, generator: tf.random.Generator
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Cover part of some photos with the same part of another (CutMix: Yun et al. 2019, arXiv:1905.04899).

    Args:
        photos: float32 (n, size, size, 3).
        allowed: float32 (n, classes) of 0 and 1: what each photo may show.
        negatives: bool (n,): photos that show no fruit.
        generator: where all chance comes from.

    Returns:
        Photos; what the patch may show, float32 (n, classes); and its share of the answer, float32 (n,). A
        patch without fruit is clutter on a photo with one and has no share; a fruit on a photo without has
        all of it.
    """
    count, size = tf.shape(photos)[0], tf.shape(photos)[1]
    area = generator.uniform([count], 0.25, 0.5)
    mixed = generator.uniform([count]) < _MIXED_SHARE
    patch = _box(count, size, tf.sqrt(area), generator) * tf.cast(mixed, tf.float32)[:, None, None, None]
    photos = photos * (1 - patch) + tf.roll(photos, 1, axis=0) * patch
    visible = tf.reduce_mean(patch, axis=[1, 2, 3])
    patch_negative = tf.roll(negatives, 1, axis=0)
    share = tf.where(patch_negative & ~negatives, 0.0, visible)
    share = tf.where(negatives & ~patch_negative & (visible > 0), 1.0, share)
    return photos, tf.roll(allowed, 1, axis=0), share


def set_back(photos: tf.Tensor, generator: tf.random.Generator) -> tf.Tensor:
    """Show some photos from farther away: at half to nine tenths of their side, somewhere in a frame of their
    own colours, of another photo's, or of one plain colour.

    Args:
        photos: float32 (n, size, size, 3).
        generator: where all chance comes from.
    """
    return _to_some(photos, _SET_BACK_SHARE, generator, lambda some: _in_a_wider_frame(some, generator))


def _in_a_wider_frame(photos: tf.Tensor, generator: tf.random.Generator) -> tf.Tensor:
    count, size = tf.shape(photos)[0], tf.shape(photos)[1]
    whole = tf.cast(size, tf.float32)
    side = generator.uniform([count], _SMALLEST_SIDE, 0.9)
    left, top = (generator.uniform([count]) * (1 - side) * whole for _ in range(2))
    none = tf.zeros([count])
    shrunk = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.concat([photos, tf.ones_like(photos[..., :1])], axis=3),
        transforms=tf.stack([1 / side, none, -left / side, none, 1 / side, -top / side, none, none], axis=1),
        output_shape=[size, size],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    ground = generator.uniform([count, 1, 1, 1], 0, 3, tf.int32)
    coarse = tf.image.resize(tf.image.resize(photos, [8, 8], method="area"), [size, size], method="bicubic")
    plain = generator.uniform([count, 1, 1, 3], 0.0, 255.0)
    around = tf.where(ground == 0, coarse, tf.where(ground == 1, tf.roll(coarse, 1, axis=0), plain))
    return tf.clip_by_value(shrunk[..., :3] + around * (1 - shrunk[..., 3:]), 0.0, 255.0)


def _to_some(
    photos: tf.Tensor,
    share: float,
    generator: tf.random.Generator,
    change: Callable[[tf.Tensor], tf.Tensor],
) -> tf.Tensor:
    """Change a share of the photos, anew chosen each time, and compute nothing for the others."""
    count = tf.shape(photos)[0]
    chosen = tf.where(generator.uniform([count]) < share)
    return tf.tensor_scatter_nd_update(photos, chosen, change(tf.gather_nd(photos, chosen)))


def _reframe(photos: tf.Tensor, size: int, generator: tf.random.Generator) -> tf.Tensor:
    """Crop 14-150 % of the area, stretch, tilt and mirror, in one resampling."""
    count, side = tf.shape(photos)[0], tf.cast(tf.shape(photos)[1], tf.float32)
    extent = tf.sqrt(tf.exp(generator.uniform([count], math.log(_MIN_AREA), math.log(_MAX_AREA))))
    aspect = tf.exp(generator.uniform([count], math.log(0.75), math.log(1.33)) / 2)
    width, height = extent * aspect * side, extent / aspect * side
    slack_x, slack_y = tf.maximum(side - width, 0.1 * side), tf.maximum(side - height, 0.1 * side)
    centre_x = side / 2 + generator.uniform([count], -0.5, 0.5) * slack_x
    centre_y = side / 2 + generator.uniform([count], -0.5, 0.5) * slack_y
    angle = tf.clip_by_value(generator.normal([count], stddev=0.25), -0.8, 0.8)
    mirror = tf.where(generator.uniform([count]) < 0.5, -1.0, 1.0)
    overturn = tf.where(generator.uniform([count]) < 0.15, -1.0, 1.0)
    a0, a1 = tf.cos(angle) * width / size * mirror, -tf.sin(angle) * height / size * overturn
    b0, b1 = tf.sin(angle) * width / size * mirror, tf.cos(angle) * height / size * overturn
    half = size / 2
    transforms = tf.stack(
        [
            a0,
            a1,
            centre_x - (a0 + a1) * half,
            b0,
            b1,
            centre_y - (b0 + b1) * half,
            tf.zeros([count]),
            tf.zeros([count]),
        ],
        axis=1,
    )
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=photos,
        transforms=transforms,
        output_shape=[size, size],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )


def _replace_white(photos: tf.Tensor, generator: tf.random.Generator) -> tf.Tensor:
    """Put two thirds of the subjects that were photographed on white before another photo of the batch,
    blurred to its colours or left as it is.
    """
    colours, subject = photos[..., :3], photos[..., 3:] / 255.0
    count = tf.shape(photos)[0]
    white = tf.reduce_mean(subject, axis=[1, 2, 3]) < 0.98
    chosen = tf.where(white & (generator.uniform([count]) < 0.67))

    def before_another(some: tf.Tensor, mask: tf.Tensor, scene: tf.Tensor) -> tf.Tensor:
        size, one = tf.shape(some)[1], [tf.shape(some)[0], 1, 1, 1]
        coarse = tf.image.resize(tf.image.resize(scene, [6, 6], method="area"), [24, 24])
        fine = tf.image.resize(scene, [24, 24], method="area")
        share = generator.uniform(one)
        soft = tf.image.resize(coarse * share + fine * (1 - share), [size, size])
        sharp = tf.cast(generator.uniform(one) < 0.4, tf.float32)
        scene = (scene * sharp + soft * (1 - sharp)) * generator.uniform(one, 0.4, 1.1)
        return some * mask + scene * (1 - mask)

    replaced = before_another(
        tf.gather_nd(colours, chosen),
        tf.gather_nd(subject, chosen),
        tf.gather_nd(tf.roll(colours, 1, axis=0), chosen),
    )
    return tf.tensor_scatter_nd_update(colours, chosen, replaced)


def _blur(photos: tf.Tensor, pixels: int) -> tf.Tensor:
    """Lose what a small or moving sensor loses."""
    size = tf.shape(photos)[1]
    return tf.image.resize(tf.nn.avg_pool2d(photos, pixels, pixels, "SAME"), [size, size])


def _change_light(photos: tf.Tensor, generator: tf.random.Generator) -> tf.Tensor:
    """Exposure, contrast, saturation, white balance from lamp to shade."""
    one = [tf.shape(photos)[0], 1, 1, 1]
    warmth = generator.normal(one, stddev=0.09) * tf.constant([1.0, 0.1, -1.0])
    balance = tf.exp(generator.normal([one[0], 1, 1, 3], stddev=0.06) + warmth)
    gain = balance * tf.exp(generator.normal(one, stddev=0.24))
    mean = tf.reduce_mean(tf.reduce_mean(photos, axis=[1, 2], keepdims=True) * gain, axis=3, keepdims=True)
    contrast = tf.exp(generator.normal(one, stddev=0.18))
    photos = photos * (gain * contrast) + mean * (1 - contrast)
    saturation = generator.uniform(one, 0.55, 1.35)
    grey = tf.reduce_mean(photos, axis=3, keepdims=True)
    return photos * saturation + grey * (1 - saturation)


def _wrap_in_plastic(photos: tf.Tensor, generator: tf.random.Generator) -> tf.Tensor:
    """Lay a pale veil with bright creases over the photos, as a thin bag does."""
    count, size = tf.shape(photos)[0], tf.shape(photos)[1]
    one = [count, 1, 1, 1]
    folds = tf.image.resize(generator.normal([count, 7, 7, 1]), [size, size], method="bicubic")
    creases = tf.exp(-tf.square(folds * generator.uniform(one, 4.0, 12.0)))
    creases *= tf.image.resize(generator.uniform([count, 4, 4, 1]), [size, size])
    veil = generator.uniform(one, 0.0, 0.3)
    return photos * (1 - veil) + 215.0 * veil + creases * generator.uniform(one, 40.0, 190.0)


def _cover(photos: tf.Tensor, generator: tf.random.Generator) -> tf.Tensor:
    """Lay a plain rectangle over the photos."""
    count, size = tf.shape(photos)[0], tf.shape(photos)[1]
    covered = _box(count, size, generator.uniform([count], 0.15, 0.45), generator)
    return photos * (1 - covered) + generator.uniform([count, 1, 1, 3], 0.0, 255.0) * covered


def _box(count: tf.Tensor, size: tf.Tensor, extent: tf.Tensor, generator: tf.random.Generator) -> tf.Tensor:
    """Rectangles somewhere inside the frame: 1.0 inside, 0.0 outside, (count, size, size, 1).

    `extent` (count,) is the side of a square of their area, as a share of the frame's side.
    """
    stretch = tf.exp(generator.uniform([count], -0.25, 0.25))
    axis = (tf.range(size, dtype=tf.float32) + 0.5) / tf.cast(size, tf.float32)

    def band(length: tf.Tensor) -> tf.Tensor:
        length = tf.minimum(length, 1.0)
        centre = length / 2 + generator.uniform([count]) * (1 - length)
        return tf.cast(tf.abs(axis[None] - centre[:, None]) < length[:, None] / 2, tf.float32)

    return band(extent / stretch)[:, :, None, None] * band(extent * stretch)[:, None, :, None]


def _add_noise(photos: tf.Tensor, generator: tf.random.Generator) -> tf.Tensor:
    strength = generator.uniform([tf.shape(photos)[0], 1, 1, 1], 2.0, 14.0)
    return photos + generator.normal(tf.shape(photos)) * strength
