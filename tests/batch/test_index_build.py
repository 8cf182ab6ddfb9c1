"""The index is exact while small, keeps its neighbours when compressed, and holds no twins."""

import faiss
import numpy as np
import pytest

from batch.index_build import MIN_RECALL, build_index, without_twins
from models.records import Label


def clusters(count: int, width: int = 32, seed: int = 1) -> np.ndarray:
    chance = np.random.default_rng(seed)
    centres = chance.normal(size=(12, width))
    rows = (centres[chance.integers(0, 12, count)] + chance.normal(size=(count, width)) * 0.6).astype(
        np.float32
    )
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_a_small_index_is_exact_and_compressed() -> None:
    vectors = clusters(3000)
    built = build_index(vectors)

    assert built.description["kind"] == "flat"
    assert built.description["encoding"] in ("int8", "fp16")
    assert built.description["recall_at_10"] >= MIN_RECALL
    assert len(built.neighbours) == 3000
    assert len(built.neighbours.to_bytes()) < vectors.nbytes * 0.6


def test_the_stated_recall_is_true_on_other_queries() -> None:
    vectors = clusters(3000)
    queries = clusters(200, seed=9)
    exact = faiss.IndexFlatIP(32)
    exact.add(vectors)

    found, truth = build_index(vectors).neighbours.search(queries, 10)[1], exact.search(queries, 10)[1]
    shared = np.mean([len(np.intersect1d(one, other)) / 10 for one, other in zip(found, truth, strict=True)])
    assert shared >= MIN_RECALL - 0.01


def test_a_large_index_searches_cells_and_says_so() -> None:
    built = build_index(clusters(4000), exact_limit=2000)

    assert built.description["kind"] == "cells"
    assert built.description["recall_at_10"] >= MIN_RECALL
    assert built.description["cells_searched"] <= built.description["cells"]


@pytest.mark.parametrize("exact_limit", [200_000, 500])
def test_the_same_vectors_give_the_same_bytes(exact_limit: int) -> None:
    first, second = (build_index(clusters(1000), exact_limit).neighbours.to_bytes() for _ in range(2))

    assert first == second


def test_two_vectors_are_enough() -> None:
    assert len(build_index(clusters(2)).neighbours) == 2


def test_twins_of_one_label_are_indexed_once() -> None:
    one, other, far = clusters(3, seed=4)
    vectors = np.stack([one, one, other, one, far])
    labels = [Label("apple"), Label("apple"), Label("apple"), Label("pear"), Label("apple")]

    assert without_twins(vectors, labels, np.array([0, 0, 0, 0, 4])).tolist() == [0, 2, 3, 4]
