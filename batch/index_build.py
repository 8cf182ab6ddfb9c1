"""Builds the nearest-neighbour index: exact while that is quick, in cells above, and its recall measured
either way.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from models.neighbours import Neighbours
from models.records import Label

EXACT_LIMIT = 200_000
"""Rows up to which every vector is compared: 0.8 ms at 90,000 x 64 on one thread, so about 2 ms here."""

MIN_RECALL = 0.995
_RECALL_AT = 10
_QUERIES = 1_000
_TWIN_SIMILARITY = 0.985


@dataclass(frozen=True)
class BuiltIndex:
    """An index and what to say of it in the manifest."""

    neighbours: Neighbours
    description: dict[str, Any]


def build_index(vectors: npt.NDArray[np.float32], exact_limit: int = EXACT_LIMIT) -> BuiltIndex:
    """Index unit vectors in the smallest encoding that keeps the neighbours.

    Args:
        vectors: float32 (n, d_pca), unit length.
        exact_limit: rows above which the index searches only the cells around a query.

    Returns:
        The index and its kind, encoding and recall@10 against exact float32 search.
    """
    vectors = np.ascontiguousarray(vectors, np.float32)
    exact = faiss.IndexFlatIP(vectors.shape[1])
    exact.add(vectors)
    chance = np.random.default_rng(0)
    queries = _between(
        vectors, chance.choice(len(vectors), min(_QUERIES, len(vectors)), replace=False), chance
    )
    truth = exact.search(queries, min(_RECALL_AT, len(vectors)))[1]
    if len(vectors) > exact_limit:
        return _cells(vectors, queries, truth)
    for encoding, kind in (("int8", faiss.ScalarQuantizer.QT_8bit), ("fp16", faiss.ScalarQuantizer.QT_fp16)):
        index = faiss.IndexScalarQuantizer(vectors.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
        index.train(vectors)
        index.add(vectors)
        recall = _recall(index, queries, truth)
        if recall >= MIN_RECALL:
            return BuiltIndex(Neighbours(index), _describe("flat", encoding, recall, len(queries)))
    return BuiltIndex(Neighbours(exact), _describe("flat", "float32", 1.0, len(queries)))


def _cells(
    vectors: npt.NDArray[np.float32], queries: npt.NDArray[np.float32], truth: npt.NDArray[np.int64]
) -> BuiltIndex:
    """Inverted lists of fp16 vectors; as many cells are searched as the recall needs."""
    cells = int(4 * math.sqrt(len(vectors)))
    quantizer = faiss.IndexFlatIP(vectors.shape[1])
    index = faiss.IndexIVFScalarQuantizer(
        quantizer, vectors.shape[1], cells, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    index.cp.seed = 1
    index.train(vectors)
    index.add(vectors)
    searched, recall = 4, 0.0
    while True:
        index.nprobe = min(searched, cells)
        recall = _recall(index, queries, truth)
        if recall >= MIN_RECALL or searched >= cells:
            break
        searched *= 2
    description = _describe("cells", "fp16", recall, len(queries))
    return BuiltIndex(Neighbours(index), description | {"cells": cells, "cells_searched": int(index.nprobe)})


def _between(
    vectors: npt.NDArray[np.float32], rows: npt.NDArray[np.int64], chance: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Queries near the corpus, but not of it: a row that finds itself says little."""
    moved = vectors[rows] + chance.normal(0, 0.3 / math.sqrt(vectors.shape[1]), vectors[rows].shape)
    return np.ascontiguousarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), np.float32)


def _recall(index: faiss.Index, queries: npt.NDArray[np.float32], truth: npt.NDArray[np.int64]) -> float:
    found = index.search(queries, truth.shape[1])[1]
    shared = [len(np.intersect1d(one, other)) for one, other in zip(found, truth, strict=True)]
    return float(np.sum(shared) / truth.size)


def _describe(kind: str, encoding: str, recall: float, queries: int) -> dict[str, Any]:
    return {
        "kind": kind,
        "encoding": encoding,
        "metric": "cosine",
        "recall_at_10": round(recall, 4),
        "recall_queries": queries,
    }


def without_twins(
    vectors: npt.NDArray[np.float32], labels: Sequence[Label], groups: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Choose the rows worth indexing: of near twins with one label, the first.

    Rows are twins when they look alike (one near-duplicate group), mean the same (one label) and lie together
    (cosine similarity of at least 0.985).

    Returns:
        int64 rows that stay, ascending.
    """
    members: dict[tuple[int, Label], list[int]] = {}
    for row, (name, label) in enumerate(zip(groups.tolist(), labels, strict=True)):
        members.setdefault((name, label), []).append(row)
    kept: list[int] = []
    for rows in members.values():
        chosen: list[int] = []
        for row in rows:
            if not chosen or float((vectors[chosen] @ vectors[row]).max()) < _TWIN_SIMILARITY:
                chosen.append(row)
        kept += chosen
    return np.array(sorted(kept), np.int64)
