"""The quick layers do what Keras' own do: outputs, gradients, averages, names."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.backbones.quick_layers import FusedBatchNormalization, QuickDepthwiseConv2D, quicken


def photos(*shape: int) -> tf.Tensor:
    return tf.constant(np.random.default_rng(4).normal(1.0, 2.0, shape).astype(np.float32))


def output_and_gradients(layer: keras.layers.Layer, values: tf.Tensor) -> list[np.ndarray]:
    """Give what a layer makes of a batch while training, and the gradients of a curved sum of it."""
    with tf.GradientTape() as tape:
        tape.watch(values)
        result = layer(values, training=True) if "Batch" in type(layer).__name__ else layer(values)
        total = tf.reduce_sum(tf.sin(result))
    watched = [values, *(weight.value for weight in layer.trainable_weights)]
    return [np.asarray(result), *map(np.asarray, tape.gradient(total, watched))]


@pytest.mark.parametrize(("stride", "padding", "side"), [(1, "same", 12), (2, "valid", 13), (2, "valid", 12)])
def test_a_depthwise_convolution_and_its_gradients_are_those_of_keras(
    stride: int, padding: str, side: int
) -> None:
    values = photos(2, side, side, 5)
    settings = {"strides": stride, "padding": padding, "use_bias": False}
    own, theirs = QuickDepthwiseConv2D(3, **settings), keras.layers.DepthwiseConv2D(3, **settings)
    own.build(values.shape)
    theirs.build(values.shape)
    own.set_weights(theirs.get_weights())

    for one, other in zip(
        output_and_gradients(own, values), output_and_gradients(theirs, values), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_batch_normalisation_its_gradients_and_averages_are_those_of_keras() -> None:
    values = photos(8, 6, 6, 5)
    own, theirs = FusedBatchNormalization(momentum=0.9), keras.layers.BatchNormalization(momentum=0.9)
    own.build(values.shape)
    theirs.build(values.shape)

    for one, other in zip(
        output_and_gradients(own, values), output_and_gradients(theirs, values), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(own.moving_mean, theirs.moving_mean, rtol=1e-5)
    # The fused kernel averages the unbiased variance, n / (n - 1) of the one that Keras composes.
    np.testing.assert_allclose(own.moving_variance, theirs.moving_variance, rtol=0.01)
    np.testing.assert_allclose(
        own(values, training=False), theirs(values, training=False), rtol=0.02, atol=0.02
    )


def test_frozen_batch_normalisation_keeps_its_averages() -> None:
    layer = FusedBatchNormalization()
    layer.build((None, 6, 6, 5))
    layer.trainable = False
    before = layer.moving_mean.numpy()
    layer(photos(8, 6, 6, 5), training=True)

    np.testing.assert_array_equal(layer.moving_mean.numpy(), before)


def test_a_quickened_network_takes_the_weights_and_gives_the_features_of_keras() -> None:
    theirs = keras.applications.MobileNetV2(
        input_shape=(64, 64, 3), include_top=False, weights=None, pooling="avg"
    )
    own = quicken(theirs)
    own.set_weights(theirs.get_weights())
    values = photos(2, 64, 64, 3)

    assert [layer.name for layer in own.layers[1:]] == [layer.name for layer in theirs.layers[1:]]
    np.testing.assert_allclose(own(values, training=False), theirs(values, training=False), atol=1e-4)
