"""Photos on the driver: what is known of each, and its projected vector."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyspark.sql import SparkSession

from batch.embedding import EmbeddingResult, OnProgress, embed
from batch.feature_store import FeatureStore
from batch.pca_fit import project
from batch.settings import BuildSettings
from batch.sources import Sources
from batch.splitting import keep_apart
from models.projection import Projection
from models.records import Label

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class EmbeddedPhotos:
    """Photos that have an embedding, sorted by image id, whose embeddings stay on the executors.

    Attributes:
        sources: the photos.
        signatures: of near twins, in the same order.
        result: of embedding them, in the order of its keys.
    """

    sources: Sources
    signatures: tuple[bytes, ...]
    result: EmbeddingResult
    spark: SparkSession

    @property
    def labels(self) -> list[Label]:
        """What each photo shows."""
        return [photo.label for photo in self.sources.photos]

    @property
    def kinds(self) -> list[str]:
        """Name of the corpus of each photo."""
        return [image.split("/")[0] for image in self.sources.images]

    def project(self, projection: Projection) -> Vectors:
        """Project on the executors: float32 (n, d_pca), in the order of the photos."""
        position = {photo: row for row, photo in enumerate(self.result.photos)}
        return project(self.spark, self.result.embeddings, projection)[1][
            [position[photo] for photo in self.sources.photos]
        ]


def embed_photos(
    spark: SparkSession,
    sources: Sources,
    network: bytes,
    feature_tensor: str | None,
    settings: BuildSettings,
    on_progress: OnProgress | None = None,
) -> EmbeddedPhotos:
    """Embed photos, reusing what the feature store has."""
    result = embed(
        spark,
        sources.photos,
        network,
        feature_tensor,
        FeatureStore(settings.features_uri, settings.s3),
        settings.s3,
        reader=settings.reader,
        on_progress=on_progress,
    )
    usable = dict(zip(result.photos, result.signatures, strict=True))
    kept = [
        row for row in np.argsort(sources.images, kind="stable").tolist() if sources.photos[row] in usable
    ]
    chosen = sources.select(kept)
    return EmbeddedPhotos(chosen, tuple(usable[photo] for photo in chosen.photos), result, spark)


@dataclass(frozen=True)
class Projected:
    """Projected photos; all of length n.

    Attributes:
        photos: with labels and image ids.
        projection: that made the vectors.
        vectors: float32 (n, d_pca).
        groups: int64 near-duplicate groups.
        apart: bool, kept apart to measure on.
    """

    photos: EmbeddedPhotos
    projection: Projection
    vectors: Vectors
    groups: npt.NDArray[np.int64]
    apart: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, photos: EmbeddedPhotos, projection: Projection) -> "Projected":
        """Project photos and choose those that are kept apart."""
        return cls(
            photos, projection, photos.project(projection), *keep_apart(photos.signatures, photos.labels)
        )

    def images(self, rows: Sequence[int]) -> list[str]:
        """Image ids of the given rows."""
        return [self.photos.sources.images[row] for row in rows]
