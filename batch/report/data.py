"""What a build tells its report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from batch.evaluation import Answered


@dataclass(frozen=True)
class Step:
    """A step of the build: seconds it took, photos it went through, memory at its highest in MB."""

    name: str
    seconds: float
    photos: int | None = None
    peak_mb: float | None = None


@dataclass(frozen=True)
class ReportData:
    """What a build knows at its end.

    Attributes:
        title: of the page.
        network, d_cnn, d_pca: which network, length of its features, of the vectors.
        corpora: where the photos came from.
        explained_variance_ratio: float32 (d_pca,).
        counts: photos in the index by fruit id.
        vectors: float32 (n, d_pca), photos in the index.
        fruits: fruit id of each vector.
        held_out: photos kept apart, answered; None when there were too few.
        metrics: `all` and each kind of photo -> `measure`.
        baseline: the same of the current bundle, asked the same photos; None without one.
        rejects: reason code -> photos left out.
        reject_examples: (path, code) of some.
        new_fruits: fruit ids that the catalogue does not know.
        warnings: sentences.
        steps: of the build, in order.
        index, calibration, thresholds: as in the manifest.
        names: English name by fruit id.
    """

    title: str
    network: str
    d_cnn: int
    d_pca: int
    corpora: Sequence[str]
    explained_variance_ratio: npt.NDArray[np.float32]
    counts: Mapping[str, int]
    vectors: npt.NDArray[np.float32]
    fruits: Sequence[str]
    held_out: Answered | None
    metrics: Mapping[str, Mapping[str, Any]]
    baseline: Mapping[str, Mapping[str, Any]] | None
    rejects: Mapping[str, int]
    reject_examples: Sequence[tuple[str, str]]
    new_fruits: Sequence[str]
    warnings: Sequence[str]
    steps: Sequence[Step]
    index: Mapping[str, Any]
    calibration: Mapping[str, Any]
    thresholds: Mapping[str, float]
    names: Mapping[str, str]
