"""What the parts of a build cost that grow faster than the corpus, or that one machine must hold."""

import random
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
import pytest

from batch.corpus import list_photos
from batch.index_build import EXACT_LIMIT, build_index
from models.labels import LabelRules
from models.near_duplicates import MAX_DISTANCE_BITS, SIGNATURE_BYTES, group, signature
from models.photo import decode
from models.rows import Rows
from tests.bench.conftest import Measured
from tests.bench.growth_corpus import grow
from tests.bench.settings import BenchSettings
from tests.bench.table import show

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200)]

INDEXED = (50_000, 200_000, 1_000_000)
GROUPED = (10_000, 20_000, 40_000, 80_000)
LISTED = 20_000
QUERIES, NEIGHBOURS = 1_000, 10
HNSW_LINKS, HNSW_BUILD, HNSW_SEARCH = 32, 80, 96
NOISE = 0.3
PACKAGES = ("faiss-cpu", "numpy")
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Timed:
    """What a call gave, and its processor time."""

    value: Any
    cpu_s: float


def timed(work: Callable[[], Any]) -> Timed:
    started = time.process_time()
    value = work()
    return Timed(value, time.process_time() - started)


@pytest.fixture
def one_thread() -> None:
    """Hold FAISS to one thread, as the API and the tasks do."""
    faiss.omp_set_num_threads(1)


@pytest.mark.usefixtures("one_thread")
def test_exact_cells_and_graph(measured: Measured) -> None:
    index = faiss.read_index(str(measured.folder / "index.faiss"))
    real = index.reconstruct_n(0, index.ntotal)
    rows = []
    for count in INDEXED:
        vectors, queries = drawn_around(real, count, 1), drawn_around(real, QUERIES, 2)
        exact = faiss.IndexFlatIP(vectors.shape[1])
        exact.add(vectors)
        truth = timed(lambda: exact.search(queries, NEIGHBOURS)[1])  # noqa: B023
        rows.append(line(count, "exact, float32", 0.0, exact, truth, truth.value))
        built = timed(lambda: build_index(vectors, EXACT_LIMIT))  # noqa: B023
        ours = faiss.deserialize_index(np.frombuffer(built.value.neighbours.to_bytes(), np.uint8))
        said = built.value.description
        name = f"as built: {said['kind']}, {said['encoding']}"
        if said["kind"] == "cells":
            name += f", {said['cells_searched']} of {said['cells']}"
        rows.append(line(count, name, built.cpu_s, ours, search(ours, queries), truth.value))
        if count > EXACT_LIMIT // 2:
            rows.append(graph(vectors, queries, truth.value))
    show(
        f"Index over {real.shape[1]} components, one thread; around {len(real):,} of {measured.name}",
        ["vectors", "index", "build CPU s", "MB", "ms a query", f"recall@{NEIGHBOURS}"],
        rows,
        packages=PACKAGES,
        left=(1,),
        notes=["The time to build as built holds the measurement of its recall against exact search."],
    )


def drawn_around(real: Vectors, count: int, seed: int) -> Vectors:
    """Draw unit vectors between real ones and others of their ten nearest, with some noise."""
    chance = np.random.default_rng(seed)
    index = faiss.IndexFlatIP(real.shape[1])
    index.add(real)
    first = chance.integers(0, len(real), count)
    near = index.search(real, NEIGHBOURS + 1)[1]
    second = near[first, chance.integers(1, NEIGHBOURS + 1, count)]
    share = chance.random((count, 1), np.float32)
    drawn = real[first] * (1 - share) + real[second] * share
    drawn += chance.standard_normal(drawn.shape, np.float32) * np.float32(NOISE / real.shape[1] ** 0.5)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return np.ascontiguousarray(drawn, np.float32)


def search(index: faiss.Index, queries: Vectors) -> Timed:
    return timed(lambda: index.search(queries, NEIGHBOURS)[1])


def graph(vectors: Vectors, queries: Vectors, truth: npt.NDArray[np.int64]) -> list[str]:
    index = faiss.IndexHNSWSQ(
        vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, HNSW_LINKS, faiss.METRIC_INNER_PRODUCT
    )
    index.hnsw.efConstruction = HNSW_BUILD
    index.hnsw.efSearch = HNSW_SEARCH

    def build() -> None:
        index.train(vectors)
        index.add(vectors)

    built = timed(build)
    name = f"graph (HNSW), fp16, {HNSW_LINKS} links"
    return line(len(vectors), name, built.cpu_s, index, search(index, queries), truth)


