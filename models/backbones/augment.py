"""Random changes to training photos: what a phone, a shelf, a plastic bag and a hurried hand do to a picture
of a fruit.
"""

import math

import tensorflow as tf


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
    photos = _lose_sharpness(photos, size, generator)
    photos = _change_light(photos, generator)
    photos = _cover(photos, size, generator)
    noise = (
        generator.normal(tf.shape(photos)) * _some(photos, 0.3, generator) * generator.uniform([], 2.0, 12.0)
    )
    return tf.clip_by_value(photos + noise, 0.0, 255.0)


def _some(photos: tf.Tensor, share: float, generator: tf.random.Generator) -> tf.Tensor:
    """1.0 for about `share` of the photos, 0.0 for the others: (n, 1, 1, 1)."""
    return tf.cast(generator.uniform([tf.shape(photos)[0], 1, 1, 1]) < share, tf.float32)


def _reframe(photos: tf.Tensor, size: int, generator: tf.random.Generator) -> tf.Tensor:
    """Crop 25-120 % of the area, stretch, tilt and mirror, in one resampling."""
    count, side = tf.shape(photos)[0], tf.cast(tf.shape(photos)[1], tf.float32)
    extent = tf.sqrt(tf.exp(generator.uniform([count], math.log(0.25), math.log(1.2))))
    aspect = tf.exp(generator.uniform([count], math.log(0.78), math.log(1.28)) / 2)
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
    """Put two thirds of the subjects that were photographed on white before the blurred colours of another
    photo.
    """
    colours, subject = photos[..., :3], photos[..., 3:] / 255.0
    size = tf.shape(photos)[1]
    coarse = tf.image.resize(colours, [6, 6], method="area")
    fine = tf.image.resize(colours, [24, 24], method="area")
    share = generator.uniform([tf.shape(photos)[0], 1, 1, 1])
    scene = tf.image.resize(coarse, [size, size]) * share + tf.image.resize(fine, [size, size]) * (
        1.0 - share
    )
    scene = tf.roll(scene, 1, axis=0) * generator.uniform([tf.shape(photos)[0], 1, 1, 1], 0.4, 1.1)
    shown = 1.0 - (1.0 - subject) * _some(photos, 0.67, generator)
    return colours * shown + scene * (1.0 - shown)


def _lose_sharpness(photos: tf.Tensor, size: int, generator: tf.random.Generator) -> tf.Tensor:
    """Blur a quarter of the photos as a small or moving sensor would."""
    blurred = tf.image.resize(tf.nn.avg_pool2d(photos, 2, 2, "SAME"), [size, size])
    softer = tf.image.resize(tf.nn.avg_pool2d(photos, 3, 3, "SAME"), [size, size])
    first, second = _some(photos, 0.2, generator), _some(photos, 0.08, generator)
    photos = photos * (1 - first) + blurred * first
    return photos * (1 - second) + softer * second


def _change_light(photos: tf.Tensor, generator: tf.random.Generator) -> tf.Tensor:
    """Exposure, contrast, saturation and white balance."""
    one = [tf.shape(photos)[0], 1, 1, 1]
    balance = tf.exp(generator.normal([one[0], 1, 1, 3], stddev=0.07))
    photos = photos * balance * tf.exp(generator.normal(one, stddev=0.22))
    mean = tf.reduce_mean(photos, axis=[1, 2, 3], keepdims=True)
    photos = mean + (photos - mean) * tf.exp(generator.normal(one, stddev=0.18))
    grey = tf.reduce_mean(photos, axis=3, keepdims=True)
    return grey + (photos - grey) * generator.uniform(one, 0.6, 1.35)


def _cover(photos: tf.Tensor, size: int, generator: tf.random.Generator) -> tf.Tensor:
    """Lay a plain rectangle over a quarter of the photos."""
    one = [tf.shape(photos)[0], 1, 1, 1]
    axis = tf.range(size, dtype=tf.float32)

    def band(line: tf.Tensor) -> tf.Tensor:
        centre, extent = (
            generator.uniform(one, 0.0, float(size)),
            generator.uniform(one, 0.1 * size, 0.45 * size),
        )
        return tf.cast(tf.abs(line - centre) < extent / 2, tf.float32)

    covered = (
        band(axis[None, :, None, None]) * band(axis[None, None, :, None]) * _some(photos, 0.25, generator)
    )
    return photos * (1 - covered) + generator.uniform([one[0], 1, 1, 3], 0.0, 255.0) * covered
