"""What it costs to find the nearest of 90,000 vectors on one thread, a query at a time as a request asks."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
import pytest
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from batch.index_build import build_index
from models.identifier import SEARCHED_NEIGHBOURS
from tests.bench.conftest import Measured
from tests.bench.settings import BenchSettings
from tests.bench.speed_rows import SpeedRow, Way
from tests.bench.test_bench_growth_parts import drawn_around

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

INDEXED = 90_000
QUERIES = 40
OURS, SKLEARN, COSINE, NUMPY, READ = range(5)
Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


def test_search_of_90_000_vectors(asked: BenchSettings, measured: Measured) -> None:
    index = faiss.read_index(str(measured.folder / "index.faiss"))
    real = index.reconstruct_n(0, index.ntotal)
    vectors, queries = drawn_around(real, INDEXED, 1), drawn_around(real, QUERIES, 2)
    built = build_index(vectors)
    stored = np.frombuffer(built.neighbours.to_bytes(), np.uint8)
    words = stored[: len(stored) // 8 * 8].view(np.int64)
    euclidean = NearestNeighbors(n_neighbors=SEARCHED_NEIGHBOURS, algorithm="brute").fit(vectors)
    cosine = NearestNeighbors(n_neighbors=SEARCHED_NEIGHBOURS, metric="cosine").fit(vectors)
    ways: list[Callable[[Vectors], Any]] = [
        lambda query: built.neighbours.search(query, SEARCHED_NEIGHBOURS)[1][0],
        lambda query: euclidean.kneighbors(query, return_distance=False)[0],
        lambda query: cosine.kneighbors(query, return_distance=False)[0],
        lambda query: brute(vectors, query[0]),
        lambda _query: words.max(),
    ]
    with threadpool_limits(1):
        found = [np.stack([way(query[None]) for query in queries]) for way in ways[:READ]]
        times = [[median_ms(way, queries) for way in ways] for _ in range(asked.rounds)]
    assert recall(found[SKLEARN], found[NUMPY]) > 0.999
    assert recall(found[COSINE], found[NUMPY]) > 0.999
    ours = recall(found[OURS], found[NUMPY])
    assert ours > 0.99
    said = built.description
    columns = list(zip(*times, strict=True))
    SpeedRow(
        key="40-search",
        what=f"{SEARCHED_NEIGHBOURS} nearest of {INDEXED:,} vectors of length {vectors.shape[1]}, one thread",
        unit="ms a query, p50",
        more_is_better=False,
        ours=Way(f"as built: {said['kind']}, {said['encoding']}", columns[OURS]),
        against=[
            Way("scikit-learn NearestNeighbors, brute force, Euclidean", columns[SKLEARN]),
            Way("scikit-learn NearestNeighbors, cosine", columns[COSINE]),
            Way("numpy: product, argpartition, sort", columns[NUMPY]),
        ],
        limit=Way(f"reading the index's {len(stored) / 1e6:.0f} MB once", columns[READ]),
        to_reach="5 times scikit-learn",
        beside=f"recall@{SEARCHED_NEIGHBOURS} {ours:.4f}, recall@10 {recall_at_10(found):.4f}",
    ).save()


def brute(vectors: Vectors, query: Vectors) -> Rows:
    """Compare with every vector in numpy, and sort the best."""
    similarities = vectors @ query
    best = np.argpartition(-similarities, SEARCHED_NEIGHBOURS)[:SEARCHED_NEIGHBOURS]
    return best[np.argsort(-similarities[best])]


def median_ms(way: Callable[[Vectors], Any], queries: Vectors) -> float:
    """Ask one query after another, and give the median time."""
    times = []
    for query in queries:
        before = time.perf_counter()
        way(query[None])
        times.append(time.perf_counter() - before)
    return 1_000 * median(times)


def recall(found: Rows, truth: Rows) -> float:
    shared = [len(np.intersect1d(one, other)) for one, other in zip(found, truth, strict=True)]
    return float(np.sum(shared) / truth.size)


def recall_at_10(found: list[Rows]) -> float:
    return recall(found[OURS][:, :10], found[NUMPY][:, :10])