def line(
    count: int, name: str, build_s: float, index: faiss.Index, found: Timed, truth: npt.NDArray[np.int64]
) -> list[str]:
    shared = sum(len(np.intersect1d(one, other)) for one, other in zip(found.value, truth, strict=True))
    return [
        f"{count:,}",
        name,
        f"{build_s:.1f}",
        f"{len(faiss.serialize_index(index)) / 1e6:,.0f}",
        f"{found.cpu_s * 1000 / QUERIES:.2f}",
        f"{shared / truth.size:.4f}",
    ]


@pytest.mark.usefixtures("one_thread")
def test_near_twins(asked: BenchSettings, tmp_path: Path) -> None:
    signatures = signatures_of(grow(asked, max(GROUPED), tmp_path))
    rows = []
    for count in GROUPED:
        part = signatures[:count]
        compared = timed(lambda: group(part))  # noqa: B023
        banded, distances = in_bands(part)
        assert np.array_equal(compared.value, banded.value), "bands find the very same groups"
        sizes = np.unique(compared.value, return_counts=True)[1]
        rows.append(
            [
                f"{count:,}",
                f"{compared.cpu_s:.2f}",
                f"{compared.cpu_s / count**2 * 1e9:.2f}",
                f"{banded.cpu_s:.2f}",
                f"{distances / count**2:.5f}",
                f"{len(sizes):,}",
                f"{int(sizes.max()):,}",
            ]
        )
    show(
        "Near twins among signatures of 128 bits, one thread",
        ["photos", "all pairs, CPU s", "ns a pair", "bands, CPU s", "pairs compared", "groups", "largest"],
        rows,
        packages=PACKAGES,
        left=(),
        notes=[
            f"Bands: twins differ by {MAX_DISTANCE_BITS} bits at most, so one of 8 bands is equal.",
            "The groups are the same.",
        ],
    )


def signatures_of(folders: list[Path]) -> list[bytes]:
    """Read photos in the order of a hash of their names, so that each part is a sample of the whole."""
    files = (path for folder in folders for path in folder.rglob("*"))
    paths = sorted(path for path in files if path.suffix not in ("", ".csv"))
    random.Random(5).shuffle(paths)
    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(lambda path: signature(decode(path.read_bytes()).pixels), paths))


def in_bands(signatures: list[bytes]) -> tuple[Timed, int]:
    """Group by comparing only photos that share a band; bits are dealt to bands in a seeded order."""
    bits = np.unpackbits(np.frombuffer(b"".join(signatures), np.uint8).reshape(-1, SIGNATURE_BYTES), axis=1)
    order = np.random.default_rng(0).permutation(bits.shape[1])
    packed = np.packbits(bits[:, order], axis=1)
    statistics = faiss.cvar.indexBinaryHash_stats
    statistics.reset()

    def work() -> npt.NDArray[np.int64]:
        index = faiss.IndexBinaryMultiHash(bits.shape[1], 8, 16)
        index.add(packed)
        parent = np.arange(len(packed), dtype=np.int64)
        limits, _, found = index.range_search(packed, MAX_DISTANCE_BITS + 1)
        for place in range(len(packed)):
            for other in found[int(limits[place]) : int(limits[place + 1])].tolist():
                first, second = root(parent, place), root(parent, other)
                parent[max(first, second)] = min(first, second)
        return np.array([root(parent, node) for node in range(len(packed))], np.int64)

    return timed(work), int(statistics.ndis)


def root(parent: npt.NDArray[np.int64], node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = int(parent[node])
    return node


def test_bytes_that_python_holds(asked: BenchSettings, measured: Measured, tmp_path: Path) -> None:
    folders = grow(asked, LISTED, tmp_path)
    rules = LabelRules.default()
    listed, listing_bytes = held(lambda: [list_photos(str(folder), rules=rules) for folder in folders])
    photos = sum(len(listing.photos) for listing in listed)
    data = (measured.folder / "rows.parquet").read_bytes()
    rows, rows_bytes = held(lambda: Rows.from_parquet(data))
    show(
        "Bytes that Python holds",
        ["what", "rows", "bytes a row", "in its file"],
        [
            ["the listing, on the driver of a build", f"{photos:,}", f"{listing_bytes / photos:,.0f}", ""],
            [
                "rows.parquet, in each worker of the API",
                f"{len(rows):,}",
                f"{rows_bytes / len(rows):,.0f}",
                f"{len(data) / len(rows):.1f}",
            ],
        ],
        packages=("pyarrow",),
    )


def held(make: Callable[[], Any]) -> tuple[Any, int]:
    """Make something, and count the bytes that it keeps."""
    tracemalloc.start()
    made = make()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return made, size
