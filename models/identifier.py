"""Photo bytes in, answer out: the whole of a bundle at work."""

import copy
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models import photo, photo_quality
from models.bundle import Manifest, verify
from models.bundle_parts import check_parts, read_part
from models.catalogue import Catalogue
from models.decision import Decision, Judgement
from models.embedder import Embedder
from models.errors import BundleCorrupt, NetworkError, PhotoError
from models.neighbours import Neighbours
from models.photo import PhotoLimits
from models.projection import Projection
from models.records import (
    Answer,
    FruitScore,
    Identification,
    IsFruit,
    PhotoReport,
    Rank,
    Similar,
    VarietyScore,
)
from models.rows import Rows

SEARCHED_NEIGHBOURS = 48
_SIMILAR_SHOWN = 3
_UNKNOWN = Answer(Rank.UNKNOWN, None, 0.0)


class Identifier:
    """A loaded bundle; safe to call from several threads.

    Attributes:
        manifest: of the bundle.
        catalogue: its facts.
        fruits: ids of the fruits that it can name.
    """

    def __init__(
        self,
        manifest: Manifest,
        network: bytes,
        projection: Projection,
        neighbours: Neighbours,
        rows: Rows,
        decision: Decision,
        catalogue: Catalogue,
    ) -> None:
        try:
            embedder = Embedder.load(network, manifest.network.get("feature_tensor"))
        except NetworkError as error:
            raise NetworkError(f"network.tflite: {error}") from error
        if (
            projection.d_cnn != embedder.d_cnn
            or projection.d_pca != neighbours.d_pca
            or len(rows) != len(neighbours)
        ):
            raise BundleCorrupt(
                f"The bundle's parts do not belong together: the network gives {embedder.d_cnn} features, "
                "the projection takes "
                f"{projection.d_cnn} and gives {projection.d_pca}, the index holds {len(neighbours)} of "
                f"{neighbours.d_pca}, rows are {len(rows)}."
            )
        check_parts(manifest, embedder, projection, rows, decision)
        self.manifest, self.catalogue = manifest, catalogue
        self.fruits = frozenset(decision.fruits)
        self.decision, self.projection = decision, projection
        self._network, self._embedder, self._neighbours, self._rows = network, embedder, neighbours, rows
        self._row_fruits = rows.positions(decision.fruits)
        self._left_out = np.zeros(len(rows), bool)

    @classmethod
    def load(cls, folder: Path, *, manifest: Manifest | None = None) -> "Identifier":
        """Load a bundle folder.

        Args:
            folder: holds the bundle's files.
            manifest: what `bundle.verify` gave for this folder; verified here if None.

        Raises:
            BundleCorrupt, BundleSchemaUnsupported: the folder is not a whole bundle of this version.
            NetworkError: its network does not run here.
        """
        manifest = manifest or verify(folder)
        neighbours = read_part(folder, "index.faiss", Neighbours.from_bytes)
        return cls(
            manifest,
            read_part(folder, "network.tflite", bytes),
            read_part(folder, "projection.npz", Projection.from_npz),
            neighbours,
            read_part(folder, "rows.parquet", partial(Rows.from_parquet, count=len(neighbours))),
            read_part(folder, "decision.npz", Decision.from_npz),
            read_part(folder, "catalogue.json", lambda data: Catalogue.from_json(data.decode())),
        )

    @property
    def version(self) -> str:
        """Version of the bundle."""
        return self.manifest.version

    @property
    def network(self) -> str:
        """Name of the network."""
        return str(self.manifest.network["name"])

    @property
    def network_file(self) -> tuple[bytes, str | None]:
        """The network, and the tensor that is read as embedding (None: its output)."""
        return self._network, self.manifest.network.get("feature_tensor")

    @property
    def images(self) -> frozenset[str]:
        """Ids of the photos whose neighbourhood is searched."""
        return frozenset(
            image for image, out in zip(self._rows.images, self._left_out.tolist(), strict=True) if not out
        )

    def without_kept_apart(self) -> "Identifier":
        """The same bundle before photos kept apart joined its index: it can be asked about them."""
        other = copy.copy(self)
        other._left_out = np.array(self._rows.kept_apart, bool)
        other._neighbours = self._neighbours.without(other._left_out)
        return other

    @property
    def input_size(self) -> int:
        """Side of the framed photo in pixels."""
        return self._embedder.input_size

    def embed(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Features of framed photos: uint8 (n, input_size, input_size, 3) to float32 (n, d_cnn)."""
        return self._embedder.embed(pixels)

    def judge(
        self, embeddings: npt.NDArray[np.float32]
    ) -> tuple[Judgement, npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Score embeddings; also gives the similarities and rows of their neighbours."""
        gate = self.decision.gate
        scores = None if gate is None else gate.linear_score(embeddings)
        return self.judge_vectors(scores, self.projection.project(embeddings))

    def judge_vectors(
        self, gate_scores: npt.NDArray[np.float32] | None, vectors: npt.NDArray[np.float32]
    ) -> tuple[Judgement, npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Score projected vectors float32 (n, d_pca), as `judge` does."""
        similarities, rows = self._neighbours.search(vectors, SEARCHED_NEIGHBOURS)
        return (
            self.decision.judge(gate_scores, vectors, similarities, self._row_fruits[rows]),
            similarities,
            rows,
        )

    def identify(
        self, photos: Sequence[bytes], *, top: int = 5, limits: PhotoLimits = PhotoLimits()
    ) -> Identification:
        """Say which fruit one or several photos of it show.

        Args:
            photos: 1 or more files, all of one fruit.
            top: how many fruits `results` holds at most.
            limits: of each photo.

        Raises:
            PhotoError: a photo cannot be used; its `photo_index` says which.
        """
        clock = [time.perf_counter()]
        decoded = [self._decode(position, data, limits) for position, data in enumerate(photos)]
        sizes = (self.input_size, photo_quality.SIDE_PX)
        framed, small = zip(*(photo.fit_each(one.pixels, sizes) for one in decoded), strict=True)
        clock.append(time.perf_counter())
        embeddings = self.embed(np.stack(framed))
        clock.append(time.perf_counter())
        judgement, similarities, rows = self.judge(embeddings)
        families = self.catalogue.families
        alone = [self.decision.answer(judgement, families, row) for row in range(len(photos))]
        reports = [_report(*one) for one in zip(decoded, small, alone, strict=True)]
        usable = [row for row, report in enumerate(reports) if report.usable]
        # Photos that show nothing have no say beside others; alone they decide, so that something is scored.
        heard = usable or list(range(len(photos)))
        judgement, similarities, rows = _only(judgement, heard), similarities[heard], rows[heard]
        answer = alone[heard[0]]
        if len(heard) > 1:
            judgement = self.decision.combine(judgement)
            answer = self.decision.answer(judgement, families)
        threshold = self.decision.thresholds.is_fruit
        probability = float(judgement.is_fruit[0])
        results = self._results(judgement, similarities.ravel(), rows.ravel(), top)
        clock.append(time.perf_counter())
        spans = {
            name: (end - start) * 1000
            for name, start, end in zip(("decode", "embed", "search"), clock, clock[1:], strict=False)
        }
        return Identification(
            IsFruit(probability, threshold, probability >= threshold),
            answer if usable else _UNKNOWN,
            results,
            tuple(reports),
            spans,
        )

    def _decode(self, position: int, data: bytes, limits: PhotoLimits) -> photo.Photo:
        try:
            return photo.decode(data, limits=limits)
        except PhotoError as error:
            error.photo_index = position
            raise

    def _results(
        self,
        judgement: Judgement,
        similarities: npt.NDArray[np.float32],
        rows: npt.NDArray[np.int64],
        top: int,
    ) -> tuple[FruitScore, ...]:
        scores = judgement.fruits[0]
        order = np.argsort(-similarities, kind="stable")
        similarities, rows = similarities[order], rows[order]
        fruits = self._row_fruits[rows]
        return tuple(
            FruitScore(
                self.decision.fruits[column],
                float(scores[column]),
                self._varieties(judgement, self.decision.fruits[column]),
                self._similar(similarities, rows, fruits == column),
            )
            for column in np.argsort(-scores, kind="stable")[:top].tolist()
        )

    def _varieties(self, judgement: Judgement, fruit: str) -> tuple[VarietyScore, ...]:
        own = [
            VarietyScore(self.decision.varieties[column], float(judgement.varieties[0, column]))
            for column in self.decision.varieties_of.get(fruit, ())
        ]
        return tuple(sorted(own, key=lambda variety: -variety.score))

    def _similar(
        self,
        similarities: npt.NDArray[np.float32],
        rows: npt.NDArray[np.int64],
        own: npt.NDArray[np.bool_],
    ) -> tuple[Similar, ...]:
        """Show the first of a fruit's own neighbours, each once: photos of a request may share one."""
        shown: dict[int, Similar] = {}
        for similarity, row in zip(similarities[own].tolist(), rows[own].tolist(), strict=True):
            if len(shown) == _SIMILAR_SHOWN:
                break
            shown.setdefault(row, Similar(self._rows.images[row], similarity, self._rows.credits[row]))
        return tuple(shown.values())


def _report(one: photo.Photo, small: npt.NDArray[np.uint8], answer: Answer) -> PhotoReport:
    """Say whether a photo is usable, given it in a small frame and what is answered to it alone."""
    measures = photo_quality.measure(small, one.width, one.height)
    advice = photo_quality.advice(measures, named=answer.rank in (Rank.VARIETY, Rank.FRUIT))
    return PhotoReport(one.width, one.height, not advice, advice)


def _only(judgement: Judgement, photos: list[int]) -> Judgement:
    """Keep the scores of some photos."""
    return Judgement(judgement.is_fruit[photos], judgement.fruits[photos], judgement.varieties[photos])
