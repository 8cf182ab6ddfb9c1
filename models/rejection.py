"""Fruit or not: the gate in front of every answer."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from models.projection import Projection

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Gate:
    """Fruit or not, from an embedding and from how close the closest fruit of the index is.

    It brings its own projection, so that a corpus without negatives can inherit the gate of another bundle of
    the same network.

    Attributes:
        projection: of the bundle that the gate was fitted in.
        weights: float32 (d_pca,), of the logistic regression on projected vectors.
        bias: of the same.
        calibration: float32 (3,): factor of the linear score, factor of the similarity to the closest fruit,
            constant; the probability is the logistic function of their sum.
        alone: float32 (2,): factor of the linear score and constant when the index cannot be asked, as in a
            bundle that inherits.
    """

    projection: Projection
    weights: Floats
    bias: float
    calibration: Floats
    alone: Floats

    def inherited(self) -> "Gate":
        """The gate for a bundle with another index: it looks at the embedding alone."""
        factor, constant = self.alone.tolist()
        return replace(self, calibration=np.array([factor, 0.0, constant], np.float32))

    def linear_score(self, embeddings: Floats) -> Floats:
        """Signed distance to the plane between fruits and the rest: float32 (n,)."""
        return self.score_projected(self.projection.project(embeddings))

    def score_projected(self, vectors: Floats) -> Floats:
        """The same, of what the gate's own projection made of them: float32 (n, d_pca) to (n,)."""
        return (vectors @ self.weights + self.bias).astype(np.float32)

    def probability(self, linear_scores: Floats, closest: Floats) -> Floats:
        """Calibrated probability of a fruit.

        Args:
            linear_scores: float32 (n,), from `linear_score`.
            closest: float32 (n,), cosine similarity to the closest fruit of the index.

        Returns:
            float32 (n,) in 0..1.
        """
        linear, similarity, constant = self.calibration.tolist()
        logit = linear * linear_scores + similarity * closest + constant
        return (1.0 / (1.0 + np.exp(-np.clip(logit, -30, 30)))).astype(np.float32)
