"""Votes among remembered photographs, against sums written out by hand."""

import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose

from models.backbones.neighbour_loss import Memory
from models.projection import Projection

TEMPERATURE = 0.07


@pytest.fixture
def projection() -> Projection:
    chance = np.random.default_rng(5)
    return Projection(
        chance.normal(size=6).astype(np.float32),
        chance.normal(size=(3, 6)).astype(np.float32),
        np.array([0.5, 0.3, 0.1], np.float32),
    )


def unit(*rows: tuple[float, float, float]) -> tf.Tensor:
    return tf.math.l2_normalize(tf.constant(rows, tf.float32), axis=1)


def test_photographs_lie_where_a_bundle_projects_them(projection: Projection) -> None:
    features = np.random.default_rng(6).normal(size=(4, 6)).astype(np.float32)

    vectors = Memory(projection, 8).vectors(tf.constant(features))

    assert_allclose(vectors.numpy(), projection.project(features), atol=1e-6)


def test_the_loss_is_the_share_of_votes_for_the_own_fruit(projection: Projection) -> None:
    memory = Memory(projection, 8)
    remembered, asked = unit((1, 0, 0), (0.9, 0.1, 0), (0, 1, 0)), unit((1, 0.2, 0))
    memory.add(remembered, tf.constant([4, 7, 4]))

    surprise = memory.surprise(asked, tf.constant([7]))

    votes = np.exp((asked.numpy() @ remembered.numpy().T)[0].astype(np.float64) / TEMPERATURE)
    assert_allclose(surprise.numpy(), [-np.log(votes[1] / votes.sum())], rtol=1e-4)


def test_a_step_along_the_gradient_brings_a_photograph_to_its_fruit(projection: Projection) -> None:
    memory = Memory(projection, 8)
    memory.add(unit((1, 0, 0), (0, 1, 0)), tf.constant([1, 2]))
    photo = tf.Variable([[0.5, 0.5, 0.1]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(memory.surprise(tf.math.l2_normalize(photo, axis=1), tf.constant([2])))

    photo.assign_sub(0.1 * tape.gradient(loss, photo))

    assert float(photo[0, 1]) > 0.5 > float(photo[0, 0])
    assert float(memory.surprise(tf.math.l2_normalize(photo, axis=1), tf.constant([2]))[0]) < float(loss)


def test_covered_photographs_neither_ask_nor_vote(projection: Projection) -> None:
    memory = Memory(projection, 8)
    memory.add(unit((1, 0, 0), (1, 0, 0), (0, 1, 0)), tf.constant([3, -1, 5]))

    surprise = memory.surprise(unit((1, 0, 0), (1, 0, 0)), tf.constant([3, -1]))

    others = np.exp(0.0) / (np.exp(1 / TEMPERATURE) + np.exp(0.0))
    assert_allclose(surprise.numpy(), [-np.log(1 - others), 0.0], atol=1e-5)


def test_a_fruit_that_nobody_remembers_asks_for_nothing(projection: Projection) -> None:
    memory = Memory(projection, 2)
    memory.add(unit((1, 0, 0)), tf.constant([1]))
    memory.add(unit((0, 1, 0), (0, 0, 1)), tf.constant([2, 2]))  # there is room for two

    surprise = memory.surprise(unit((1, 0, 0), (0, 1, 0)), tf.constant([1, 2]))

    assert_allclose(surprise.numpy(), [0.0, 0.0], atol=1e-6)


def test_photographs_are_remembered_once_they_have_asked(projection: Projection) -> None:
    memory, features = Memory(projection, 4), tf.constant(np.eye(2, 6, dtype=np.float32) * 3)
    ask = tf.function(memory.ask)

    first = ask(features, tf.constant([1, 2])).numpy()
    second = ask(features, tf.constant([1, 2])).numpy()

    assert_allclose(first, [0.0, 0.0], atol=1e-6)
    again = memory.surprise(memory.vectors(features), tf.constant([1, 2]))
    assert_allclose(second, again.numpy(), atol=1e-5)
    assert (second > 0).all()
