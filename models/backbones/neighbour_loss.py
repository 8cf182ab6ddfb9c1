"""Draws photographs of one fruit together where the index will look for neighbours.

The votes of an index are a classifier of their own: here a network is trained for it (neighbourhood
components: Goldberger et al. 2004), in the projected space of a bundle, against the photographs of the last
steps, which are remembered (cross-batch memory: Wang et al. 2020, https://arxiv.org/abs/1912.06798).
"""

import tensorflow as tf

from models.projection import Projection

_TEMPERATURE = 0.07
_FAR = -1e9


class Memory:
    """The projected vectors of the photographs that were shown last, and their fruits."""

    def __init__(self, projection: Projection, rows: int) -> None:
        self._mean, self._components = tf.constant(projection.mean), tf.constant(projection.components)
        self._vectors = tf.Variable(tf.zeros([rows, projection.d_pca]), trainable=False)
        self._fruits = tf.Variable(tf.fill([rows], -1), trainable=False)

    def ask(self, features: tf.Tensor, fruits: tf.Tensor) -> tf.Tensor:
        """Give the `surprise` at photos by their features (n, d_cnn), and remember them from then on."""
        vectors = self.vectors(features)
        surprise = self.surprise(vectors, fruits)
        with tf.control_dependencies([surprise]):
            self.add(vectors, fruits)
        return surprise

    def vectors(self, features: tf.Tensor) -> tf.Tensor:
        """Project features as the bundle does: float32 (n, d_pca) of length 1 from (n, d_cnn)."""
        projected = tf.matmul(features - self._mean, self._components, transpose_b=True)
        return tf.math.l2_normalize(projected, axis=1)

    def surprise(self, vectors: tf.Tensor, fruits: tf.Tensor) -> tf.Tensor:
        """Minus the log of the share of the votes that a photo's own fruit gets.

        Args:
            vectors: float32 (n, d_pca) of length 1.
            fruits: int32 (n,), -1 for a photo that is not asked about.

        Returns:
            float32 (n,); 0 where a photo is not asked about, or no photo of its fruit is remembered.
        """
        near = tf.matmul(vectors, self._vectors, transpose_b=True) / _TEMPERATURE
        own = fruits[:, None] == self._fruits[None]
        asked = (fruits >= 0) & tf.reduce_any(own, axis=1)
        all_votes = tf.reduce_logsumexp(tf.where(self._fruits[None] >= 0, near, _FAR), axis=1)
        own_votes = tf.reduce_logsumexp(tf.where(own, near, _FAR), axis=1)
        return tf.where(asked, all_votes - own_votes, 0.0)

    def add(self, vectors: tf.Tensor, fruits: tf.Tensor) -> None:
        """Remember photos, those without a number excepted from every vote, and forget as many old ones."""
        count = tf.shape(fruits)[0]
        self._vectors.assign(tf.concat([tf.stop_gradient(vectors), self._vectors[:-count]], axis=0))
        self._fruits.assign(tf.concat([fruits, self._fruits[:-count]], axis=0))
