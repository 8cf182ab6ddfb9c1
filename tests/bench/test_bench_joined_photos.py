"""What the photos kept apart give as neighbours, once they have joined the index that they measured."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from batch.corpus import CorpusPhoto
from batch.evaluation import Answered, measure_kinds
from batch.terminal import metrics_table
from models import photo
from models.decision import Judgement
from models.identifier import SEARCHED_NEIGHBOURS, Identifier
from models.neighbours import Neighbours
from models.rows import Rows
from tests.bench.conftest import Measured
from tests.bench.corpora import THREADS, kept_apart, kind_of, listed, path_of
from tests.bench.photos import KINDS, development_photos
from tests.bench.settings import BenchSettings

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

_BATCH = 64
Vectors = npt.NDArray[np.float32]


def test_top1_before_and_after_photos_kept_apart_join(asked: BenchSettings, measured: Measured) -> None:
    source = development_photos(asked)
    if source is None:
        pytest.skip("needs the development photographs in ../shared")
    identifier = Identifier.load(measured.folder)
    photos = dict(listed([source / kind for kind in KINDS]))
    groups = kept_apart(photos)
    before = identifier.without_kept_apart()
    known = before.images
    chosen = [image for image in groups if image not in known]
    embeddings = embed(identifier, [photos[image] for image in chosen])
    judgements = {
        "before": before.judge(embeddings)[0],
        "joined": judge_without_own_group(measured.folder, identifier, embeddings, chosen, groups),
    }
    figures: dict[str, Mapping[str, object]] = {}
    for when, judgement in judgements.items():
        answered = Answered.of(
            identifier.decision,
            judgement,
            identifier.catalogue.families,
            chosen,
            [photos[image].label for image in chosen],
            [kind_of(image) for image in chosen],
        )
        figures |= {f"{kind}: {when}": found for kind, found in measure_kinds(answered).items()}
    print(f"\nPhotos kept apart from the fit of {measured.name}. Before: no other of them is in the index.")
    print("Joined: all are, and each is asked without its own near-duplicate group.")
    print(metrics_table(dict(sorted(figures.items()))))


def embed(identifier: Identifier, photos: Sequence[CorpusPhoto]) -> Vectors:
    """Features of photos: float32 (n, d_cnn)."""

    def frame(one: CorpusPhoto) -> npt.NDArray[np.uint8]:
        return photo.fit(photo.decode(path_of(one).read_bytes()).pixels, identifier.input_size)

    with ThreadPoolExecutor(THREADS) as pool:
        framed = list(pool.map(frame, photos))
    starts = range(0, len(framed), _BATCH)
    return np.concatenate([identifier.embed(np.stack(framed[start : start + _BATCH])) for start in starts])


def judge_without_own_group(
    folder: Path,
    identifier: Identifier,
    embeddings: Vectors,
    images: Sequence[str],
    groups: Mapping[str, int],
) -> Judgement:
    """Judge each photo by all rows of the index but those of its own group."""
    rows = Rows.from_parquet((folder / "rows.parquet").read_bytes())
    neighbours = Neighbours.from_bytes((folder / "index.faiss").read_bytes())
    of_rows = np.array([groups.get(image, -1) for image in rows.images])
    own = np.array([groups[image] for image in images])[:, None]
    largest = int(np.unique(of_rows[of_rows >= 0], return_counts=True)[1].max())
    vectors = identifier.projection.project(embeddings)
    similarities, found = neighbours.search(vectors, SEARCHED_NEIGHBOURS + largest)
    order = np.argsort(of_rows[found] == own, axis=1, kind="stable")[:, :SEARCHED_NEIGHBOURS]
    similarities, found = (np.take_along_axis(one, order, axis=1) for one in (similarities, found))
    assert not (of_rows[found] == own).any()
    decision = identifier.decision
    scores = None if decision.gate is None else decision.gate.linear_score(embeddings)
    return decision.judge(scores, vectors, similarities, rows.positions(decision.fruits)[found])
