"""How many photos a second a training step takes, with Keras' layers and with the quick ones."""

import time
from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.backbones.quick_layers import quicken
from tests.bench.settings import BenchSettings
from tests.bench.table import middle, show

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

SIZES = (96, 128, 160)
BATCH, CLASSES, STEPS = 64, 79, 4
FROZEN_BEFORE = "block_3_expand"


def test_photos_a_second_of_training(asked: BenchSettings) -> None:
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    rows = []
    try:
        for size in SIZES:
            ways = [step_of(size, lambda body: body), step_of(size, quicken)]
            rates = [[timed(step) for step in ways] for _ in range(asked.rounds)]
            keras_rates, quick_rates = zip(*rates, strict=True)
            gain = np.median(np.array(quick_rates) / np.array(keras_rates))
            rows.append([f"{size} px", middle(keras_rates), middle(quick_rates), f"{gain:.2f}"])
    finally:
        keras.mixed_precision.set_global_policy("float32")
    show(
        f"Photos a second, forward, backward and update, batches of {BATCH}, median (lowest-highest)",
        ["input", "Keras' layers", "quick layers", "times"],
        rows,
        packages=("tensorflow", "keras"),
        notes=[f"MobileNetV2, layers before {FROZEN_BEFORE} frozen, bfloat16; augmentation not counted."],
    )


def step_of(size: int, changed: Callable[[keras.Model], keras.Model]) -> Callable[[], tf.Tensor]:
    """Give a compiled training step on random photos."""
    body = changed(
        keras.applications.MobileNetV2(
            input_shape=(size, size, 3), include_top=False, weights=None, pooling="avg"
        )
    )
    for layer in body.layers[: [layer.name for layer in body.layers].index(FROZEN_BEFORE)]:
        layer.trainable = False
    linear = keras.layers.Dense(CLASSES, dtype="float32")
    model = keras.Model(body.input, linear(body.output))
    optimizer = keras.optimizers.AdamW(1e-3, global_clipnorm=1.0)
    optimizer.build(model.trainable_variables)
    photos = tf.random.uniform((BATCH, size, size, 3), -1.0, 1.0)
    labels = tf.random.uniform((BATCH,), 0, CLASSES, tf.int32)

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            scores = model(photos, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scores))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    step()
    step()
    return step


def timed(step: Callable[[], tf.Tensor]) -> float:
    """Give photos a second over a few steps."""
    started = time.perf_counter()
    for _ in range(STEPS):
        step()
    return BATCH * STEPS / (time.perf_counter() - started)
